// Package avrocodec carries values as Avro.
//
//	Append  plain struct ── internal/shape ──▶ plan.go ──▶ encode.go ──▶ bytes
//	Decode  bytes ──▶ frame.go ── whose schema? ──▶ store.go, registry.go ──▶ schema.go, engine
//	                     └──▶ resolve.go ── both schemas ──▶ decode.go, scan.go ──▶ plain struct
//
// The schema of a type follows from its shape, [Codec.Schema] returns it:
//
//   - a struct is a record, named as its Go type without the package; a name that
//     Avro does not allow is escaped, order-id is order_x2d_id;
//   - integers up to 32 bits are int, uint32 and larger ones long, but uint and
//     uint64 a fixed of eight bytes, the highest first; float32 is float, float64
//     double, NaN, the infinities and -0 exact; a duration is a long of nanoseconds;
//   - strings are string and valid UTF-8, as are types with MarshalText; []byte is
//     bytes, [N]byte a fixed;
//   - a time is a record of seconds since 1970 and nanoseconds;
//   - a pointer is a union of null and what it points to, null by default;
//   - lists and arrays are array, maps are map, in the order of their keys and in one
//     block, so equal values have equal encodings; keys are text;
//   - a field has its zero as default, unless that takes more than 256 bytes.
//
// A value travels as a single object: two bytes, the fingerprint of the writer's
// schema, the value. The reader of another schema looks for the writer's in the
// stores of WithStores and resolves the two as the specification says, but as all
// codecs do: a field that the writer lacks, or that is null and no longer optional,
// is zero; a long becomes an int or a double only if it fits. Under a schema of
// WithSchema such a field is its default there, or an error. A schema that cannot
// be had is [codecs.ErrUnavailable].
//
// Generated messages of Protobuf, open, hybrid and opaque, are carried as plain
// structs with the JSON names of their fields; unknown fields are dropped, and
// extensions that are set refused. docs/formats/messages.md has the table.
//
// The engine is github.com/hamba/avro/v2, which parses schemas and resolves their
// names. It never sees a message: those who write one could make it allocate what
// they like, so values are read and written here, where every length and count is
// held against the input and the limits.
//
// Decoding allocates, with what lists and maps throw away when they grow, less
// than 512 bytes for each element that codecs.Limits allows, and 16 for each byte
// of the input. An element is a list item, a map entry, an optional value, or a
// value that is skipped.
package avrocodec

import (
	"encoding/binary"
	"reflect"
	"sync"
	"time"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/codecerr"
	"github.com/polywire/polywire/internal/protoshape"
	"github.com/polywire/polywire/internal/shape"
	"google.golang.org/protobuf/proto"
)

// name is what configuration calls the codec.
const name = "avro"

// What Limits can ask for at most: both ways recurse, and sizes are added.
const (
	maxDepth = 10_000
	maxBytes = 1 << 30
)

// A Codec is the Avro codec. New makes one; it is safe for concurrent use.
type Codec struct {
	given    codecs.Limits // as WithLimits has it
	limits   codecs.Limits // with defaults; those of decoding follow the input
	framing  framing
	registry *Registry // of confluent framing
	schemas  map[reflect.Type]*Schema
	finder   finder
	shapes   shape.Cache // with a *typePlan each
	messages protoshape.Messages
	readers  readerCache
	decoders sync.Pool // of *decoder; one holds no input between calls
}

var (
	_ codecs.Codec       = (*Codec)(nil)
	_ codecs.TypeChecker = (*Codec)(nil)
	_ codecs.Aliaser     = (*Codec)(nil)
)

// An Option changes what New makes.
type Option func(*Codec)

// WithLimits sets the limits for both directions. Whatever they say, an encoding has
// at most 1 GiB and 10,000 levels.
func WithLimits(l codecs.Limits) Option {
	return func(c *Codec) { c.given = l }
}

// WithStores adds places to look for the schema of a writer, in this order, after
// the schema of the type itself.
func WithStores(stores ...Store) Option {
	return func(c *Codec) { c.finder.stores = append(c.finder.stores, stores...) }
}

// WithPatience bounds how long one Decode or Append waits for a schema, two seconds
// by default. What then is not there is codecs.ErrUnavailable.
func WithPatience(d time.Duration) Option {
	return func(c *Codec) { c.finder.patience = d }
}

// WithSchema lets values of type t be written by s, for a contract that is kept as a
// schema. CheckType refuses t unless s has its fields, under the same names, of
// types that hold theirs; a String may be an enum, and so may an integer, by index.
func WithSchema(t reflect.Type, s *Schema) Option {
	return func(c *Codec) { c.schemas[t] = s }
}

// WithConfluent writes and reads what Confluent's clients do: a zero, the number
// under which r knows the schema in four bytes, the value. r is also a store.
func WithConfluent(r *Registry) Option {
	return func(c *Codec) {
		c.framing, c.registry = confluent, r
		c.finder.stores = append(c.finder.stores, r)
	}
}

// WithBareBody writes and reads the value alone. Both sides must then have one
// schema: a reader of another one reads other values, or an error.
func WithBareBody() Option {
	return func(c *Codec) { c.framing = bare }
}

// New returns an Avro codec.
func New(opts ...Option) *Codec {
	c := &Codec{framing: singleObject, schemas: make(map[reflect.Type]*Schema)}
	c.finder.patience = 2 * time.Second
	for _, opt := range opts {
		opt(c)
	}
	c.given.MaxBytes = min(c.given.MaxBytes, maxBytes)
	c.given.MaxDepth = min(c.given.MaxDepth, maxDepth)
	c.limits = c.given.WithDefaults()
	c.shapes.Plan = c.plan
	return c
}

// Name returns "avro".
func (c *Codec) Name() string { return name }

// ContentType returns "application/avro".
func (c *Codec) ContentType() string { return "application/avro" }

// ContentTypeAliases returns other names of binary Avro: IANA lists none. The name
// avro/binary is not among them, since it is of Avro's own protocol, whose bodies
// are no single objects.
func (c *Codec) ContentTypeAliases() []string {
	return []string{"application/vnd.apache.avro", "application/vnd.apache.avro+binary"}
}

// CheckType returns an error that wraps codecs.ErrUnsupported if values of type
// t, or what t points to, cannot be carried.
func (c *Codec) CheckType(t reflect.Type) error {
	if _, err := c.typePlan(t); err != nil {
		return fail("check", -1, err)
	}
	return nil
}

// Schema returns the schema by which values of type t, or what t points to, are
// written.
func (c *Codec) Schema(t reflect.Type) (*Schema, error) {
	p, err := c.typePlan(t)
	if err != nil {
		return nil, fail("check", -1, err)
	}
	return p.schema, nil
}

// SchemaOf returns the schema by which v is written, as Schema does of its type. It
// takes what a Maker of package schema has made too.
func (c *Codec) SchemaOf(v any) (*Schema, error) {
	made, ok := v.(*shape.Dynamic)
	if !ok {
		return c.Schema(reflect.TypeOf(v))
	}
	s, err := c.shapes.OfMade(made.Shape())
	if err != nil {
		return nil, fail("check", -1, err)
	}
	return s.Plan.(*typePlan).schema, nil
}

func (c *Codec) typePlan(t reflect.Type) (*typePlan, error) {
	s, err := c.messages.ShapeOf(&c.shapes, t)
	if err != nil {
		return nil, err
	}
	return s.Plan.(*typePlan), nil
}

// plan makes what the codec holds for a type.
func (c *Codec) plan(s *shape.Shape) (any, error) {
	own, err := c.schemas[s.Type], error(nil)
	derived := own == nil
	if derived {
		own, err = derive(s)
	}
	if err != nil {
		return nil, err
	}
	b := binder{made: make(map[pair]*plan), derived: derived}
	root, err := b.bind(s, own.root)
	if err == nil {
		err = checkDefaults(&b)
	}
	if err != nil {
		return nil, shape.InField(err, s.String())
	}
	p := &typePlan{root: root, schema: own, header: binary.LittleEndian.AppendUint64([]byte{marker1, marker2}, own.fingerprint)}
	p.own, err = newReader(own.root, root)
	return p, err
}

// Append appends the encoding of v.
func (c *Codec) Append(dst []byte, v any) ([]byte, error) {
	out, err := c.append(dst, v, c.framing)
	if err != nil {
		return dst, fail("encode", -1, err)
	}
	return out, nil
}

func (c *Codec) append(dst []byte, v any, f framing) ([]byte, error) {
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
	p := s.Plan.(*typePlan)
	e := encoder{limits: &c.limits, base: len(dst), most: len(dst) + c.limits.MaxBytes}
	buf, err := c.appendFrame(dst, p, f)
	if err != nil {
		return dst, err
	}
	if buf, err = e.value(buf, p.root, value.Place()); err != nil {
		return dst, err
	}
	return buf, c.limits.CheckBytes(len(buf) - e.base)
}

// Decode reads the one value of src into v.
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
	r, start, err := c.readerFor(src, s.Plan.(*typePlan))
	if err != nil {
		return fail("decode", int64(start), err)
	}
	d := c.decoder(src)
	defer c.put(d)
	d.pos = start
	if err := d.document(r, target.Place()); err != nil {
		target.SetZero()
		return fail("decode", int64(d.pos), err)
	}
	return nil
}

// fail returns err as the error of an operation, with the path it carries.
func fail(op string, offset int64, err error) error { return codecerr.New(name, op, offset, err) }
