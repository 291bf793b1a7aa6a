// Package protocodec carries values as Protocol Buffers.
//
//	plain struct   ── internal/shape ──▶ plan.go ──▶ encode.go, decode.go ── protowire
//	proto.Message  ── scan.go, message.go ────────▶ proto.MarshalOptions, proto.Unmarshal
//
// Plain structs need a number for each field: in the tag, `wire:"name,3"`, or in a
// lock file, WithLock. Without one the type is refused: the order of declaration
// would change the wire in silence. [Codec.Descriptor] is the .proto of a type, of
// which generated code writes and reads the same bytes:
//
//   - a struct is a message; bool, string and []byte are themselves; integers up to
//     32 bits are int32 or uint32, larger ones, int and uint are int64 or uint64;
//     float32 is float, float64 double; a type with MarshalText is a string;
//   - a pointer is an optional field; all else that is zero, -0 not, is left out;
//   - lists and arrays are repeated, packed where they can be; a list inside a list,
//     a map or a pointer is a message with the one field 1, as is what is no struct
//     at the top; an array has all its items or, if all are zero, none;
//   - maps are maps, in the order of their keys, so equal values have equal encodings;
//   - time.Time is google.protobuf.Timestamp, and zero when absent; a duration is
//     int64 nanoseconds.
//
// Reading takes packed and unpacked lists, skips unknown fields, and refuses what
// the profile of all codecs refuses: invalid UTF-8, numbers out of range, and two
// values for what has one, also two entries of one key. In the last it is stricter
// than Protobuf, whose parsers take the last or merge: no generated code writes a
// field twice, and two readers that choose differently can be played against each
// other. Join encodings by joining values.
//
// Generated messages, open, hybrid and opaque, are carried by their own engine as
// Protobuf says: fields that come twice are merged, unknown ones are kept. A pass
// before it holds the limits; a packed list in parts counts again, for each part,
// what it had before, for so the engine copies it.
//
// The content type is the one that IANA lists, application/protobuf; what peers wrote
// before, application/x-protobuf and application/vnd.google.protobuf, is understood.
//
// Decoding allocates, with what lists and maps throw away when they grow, less
// than 512 bytes for each element that codecs.Limits allows, and 16 for each byte
// of the input. An element is a list item, a map entry, an optional value, or a
// field that is skipped.
package protocodec

import (
	"errors"
	"reflect"
	"sync"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/codecerr"
	"github.com/polywire/polywire/internal/shape"
	"google.golang.org/protobuf/proto"
)

// name is what configuration calls the codec.
const name = "protobuf"

// maxDepth is the most that Limits.MaxDepth can ask for: both ways recurse.
const maxDepth = 10_000

// A Codec is the Protobuf codec. New makes one; it is safe for concurrent use.
type Codec struct {
	given    codecs.Limits // as WithLimits has it
	limits   codecs.Limits // with defaults; those of decoding follow the input
	lock     *Lock         // numbers that tags do not give; or nil
	shapes   shape.Cache   // with a *plan each
	layouts  layoutCache   // of generated messages
	decoders sync.Pool     // of *decoder; one holds no input between calls
}

var (
	_ codecs.Codec       = (*Codec)(nil)
	_ codecs.TypeChecker = (*Codec)(nil)
	_ codecs.Aliaser     = (*Codec)(nil)
)

// An Option changes what New makes.
type Option func(*Codec)

// WithLimits sets the limits for both directions. Whatever MaxDepth says, at most
// 10,000 levels are read and written.
func WithLimits(l codecs.Limits) Option {
	return func(c *Codec) { c.given = l }
}

// WithLock takes the numbers of fields whose tags give none from l, which must not
// change any more.
func WithLock(l *Lock) Option {
	return func(c *Codec) { c.lock = l }
}

// New returns a Protobuf codec.
func New(opts ...Option) *Codec {
	c := new(Codec)
	for _, opt := range opts {
		opt(c)
	}
	c.given.MaxDepth = min(c.given.MaxDepth, maxDepth)
	c.limits = c.given.WithDefaults()
	c.shapes.Plan = func(s *shape.Shape) (any, error) { return newPlan(s, c.lock) }
	return c
}

// Name returns "protobuf".
func (c *Codec) Name() string { return name }

// ContentType returns "application/protobuf".
func (c *Codec) ContentType() string { return "application/protobuf" }

// ContentTypeAliases returns what peers wrote before the format had a media type of
// its own, and still do.
func (c *Codec) ContentTypeAliases() []string {
	return []string{"application/x-protobuf", "application/vnd.google.protobuf"}
}

// CheckType returns an error that wraps codecs.ErrUnsupported if values of type
// t, or what t points to, cannot be carried.
func (c *Codec) CheckType(t reflect.Type) error {
	if t == nil {
		return fail("check", -1, errors.New("the type is nil"))
	}
	if isMessage(t) {
		return nil
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if _, err := c.shapes.Of(t); err != nil {
		return fail("check", -1, err)
	}
	return nil
}

// Append appends the encoding of v, which is nothing if v is zero.
func (c *Codec) Append(dst []byte, v any) ([]byte, error) {
	out, err := c.append(dst, v)
	if err != nil {
		return dst, fail("encode", -1, err)
	}
	return out, nil
}

func (c *Codec) append(dst []byte, v any) ([]byte, error) {
	if m, ok := v.(proto.Message); ok {
		return c.appendMessage(dst, m)
	}
	s, value, err := c.shapes.Source(v)
	if err != nil {
		return dst, err
	}
	e := encoder{buf: dst, base: len(dst), limits: c.limits}
	if err := e.root(s.Plan.(*plan), value); err != nil {
		return dst, err
	}
	return e.buf, c.limits.CheckBytes(len(e.buf) - e.base)
}

// Decode reads all of src as one message into v.
func (c *Codec) Decode(src []byte, v any) error {
	if m, ok := v.(proto.Message); ok {
		return c.decodeMessage(src, m)
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
	if err := d.root(s.Plan.(*plan), target.Place()); err != nil {
		target.SetZero()
		return fail("decode", int64(d.pos), err)
	}
	return nil
}

// fail returns err as the error of an operation, with the path it carries.
func fail(op string, offset int64, err error) error { return codecerr.New(name, op, offset, err) }
