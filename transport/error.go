package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of what an error carries over a wire; longer texts are cut on a rune boundary, further details dropped.
const (
	maxErrorText    = 4096
	maxErrorDetails = 16
	maxDetailBytes  = 8192
)

// ErrNoHandler is wrapped by the error of a Send or Request whose destination
// nobody handles, on adapters with Features.DetectsNoHandler. Nothing ran.
var ErrNoHandler = errors.New("no handler for this destination: start the service that handles it, or check the name")

// ErrClosed is wrapped by the error of every verb of a Conn after Close.
var ErrClosed = errors.New("the connection is closed")

// ErrStale is returned by Accept, Release and Reply of a [Delivery] whose
// connection is gone or that is settled already. It is harmless: where the
// system redelivers, the message comes again.
var ErrStale = errors.New("the delivery is settled already, or its connection is gone")

// An Error is what every verb of a [Conn] returns when it fails, and what a
// handler returns to choose what its caller sees: Code, Message and Details
// travel, the rest says where it happened.
//
// Its text is quoted and bounded, and never holds header values or body bytes.
type Error struct {
	Op          string        // "send", "request", "publish", "gather", "handle", "subscribe", …; empty when a handler made it: an error with Op is not passed on as the handler's own
	Adapter     string        // name of the adapter, as "kafka"
	Destination string        // where the message was to go
	Code        Code          // always set on errors that a Conn returns
	Message     string        // for people; at most 4 KiB
	Details     []Detail      // for programs; at most 16, 8 KiB together
	RetryAfter  time.Duration // the peer's hint when to try again; 0 is none

	cause    error // local only
	received bool  // came out of a verb: its text is another peer's, see outward
}

// A Detail is one machine-readable part of an [Error].
type Detail struct {
	Type string // what Value holds, as "type.googleapis.com/google.rpc.ErrorInfo"
	Data []byte // not to be changed once the Error is made
}

func (e *Error) Error() string {
	var b strings.Builder
	for _, part := range []string{e.Adapter, strings.TrimSpace(e.Op + " " + quoteName(e.Destination))} {
		if part != "" {
			b.WriteString(part)
			b.WriteString(": ")
		}
	}
	b.WriteString(e.Code.String())
	if e.Message != "" {
		b.WriteString(": ")
		b.WriteString(printable(clip(e.Message, 512)))
	}
	return b.String()
}

// Unwrap gives the local cause, if there is one.
func (e *Error) Unwrap() error { return e.cause }

// Is reports whether target is the code of e.
func (e *Error) Is(target error) bool {
	c, ok := target.(Code)
	return ok && c == e.Code
}

// Temporary reports whether the same call may succeed later: Unavailable,
// Aborted, and ResourceExhausted when the peer said when to try again.
func (e *Error) Temporary() bool {
	return e.Code == CodeUnavailable || e.Code == CodeAborted || e.Code == CodeResourceExhausted && e.RetryAfter > 0
}

// Format prints the text of Error for every verb, so that no %#v shows the details of a message.
func (e *Error) Format(s fmt.State, verb rune) { formatText(s, verb, e.Error()) }

// LogValue gives slog the parts of e that are safe to log.
func (e *Error) LogValue() slog.Value {
	return slog.GroupValue(slog.String("code", e.Code.String()), slog.String("error", e.Error()))
}

// clone copies what travels, bounded, so that an error shared by many calls is never written to.
func (e *Error) clone() *Error {
	c := *e
	c.Message = clip(strings.ToValidUTF8(e.Message, "\uFFFD"), maxErrorText)
	c.Details = nil
	room := maxDetailBytes
	for i, d := range e.Details {
		if i == maxErrorDetails || len(d.Data)+len(d.Type) > room {
			break
		}
		room -= len(d.Data) + len(d.Type)
		c.Details = append(c.Details, d)
	}
	return &c
}

// outward turns what a handler returned into what its caller may see (semantics §4.3).
func outward(err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e) && !e.received && e.Op == "":
		out := e.clone()
		out.Adapter, out.Destination, out.cause = "", "", nil
		if !out.Code.Valid() {
			out.Code = CodeUnknown
		}
		return out
	case e != nil && e.Code.passes():
		return &Error{Code: e.Code, Message: "a service that this one needs answered " + e.Code.String(), RetryAfter: e.RetryAfter}
	case e != nil:
		return &Error{Code: CodeInternal, Message: "a service that this one needs failed"}
	}
	if c := codeOf(err); c != CodeUnknown {
		return &Error{Code: c, Message: "the handler answered " + c.String()}
	}
	return &Error{Code: CodeUnknown, Message: "the handler failed"}
}

// codeOf finds the code that err carries; Unknown when it has none.
func codeOf(err error) Code {
	var c Code
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Code
	case errors.As(err, &c) && c.Valid():
		return c
	case errors.Is(err, context.Canceled):
		return CodeCanceled
	case errors.Is(err, context.DeadlineExceeded):
		return CodeDeadlineExceeded
	case errors.Is(err, ErrClosed), errors.Is(err, ErrNoHandler), errors.Is(err, ErrStale):
		return CodeUnavailable
	}
	return CodeUnknown
}

// fail is the one seam where an error leaves the core: it names where, and finds the code.
func (c *Conn) fail(op, destination string, err error) error {
	if err == nil {
		return nil
	}
	out := &Error{Op: op, Adapter: c.features.Adapter, Destination: destination, Code: codeOf(err), cause: err, received: true}
	var e *Error
	if errors.As(err, &e) {
		out.Message, out.Details, out.RetryAfter, out.cause = e.Message, e.Details, e.RetryAfter, e.cause
	} else {
		out.Message = err.Error()
	}
	if out.Code == CodeUnknown && e == nil {
		out.Code = CodeUnavailable // an adapter's own failure: the wire, not the handler
	}
	return out
}

// invalid makes the error of a message that is refused before anything is written.
func invalid(format string, args ...any) *Error { return CodeInvalidArgument.Errorf(format, args...) }

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// quoteName shows a destination as it is when it is one, and quoted and cut when it is not.
func quoteName(s string) string {
	if s == "" || CheckPattern(s) == nil {
		return s
	}
	return fmt.Sprintf("%q", clip(s, 128))
}

// printable replaces control characters, so that a foreign text cannot forge a line of a log.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 && r != '\t' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 {
			return ' '
		}
		return r
	}, s)
}

// formatText serves the Format methods of types that must not show what they hold.
func formatText(s fmt.State, verb rune, text string) {
	if verb == 'q' {
		fmt.Fprintf(s, "%q", text)
		return
	}
	_, _ = s.Write([]byte(text))
}
