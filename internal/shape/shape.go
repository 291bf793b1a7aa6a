// Package shape compiles a Go type once into the plan that every codec follows.
//
//	reflect.Type ──compile──▶ Shape ──┬─▶ jsoncodec      names
//	                  │               ├─▶ protocodec     numbers
//	                Cache             └─▶ …
//
// A Shape says what a message of the type looks like on any wire: fields, their
// names, numbers, kinds and presence. All codecs walk the same Shape and touch
// values through Value alone, so they agree on names, ranges and limits, and no
// codec needs reflection of its own. What cannot be carried by every format has
// no Shape: compiling it fails, with the path of the field and the way to mend
// it. It promises:
//
//   - one type, one Shape, whatever the format;
//   - a Value never narrows a number, drops a nil inside a list, or accepts a
//     time outside the years 1 to 9999;
//   - no error text holds a value, a map key, or the words of a foreign error.
package shape

import "reflect"

// A Kind is what a Shape describes.
type Kind uint8

// The kinds. Every Go type that can be carried has exactly one.
const (
	Bool     Kind = iota + 1
	Int           // signed, of Shape.Bits
	Uint          // unsigned, of Shape.Bits
	Float         // of Shape.Bits; NaN, infinities and -0 are values
	String        // valid UTF-8
	Bytes         // []byte, or [N]byte with Shape.Len
	Time          // an instant, in UTC, of the years 1 to 9999
	Duration      // int64 nanoseconds
	Text          // a type that reads and writes itself as text
	Pointer       // to Shape.Elem; nil is absence
	List          // []T; nil and empty are equal
	Array         // [N]T of Shape.Len
	Map           // of Shape.Key and Shape.Elem; nil and empty are equal
	Struct        // of Shape.Fields
)

// String returns the kind as error texts name it.
func (k Kind) String() string {
	names := [...]string{
		Bool: "a boolean", Int: "an integer", Uint: "an unsigned integer", Float: "a number",
		String: "a string", Bytes: "bytes", Time: "a time", Duration: "a duration", Text: "a text",
		Pointer: "an optional value", List: "a list", Array: "a list", Map: "a map", Struct: "a struct",
	}
	if int(k) >= len(names) || names[k] == "" {
		return "nothing"
	}
	return names[k]
}

// A Shape is the plan of one type. It is immutable and may refer to itself.
type Shape struct {
	Type   reflect.Type
	Name   string // of Struct: that of the type, without its package; empty if it has none
	Kind   Kind
	Bits   int     // of Int, Uint and Float: 8 to 64; 64 of int and uint on every machine
	Len    int     // of Array and of Bytes in an array; -1 otherwise
	Key    *Shape  // of Map: Bool, Int, Uint, String or Text
	Elem   *Shape  // of Pointer, List, Array and Map
	Fields []Field // of Struct, in the order of declaration, embedded ones in place
	Plan   any     // what Cache.Plan made, of shapes that a Cache returns

	made   bool           // by Make
	linked bool           // of a made Struct: pointers to it are links
	size   uintptr        // of a value in memory, as Type has it
	byName map[string]int // of Struct: positions in Fields
	column reflect.Type   // of Map: []T, which holds the values while they are sorted
	keys   reflect.Type   // of Map: []K, likewise
}

// A Field is one member of a Struct.
type Field struct {
	Name   string // on the wire; letters, digits, "_", "-" and "."
	GoName string // as declared, for errors of registration
	Number int    // from the wire tag; 0 when it names none
	Shape  *Shape // of Kind Pointer where absence differs from zero

	// OmitZero says that a zero value is left out. What is left out is read
	// back as zero, so nothing is lost.
	OmitZero bool

	// Aliases are names that the field had before. Formats whose messages come
	// with a schema, Avro alone, read what stands under them.
	Aliases []string

	index  []int   // of reflect.Value.FieldByIndex; never through a pointer
	offset uintptr // of the field in the struct
}

// String returns the type as error texts name it.
func (s *Shape) String() string {
	switch {
	case s.Type != nil && !s.made:
		return s.Type.String()
	case s.Name != "":
		return s.Name
	default:
		return s.Kind.String()
	}
}

// FindField returns the position of the field of that name in Fields. hint is
// where the caller expects it: fields mostly arrive in order, and then the name
// is compared once.
func (s *Shape) FindField(name []byte, hint int) (int, bool) {
	if hint < len(s.Fields) && s.Fields[hint].Name == string(name) {
		return hint, true
	}
	i, ok := s.byName[string(name)]
	return i, ok
}
