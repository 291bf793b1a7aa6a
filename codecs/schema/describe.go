package schema

import (
	"fmt"
	"path"
	"reflect"
	"strings"

	"github.com/polywire/polywire/internal/shape"
)

// A Describer describes Go types. Structs that have a name are described once, in
// Types. The zero value is ready; it is not safe for concurrent use.
type Describer struct {
	Types Types // grows as types are described; may be nil before

	// Number gives numbers to fields whose tags give none, as the Number of a
	// protocodec.Lock does: zero is none. Nil gives none at all.
	Number func(t reflect.Type, field string) int

	cache shape.Cache
	names map[reflect.Type]string
	depth int // of shapes within the same type
	err   error
}

// Reserve gives t a name before all types that are described later, or fails if
// another type has it.
func (d *Describer) Reserve(t reflect.Type, name string) error {
	for other, taken := range d.names {
		if taken == name && other != t {
			return fmt.Errorf("%s and %s share the name %s: rename one", other, t, name)
		}
	}
	d.named(t, name)
	return nil
}

// Type describes t. It fails if t cannot be carried, with the path of the field.
func (d *Describer) Type(t reflect.Type) (*Type, error) {
	if isMessage(t) {
		out := &Type{Kind: "message", Type: d.name(t)}
		d.define(out.Type, &Type{Kind: "message"})
		return out, nil
	}
	s, err := d.cache.Of(t)
	if err != nil {
		return nil, err
	}
	d.err = nil
	out := d.shape(s)
	return out, d.err
}

// isMessage reports whether *t is a message made by protoc.
func isMessage(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[interface{ ProtoMessage() }]())
}

func (d *Describer) shape(s *shape.Shape) *Type {
	if s.Kind == shape.Pointer {
		out := d.shape(s.Elem)
		out.Optional = true
		return out
	}
	out := &Type{Kind: kindNames[s.Kind]}
	if d.depth++; d.depth > MaxDepth { // a list or map type that holds itself
		d.err = fmt.Errorf("%s nests deeper than %d levels: put a struct between", s.Type, MaxDepth)
		return out
	}
	defer func() { d.depth-- }()
	switch s.Kind {
	case shape.Int, shape.Uint, shape.Float:
		out.Bits = s.Bits
	case shape.Bytes, shape.Array:
		out.Len = max(s.Len, 0)
	}
	switch s.Kind {
	case shape.List, shape.Array:
		out.Elem = d.item(s.Elem)
	case shape.Map:
		out.Key, out.Elem = d.shape(s.Key), d.item(s.Elem)
	case shape.Struct:
		d.structure(out, s)
	}
	return out
}

// item describes what a list or map holds, in which a pointer is never nil.
func (d *Describer) item(s *shape.Shape) *Type {
	out := d.shape(s)
	out.Optional = false
	return out
}

func (d *Describer) structure(out *Type, s *shape.Shape) {
	if s.Type.Name() == "" {
		out.Fields = d.fields(s)
		return
	}
	out.Type = d.name(s.Type)
	if d.Types[out.Type] == nil {
		def := &Type{Kind: "struct"}
		d.define(out.Type, def) // before its fields, which may refer to it
		outer := d.depth
		d.depth = 0
		def.Fields = d.fields(s)
		d.number(s.Type, def.Fields)
		d.depth = outer
	}
}

func (d *Describer) fields(s *shape.Shape) []Type {
	fields := make([]Type, 0, len(s.Fields))
	for i := range s.Fields {
		f := &s.Fields[i]
		out := d.shape(f.Shape)
		out.Name, out.Number, out.OmitZero = f.Name, f.Number, f.OmitZero
		fields = append(fields, *out)
	}
	return fields
}

// number fills in the numbers that Number gives the fields of t, a struct with a name.
func (d *Describer) number(t reflect.Type, fields []Type) {
	owners := make(map[int]string)
	for i := range fields {
		f := &fields[i]
		if f.Number == 0 && d.Number != nil {
			f.Number = d.Number(t, f.Name)
		}
		if other := owners[f.Number]; other != "" && f.Number != 0 {
			d.err = fmt.Errorf("%s: the fields %s and %s share the number %d; give one another", t, other, f.Name, f.Number)
		}
		owners[f.Number] = f.Name
	}
}

func (d *Describer) define(name string, t *Type) {
	if d.Types == nil {
		d.Types = make(Types)
	}
	d.Types[name] = t
}

// name finds a name for t that no other type has: its own, else with its
// package, else with a number.
func (d *Describer) name(t reflect.Type) string {
	if name, ok := d.names[t]; ok {
		return name
	}
	name := plainName(t.Name())
	if d.taken(name) {
		name = plainName(path.Base(t.PkgPath())) + "." + name
	}
	for base, n := name, 2; d.taken(name); n++ {
		name = fmt.Sprintf("%s_%d", base, n)
	}
	d.named(t, name)
	return name
}

func (d *Describer) named(t reflect.Type, name string) {
	if d.names == nil {
		d.names = make(map[reflect.Type]string)
	}
	d.names[t] = name
}

func (d *Describer) taken(name string) bool {
	for _, other := range d.names {
		if other == name {
			return true
		}
	}
	return false
}

// plainName takes the paths and brackets out of the name of a generic type:
// Page[example.org/shop.Item] is Page_Item.
func plainName(name string) string {
	var b strings.Builder
	for _, part := range strings.FieldsFunc(name, func(r rune) bool { return strings.ContainsRune("[], *", r) }) {
		part = part[strings.LastIndexByte(part, '/')+1:]
		part = part[strings.LastIndexByte(part, '.')+1:]
		if b.Len() > 0 {
			b.WriteByte('_')
		}
		b.WriteString(part)
	}
	return b.String()
}
