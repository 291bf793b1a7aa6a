// Package jsoncodec carries values as JSON.
//
//	plain struct   ── internal/shape ──▶ encode.go, decode.go ── jsontext
//	proto.Message  ── message.go ──────▶ protojson
//
// Plain structs follow the profile that every codec shares; this is what it
// looks like here:
//
//   - a name is that of the wire tag, else of the json tag, else of the field;
//     case matters; unknown names are skipped, one name twice is an error;
//   - integers of 64 bits are exact numbers; a reader that knows only doubles
//     (JavaScript) must take care;
//   - NaN and the infinities are the strings "NaN", "Infinity" and "-Infinity";
//   - bytes are padded base64, times RFC 3339 in UTC, durations nanoseconds;
//   - a nil pointer is left out; null is read as if the field were left out, and
//     refused inside lists and maps;
//   - map keys are text, in the order of their bytes, so equal values have
//     equal encodings.
//
// Generated messages follow the JSON mapping of Protobuf: names in lower camel
// case, unknown fields discarded, whitespace removed.
//
// The engine is github.com/go-json-experiment/json/jsontext, the mirror of
// encoding/json/jsontext: its Decoder reads tokens and refuses duplicate names
// and invalid UTF-8, its AppendQuote writes strings.
//
// Decoding allocates, with what lists and maps throw away when they grow, less
// than 512 bytes for each element that codecs.Limits allows, and 16 for each byte
// of the input. So without own limits a short input costs 8 MiB at most. Of a
// generated message each name, scalar, object and list is an element, whatever
// its size in Go.
package jsoncodec

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
const name = "json"

// A Codec is the JSON codec. New makes one; it is safe for concurrent use.
type Codec struct {
	given    codecs.Limits // as WithLimits has it
	limits   codecs.Limits // with defaults; those of decoding follow the input
	shapes   shape.Cache
	decoders sync.Pool // of *decoder; one holds no input between calls
}

var (
	_ codecs.Codec       = (*Codec)(nil)
	_ codecs.TypeChecker = (*Codec)(nil)
)

// An Option changes what New makes.
type Option func(*Codec)

// maxDepth is the most that Limits.MaxDepth can ask for: the engine reads no
// more, and writing recurses.
const maxDepth = 10_000

// WithLimits sets the limits for both directions. Whatever MaxDepth says, at most
// 10,000 levels are read and written.
func WithLimits(l codecs.Limits) Option {
	return func(c *Codec) { c.given = l }
}

// New returns a JSON codec.
func New(opts ...Option) *Codec {
	c := new(Codec)
	for _, opt := range opts {
		opt(c)
	}
	c.given.MaxDepth = min(c.given.MaxDepth, maxDepth)
	c.limits = c.given.WithDefaults()
	return c
}

// Name returns "json".
func (c *Codec) Name() string { return name }

// ContentType returns "application/json".
func (c *Codec) ContentType() string { return "application/json" }

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

// Append appends the JSON of v, without whitespace around it.
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
	if err := e.value(s, value); err != nil {
		return dst, err
	}
	return e.buf, c.limits.CheckBytes(len(e.buf) - e.base)
}

// Decode reads the one JSON value of src into v.
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
	if err := d.document(s, target); err != nil {
		target.SetZero()
		return d.fail(err)
	}
	return nil
}

func (c *Codec) decodeMessage(src []byte, m proto.Message) error {
	if !m.ProtoReflect().IsValid() {
		return fail("decode", 0, errNilMessage)
	}
	proto.Reset(m)
	if err := c.limits.CheckBytes(len(src)); err != nil {
		return fail("decode", 0, err)
	}
	d := c.decoder(src)
	defer c.release(d)
	return d.message(src, m)
}

// fail returns err as the error of an operation, with the path it carries.
func fail(op string, offset int64, err error) error { return codecerr.New(name, op, offset, err) }
