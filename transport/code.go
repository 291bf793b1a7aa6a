package transport

import (
	"errors"
	"fmt"
	"strconv"
)

// A Code says in one word why an operation failed. The sixteen codes and their
// numbers are those of gRPC (google.rpc.Code), without OK.
//
// A Code is an error, so callers may write errors.Is(err, transport.CodeNotFound)
// and handlers may return fmt.Errorf("trip 7: %w", transport.CodeNotFound).
type Code uint8

// The codes, in the order of their numbers.
const (
	CodeCanceled           Code = 1  // the caller gave up
	CodeUnknown            Code = 2  // an error of no known kind
	CodeInvalidArgument    Code = 3  // the message is wrong whatever the system's state
	CodeDeadlineExceeded   Code = 4  // the time was up first
	CodeNotFound           Code = 5  // the thing asked for does not exist
	CodeAlreadyExists      Code = 6  // the thing to be made exists
	CodePermissionDenied   Code = 7  // the caller is known and may not
	CodeResourceExhausted  Code = 8  // a limit, a quota or a queue is full
	CodeFailedPrecondition Code = 9  // the system's state forbids it
	CodeAborted            Code = 10 // a conflict; try again at a higher level
	CodeOutOfRange         Code = 11 // past the valid range
	CodeUnimplemented      Code = 12 // the feature or the method does not exist
	CodeInternal           Code = 13 // an invariant broke
	CodeUnavailable        Code = 14 // the peer cannot be reached now; nothing ran, or it is not known
	CodeDataLoss           Code = 15 // data is lost or corrupt
	CodeUnauthenticated    Code = 16 // the caller is not known
)

var codeNames = [...]string{
	CodeCanceled: "canceled", CodeUnknown: "unknown", CodeInvalidArgument: "invalid_argument",
	CodeDeadlineExceeded: "deadline_exceeded", CodeNotFound: "not_found", CodeAlreadyExists: "already_exists",
	CodePermissionDenied: "permission_denied", CodeResourceExhausted: "resource_exhausted",
	CodeFailedPrecondition: "failed_precondition", CodeAborted: "aborted", CodeOutOfRange: "out_of_range",
	CodeUnimplemented: "unimplemented", CodeInternal: "internal", CodeUnavailable: "unavailable",
	CodeDataLoss: "data_loss", CodeUnauthenticated: "unauthenticated",
}

func (c Code) String() string {
	if c.Valid() {
		return codeNames[c]
	}
	return "code_" + strconv.Itoa(int(c))
}

func (c Code) Error() string { return c.String() }

// Valid reports whether c is one of the sixteen codes.
func (c Code) Valid() bool { return c >= CodeCanceled && c <= CodeUnauthenticated }

// MarshalText gives the code's name on the wire, as in "not_found".
func (c Code) MarshalText() ([]byte, error) {
	if !c.Valid() {
		return nil, fmt.Errorf("transport: %d is no code", uint8(c))
	}
	return []byte(codeNames[c]), nil
}

// UnmarshalText takes a name as MarshalText gives it.
func (c *Code) UnmarshalText(text []byte) error {
	for i, name := range codeNames {
		if name != "" && name == string(text) {
			*c = Code(i)
			return nil
		}
	}
	return fmt.Errorf("transport: unknown code %q", clip(string(text), 32))
}

// Errorf makes an error for a handler to return: the caller sees its code and its text.
// The text is formatted as by fmt.Errorf, so %w keeps a cause for local use; causes never travel.
func (c Code) Errorf(format string, args ...any) *Error {
	err := fmt.Errorf(format, args...)
	return &Error{Code: c, Message: err.Error(), cause: errors.Unwrap(err)}
}

// permanent reports whether doing the same again cannot succeed, so that settlement rejects (semantics §5.1).
func (c Code) permanent() bool {
	switch c {
	case CodeInvalidArgument, CodeNotFound, CodeAlreadyExists, CodePermissionDenied, CodeUnauthenticated,
		CodeFailedPrecondition, CodeOutOfRange, CodeUnimplemented, CodeDataLoss:
		return true
	}
	return false
}

// passes reports whether a code received from another peer keeps its meaning when a handler returns it unhandled (semantics §4.3).
func (c Code) passes() bool {
	switch c {
	case CodeUnavailable, CodeResourceExhausted, CodeDeadlineExceeded, CodeCanceled:
		return true
	}
	return false
}
