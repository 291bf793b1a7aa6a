package protoshape

import (
	"errors"
	"fmt"
	"time"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/shape"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A reader turns one message into its plain form. It counts, because a message may
// refer to itself, or to one other many times.
type reader struct {
	limits   codecs.Limits
	depth    int // of open messages, lists and maps
	elements int // messages, items and entries so far
}

func (r *reader) message(of *message, m protoreflect.Message, into shape.Value) error {
	switch of.form {
	case timestamp:
		return readTimestamp(m, into)
	case duration:
		return readDuration(m, into)
	case wrapper:
		return setScalar(into, of.fields[0].value, m.Get(of.fields[0].descriptor))
	}
	return r.nested(1, func() error { return r.fields(of, m, into) })
}

// nested runs read one level down, for n elements.
func (r *reader) nested(n int, read func() error) error {
	r.depth++
	if err := r.limits.CheckDepth(r.depth); err != nil {
		return err
	}
	r.elements += n
	if err := r.limits.CheckElements(r.elements); err != nil {
		return err
	}
	err := read()
	r.depth--
	return err
}

// fields reads the fields that m has; what it has not is zero already.
func (r *reader) fields(of *message, m protoreflect.Message, into shape.Value) (err error) {
	m.Range(func(d protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if d.IsExtension() {
			err = fmt.Errorf("the extension %s is set, which protobuf and json carry alone", d.FullName())
			return false
		}
		i, ok := of.at[d.Number()]
		if !ok {
			err = errors.New("a field that the descriptor has not")
			return false
		}
		f := &of.shape.Fields[i]
		if err = r.field(&of.fields[i], f.Shape, v, into.Field(f)); err != nil {
			err = shape.InField(err, f.Name)
		}
		return err == nil
	})
	for _, i := range of.required {
		if err == nil && !m.Has(of.fields[i].descriptor) {
			err = shape.InField(errRequired, of.fields[i].name())
		}
	}
	return err
}

var errRequired = errors.New("is required, and missing")

func (r *reader) field(f *field, s *shape.Shape, v protoreflect.Value, into shape.Value) error {
	switch s.Kind {
	case shape.Map:
		return r.nested(v.Map().Len(), func() error { return r.entries(f, s, v.Map(), into) })
	case shape.List:
		return r.nested(v.List().Len(), func() error { return r.items(f, s, v.List(), into) })
	}
	return r.value(f, s, v, into)
}

// value reads one value: of a field, of a list or of a map.
func (r *reader) value(f *field, s *shape.Shape, v protoreflect.Value, into shape.Value) error {
	if s.Kind == shape.Pointer {
		into = into.SetNew(s.Elem)
	}
	if f.message != nil {
		return r.message(f.message, v.Message(), into)
	}
	return setScalar(into, f.value, v)
}

func (r *reader) items(f *field, s *shape.Shape, items protoreflect.List, into shape.Value) error {
	into.Reserve(items.Len())
	for i := range items.Len() {
		if err := r.value(f, s.Elem, items.Get(i), into.Item(i)); err != nil {
			return shape.InItem(err, i)
		}
	}
	return nil
}

func (r *reader) entries(f *field, s *shape.Shape, entries protoreflect.Map, into shape.Value) (err error) {
	w, i := into.SetMap(s), 0
	entries.Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		key, value := w.Next()
		err = setScalar(key, f.descriptor.MapKey(), k.Value())
		if err == nil {
			err = r.value(f, s.Elem, v, value)
		}
		if err == nil {
			err = w.End()
		}
		if err != nil {
			err = shape.InEntry(err, i)
		}
		i++
		return err == nil
	})
	return err
}

// setScalar sets into from v, a value of d.
func setScalar(into shape.Value, d protoreflect.FieldDescriptor, v protoreflect.Value) error {
	switch d.Kind() {
	case protoreflect.BoolKind:
		into.SetBool(v.Bool())
	case protoreflect.EnumKind:
		return into.SetInt(int64(v.Enum()))
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind,
		protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return into.SetInt(v.Int())
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind, protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return into.SetUint(v.Uint())
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return into.SetFloat(v.Float())
	case protoreflect.StringKind:
		into.SetStr(v.String())
	default:
		return into.SetBytes(v.Bytes())
	}
	return nil
}

// parts returns the seconds and the nanoseconds of a Timestamp or Duration.
func parts(m protoreflect.Message) (seconds, nanos int64) {
	fields := m.Descriptor().Fields()
	return m.Get(fields.ByNumber(1)).Int(), m.Get(fields.ByNumber(2)).Int()
}

var (
	errNanos    = errors.New("the nanoseconds of a time are outside 0 to 999999999")
	errSeconds  = errors.New("the year is outside 1 to 9999 in UTC")
	errDuration = errors.New("a duration has seconds of -315576000000 to 315576000000 and nanoseconds of the same sign below a second")
)

// The seconds of the years 1 to 9999.
const minSeconds, maxSeconds = -62135596800, 253402300799

func readTimestamp(m protoreflect.Message, into shape.Value) error {
	seconds, nanos := parts(m)
	switch {
	case nanos < 0 || nanos >= 1e9:
		return errNanos
	case seconds < minSeconds || seconds > maxSeconds:
		return errSeconds
	}
	return into.SetTime(time.Unix(seconds, nanos))
}

func readDuration(m protoreflect.Message, into shape.Value) error {
	seconds, nanos := parts(m)
	text, err := formatDuration(seconds, nanos)
	into.SetStr(text)
	return err
}
