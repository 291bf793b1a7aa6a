// Package xmlcodec carries values as XML.
//
//	Append  plain struct ── internal/shape ──▶ plan.go ──▶ encode.go ──▶ bytes
//	Decode  bytes ──▶ scan.go, tag.go ──▶ decode.go, scalar.go ── internal/shape ──▶ plain struct
//	                   └─ XML 1.0 in UTF-8 without document types: nothing else passes
//
// Plain structs follow the profile that every codec shares; this is what it
// looks like here, and docs/formats/xml.md says it all:
//
//   - a value is an element. The root is written as value and read under any name;
//   - a struct has an element for each field, named by the wire tag, else by the
//     json tag, else by the field; case matters; unknown elements and attributes
//     are skipped, one field twice is an error;
//   - a list that is a field is an element for each item; any other list, also
//     one behind a pointer, is an element with an item for each;
//   - a map is an element with an entry for each key, which is an attribute; an
//     element without that attribute is an entry of its own name;
//   - strings come back exactly: one with characters that XML 1.0 cannot hold is
//     base64, and marked so by encoding="base64";
//   - bytes are padded base64, times RFC 3339 in UTC, durations nanoseconds; NaN
//     and the infinities are NaN, Infinity and -Infinity;
//   - a nil pointer is left out; xsi:nil="true" is read as if the element were
//     left out, and refused inside lists and maps;
//   - what belongs to another namespace than the root is skipped.
//
// Generated messages of Protobuf, open, hybrid and opaque, are carried as plain
// structs with the JSON names of their fields; unknown fields are dropped, and
// extensions that are set refused. docs/formats/messages.md has the table.
//
// Document types and all other declarations are refused, so no entity is
// defined, expanded or fetched; so is any encoding but UTF-8. The tokenizer is
// the package's own (docs/adr tells why); what it accepts encoding/xml accepts
// too, but for letters in names that came with XML 1.0's fifth edition.
//
// Decoding allocates, with what lists and maps throw away when they grow, less
// than 512 bytes for each element that codecs.Limits allows, and 16 for each byte
// of the input. Skipped elements, attributes, comments and instructions count as
// elements; a tag has at most 128 attributes, and 64 namespace declarations are in
// force at most.
package xmlcodec

import (
	"bytes"
	"errors"
	"reflect"
	"sync"
	"unicode/utf8"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/codecerr"
	"github.com/polywire/polywire/internal/protoshape"
	"github.com/polywire/polywire/internal/shape"
	"google.golang.org/protobuf/proto"
)

// name is what configuration calls the codec.
const name = "xml"

// A Codec is the XML codec. New makes one; it is safe for concurrent use.
type Codec struct {
	given    codecs.Limits // as WithLimits has it
	limits   codecs.Limits // with defaults; those of decoding follow the input
	shapes   shape.Cache
	messages protoshape.Messages
	decoders sync.Pool // of *decoder; one holds no input between calls
}

var (
	_ codecs.Codec       = (*Codec)(nil)
	_ codecs.TypeChecker = (*Codec)(nil)
	_ codecs.Aliaser     = (*Codec)(nil)
)

// An Option changes what New makes.
type Option func(*Codec)

// WithLimits sets the limits for both directions. Whatever MaxDepth says,
// it is at most 10,000.
func WithLimits(l codecs.Limits) Option {
	return func(c *Codec) { c.given = l }
}

// New returns an XML codec.
func New(opts ...Option) *Codec {
	c := &Codec{shapes: shape.Cache{Plan: newPlan}}
	for _, opt := range opts {
		opt(c)
	}
	const maxDepth = 10_000 // calls nest as deep as values do
	c.given.MaxDepth = min(c.given.MaxDepth, maxDepth)
	c.limits = c.given.WithDefaults()
	return c
}

// Name returns "xml".
func (c *Codec) Name() string { return name }

// ContentType returns "application/xml".
func (c *Codec) ContentType() string { return "application/xml" }

// ContentTypeAliases returns "text/xml", which RFC 7303 has for the same.
func (c *Codec) ContentTypeAliases() []string { return []string{"text/xml"} }

// CheckType returns an error that wraps codecs.ErrUnsupported if values of type
// t, or what t points to, cannot be carried.
func (c *Codec) CheckType(t reflect.Type) error {
	if _, err := c.messages.ShapeOf(&c.shapes, t); err != nil {
		return fail("check", -1, err)
	}
	return nil
}

// Append appends the XML of v, one element without a declaration before it.
func (c *Codec) Append(dst []byte, v any) ([]byte, error) {
	out, err := c.append(dst, v)
	if err != nil {
		return dst, fail("encode", -1, err)
	}
	return out, nil
}

func (c *Codec) append(dst []byte, v any) ([]byte, error) {
	if m, ok := v.(proto.Message); ok {
		plain, err := c.messages.Plain(m, c.limits)
		if err != nil {
			return dst, err
		}
		v = plain
	}
	s, value, err := c.shapes.Source(v)
	if err != nil {
		return dst, err
	}
	e := encoder{buf: dst, base: len(dst), limits: c.limits}
	if err := e.element(rootOpen, rootShut, s.Plan.(*plan), value); err != nil {
		return dst, err
	}
	return e.buf, c.limits.CheckBytes(len(e.buf) - e.base)
}

// Decode reads the one XML document of src into v.
func (c *Codec) Decode(src []byte, v any) error {
	if m, ok := v.(proto.Message); ok {
		return c.messages.Decode(m, src, c.Decode, fail)
	}
	s, target, err := c.shapes.Target(v)
	if err != nil {
		return fail("decode", 0, err)
	}
	target.SetZero()
	if err := c.limits.CheckBytes(len(src)); err != nil {
		return fail("decode", 0, err)
	}
	d := c.decoder(src)
	defer c.release(d)
	if err := d.document(s.Plan.(*plan), target); err != nil {
		target.SetZero()
		if errors.Is(err, errUTF8) && !utf8.Valid(src) {
			return c.located(src, s.Plan.(*plan), target)
		}
		return fail("decode", int64(d.pos), err)
	}
	return nil
}

// located is the error of a document that is not UTF-8, with the path to where it ceases to be: there a character
// stops it that XML does not allow.
func (c *Codec) located(src []byte, p *plan, target shape.Value) error {
	src = bytes.Clone(src)
	at := invalidAt(src)
	for i := at; i < len(src); i += 1 + invalidAt(src[i+1:]) {
		src[i] = 0x01
	}
	d := c.decoder(src)
	defer c.release(d)
	failed := d.document(p, target)
	target.SetZero()
	err := errUTF8
	if path, _ := shape.Split(failed); path != "" && errors.Is(failed, errChar) {
		err = &shape.PathError{Path: path, Err: err}
	}
	return fail("decode", int64(at), err)
}

// fail returns err as the error of an operation, with the path it carries.
func fail(op string, offset int64, err error) error { return codecerr.New(name, op, offset, err) }
