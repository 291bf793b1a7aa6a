package shape

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// ErrUnsupported is what every failure to compile a type wraps.
var ErrUnsupported = errors.New("unsupported type")

// A PathError is an error at a place inside a value. Path is built of names
// from the type and of positions, never of keys or values: items[3].price.
type PathError struct {
	Path string
	Err  error
}

func (e *PathError) Error() string { return e.Path + ": " + e.Err.Error() }

func (e *PathError) Unwrap() error { return e.Err }

// InField returns err as it looks from the struct that holds the field name.
// Callers unwind with it: the path grows to the left, on the way out of a
// failure alone.
func InField(err error, name string) error { return prepend(err, name) }

// InItem returns err as it looks from the list that holds item i.
func InItem(err error, i int) error { return prepend(err, "["+strconv.Itoa(i)+"]") }

// InEntry returns err as it looks from the map whose entry i, in the order read
// or written, it is. Keys are data and stay out of errors.
func InEntry(err error, i int) error { return prepend(err, "[#"+strconv.Itoa(i)+"]") }

// maxPath bounds a path; its innermost part is dropped first.
const maxPath = 512

func prepend(err error, segment string) error {
	inner, ok := err.(*PathError) //nolint:errorlint // a path below a foreign error is not ours
	switch {
	case !ok:
		return &PathError{Path: segment, Err: err}
	case len(inner.Path)+len(segment) >= maxPath:
		inner.Path = segment + "…"
	case strings.HasPrefix(inner.Path, "["):
		inner.Path = segment + inner.Path
	default:
		inner.Path = segment + "." + inner.Path
	}
	return inner
}

// Split returns the path of err, if it has one, and what is wrong there.
func Split(err error) (path string, cause error) {
	if p, ok := err.(*PathError); ok { //nolint:errorlint // likewise
		return p.Path, p.Err
	}
	return "", err
}

// Unsupported returns an error of that text, which wraps ErrUnsupported.
func Unsupported(text string) error { return &unsupportedError{text} }

// unsupported returns an error that wraps ErrUnsupported; its text is the
// format's alone.
func unsupported(format string, args ...any) error {
	return &unsupportedError{fmt.Sprintf(format, args...)}
}

type unsupportedError struct{ text string }

func (e *unsupportedError) Error() string { return e.text }

func (e *unsupportedError) Unwrap() error { return ErrUnsupported }
