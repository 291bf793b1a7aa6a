package avrocodec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/hamba/avro/v2"
	"github.com/hamba/avro/v2/pkg/crc64"
)

// A Schema says how values of one type look in Avro. It is immutable and safe for
// concurrent use.
type Schema struct {
	text        string // the JSON that it was parsed from
	canonical   []byte
	fingerprint uint64
	root        *node
}

// ParseSchema parses the JSON of a schema, which may be of a foreign program: it
// is refused if it has more than 1 MiB, nests deeper than 512 levels of JSON, has
// more than 20,000 parts, or says what the specification does not allow. The
// defaults of fields are checked where they are used, by WithSchema.
func ParseSchema(text []byte) (*Schema, error) {
	tree, err := readTree(text)
	if err != nil {
		return nil, fmt.Errorf("avro: schema: %w", err)
	}
	engine, err := parseByEngine(reduced(tree))
	if err != nil {
		return nil, fmt.Errorf("avro: schema: %w", err)
	}
	b := builder{made: make(map[string]*node)}
	root, err := b.node(engine)
	if err != nil {
		return nil, fmt.Errorf("avro: schema: %w", err)
	}
	root.addDefaults(tree)
	b.measure()
	s := &Schema{text: string(text), canonical: root.canonical(nil, make(map[string]bool)), root: root}
	hash := crc64.New()
	_, _ = hash.Write(s.canonical) // it never fails
	s.fingerprint = hash.Sum64()
	return s, nil
}

// String returns the JSON of the schema, with defaults and aliases.
func (s *Schema) String() string { return s.text }

// Canonical returns the Parsing Canonical Form, which two schemas share if they
// write the same bytes.
func (s *Schema) Canonical() string { return string(s.canonical) }

// Fingerprint returns the CRC-64-AVRO of the canonical form, in the order of
// bytes in which messages carry it.
func (s *Schema) Fingerprint() (sum [8]byte) {
	binary.LittleEndian.PutUint64(sum[:], s.fingerprint)
	return sum
}

// Name returns the full name of a record, enum or fixed, and the type of any
// other schema, such as "array".
func (s *Schema) Name() string {
	if s.root.name != "" {
		return s.root.name
	}
	return s.root.kind.typ()
}

// A kind is a type of Avro.
type kind uint8

const (
	isNull kind = iota + 1
	isBoolean
	isInt
	isLong
	isFloat
	isDouble
	isBytes
	isString
	isFixed
	isEnum
	isArray
	isMap
	isUnion
	isRecord
)

// typ returns the kind as schemas spell it.
func (k kind) typ() string {
	return [...]string{
		isNull: "null", isBoolean: "boolean", isInt: "int", isLong: "long", isFloat: "float", isDouble: "double",
		isBytes: "bytes", isString: "string", isFixed: "fixed", isEnum: "enum", isArray: "array", isMap: "map",
		isUnion: "union", isRecord: "record",
	}[k]
}

// String returns the kind as error texts name it.
func (k kind) String() string { return "the Avro type " + k.typ() }

// A node is one type in a schema. It is immutable and may refer to itself.
type node struct {
	kind     kind
	name     string // in full, of record, enum and fixed
	size     int    // of fixed
	symbols  []string
	fallback string // of enum: its default, or empty
	items    *node  // of array, and the values of map
	branches []*node
	fields   []member
	least    int // bytes of the shortest encoding, or more than any input has
}

// A member is a field of a record.
type member struct {
	name    string
	aliases []string
	node    *node
	def     any  // of JSON, numbers as json.Number
	hasDef  bool // def may be nil, which is null
}

// find returns the position of the field of that name, or -1.
func (n *node) find(name string) int {
	return slices.IndexFunc(n.fields, func(f member) bool { return f.name == name })
}

var errEngine = errors.New("the engine cannot parse it")

// parseByEngine parses JSON that the reader of trees has passed. The engine
// resolves names and holds them to the rules; a cache of its own keeps what one
// schema defines out of others.
func parseByEngine(text []byte) (s avro.Schema, err error) {
	defer func() {
		if recover() != nil {
			s, err = nil, errEngine
		}
	}()
	s, err = avro.ParseBytesWithCache(text, "", &avro.SchemaCache{})
	if err != nil {
		return nil, fmt.Errorf("not valid: %s", bounded(err.Error()))
	}
	return s, nil
}

// bounded cuts a text of the engine, which may quote the schema.
func bounded(s string) string {
	const most = 120
	if len(s) > most {
		s = s[:most]
	}
	return strconv.Quote(s)
}

// A builder makes nodes of what the engine parsed.
type builder struct {
	made map[string]*node // by full name
	all  []*node
}

func (b *builder) add(n *node) *node {
	b.all = append(b.all, n)
	if n.name != "" {
		b.made[n.name] = n
	}
	return n
}

func (b *builder) node(s avro.Schema) (*node, error) {
	switch s := s.(type) {
	case *avro.NullSchema:
		return b.add(&node{kind: isNull}), nil
	case *avro.PrimitiveSchema:
		return b.primitive(s)
	case *avro.RefSchema:
		return b.node(s.Schema())
	case *avro.FixedSchema:
		if n := b.made[s.FullName()]; n != nil {
			return n, nil
		}
		return b.add(&node{kind: isFixed, name: s.FullName(), size: s.Size()}), nil
	case *avro.EnumSchema:
		if n := b.made[s.FullName()]; n != nil {
			return n, nil
		}
		return b.add(&node{kind: isEnum, name: s.FullName(), symbols: s.Symbols(), fallback: s.Default()}), nil
	case *avro.ArraySchema:
		return b.list(isArray, s.Items())
	case *avro.MapSchema:
		return b.list(isMap, s.Values())
	case *avro.UnionSchema:
		return b.union(s)
	case *avro.RecordSchema:
		return b.record(s)
	default:
		return nil, errEngine
	}
}

func (b *builder) primitive(s *avro.PrimitiveSchema) (*node, error) {
	for k := isBoolean; k <= isString; k++ {
		if k.typ() == string(s.Type()) {
			return b.add(&node{kind: k}), nil
		}
	}
	return nil, errEngine
}

func (b *builder) list(k kind, items avro.Schema) (n *node, err error) {
	n = b.add(&node{kind: k})
	n.items, err = b.node(items)
	return n, err
}

// union refuses two branches that nobody could tell apart.
func (b *builder) union(s *avro.UnionSchema) (*node, error) {
	n := b.add(&node{kind: isUnion})
	for _, t := range s.Types() {
		branch, err := b.node(t)
		if err != nil {
			return nil, err
		}
		for _, other := range n.branches {
			if other.kind == branch.kind && other.name == branch.name {
				return nil, errors.New("a union has one type twice")
			}
		}
		n.branches = append(n.branches, branch)
	}
	return n, nil
}

func (b *builder) record(s *avro.RecordSchema) (*node, error) {
	if n := b.made[s.FullName()]; n != nil {
		return n, nil
	}
	n := b.add(&node{kind: isRecord, name: s.FullName()})
	for _, f := range s.Fields() {
		of, err := b.node(f.Type())
		if err != nil {
			return nil, err
		}
		n.fields = append(n.fields, member{name: f.Name(), aliases: f.Aliases(), node: of})
	}
	return n, nil
}

// unbounded is a size that no input has.
const unbounded = 1 << 29

// measure finds the least size of each node: it begins with none for what never
// ends, and repeats until nothing becomes smaller. What is named stands on either
// side of what names it, so it goes through them in turns.
func (b *builder) measure() {
	for _, n := range b.all {
		n.least = unbounded
	}
	for changed := true; changed; {
		changed = false
		slices.Reverse(b.all)
		for _, n := range b.all {
			if least := n.measure(); least < n.least {
				n.least, changed = least, true
			}
		}
	}
}

func (n *node) measure() int {
	switch n.kind {
	case isNull:
		return 0
	case isFloat:
		return 4
	case isDouble:
		return 8
	case isFixed:
		return min(n.size, unbounded)
	case isUnion:
		least := unbounded
		for _, branch := range n.branches {
			least = min(least, 1+branch.least)
		}
		return least
	case isRecord:
		sum := 0
		for _, f := range n.fields {
			sum = min(sum+f.node.least, unbounded)
		}
		return sum
	default:
		return 1
	}
}
