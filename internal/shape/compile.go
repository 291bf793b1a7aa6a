package shape

import (
	"encoding"
	"reflect"
	"time"
)

var (
	timeType        = reflect.TypeFor[time.Time]()
	durationType    = reflect.TypeFor[time.Duration]()
	textMarshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// compile returns the Shape of t, or an error that wraps ErrUnsupported and
// names the path of the first part that cannot be carried.
func compile(t reflect.Type) (*Shape, error) {
	c := compiler{seen: make(map[reflect.Type]*Shape)}
	s, err := c.shape(t)
	if err != nil {
		return nil, InField(err, t.String())
	}
	return s, nil
}

// A compiler holds the shapes of one compile, so that a type which refers to
// itself ends in a loop of shapes rather than in one of calls.
type compiler struct {
	seen map[reflect.Type]*Shape
}

func (c *compiler) shape(t reflect.Type) (*Shape, error) {
	if s := c.seen[t]; s != nil {
		return s, nil
	}
	s := &Shape{Type: t, Len: -1, size: t.Size()}
	c.seen[t] = s
	return s, c.fill(s, t)
}

// fill decides the kind of t: what a type says about itself (time, text) comes
// before what it is made of.
func (c *compiler) fill(s *Shape, t reflect.Type) error {
	if t.Kind() == reflect.Pointer {
		return c.fillPointer(s, t)
	}
	if t == timeType || t == durationType {
		s.Kind = Time
		if t == durationType {
			s.Kind, s.Bits = Duration, 64
		}
		return nil
	}
	isText, err := checkMethods(t)
	if err != nil {
		return err
	}
	if isText {
		s.Kind = Text
		return nil
	}
	if scalar(s, t) {
		return nil
	}
	return c.fillComposite(s, t)
}

// scalar fills s if t is of a basic kind, and reports whether it is.
func scalar(s *Shape, t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool:
		s.Kind = Bool
	case reflect.String:
		s.Kind = String
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		s.Kind, s.Bits = Int, wireBits(t)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		s.Kind, s.Bits = Uint, wireBits(t)
	case reflect.Float32, reflect.Float64:
		s.Kind, s.Bits = Float, t.Bits()
	default:
		return false
	}
	return true
}

// wireBits returns the width of an integer type on the wire. int and uint have 64
// bits there on every machine, so that their descriptions and schemas are the
// same everywhere; Value checks what the machine holds.
func wireBits(t reflect.Type) int {
	if t.Kind() == reflect.Int || t.Kind() == reflect.Uint {
		return 64
	}
	return t.Bits()
}

func (c *compiler) fillComposite(s *Shape, t reflect.Type) (err error) {
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		return c.fillList(s, t)
	case reflect.Map:
		return c.fillMap(s, t)
	case reflect.Struct:
		return c.fillStruct(s, t)
	case reflect.Interface:
		return unsupported("%s does not say what it holds; use a concrete type", t)
	case reflect.Uintptr, reflect.UnsafePointer:
		return unsupported("%s is an address; use an integer type", t)
	default:
		return unsupported("%s cannot be carried; leave the field out with the tag `wire:\"-\"`", t)
	}
}

func (c *compiler) fillPointer(s *Shape, t reflect.Type) (err error) {
	if t.Elem().Kind() == reflect.Pointer {
		return unsupported("%s is a pointer to a pointer; one pointer says all about presence", t)
	}
	s.Kind = Pointer
	s.Elem, err = c.shape(t.Elem())
	return err
}

func (c *compiler) fillList(s *Shape, t reflect.Type) (err error) {
	if t.Kind() == reflect.Array {
		s.Len = t.Len()
	}
	if s.Elem, err = c.shape(t.Elem()); err != nil {
		return InField(err, "[]")
	}
	switch {
	case s.Elem.Kind == Uint && s.Elem.Bits == 8:
		s.Kind = Bytes
	case t.Kind() == reflect.Array:
		s.Kind = Array
	default:
		s.Kind = List
	}
	return nil
}

func (c *compiler) fillMap(s *Shape, t reflect.Type) (err error) {
	s.Kind = Map
	s.column, s.keys = reflect.SliceOf(t.Elem()), reflect.SliceOf(t.Key())
	if s.Key, err = c.shape(t.Key()); err != nil {
		return InField(err, "[key]")
	}
	switch s.Key.Kind {
	case Bool, Int, Uint, String, Text, Duration:
	default:
		return unsupported("%s has keys of type %s; want string, bool, integer or a type with MarshalText", t, t.Key())
	}
	if s.Elem, err = c.shape(t.Elem()); err != nil {
		return InField(err, "[]")
	}
	return nil
}

// checkMethods reports whether t reads and writes itself as text, and refuses
// types whose own methods would be honoured by one format and not by another.
func checkMethods(t reflect.Type) (isText bool, err error) {
	pt := reflect.PointerTo(t)
	if _, ok := pt.MethodByName("ProtoReflect"); ok {
		return false, unsupported("%s is a generated message; it is carried alone, as %s, not inside a plain struct", t, pt)
	}
	writes, reads := pt.Implements(textMarshaler), pt.Implements(textUnmarshaler)
	if t.Kind() == reflect.Interface {
		return false, nil
	}
	if writes != reads {
		return false, unsupported("%s has one of MarshalText and UnmarshalText; it needs both", t)
	}
	if writes {
		return true, checkPromoted(t)
	}
	for _, method := range [...]bool{
		has(pt, "MarshalJSON"), has(pt, "UnmarshalJSON"), has(pt, "MarshalJSONTo"), has(pt, "UnmarshalJSONFrom"),
	} {
		if method {
			return false, unsupported("%s has JSON methods, which the other formats cannot honour; "+
				"give it MarshalText and UnmarshalText", t)
		}
	}
	return false, nil
}

func has(t reflect.Type, method string) bool {
	_, ok := t.MethodByName(method)
	return ok
}

// checkPromoted refuses a struct that is a text only because it embeds one: its
// other fields would vanish without a word.
func checkPromoted(t reflect.Type) error {
	if t.Kind() != reflect.Struct || t.NumField() < 2 {
		return nil
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous && (f.Type.Implements(textMarshaler) || reflect.PointerTo(f.Type).Implements(textMarshaler)) {
			return unsupported("%s embeds %s, whose MarshalText stands for the whole struct; give the field a name", t, f.Type)
		}
	}
	return nil
}
