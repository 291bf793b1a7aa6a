// Package fieldtext writes the fields of a message into the header fields of
// wires that have such: HTTP's, and the metadata of gRPC.
//
// Such fields carry printable ASCII and keep no order between names, and so what
// they cannot carry goes, escaped, into the elements of list fields. The package promises that every text comes back as it was,
// and that no message takes more of a header than the limits.
package fieldtext

import (
	"iter"
	"slices"
	"strings"
	"unicode/utf8"
)

// Plain reports whether a value travels as a field's value and arrives unchanged.
func Plain(s string) bool {
	if s == "" || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	for i := range len(s) {
		if s[i] < 0x20 || s[i] > 0x7e {
			return false
		}
	}
	return true
}

// Escape makes any text an element of a list field: visible ASCII but % and ,
// stands for itself, and so does a space that is not at an end; other bytes are %XX.
func Escape(s string) string {
	n := 0
	for i := range len(s) {
		if escaped(s, i) {
			n++
		}
	}
	if n == 0 {
		return s
	}
	const hex = "0123456789ABCDEF"
	b := make([]byte, 0, len(s)+2*n)
	for i := range len(s) {
		if c := s[i]; escaped(s, i) {
			b = append(b, '%', hex[c>>4], hex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

func escaped(s string, i int) bool {
	c := s[i]
	return c < 0x20 || c > 0x7e || c == '%' || c == ',' || c == ' ' && (i == 0 || i == len(s)-1)
}

// Unescape undoes Escape. A % that no two hex digits follow stands for itself.
// What is no UTF-8 comes back as a text that no field takes.
func Unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && unhex(s[i+1]) < 16 && unhex(s[i+2]) < 16 {
			b = append(b, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		b = append(b, s[i])
	}
	if !utf8.Valid(b) {
		return "\x00" // no valid value: SetField leaves it out
	}
	return string(b)
}

func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 255
}

// Entries yields the elements of a list field, which may have come as one line or as many.
func Entries(lines []string) iter.Seq[string] {
	return func(yield func(string) bool) {
		for _, line := range lines {
			for part := range strings.SplitSeq(line, ",") {
				if part = strings.Trim(part, " \t"); part != "" && !yield(part) {
					return
				}
			}
		}
	}
}

// A Field is one of the application's.
type Field struct{ Key, Value string }

// Ordered puts fields in the order that lines, lists of keys, tell; those that they
// do not name come last. It writes to fields. Above most it leaves them as they are, since sorting them has a cost.
func Ordered(fields []Field, lines []string, most int) []Field {
	if len(lines) == 0 || len(fields) > most {
		return fields
	}
	rest := fields // not placed yet
	for key := range Entries(lines) {
		i := slices.IndexFunc(rest, func(f Field) bool { return f.Key == key })
		if i >= 0 {
			next := rest[i]
			copy(rest[1:], rest[:i])
			rest[0] = next
			rest = rest[1:]
		}
	}
	return fields
}
