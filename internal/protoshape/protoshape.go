// Package protoshape turns generated messages of Protobuf into plain values and
// back, so that a codec which follows a Shape carries messages too.
//
//	Append  message ── Plain ──▶ plain value ──▶ the codec's own way
//	Decode  message ── Empty ──▶ plain value ◀── the codec's own way; ── Fill ──▶ message
//
// A message becomes a struct made at run time, once for each descriptor. Its data
// model is that of Protobuf's JSON mapping where that loses nothing:
//
//   - fields have their JSON names and their numbers, in the order of declaration;
//   - a field with presence is optional, so are messages, the members of a one-of,
//     of which at most one may be there, and required fields, which must be;
//   - enums are integers of 32 bits, so unknown values survive;
//   - Timestamp is a time; Duration the text "1.5s", because its range exceeds 64
//     bits of nanoseconds; wrappers are the value that they wrap, optional;
//   - all else is a message like any other: Struct has the map fields, Value one
//     optional member of six, ListValue the list values, FieldMask the list paths,
//     Any a typeUrl and a value of bytes, Empty nothing.
//
// Unknown fields are dropped, as in JSON. Extensions that are set are refused by
// name, not dropped. Messages are touched by protoreflect alone, so the open, the
// hybrid and the opaque API and messages of dynamicpb are one.
package protoshape

import (
	"errors"
	"reflect"
	"sync"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/shape"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// maxMessages bounds Messages. A program that makes descriptors at run time starts
// over when it has used this many.
const maxMessages = 4096

// Messages makes the plain type of each message once, however many goroutines ask
// first. The zero value is ready; a codec holds one.
type Messages struct {
	known sync.Map // protoreflect.MessageDescriptor to *message; written under mu, read without

	mu    sync.Mutex // held while types are made; guards count
	count int        // of known
}

var (
	errNil     = errors.New("the message is nil")
	errNoType  = errors.New("the type is nil")
	errDynamic = errors.New("the type does not say which message it is; use a generated one")
)

// ShapeOf returns the shape of t, or of what t points to, from the cache of a codec:
// of a message, that of its plain value.
func (c *Messages) ShapeOf(shapes *shape.Cache, t reflect.Type) (*shape.Shape, error) {
	if t == nil {
		return nil, errNoType
	}
	plain, isMessage, err := c.ofType(t)
	switch {
	case err != nil:
		return nil, err
	case isMessage:
		s, _, err := shapes.Source(plain)
		return s, err
	case t.Kind() == reflect.Pointer:
		return shapes.Of(t.Elem())
	default:
		return shapes.Of(t)
	}
}

// Decode reads src into m by way of a plain value, which decode reads. fail makes
// the codec's error of what goes wrong before and after that.
func (c *Messages) Decode(m proto.Message, src []byte, decode func(src []byte, plain any) error,
	fail func(op string, offset int64, err error) error,
) error {
	plain, err := c.Empty(m)
	if err != nil {
		return fail("decode", 0, err)
	}
	if err := decode(src, plain); err != nil {
		return err
	}
	if err := c.Fill(m, plain); err != nil {
		return fail("decode", int64(len(src)), err)
	}
	return nil
}

// ofType returns a zero plain value of what t, or what t points to, becomes.
// isMessage tells whether it is a message at all.
func (c *Messages) ofType(t reflect.Type) (plain *shape.Dynamic, isMessage bool, err error) {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	m, ok := reflect.Zero(reflect.PointerTo(t)).Interface().(proto.Message)
	if t.Kind() != reflect.Struct || !ok {
		return nil, false, nil
	}
	d := descriptor(m)
	if d == nil {
		return nil, true, errDynamic
	}
	s, err := c.Shape(d)
	if err != nil {
		return nil, true, err
	}
	return s.New(), true, nil
}

// descriptor returns that of a nil message, or nil if only a value would tell.
func descriptor(m proto.Message) (d protoreflect.MessageDescriptor) {
	defer func() { _ = recover() }() // of a nil dynamicpb.Message
	return m.ProtoReflect().Descriptor()
}

// Shape returns the shape of what messages of d become. It fails as compiling a
// plain type does.
func (c *Messages) Shape(d protoreflect.MessageDescriptor) (*shape.Shape, error) {
	m, err := c.of(d)
	if err != nil {
		return nil, err
	}
	return m.shape, nil
}

// Plain returns m as a plain value, which shares the strings and bytes of m. It
// fails if m nests deeper or has more elements than l allows, which also ends what
// refers to itself, if a required field is missing, or if m has what its plain
// form has no place for.
func (c *Messages) Plain(m proto.Message, l codecs.Limits) (*shape.Dynamic, error) {
	r := m.ProtoReflect()
	if !r.IsValid() {
		return nil, errNil
	}
	of, err := c.of(r.Descriptor())
	if err != nil {
		return nil, err
	}
	plain := of.shape.New()
	p := reader{limits: l.WithDefaults()}
	if err := p.message(of, r, plain.Value()); err != nil {
		return nil, err
	}
	return plain, nil
}

// Empty resets m, and returns a zero plain value to decode into.
func (c *Messages) Empty(m proto.Message) (*shape.Dynamic, error) {
	r := m.ProtoReflect()
	if !r.IsValid() {
		return nil, errNil
	}
	proto.Reset(m)
	of, err := c.of(r.Descriptor())
	if err != nil {
		return nil, err
	}
	return of.shape.New(), nil
}

// Fill sets m, which is empty, from the plain value that Empty returned for it; m
// may keep the strings and bytes. It fails, and leaves m empty, if a required field
// is missing, if two members of a one-of are there, or if a duration is none.
func (c *Messages) Fill(m proto.Message, plain *shape.Dynamic) error {
	r := m.ProtoReflect()
	of, err := c.of(r.Descriptor())
	if err != nil {
		return err
	}
	if err := of.fill(plain.Value(), r); err != nil {
		proto.Reset(m)
		return err
	}
	return nil
}

// of returns how messages of d become plain.
func (c *Messages) of(d protoreflect.MessageDescriptor) (*message, error) {
	if m, ok := c.known.Load(d); ok {
		return m.(*message), nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	b := builder{known: &c.known, made: make(map[protoreflect.MessageDescriptor]*message)}
	m := b.message(d)
	if err := shape.Make(m.shape); err != nil {
		return nil, err
	}
	if c.count += len(b.made); c.count > maxMessages {
		c.known.Clear()
		c.count = len(b.made)
	}
	for d, m := range b.made {
		c.known.Store(d, m)
	}
	return m, nil
}
