package protoshape

import (
	"sync"

	"github.com/polywire/polywire/internal/shape"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A form is what a message becomes.
type form uint8

const (
	structure form = iota // a struct of its fields
	timestamp             // a time
	duration              // a text
	wrapper               // the value of its one field
)

// A message says how messages of one descriptor become plain. It is immutable and
// may refer to itself.
type message struct {
	descriptor protoreflect.MessageDescriptor
	form       form
	shape      *shape.Shape
	fields     []field // in the order of shape.Fields; of a wrapper, its one
	at         map[protoreflect.FieldNumber]int
	required   []int // positions in fields
	oneofs     int   // one-ofs that are declared as such
}

// A field is a member of a message.
type field struct {
	descriptor protoreflect.FieldDescriptor
	value      protoreflect.FieldDescriptor // of a map: of its values; else descriptor
	message    *message                     // of a value that is one
	oneof      int                          // position of its one-of in the message; -1 without
}

// name is what the plain field is called.
func (f *field) name() string { return f.descriptor.JSONName() }

// A builder makes the messages of one descriptor and of all that it leads to, each
// once, so that a message which refers to itself ends in a loop of messages.
type builder struct {
	known *sync.Map // those of before
	made  map[protoreflect.MessageDescriptor]*message
}

func (b *builder) message(d protoreflect.MessageDescriptor) *message {
	if m, ok := b.known.Load(d); ok {
		return m.(*message)
	}
	if m := b.made[d]; m != nil {
		return m
	}
	m := &message{descriptor: d, at: make(map[protoreflect.FieldNumber]int)}
	b.made[d] = m
	switch m.form = formOf(d); m.form {
	case timestamp:
		m.shape = &shape.Shape{Kind: shape.Time}
	case duration:
		m.shape = &shape.Shape{Kind: shape.String}
	case wrapper:
		f := d.Fields().ByNumber(1)
		m.fields = []field{{descriptor: f, value: f, oneof: -1}}
		m.shape = scalar(f.Kind())
	default:
		m.shape = &shape.Shape{Kind: shape.Struct, Name: string(d.FullName())}
		b.fields(m)
	}
	return m
}

// fields fills in the fields of a structure.
func (b *builder) fields(m *message) {
	all := m.descriptor.Fields()
	for i := range all.Len() {
		d := all.Get(i)
		f := field{descriptor: d, value: d, oneof: -1}
		if d.IsMap() {
			f.value = d.MapValue()
		}
		if o := d.ContainingOneof(); o != nil && !o.IsSynthetic() {
			f.oneof = o.Index()
		}
		s := b.value(&f)
		switch {
		case d.IsMap():
			s = &shape.Shape{Kind: shape.Map, Key: scalar(d.MapKey().Kind()), Elem: s}
		case d.IsList():
			s = &shape.Shape{Kind: shape.List, Elem: s}
		case d.HasPresence():
			s = &shape.Shape{Kind: shape.Pointer, Elem: s}
		}
		if d.Cardinality() == protoreflect.Required {
			m.required = append(m.required, i)
		}
		m.at[d.Number()] = i
		m.fields = append(m.fields, f)
		m.shape.Fields = append(m.shape.Fields, shape.Field{
			Name: d.JSONName(), GoName: string(d.Name()), Number: int(d.Number()), Shape: s,
		})
	}
	m.oneofs = m.descriptor.Oneofs().Len()
}

// value returns the shape of one value of f.
func (b *builder) value(f *field) *shape.Shape {
	if d := f.value.Message(); d != nil {
		f.message = b.message(d)
		return f.message.shape
	}
	return scalar(f.value.Kind())
}

// scalar returns a new shape of what is no message.
func scalar(k protoreflect.Kind) *shape.Shape {
	switch k {
	case protoreflect.BoolKind:
		return &shape.Shape{Kind: shape.Bool}
	case protoreflect.EnumKind, protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return &shape.Shape{Kind: shape.Int, Bits: 32}
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return &shape.Shape{Kind: shape.Int, Bits: 64}
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return &shape.Shape{Kind: shape.Uint, Bits: 32}
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return &shape.Shape{Kind: shape.Uint, Bits: 64}
	case protoreflect.FloatKind:
		return &shape.Shape{Kind: shape.Float, Bits: 32}
	case protoreflect.DoubleKind:
		return &shape.Shape{Kind: shape.Float, Bits: 64}
	case protoreflect.StringKind:
		return &shape.Shape{Kind: shape.String}
	default:
		return &shape.Shape{Kind: shape.Bytes}
	}
}

// formOf returns what messages of d become. Anybody may declare a message of those
// names, so it must have those fields.
func formOf(d protoreflect.MessageDescriptor) form {
	if d.ParentFile() == nil || d.ParentFile().Package() != "google.protobuf" || d.Parent() != d.ParentFile() {
		return structure
	}
	first, second := d.Fields().ByNumber(1), d.Fields().ByNumber(2)
	switch d.Name() {
	case "Timestamp", "Duration":
		if !isSingle(first, protoreflect.Int64Kind) || !isSingle(second, protoreflect.Int32Kind) {
			return structure
		}
		if d.Name() == "Timestamp" {
			return timestamp
		}
		return duration
	}
	kind, ok := map[protoreflect.Name]protoreflect.Kind{
		"DoubleValue": protoreflect.DoubleKind, "FloatValue": protoreflect.FloatKind,
		"Int64Value": protoreflect.Int64Kind, "UInt64Value": protoreflect.Uint64Kind,
		"Int32Value": protoreflect.Int32Kind, "UInt32Value": protoreflect.Uint32Kind,
		"BoolValue": protoreflect.BoolKind, "StringValue": protoreflect.StringKind, "BytesValue": protoreflect.BytesKind,
	}[d.Name()]
	if ok && d.Fields().Len() == 1 && isSingle(first, kind) {
		return wrapper
	}
	return structure
}

func isSingle(f protoreflect.FieldDescriptor, k protoreflect.Kind) bool {
	return f != nil && f.Kind() == k && f.Cardinality() == protoreflect.Optional && !f.HasPresence()
}
