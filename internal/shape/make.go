package shape

import (
	"reflect"
	"strconv"
	"time"
)

// A Dynamic is a value of a type that Make has made. A codec takes one as it
// takes a pointer to a plain struct: Cache.Source and Cache.Target open it.
type Dynamic struct {
	shape *Shape
	value Value
}

// New returns a zero value of s, which Make has made.
func (s *Shape) New() *Dynamic {
	return &Dynamic{shape: s, value: Value{reflect.New(s.Type).Elem()}}
}

// Shape returns the shape of d.
func (d *Dynamic) Shape() *Shape { return d.shape }

// Value returns what d holds, for reading and writing.
func (d *Dynamic) Value() Value { return d.value }

// linkType is the type of pointers to made structs. Types made at run time cannot
// name each other, so none could refer to itself, and the text of one that holds all
// others would grow without end. What a pointer really points to, its Shape tells:
// Value.Elem and Value.SetNew convert. The garbage collector goes by what was
// allocated, so to it a link is a pointer like any other.
var linkType = reflect.TypeFor[*opaque]()

// An opaque stands for a made struct where a pointer leads to one.
type opaque struct{ _ [8]byte }

// AnyText is a Text of any content: the Go type of texts whose own is not known.
type AnyText string

// MarshalText returns the text.
func (t AnyText) MarshalText() ([]byte, error) { return []byte(t), nil }

// UnmarshalText takes text as it is.
func (t *AnyText) UnmarshalText(text []byte) error {
	*t = AnyText(text)
	return nil
}

// What Make makes at most: descriptions come from strangers.
const (
	maxNodes  = 1 << 16 // shapes within one
	maxLen    = 1 << 20 // items of an array
	maxFields = 1 << 14 // of a struct, with those of structs and arrays inside it
	maxTotal  = 1 << 18 // of all structs together, likewise
	maxSize   = 1 << 20 // bytes of a struct or array
)

// Make gives s, and all shapes that it leads to, a Go type. Whoever calls has
// filled in Kind, Bits, Len, Key, Elem, Fields, and Name where it is known, and
// left Type nil; the graph may refer to itself by way of a pointer, a list or a
// map. Make fails as compiling a Go type does. It puts a Pointer between a list or
// map and the structs that it holds, which says nothing about their presence.
//
// Go keeps types that are made as long as the program runs: make each once, and
// none for every message.
func Make(s *Shape) error {
	m := maker{sizes: make(map[*Shape]int), open: make(map[*Shape]bool)}
	if err := m.shape(s); err != nil {
		return InField(err, s.String())
	}
	return nil
}

// A maker makes the types of one graph.
type maker struct {
	nodes int
	total int             // flattened fields of all structs
	sizes map[*Shape]int  // flattened fields of what has its type
	open  map[*Shape]bool // structs whose type is being made
	later []*Shape        // structs that links lead to
}

// shape gives s its type, and then all that its links lead to.
func (m *maker) shape(s *Shape) error {
	if err := m.typed(s); err != nil {
		return err
	}
	for len(m.later) > 0 {
		next := m.later[len(m.later)-1]
		m.later = m.later[:len(m.later)-1]
		if err := m.typed(next); err != nil {
			return InField(err, next.String())
		}
	}
	return nil
}

// typed gives s its type. What a link leads to waits.
func (m *maker) typed(s *Shape) (err error) {
	if s.Type != nil {
		return nil
	}
	if m.open[s] {
		return unsupported("%s holds itself; make one of the fields between optional, a list or a map", s)
	}
	if m.nodes++; m.nodes > maxNodes {
		return unsupported("the type has more than %d parts", maxNodes)
	}
	m.open[s], s.made = true, true
	defer delete(m.open, s)
	fields := 1
	if s.Kind < List && s.Kind != Bytes {
		s.Len = -1
	}
	switch s.Kind {
	case Pointer:
		s.Type, err = m.pointer(s)
	case List:
		s.Type, err = m.list(s)
	case Map:
		s.Type, err = m.mapped(s)
	case Array:
		s.Type, fields, err = m.array(s)
	case Struct:
		s.linked = true
		s.Type, fields, err = m.structure(s)
	default:
		s.Type, err = m.scalar(s)
	}
	if err == nil {
		s.size = s.Type.Size()
	}
	m.sizes[s] = fields
	return err
}

// scalar returns the type of what holds nothing else.
func (m *maker) scalar(s *Shape) (reflect.Type, error) {
	switch s.Kind {
	case Bool:
		return reflect.TypeFor[bool](), nil
	case Int, Uint, Float:
		return number(s)
	case String:
		return reflect.TypeFor[string](), nil
	case Bytes:
		if s.Len <= 0 {
			s.Len = -1
			return reflect.TypeFor[[]byte](), nil
		}
		if s.Len > maxSize {
			return nil, unsupported("an array of %d bytes is more than %d", s.Len, maxSize)
		}
		return reflect.ArrayOf(s.Len, reflect.TypeFor[byte]()), nil
	case Time:
		return reflect.TypeFor[time.Time](), nil
	case Duration:
		s.Bits = 64
		return reflect.TypeFor[time.Duration](), nil
	case Text:
		return reflect.TypeFor[AnyText](), nil
	default:
		return nil, unsupported("a shape of kind %d", s.Kind)
	}
}

// number returns the type of an Int, Uint or Float, of 64 bits if they are not said.
func number(s *Shape) (reflect.Type, error) {
	types := map[Kind]map[int]reflect.Type{
		Int: {
			8: reflect.TypeFor[int8](), 16: reflect.TypeFor[int16](),
			32: reflect.TypeFor[int32](), 64: reflect.TypeFor[int64](),
		},
		Uint: {
			8: reflect.TypeFor[uint8](), 16: reflect.TypeFor[uint16](),
			32: reflect.TypeFor[uint32](), 64: reflect.TypeFor[uint64](),
		},
		Float: {32: reflect.TypeFor[float32](), 64: reflect.TypeFor[float64]()},
	}
	if s.Bits == 0 {
		s.Bits = 64
	}
	if t := types[s.Kind][s.Bits]; t != nil {
		return t, nil
	}
	return nil, unsupported("%s of %d bits", s.Kind, s.Bits)
}

func (m *maker) pointer(s *Shape) (reflect.Type, error) {
	switch {
	case s.Elem == nil:
		return nil, unsupported("an optional value of nothing")
	case s.Elem.Kind == Pointer:
		return nil, unsupported("an optional value of an optional value; one says all about presence")
	case s.Elem.Kind == Struct:
		if s.Elem.Type == nil {
			m.later = append(m.later, s.Elem)
		}
		return linkType, nil
	}
	if err := m.typed(s.Elem); err != nil {
		return nil, err
	}
	return reflect.PointerTo(s.Elem.Type), nil
}

// item gives what a list or map holds its type.
func (m *maker) item(s *Shape) error {
	if s.Elem == nil {
		return unsupported("%s of nothing", s.Kind)
	}
	if s.Elem.Kind == Struct {
		s.Elem = &Shape{Kind: Pointer, Elem: s.Elem}
	}
	if err := m.typed(s.Elem); err != nil {
		return InField(err, "[]")
	}
	return nil
}

func (m *maker) list(s *Shape) (reflect.Type, error) {
	s.Len = -1
	if err := m.item(s); err != nil {
		return nil, err
	}
	return reflect.SliceOf(s.Elem.Type), nil
}

func (m *maker) mapped(s *Shape) (reflect.Type, error) {
	s.Len = -1
	if s.Key == nil {
		return nil, unsupported("a map without a key")
	}
	switch s.Key.Kind {
	case Bool, Int, Uint, String, Text, Duration:
	default:
		return nil, unsupported("a map with %s as key; want a string, a boolean, an integer or a text", s.Key.Kind)
	}
	if err := m.typed(s.Key); err != nil {
		return nil, InField(err, "[key]")
	}
	if err := m.item(s); err != nil {
		return nil, err
	}
	s.column, s.keys = reflect.SliceOf(s.Elem.Type), reflect.SliceOf(s.Key.Type)
	return reflect.MapOf(s.Key.Type, s.Elem.Type), nil
}

func (m *maker) array(s *Shape) (reflect.Type, int, error) {
	switch {
	case s.Elem == nil:
		return nil, 0, unsupported("%s of nothing", s.Kind)
	case s.Len < 0 || s.Len > maxLen:
		return nil, 0, unsupported("a list of %d items is not of 0 to %d", s.Len, maxLen)
	}
	if err := m.typed(s.Elem); err != nil {
		return nil, 0, InField(err, "[]")
	}
	fields := m.sizes[s.Elem]
	if s.Len > 0 && int(s.Elem.Type.Size()) > maxSize/s.Len {
		return nil, 0, unsupported("a list of %d items has more than %d bytes", s.Len, maxSize)
	}
	return reflect.ArrayOf(s.Len, s.Elem.Type), fields, nil
}

func (m *maker) structure(s *Shape) (reflect.Type, int, error) {
	fields, flat, size := make([]reflect.StructField, len(s.Fields)), 1, 0
	for i := range s.Fields {
		f := &s.Fields[i]
		if err := m.field(f, i); err != nil {
			return nil, 0, InField(err, f.GoName)
		}
		fields[i] = reflect.StructField{Name: "F" + strconv.Itoa(i), Type: f.Shape.Type}
		flat += m.sizes[f.Shape]
		size += int(f.Shape.Type.Size())
		if flat > maxFields || size > maxSize {
			return nil, 0, unsupported("%s has more than %d fields or %d bytes; make structs inside it optional", s, maxFields, maxSize)
		}
	}
	if m.total += flat; m.total > maxTotal {
		return nil, 0, unsupported("all structs together have more than %d fields; make structs inside others optional", maxTotal)
	}
	if err := s.index(); err != nil {
		return nil, 0, err
	}
	t := reflect.StructOf(fields)
	for i := range s.Fields {
		s.Fields[i].offset = t.Field(i).Offset
	}
	return t, flat, nil
}

// field gives the field at position i its type.
func (m *maker) field(f *Field, i int) error {
	if f.GoName == "" {
		f.GoName = f.Name
	}
	f.index = []int{i}
	switch err := checkName(f.Name); {
	case err != nil:
		return err
	case f.Number != 0 && !validNumber(f.Number):
		return unsupported("the number %d; want 1 to 536870911 outside 19000 to 19999", f.Number)
	case f.Shape == nil:
		return unsupported("a field of nothing")
	}
	return m.typed(f.Shape)
}
