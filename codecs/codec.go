// Package codecs names what every format promises: one value, any format.
//
//	transport/contract ──▶ Registry ──▶ Codec            values become bytes and back
//	                                     │
//	       jsoncodec and its siblings ───┘── internal/shape, one plan per Go type
//
// A program that changes its codec changes no other line and loses nothing,
// for plain Go structs and for generated messages alike. What one format could
// not carry is refused when the type is registered, with the path of the field.
//
// The package imports the standard library alone; each codec brings its engine.
package codecs

import "reflect"

// A Codec turns values into bytes and back.
//
// It is safe for concurrent use and keeps no reference to dst, src or v after a
// call returns. Errors are of type *Error and hold no bytes of a body.
type Codec interface {
	// Name is what configuration says: lower case, "json".
	Name() string

	// ContentType is the media type of what Append writes, without parameters.
	ContentType() string

	// Append appends the encoding of v to dst and returns the longer slice.
	// It leaves dst[:len(dst)] untouched; on error it returns dst as it came.
	// v is a value or a non-nil pointer to one.
	Append(dst []byte, v any) ([]byte, error)

	// Decode reads all of src into v, a non-nil pointer, or fails. It replaces
	// what v pointed to: what src does not mention is zero afterwards, and
	// after an error v is zero. Nothing in v aliases src.
	Decode(src []byte, v any) error
}

// An Aliaser is a Codec whose format peers also know by other media types, as
// they do where one was registered late. A Registry finds the codec by each of
// them; what it writes has its ContentType. The result never changes.
type Aliaser interface {
	ContentTypeAliases() []string
}

// A TypeChecker is a Codec that can tell before the first message whether it
// carries a type. contract asks at registration; the error names the path of
// the field that cannot be carried and says how to mend it. t is the type of
// the value, or of a pointer to it.
type TypeChecker interface {
	CheckType(t reflect.Type) error
}
