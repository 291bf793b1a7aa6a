package protoshape

import (
	"fmt"

	"github.com/polywire/polywire/internal/shape"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// fill sets the empty m from its plain form. Who made that has limited its depth.
func (of *message) fill(from shape.Value, m protoreflect.Message) error {
	switch of.form {
	case timestamp:
		return fillTimestamp(from, m)
	case duration:
		return fillDuration(from, m)
	case wrapper:
		m.Set(of.fields[0].descriptor, scalarOf(from, of.fields[0].value))
		return nil
	}
	var taken []bool // one-ofs of which a member is there
	if of.oneofs > 0 {
		taken = make([]bool, of.oneofs)
	}
	for i := range of.fields {
		f, at := &of.fields[i], &of.shape.Fields[i]
		v := from.Field(at)
		if v.IsZero(at.Shape) {
			continue
		}
		if f.oneof >= 0 {
			if taken[f.oneof] {
				return shape.InField(fmt.Errorf("a second member of the one-of %s",
					of.descriptor.Oneofs().Get(f.oneof).Name()), at.Name)
			}
			taken[f.oneof] = true
		}
		if err := f.fill(at.Shape, v, m); err != nil {
			return shape.InField(err, at.Name)
		}
	}
	for _, i := range of.required {
		if at := &of.shape.Fields[i]; from.Field(at).IsNil() {
			return shape.InField(errRequired, at.Name)
		}
	}
	return nil
}

// fill sets the field f of m from v, which is not zero.
func (f *field) fill(s *shape.Shape, v shape.Value, m protoreflect.Message) error {
	switch {
	case s.Kind == shape.Map:
		return f.fillMap(s, v, m.Mutable(f.descriptor).Map())
	case s.Kind == shape.List:
		return f.fillList(s, v, m.Mutable(f.descriptor).List())
	case f.message != nil:
		return f.message.fill(v.Elem(s.Elem), m.Mutable(f.descriptor).Message())
	case s.Kind == shape.Pointer:
		v = v.Elem(s.Elem)
	}
	m.Set(f.descriptor, scalarOf(v, f.value))
	return nil
}

func (f *field) fillList(s *shape.Shape, v shape.Value, into protoreflect.List) error {
	for i := range v.Len() {
		item, err := f.single(s.Elem, v.Index(i), into.NewElement)
		if err != nil {
			return shape.InItem(err, i)
		}
		into.Append(item)
	}
	return nil
}

func (f *field) fillMap(s *shape.Shape, v shape.Value, into protoreflect.Map) error {
	pairs, err := v.Pairs(s, nil)
	if err != nil {
		return err
	}
	for i, p := range pairs {
		value, err := f.single(s.Elem, p.Value, into.NewValue)
		if err != nil {
			return shape.InEntry(err, i)
		}
		into.Set(scalarOf(p.Key, f.descriptor.MapKey()).MapKey(), value)
	}
	return nil
}

// single returns a list item, or what a key leads to; empty makes a new message.
func (f *field) single(s *shape.Shape, v shape.Value, empty func() protoreflect.Value) (protoreflect.Value, error) {
	if f.message == nil {
		return scalarOf(v, f.value), nil
	}
	if s.Kind == shape.Pointer {
		v = v.Elem(s.Elem)
	}
	m := empty()
	return m, f.message.fill(v, m.Message())
}

// scalarOf returns v as a value of d.
func scalarOf(v shape.Value, d protoreflect.FieldDescriptor) protoreflect.Value {
	switch d.Kind() {
	case protoreflect.BoolKind:
		return protoreflect.ValueOfBool(v.Bool())
	case protoreflect.EnumKind:
		return protoreflect.ValueOfEnum(protoreflect.EnumNumber(v.Int()))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return protoreflect.ValueOfInt32(int32(v.Int()))
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return protoreflect.ValueOfInt64(v.Int())
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return protoreflect.ValueOfUint32(uint32(v.Uint()))
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return protoreflect.ValueOfUint64(v.Uint())
	case protoreflect.FloatKind:
		return protoreflect.ValueOfFloat32(float32(v.Float()))
	case protoreflect.DoubleKind:
		return protoreflect.ValueOfFloat64(v.Float())
	case protoreflect.StringKind:
		return protoreflect.ValueOfString(v.Str())
	default:
		return protoreflect.ValueOfBytes(v.Bytes())
	}
}

// setParts sets the seconds and the nanoseconds of a Timestamp or Duration.
func setParts(m protoreflect.Message, seconds int64, nanos int32) {
	fields := m.Descriptor().Fields()
	m.Set(fields.ByNumber(1), protoreflect.ValueOfInt64(seconds))
	m.Set(fields.ByNumber(2), protoreflect.ValueOfInt32(nanos))
}

func fillTimestamp(from shape.Value, m protoreflect.Message) error {
	t, err := from.Time()
	if err == nil {
		setParts(m, t.Unix(), int32(t.Nanosecond()))
	}
	return err
}

func fillDuration(from shape.Value, m protoreflect.Message) error {
	seconds, nanos, err := parseDuration(from.Str())
	if err == nil {
		setParts(m, seconds, int32(nanos))
	}
	return err
}
