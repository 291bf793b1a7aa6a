package xmlcodec

import (
	"bytes"

	"github.com/polywire/polywire/internal/shape"
)

// A plan is a Shape with the names of its elements. It is immutable and may
// refer to itself.
type plan struct {
	shape  *shape.Shape
	elem   *plan   // of Pointer, List, Array and Map
	fields []field // of Struct
	arrays int     // how many fields are repeated elements of a fixed number

	names map[string]int // of Struct: positions in fields
}

// A field is a member of a struct: one element, or one for each item of a list.
type field struct {
	at         *shape.Field
	plan       *plan
	name       string // of the element
	open, shut string // <name> and </name>
	repeated   bool   // the plan is a List or Array
	array      int    // of an Array: its place among the arrays of the struct
}

// isArray reports whether f has a fixed number of elements.
func (f *field) isArray() bool { return f.at.Shape.Kind == shape.Array }

// newPlan is what a Cache adds to a Shape.
func newPlan(s *shape.Shape) (any, error) {
	return planner{}.plan(s), nil
}

// A planner holds the plans of one type, so that a loop of shapes becomes one of plans.
type planner map[*shape.Shape]*plan

func (b planner) plan(s *shape.Shape) *plan {
	if s == nil || b[s] != nil {
		return b[s]
	}
	p := &plan{shape: s}
	b[s] = p
	p.elem = b.plan(s.Elem)
	if s.Kind == shape.Struct {
		b.fields(p)
	}
	return p
}

// fields fills in those of p. A field is found by its escaped name, and by its
// own where that is no other's: peers need not escape what their parser takes.
func (b planner) fields(p *plan) {
	p.fields = make([]field, len(p.shape.Fields))
	p.names = make(map[string]int, len(p.fields))
	for i := range p.fields {
		f := &p.fields[i]
		f.at = &p.shape.Fields[i]
		f.plan = b.plan(f.at.Shape)
		f.name = wireName(f.at.Name)
		f.open, f.shut = "<"+f.name+">", "</"+f.name+">"
		kind := f.at.Shape.Kind
		f.repeated = kind == shape.List || kind == shape.Array
		if kind == shape.Array {
			f.array = p.arrays
			p.arrays++
		}
		p.names[f.name] = i
	}
	for i := range p.fields {
		own := p.fields[i].at.Name
		if _, taken := p.names[own]; !taken {
			p.names[own] = i
		}
	}
}

// find returns the position of the field of an element. hint is where it is
// expected.
func (p *plan) find(name []byte, hint int) (int, bool) {
	if hint < len(p.fields) && p.fields[hint].name == string(name) {
		return hint, true
	}
	i, ok := p.names[string(name)]
	return i, ok
}

// opens reports whether src begins with the start tag of field i, without
// attributes or spaces.
func (p *plan) opens(src []byte, i int) bool {
	return i < len(p.fields) && bytes.HasPrefix(src, []byte(p.fields[i].open))
}
