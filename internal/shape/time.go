package shape

import (
	"errors"
	"time"
)

// AppendTime appends t as RFC 3339 text in UTC with as many digits of the
// second as it needs.
func AppendTime(dst []byte, t time.Time) []byte {
	return t.AppendFormat(dst, time.RFC3339Nano)
}

var errTime = errors.New("want a time as in 2006-01-02T15:04:05.999999999Z, with at most nine digits of the second")

// ParseTime reads RFC 3339 text strictly. time.Parse alone takes a comma for the
// point, one digit for two and an offset of 99 hours, and drops the tenth digit
// of the second.
func ParseTime(text []byte) (time.Time, error) {
	if !strictTime(text) {
		return time.Time{}, errTime
	}
	t, err := time.Parse(time.RFC3339Nano, string(text))
	if err != nil {
		return time.Time{}, errTime
	}
	return t, nil
}

// strictTime reports whether b has the form of a time; time.Parse checks ranges
// other than the offset's.
func strictTime(b []byte) bool {
	const date = "0000-00-00T00:00:00"
	if len(b) <= len(date) || !matches(b[:len(date)], date) {
		return false
	}
	b = b[len(date):]
	if b[0] == '.' {
		digits := 0
		for b = b[1:]; digits < len(b) && isDigit(b[digits]); digits++ {
		}
		if digits == 0 || digits > 9 {
			return false
		}
		b = b[digits:]
	}
	if string(b) == "Z" {
		return true
	}
	return (matches(b, "+00:00") || matches(b, "-00:00")) && string(b[1:3]) < "24" && string(b[4:6]) < "60"
}

// matches reports whether b is pattern, where 0 stands for any digit.
func matches(b []byte, pattern string) bool {
	if len(b) != len(pattern) {
		return false
	}
	for i, c := range b {
		if pattern[i] != c && (pattern[i] != '0' || !isDigit(c)) {
			return false
		}
	}
	return true
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
