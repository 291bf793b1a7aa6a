package avrocodec

import (
	"fmt"

	"github.com/polywire/polywire/internal/shape"
)

// A form is how a value of a shape stands in a schema.
type form uint8

const (
	asBool     form = iota + 1
	asInt           // int or long, of Int and Duration
	asUint          // int or long, of Uint
	asUint64        // fixed of eight bytes, the highest first
	asFloat         // four bytes
	asDouble        // eight bytes, of a Float of either size
	asString        // of String
	asText          // string, of Text
	asBytes         // of a slice
	asFixed         // of an array
	asTime          // record of seconds and nanoseconds
	asOptional      // union of null and elem
	asPresent       // elem itself, of a pointer that is never nil
	asList          // array
	asMap           // map
	asRecord        // record
	asSymbol        // enum, of String
	asIndex         // enum, of Int and Uint
)

// A plan is one value: its shape, the node of the codec's own schema, and how the
// one is written as the other.
type plan struct {
	form   form
	short  bool // an int, of a shape with more bits
	some   byte // of asOptional: the branch that is not null, as it is written
	shape  *shape.Shape
	node   *node
	elem   *plan
	fields []planField // in the order of the schema
}

// A planField is a field of a record.
type planField struct {
	form   form // of the plan, where that is all there is to know; else zero
	shape  *shape.Shape
	at     *shape.Field
	plan   *plan
	member *member
	zero   bool // it is zero where a writer lacks it, and so is null
}

// newField returns a field whose plan is made; one of a pair that leads back to
// itself has no form yet, and needs none.
func newField(at *shape.Field, of *plan, m *member) planField {
	f := planField{shape: at.Shape, at: at, plan: of, member: m}
	switch {
	case of.form == asString, of.form == asBool, of.form == asInt && !of.short, of.form == asDouble && at.Shape.Bits == 64:
		f.form = of.form
	}
	return f
}

// A typePlan is what a codec holds for each type.
type typePlan struct {
	root   *plan
	schema *Schema
	header []byte  // what stands before a value as a single object
	own    *reader // of what this codec wrote itself
}

// A binder makes the plan of a shape and a schema. A pair that leads back to itself
// ends in a loop of plans.
type binder struct {
	made    map[pair]*plan
	derived bool // the schema is that of the shape, not one that the caller gave
}

type pair struct {
	shape *shape.Shape
	node  *node
}

// bind returns the plan of s by n, or an error that says why values of s cannot be
// written by n.
func (b *binder) bind(s *shape.Shape, n *node) (*plan, error) {
	key := pair{s, n}
	if p := b.made[key]; p != nil {
		return p, nil
	}
	p := &plan{shape: s, node: n}
	b.made[key] = p
	switch {
	case s.Kind == shape.Pointer:
		return p, b.pointer(p, n)
	case (s.Kind == shape.List || s.Kind == shape.Array) && n.kind == isArray:
		p.form = asList
		return p, b.items(p, n)
	case s.Kind == shape.Map && n.kind == isMap:
		p.form = asMap
		return p, b.items(p, n)
	case s.Kind == shape.Struct && n.kind == isRecord:
		p.form = asRecord
		return p, b.record(p, n)
	}
	p.form, p.short = scalarForm(s, n)
	if p.form == 0 {
		return nil, shape.Unsupported(fmt.Sprintf("the schema has %s where the type has %s", n.kind, s.Kind))
	}
	return p, nil
}

// scalarForm returns the form of a value that holds no other, or zero if n is not
// for values of s.
func scalarForm(s *shape.Shape, n *node) (f form, short bool) {
	number := n.kind == isInt || n.kind == isLong
	switch {
	case s.Kind == shape.Bool && n.kind == isBoolean:
		return asBool, false
	case (s.Kind == shape.Int || s.Kind == shape.Duration) && number:
		return asInt, n.kind == isInt && s.Bits > 32
	case s.Kind == shape.Uint && number:
		return asUint, n.kind == isInt && s.Bits > 16
	case s.Kind == shape.Uint && n.kind == isFixed && n.size == 8:
		return asUint64, false
	case s.Kind == shape.Float && n.kind == isFloat && s.Bits == 32:
		return asFloat, false
	case s.Kind == shape.Float && n.kind == isDouble:
		return asDouble, false
	case s.Kind == shape.String && n.kind == isString:
		return asString, false
	case s.Kind == shape.Text && n.kind == isString:
		return asText, false
	case s.Kind == shape.Bytes && n.kind == isBytes:
		return asBytes, false
	case s.Kind == shape.Bytes && n.kind == isFixed && n.size == s.Len:
		return asFixed, false
	case s.Kind == shape.Time && isTimeRecord(n):
		return asTime, false
	case s.Kind == shape.String && n.kind == isEnum:
		return asSymbol, false
	case (s.Kind == shape.Int || s.Kind == shape.Uint) && n.kind == isEnum:
		return asIndex, false
	}
	return 0, false
}

// isTimeRecord reports whether n is what a time is written as.
func isTimeRecord(n *node) bool {
	return n.kind == isRecord && len(n.fields) == 2 && n.fields[0].name == "seconds" && n.fields[0].node.kind == isLong &&
		n.fields[1].name == "nanos" && n.fields[1].node.kind == isInt
}

func (b *binder) pointer(p *plan, n *node) (err error) {
	if n.kind != isUnion {
		p.form = asPresent
		p.elem, err = b.bind(p.shape.Elem, n)
		return err
	}
	p.form = asOptional
	some := n.optional()
	if some < 0 {
		return shape.Unsupported("the schema has a union other than of null and one type where the type has an optional value")
	}
	p.some = byte(2 * some)
	p.elem, err = b.bind(p.shape.Elem, n.branches[some])
	return err
}

// optional returns the branch that is not null of a union of null and one type,
// or -1.
func (n *node) optional() int {
	switch {
	case len(n.branches) != 2:
	case n.branches[0].kind == isNull:
		return 1
	case n.branches[1].kind == isNull:
		return 0
	}
	return -1
}

func (b *binder) items(p *plan, n *node) (err error) {
	if p.elem, err = b.bind(p.shape.Elem, n.items); err != nil {
		return shape.InField(err, "[]")
	}
	return nil
}

// record binds the fields by name; each side must have all that the other has.
func (b *binder) record(p *plan, n *node) error {
	places := make(map[string]*shape.Field)
	for i := range p.shape.Fields {
		f := &p.shape.Fields[i]
		places[escape(f.Name)] = f
	}
	for i := range n.fields {
		m := &n.fields[i]
		at := places[m.name]
		if at == nil {
			return shape.Unsupported(fmt.Sprintf("the schema has the field %s, which the type lacks", m.name))
		}
		delete(places, m.name)
		of, err := b.bind(at.Shape, m.node)
		if err != nil {
			return shape.InField(err, at.GoName)
		}
		f := newField(at, of, m)
		f.zero = b.derived
		p.fields = append(p.fields, f)
	}
	for i := range p.shape.Fields {
		if f := &p.shape.Fields[i]; places[escape(f.Name)] != nil {
			return shape.InField(shape.Unsupported("the schema has no field "+escape(f.Name)), f.GoName)
		}
	}
	return nil
}
