package schema

import (
	"fmt"
	"slices"

	"github.com/polywire/polywire/internal/shape"
)

// A Maker makes values of a described type. Make one for a type, not for a
// message: Go keeps the types that it makes at run time. It is safe for concurrent use.
type Maker struct {
	shape *shape.Shape
}

// Maker returns a Maker of t, which refers to ts; both come from anywhere. It fails
// if t could be no Go type, or holds a message whose fields are not described.
func (ts Types) Maker(t *Type) (*Maker, error) {
	if err := ts.Check(); err != nil {
		return nil, err
	}
	if err := ts.CheckType(t); err != nil {
		return nil, err
	}
	b := builder{types: ts, made: make(map[string]*shape.Shape)}
	s, err := b.shape(t)
	if err != nil {
		return nil, err
	}
	if err := shape.Make(s); err != nil {
		return nil, err
	}
	return &Maker{s}, nil
}

// New returns a zero value. Every codec of this module takes it in place of a
// pointer to a plain struct, to Append it and to Decode into it; nothing else can
// be done with it.
func (m *Maker) New() any { return m.shape.New() }

// A builder makes one graph of shapes.
type builder struct {
	types Types
	made  map[string]*shape.Shape
}

func (b *builder) shape(t *Type) (*shape.Shape, error) {
	s, err := b.value(t)
	if err == nil && t.Optional {
		s = &shape.Shape{Kind: shape.Pointer, Elem: s}
	}
	return s, err
}

// value returns the shape of t without its presence.
func (b *builder) value(t *Type) (s *shape.Shape, err error) {
	if t.Type != "" && (t.Kind == "struct" || t.Kind == "message") {
		return b.named(t)
	}
	if t.Kind == "message" {
		return nil, fmt.Errorf("%w: a message without a name", shape.ErrUnsupported)
	}
	s = &shape.Shape{Kind: shape.Kind(slices.Index(kindNames[:], t.Kind)), Bits: t.Bits, Len: t.Len}
	if t.Key != nil && t.Kind == "map" {
		if s.Key, err = b.value(t.Key); err != nil {
			return nil, err
		}
	}
	switch t.Kind {
	case "list", "array", "map":
		s.Elem, err = b.value(t.Elem)
	case "struct":
		err = b.fields(s, t.Fields)
	}
	return s, err
}

// named returns the shape of a struct among the types, which may refer to itself.
func (b *builder) named(t *Type) (*shape.Shape, error) {
	if s := b.made[t.Type]; s != nil {
		return s, nil
	}
	def := b.types[t.Type]
	if def == nil || def.Kind == "message" && def.Fields == nil {
		return nil, fmt.Errorf("%w: the fields of the message %.64q are not described", shape.ErrUnsupported, t.Type)
	}
	s := &shape.Shape{Kind: shape.Struct, Name: t.Type}
	b.made[t.Type] = s
	if err := b.fields(s, def.Fields); err != nil {
		return nil, shape.InField(err, t.Type)
	}
	return s, nil
}

func (b *builder) fields(s *shape.Shape, fields []Type) error {
	s.Fields = make([]shape.Field, len(fields))
	for i := range fields {
		f := &fields[i]
		fs, err := b.shape(f)
		if err != nil {
			return shape.InField(err, f.Name)
		}
		s.Fields[i] = shape.Field{Name: f.Name, GoName: f.Name, Number: f.Number, OmitZero: f.OmitZero, Shape: fs}
	}
	return nil
}
