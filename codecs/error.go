package codecs

import (
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What errors.Is finds in the errors of this package and of every codec.
var (
	// ErrLimit says that a value or its encoding exceeds the Limits.
	ErrLimit = errors.New("limit exceeded")

	// ErrUnsupported says that no message of this type can be carried.
	ErrUnsupported = errors.New("type cannot be carried")

	// ErrUnavailable says that what a codec needs beside the message, such as the
	// schema of its writer, cannot be had now. The message may be fine: try again.
	ErrUnavailable = errors.New("not available now")

	// ErrUnknown says that a Registry holds no codec of a name or media type.
	ErrUnknown = errors.New("unknown codec")
)

const (
	maxErrorText = 256 // bytes of any error text of this package
	maxErrorPath = 96  // bytes of a path inside it
)

// An Error says which codec failed to do what, and where.
//
// Its text is at most 256 bytes and holds names, types and positions, never
// bytes of a body; so does what it wraps.
type Error struct {
	Op     string // "encode", "decode" or "check"
	Codec  string // the name of the codec
	Path   string // where in the value, as in items[3].price; empty at the top
	Offset int64  // bytes of input read when it failed; negative when unknown
	Err    error  // what is wrong
}

// Error returns a text such as "json: decode items[3].price at byte 120: want
// an integer, got a string".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Codec + ": " + e.Op)
	if e.Path != "" {
		b.WriteString(" " + printable(cut(e.Path, maxErrorPath)))
	}
	if e.Offset >= 0 && e.Op == "decode" {
		b.WriteString(" at byte " + strconv.FormatInt(e.Offset, 10))
	}
	if e.Err != nil {
		b.WriteString(": " + printable(e.Err.Error()))
	}
	return cut(b.String(), maxErrorText)
}

// Unwrap returns Err.
func (e *Error) Unwrap() error { return e.Err }

// printable returns s, quoted where it holds what a log line must not.
func printable(s string) string {
	for _, r := range s {
		if !strconv.IsPrint(r) || r == utf8.RuneError {
			return strconv.Quote(s)
		}
	}
	return s
}

// quoted returns s as a Go string literal of bounded length.
func quoted(s string) string { return strconv.Quote(cut(s, maxErrorPath)) }

// cut returns at most n bytes of s, cut on a rune boundary and marked.
func cut(s string, n int) string {
	const mark = "…"
	if len(s) <= n {
		return s
	}
	end := n - len(mark)
	for end > 0 && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + mark
}
