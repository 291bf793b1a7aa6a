package protocodec

import (
	"errors"
	"path"
	"reflect"
	"strconv"
	"strings"

	"github.com/polywire/polywire/internal/shape"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Descriptor returns the .proto of t: a file whose first message generated code
// writes and reads as the codec does values of t. That of a generated message is
// its own file. Names that .proto does not allow are changed; their JSON names are
// those of the type.
func (c *Codec) Descriptor(t reflect.Type) (*descriptorpb.FileDescriptorProto, error) {
	if err := c.CheckType(t); err != nil {
		return nil, err
	}
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if m, ok := reflect.New(t).Interface().(proto.Message); ok {
		return protodesc.ToFileDescriptorProto(m.ProtoReflect().Descriptor().ParentFile()), nil
	}
	s, err := c.shapes.Of(t)
	if err != nil {
		return nil, fail("check", -1, err)
	}
	return newFile(s, t.PkgPath())
}

// DescriptorOf returns the .proto of the type of v, as Descriptor does. It takes
// what a Maker of package schema has made too.
func (c *Codec) DescriptorOf(v any) (*descriptorpb.FileDescriptorProto, error) {
	made, ok := v.(*shape.Dynamic)
	if !ok {
		return c.Descriptor(reflect.TypeOf(v))
	}
	s, err := c.shapes.OfMade(made.Shape())
	if err != nil {
		return nil, fail("check", -1, err)
	}
	return newFile(s, "")
}

// A file is a descriptor that is being made.
type file struct {
	out   *descriptorpb.FileDescriptorProto
	names map[*message]string
}

const timestampFile, timestampName = "google/protobuf/timestamp.proto", ".google.protobuf.Timestamp"

// newFile returns the file of the plan of s, in the package at that path if there is one.
func newFile(s *shape.Shape, at string) (*descriptorpb.FileDescriptorProto, error) {
	p := s.Plan.(*plan)
	if p.root.form == instant {
		return nil, fail("check", -1, errors.New("a time alone is google.protobuf.Timestamp"))
	}
	f := file{out: &descriptorpb.FileDescriptorProto{Syntax: proto.String("proto3")}, names: make(map[*message]string)}
	if at != "" {
		f.out.Package = proto.String(identifier(path.Base(at)))
	}
	taken := make(map[string]bool)
	for _, m := range p.messages {
		f.names[m] = unique(typeName(m.shape), taken)
	}
	f.out.Name = proto.String(path.Join(at, f.names[p.messages[0]]+".proto"))
	for _, m := range p.messages {
		f.out.MessageType = append(f.out.MessageType, f.message(m))
	}
	return f.out, nil
}

func (f *file) message(m *message) *descriptorpb.DescriptorProto {
	out := &descriptorpb.DescriptorProto{Name: proto.String(f.names[m])}
	taken := make(map[string]bool)
	for i := range m.fields {
		of := &m.fields[i]
		d := f.field(unique(identifier(of.name), taken), of.number, &of.item)
		d.JsonName = proto.String(of.name)
		switch of.rule {
		case optional:
			d.Proto3Optional, d.OneofIndex = proto.Bool(true), proto.Int32(int32(len(out.OneofDecl)))
			out.OneofDecl = append(out.OneofDecl, &descriptorpb.OneofDescriptorProto{Name: proto.String(d.GetName())})
		case repeated:
			d.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
		case mapped:
			out.NestedType = append(out.NestedType, f.entry(d, of, f.names[m]))
		}
		out.Field = append(out.Field, d)
	}
	nameOneofs(out)
	return out
}

// nameOneofs gives the one-ofs of optional fields, which have the names of those, the
// names that protoc gives them.
func nameOneofs(m *descriptorpb.DescriptorProto) {
	taken := make(map[string]bool)
	for _, f := range m.GetField() {
		taken[f.GetName()] = true
	}
	for _, o := range m.GetOneofDecl() {
		name := o.GetName()
		if !strings.HasPrefix(name, "_") {
			name = "_" + name
		}
		for taken[name] {
			name = "X" + name
		}
		taken[name] = true
		o.Name = &name
	}
}

// field returns a field whose values are n.
func (f *file) field(name string, number protowire.Number, n *node) *descriptorpb.FieldDescriptorProto {
	d := &descriptorpb.FieldDescriptorProto{
		Name: proto.String(name), Number: proto.Int32(int32(number)), Type: protoType(n).Enum(),
		Label: descriptorpb.FieldDescriptorProto_LABEL_OPTIONAL.Enum(),
	}
	switch n.form {
	case nested:
		d.TypeName = proto.String(f.absolute(f.names[n.message]))
	case instant:
		d.TypeName = proto.String(timestampName)
		if len(f.out.Dependency) == 0 {
			f.out.Dependency = []string{timestampFile}
		}
	}
	return d
}

// entry makes a map of d, and returns the message of its entries, which is nested
// in the message of that name.
func (f *file) entry(d *descriptorpb.FieldDescriptorProto, of *field, parent string) *descriptorpb.DescriptorProto {
	name := camel(d.GetName()) + "Entry"
	entry := &descriptorpb.DescriptorProto{
		Name:    proto.String(name),
		Field:   []*descriptorpb.FieldDescriptorProto{f.field("key", 1, &of.key), f.field("value", 2, &of.item)},
		Options: &descriptorpb.MessageOptions{MapEntry: proto.Bool(true)},
	}
	d.Label = descriptorpb.FieldDescriptorProto_LABEL_REPEATED.Enum()
	d.Type = descriptorpb.FieldDescriptorProto_TYPE_MESSAGE.Enum()
	d.TypeName = proto.String(f.absolute(parent + "." + name))
	return entry
}

func (f *file) absolute(name string) string {
	if f.out.GetPackage() == "" {
		return "." + name
	}
	return "." + f.out.GetPackage() + "." + name
}

func protoType(n *node) descriptorpb.FieldDescriptorProto_Type {
	long := n.shape.Bits == 64
	switch n.form {
	case boolean:
		return descriptorpb.FieldDescriptorProto_TYPE_BOOL
	case signed:
		if long {
			return descriptorpb.FieldDescriptorProto_TYPE_INT64
		}
		return descriptorpb.FieldDescriptorProto_TYPE_INT32
	case unsigned:
		if long {
			return descriptorpb.FieldDescriptorProto_TYPE_UINT64
		}
		return descriptorpb.FieldDescriptorProto_TYPE_UINT32
	case single:
		return descriptorpb.FieldDescriptorProto_TYPE_FLOAT
	case double:
		return descriptorpb.FieldDescriptorProto_TYPE_DOUBLE
	case text, selfText:
		return descriptorpb.FieldDescriptorProto_TYPE_STRING
	case blob:
		return descriptorpb.FieldDescriptorProto_TYPE_BYTES
	default:
		return descriptorpb.FieldDescriptorProto_TYPE_MESSAGE
	}
}

// typeName returns what the message of a type would be called if it were alone.
func typeName(s *shape.Shape) string {
	name := s.Type.Name()
	if s.Kind == shape.Struct {
		name = s.Name
	}
	if name != "" && (s.Kind >= shape.List || s.Kind == shape.Text) {
		return identifier(camel(name))
	}
	switch s.Kind {
	case shape.List, shape.Array:
		return "ListOf" + typeName(s.Elem)
	case shape.Map:
		return "MapOf" + typeName(s.Elem)
	case shape.Pointer:
		return "Optional" + typeName(s.Elem)
	case shape.Struct:
		return "Record"
	case shape.Bytes:
		return "Bytes"
	case shape.Time:
		return "Time"
	default:
		return identifier(camel(s.Type.Name()))
	}
}

// unique returns name, with a number behind it if what differs from it only in case
// and underscores is taken.
func unique(name string, taken map[string]bool) string {
	key := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, "_", "")) }
	out := name
	for n := 2; taken[key(out)]; n++ {
		out = name + "_" + strconv.Itoa(n)
	}
	taken[key(out)] = true
	return out
}

// identifier returns name with an underscore for each character that .proto does
// not allow there.
func identifier(name string) string {
	legal := func(r rune) rune {
		if r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' {
			return r
		}
		return '_'
	}
	name = strings.Map(legal, name)
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "_" + name
	}
	return name
}

// camel returns name as the compiler names the message of a map's entries: letters
// after an underscore in upper case, and the first.
func camel(name string) string {
	var b strings.Builder
	upper := true
	for _, r := range name {
		switch {
		case r == '_':
			upper = true
		case upper:
			b.WriteString(strings.ToUpper(string(r)))
			upper = false
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}
