// Package msgpackcodec carries values as MessagePack.
//
//	Append  plain struct ── internal/shape ──▶ encode.go ──▶ engine ──▶ bytes
//	Decode  bytes ──▶ scan.go ──▶ decode.go, engine ── internal/shape ──▶ plain struct
//	                    │            └─▶ skip.go: what nobody knows
//	                    └─ lengths, depth, UTF-8, keys: nothing else sees bytes that fail here
//
// Plain structs follow the profile that every codec shares; this is what it
// looks like here:
//
//   - a struct is a map from its names to its values; a name is that of the wire
//     tag, else of the json tag, else of the field; case matters; unknown names
//     are skipped, one name twice is an error, also inside what is skipped;
//   - integers take as few bytes as they need, and are read from any number of
//     them; a float is never read as an integer, an integer as a float only if
//     the float holds it exactly;
//   - floats have 32 or 64 bits as their Go type has; NaN, the infinities and -0
//     are exact;
//   - strings are str and valid UTF-8, bytes are bin: neither is read as the other;
//   - times are the extension -1 in its shortest form, in UTC; durations are
//     nanoseconds;
//   - a nil pointer is left out; nil is read as if the field were left out, and
//     refused inside lists and maps;
//   - map keys are strings, integers or booleans, in the order of their text, so
//     equal values have equal encodings.
//
// Generated messages of Protobuf, open, hybrid and opaque, are carried as plain
// structs with the JSON names of their fields; unknown fields are dropped, and
// extensions that are set refused. docs/formats/messages.md has the table.
//
// The engine is github.com/vmihailenco/msgpack/v5: primitives of its Encoder and
// Decoder write and read every value. It trusts what it reads (five bytes make
// it ask for 4 GiB), so it never sees an input that has not been scanned, and a
// panic of it is an error. WithEngine puts another one in its place.
//
// Decoding allocates, with what maps throw away when they grow, less than 512
// bytes for each element that codecs.Limits allows, and 16 for each byte of the
// input. What is no MessagePack, or more of it than the input has room for,
// costs nothing but the error, unless it is a string that is not UTF-8, to which the error has the path.
package msgpackcodec

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"sync"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/codecerr"
	"github.com/polywire/polywire/internal/protoshape"
	"github.com/polywire/polywire/internal/shape"
	"google.golang.org/protobuf/proto"
)

// name is what configuration calls the codec.
const name = "msgpack"

// A Codec is the MessagePack codec. New makes one; it is safe for concurrent use.
type Codec struct {
	given    codecs.Limits // as WithLimits has it
	limits   codecs.Limits // with defaults; those of decoding follow the input
	engine   Engine        // nil is the default one
	shapes   shape.Cache
	messages protoshape.Messages
	encoders sync.Pool // of *encoder; one holds no output between calls
	decoders sync.Pool // of *decoder; one holds no input between calls
}

var (
	_ codecs.Codec       = (*Codec)(nil)
	_ codecs.TypeChecker = (*Codec)(nil)
	_ codecs.Aliaser     = (*Codec)(nil)
)

// An Option changes what New makes.
type Option func(*Codec)

// WithLimits sets the limits for both directions. Whatever they say, an encoding
// has less than 2 GiB and at most 10,000 levels.
func WithLimits(l codecs.Limits) Option {
	return func(c *Codec) { c.given = l }
}

// New returns a MessagePack codec.
func New(opts ...Option) *Codec {
	c := new(Codec)
	for _, opt := range opts {
		opt(c)
	}
	const maxDepth = 10_000 // calls nest as deep as values do
	c.given.MaxBytes = min(c.given.MaxBytes, math.MaxInt32)
	c.given.MaxDepth = min(c.given.MaxDepth, maxDepth)
	c.limits = c.given.WithDefaults()
	return c
}

// Name returns "msgpack".
func (c *Codec) Name() string { return name }

// ContentType returns "application/vnd.msgpack", as IANA has it.
func (c *Codec) ContentType() string { return "application/vnd.msgpack" }

// ContentTypeAliases returns what peers wrote before the format had a media type
// of its own, and still do.
func (c *Codec) ContentTypeAliases() []string {
	return []string{"application/msgpack", "application/x-msgpack"}
}

// CheckType returns an error that wraps codecs.ErrUnsupported if values of type
// t, or what t points to, cannot be carried.
func (c *Codec) CheckType(t reflect.Type) error {
	if _, err := c.messages.ShapeOf(&c.shapes, t); err != nil {
		return fail("check", -1, err)
	}
	return nil
}

// Append appends the MessagePack of v.
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
	e := c.encoder(dst)
	defer c.release(e)
	if err := e.value(s, value); err != nil {
		return dst, err
	}
	return e.buf, c.limits.CheckBytes(len(e.buf) - e.base)
}

// Decode reads the one MessagePack value of src into v.
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
	scan := scanner{src: src, limits: c.limits}
	if err := scan.document(); err != nil {
		if errors.Is(err, errUTF8) {
			err = c.located(src, scan.pos, s, target)
		}
		return fail("decode", int64(scan.pos), err)
	}
	d := c.decoder(src)
	if err := d.document(s, target); err != nil {
		target.SetZero()
		err = fail("decode", int64(d.pos), err)
		c.put(d)
		return err
	}
	c.put(d)
	return nil
}

// located is the error of a string that is not UTF-8, at an offset of src, with its path, which scanners do not know: it
// reads as far as there, where a code stops it that no value has.
func (c *Codec) located(src []byte, offset int, s *shape.Shape, target shape.Value) error {
	err := errUTF8
	src = bytes.Clone(src)
	src[offset] = codeNever
	d := c.decoder(src)
	failed := d.document(s, target)
	target.SetZero()
	if path, _ := shape.Split(failed); d.pos == offset && path != "" {
		err = &shape.PathError{Path: path, Err: err}
	}
	c.put(d)
	return err
}

// fail returns err as the error of an operation, with the path it carries.
func fail(op string, offset int64, err error) error { return codecerr.New(name, op, offset, err) }
