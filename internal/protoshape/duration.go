package protoshape

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// maxDuration is the most seconds of a Duration: about 10,000 years.
const maxDuration = 315_576_000_000

var errDurationText = errors.New(`want a duration of seconds as in "1.5s"`)

// formatDuration returns the text of a Duration, with 0, 3, 6 or 9 digits of the
// second, as Protobuf's JSON mapping has it.
func formatDuration(seconds, nanos int64) (string, error) {
	if seconds < -maxDuration || seconds > maxDuration || nanos <= -1e9 || nanos >= 1e9 ||
		seconds > 0 && nanos < 0 || seconds < 0 && nanos > 0 {
		return "", errDuration
	}
	sign := ""
	if seconds < 0 || nanos < 0 {
		sign, seconds, nanos = "-", -seconds, -nanos
	}
	text := fmt.Sprintf("%s%d.%09d", sign, seconds, nanos)
	text = strings.TrimSuffix(text, "000")
	text = strings.TrimSuffix(text, "000")
	return strings.TrimSuffix(text, ".000") + "s", nil
}

// parseDuration reads the text of a Duration: digits, and up to nine more of the second.
func parseDuration(text string) (seconds, nanos int64, err error) {
	rest, ok := strings.CutSuffix(text, "s")
	rest, negative := strings.CutPrefix(rest, "-")
	whole, fraction, point := strings.Cut(rest, ".")
	if !ok || whole == "" || len(whole) > 12 || len(fraction) > 9 || point && fraction == "" || !digits(whole) || !digits(fraction) {
		return 0, 0, errDurationText
	}
	seconds, err = strconv.ParseInt(whole, 10, 64)
	if err != nil || seconds > maxDuration {
		return 0, 0, errDuration
	}
	nanos, err = strconv.ParseInt(fraction+"000000000"[len(fraction):], 10, 64)
	if err != nil {
		return 0, 0, errDurationText
	}
	if negative {
		seconds, nanos = -seconds, -nanos
	}
	return seconds, nanos, nil
}

func digits(text string) bool { return strings.Trim(text, "0123456789") == "" }
