package shape

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"time"
)

// A Value is a place in a Go value of which a Shape tells the kind. Its methods
// are for that kind alone; those that set need a Value that stems from Target.
type Value struct{ rv reflect.Value }

// Zero returns a zero value of Shape s.
func (s *Shape) Zero() Value { return Value{reflect.New(s.Type).Elem()} }

// Bool returns a Bool.
func (v Value) Bool() bool { return v.rv.Bool() }

// Int returns an Int or a Duration.
func (v Value) Int() int64 { return v.rv.Int() }

// Uint returns a Uint.
func (v Value) Uint() uint64 { return v.rv.Uint() }

// Float returns a Float.
func (v Value) Float() float64 { return v.rv.Float() }

// Str returns a String, which may be invalid UTF-8: the caller checks.
func (v Value) Str() string { return v.rv.String() }

// Bytes returns Bytes. The caller must not keep or change them.
func (v Value) Bytes() []byte {
	if v.rv.Kind() == reflect.Slice || v.rv.CanAddr() {
		return v.rv.Bytes()
	}
	whole := reflect.New(v.rv.Type()).Elem() // an array in a value passed by value has no address
	whole.Set(v.rv)
	return whole.Bytes()
}

// Time returns a Time in UTC, or an error if its year is outside 1 to 9999.
func (v Value) Time() (time.Time, error) {
	if v.rv.CanAddr() {
		return checkTime(*v.rv.Addr().Interface().(*time.Time))
	}
	return checkTime(v.rv.Interface().(time.Time))
}

// AppendText appends a Text to dst. What the type's own method said is found by
// errors.Is and errors.As but not printed: it may hold the value.
func (v Value) AppendText(dst []byte) ([]byte, error) {
	rv := v.rv
	if !rv.CanAddr() { // the method may have a pointer receiver
		rv = reflect.New(rv.Type()).Elem()
		rv.Set(v.rv)
	}
	var text []byte
	var err error
	switch m := rv.Addr().Interface().(type) {
	case encoding.TextAppender:
		text, err = m.AppendText(dst)
	case encoding.TextMarshaler:
		text, err = m.MarshalText()
		text = append(dst, text...)
	}
	if err != nil {
		return dst, &textError{method: "MarshalText", typ: rv.Type(), cause: err}
	}
	return text, nil
}

// IsNil reports whether a Pointer is nil.
func (v Value) IsNil() bool { return v.rv.IsNil() }

// Elem returns what a Pointer to elem points to.
func (v Value) Elem(elem *Shape) Value {
	if elem.linked {
		return Value{reflect.NewAt(elem.Type, v.rv.UnsafePointer()).Elem()}
	}
	return Value{v.rv.Elem()}
}

// Len returns the number of items of a List or Array or of entries of a Map.
func (v Value) Len() int { return v.rv.Len() }

// Index returns item i of a List or Array.
func (v Value) Index(i int) Value { return Value{v.rv.Index(i)} }

// Field returns the field f of a Struct.
func (v Value) Field(f *Field) Value {
	rv := v.rv
	for _, i := range f.index {
		rv = rv.Field(i)
	}
	return Value{rv}
}

// Omitted reports whether the field f, of value fv, is left out: a nil pointer,
// or a zero or empty value of a field that says so. -0 is not zero.
func (f *Field) Omitted(fv Value) bool {
	if f.Shape.Kind == Pointer {
		return fv.rv.IsNil()
	}
	return f.OmitZero && fv.IsZero(f.Shape)
}

// IsZero reports whether reading nothing gives v, of Shape s. reflect's IsZero takes -0 for
// zero, also inside structs and arrays, and an empty list for something.
func (v Value) IsZero(s *Shape) bool {
	switch s.Kind {
	case Float:
		return math.Float64bits(v.Float()) == 0
	case List, Map:
		return v.rv.Len() == 0
	case Bytes:
		return s.Len < 0 && v.rv.Len() == 0 || s.Len >= 0 && v.rv.IsZero()
	case Struct:
		for i := range s.Fields {
			if f := &s.Fields[i]; !v.Field(f).IsZero(f.Shape) {
				return false
			}
		}
		return true
	case Array:
		for i := range s.Len {
			if !v.Index(i).IsZero(s.Elem) {
				return false
			}
		}
		return true
	case Text:
		return v.rv.IsZero() && !(v.rv.CanFloat() && math.Signbit(v.Float()))
	default:
		return v.rv.IsZero()
	}
}

// SetZero sets any Value to zero.
func (v Value) SetZero() { v.rv.SetZero() }

// SetBool sets a Bool.
func (v Value) SetBool(b bool) { v.rv.SetBool(b) }

// SetInt sets an Int or a Duration, or fails if it does not hold i.
func (v Value) SetInt(i int64) error {
	if v.rv.OverflowInt(i) {
		return v.OutOfRange()
	}
	v.rv.SetInt(i)
	return nil
}

// SetUint sets a Uint, or fails if it does not hold u.
func (v Value) SetUint(u uint64) error {
	if v.rv.OverflowUint(u) {
		return v.OutOfRange()
	}
	v.rv.SetUint(u)
	return nil
}

// SetFloat sets a Float, or fails if f is finite and too large for it.
func (v Value) SetFloat(f float64) error {
	if v.rv.OverflowFloat(f) {
		return v.OutOfRange()
	}
	v.rv.SetFloat(f)
	return nil
}

// OutOfRange returns the error of a number that v does not hold.
func (v Value) OutOfRange() error { return fmt.Errorf("out of range for %s", v.rv.Type()) }

// SetStr sets a String. The caller has checked that it is valid UTF-8.
func (v Value) SetStr(s string) { v.rv.SetString(s) }

// SetBytes sets Bytes. A slice becomes b itself, or nil if b is empty; an array
// takes a copy and fails if b has another length.
func (v Value) SetBytes(b []byte) error {
	if v.rv.Kind() == reflect.Slice {
		if len(b) == 0 {
			b = nil
		}
		v.rv.SetBytes(b)
		return nil
	}
	if len(b) != v.rv.Len() {
		return fmt.Errorf("want %d bytes, got %d", v.rv.Len(), len(b))
	}
	copy(v.rv.Bytes(), b)
	return nil
}

// SetTime sets a Time to the instant t in UTC, or fails as Time does.
func (v Value) SetTime(t time.Time) error {
	t, err := checkTime(t)
	if err == nil {
		*v.rv.Addr().Interface().(*time.Time) = t
	}
	return err
}

// SetText lets a Text read itself. The method gets text as it is: pass a slice
// whose bytes are not the input's.
func (v Value) SetText(text []byte) error {
	err := v.rv.Addr().Interface().(encoding.TextUnmarshaler).UnmarshalText(text)
	if err != nil {
		return &textError{method: "UnmarshalText", typ: v.rv.Type(), cause: err}
	}
	return nil
}

// SetNew lets a Pointer to elem point to a new zero value and returns that.
func (v Value) SetNew(elem *Shape) Value {
	p := reflect.New(elem.Type)
	if elem.linked {
		v.rv.Set(reflect.NewAt(linkType.Elem(), p.UnsafePointer()))
	} else {
		v.rv.Set(p)
	}
	return Value{p.Elem()}
}

// Item returns item i of a List, which it makes one longer if i is its length.
func (v Value) Item(i int) Value {
	if i == v.rv.Cap() {
		v.rv.Grow(v.more(i))
	}
	if i == v.rv.Len() {
		v.rv.SetLen(i + 1)
	}
	return Value{v.rv.Index(i)}
}

// Reserve makes room for n more items of a List whose length the wire tells. The
// caller has checked that so many may be.
func (v Value) Reserve(n int) { v.rv.Grow(n) }

// more returns the number of items to make room for at least: a few small ones
// to begin with, because short lists are the rule.
func (v Value) more(i int) int {
	const few, small = 4, 64
	if i == 0 && v.rv.Type().Elem().Size() <= small {
		return few
	}
	return 1
}

func checkTime(t time.Time) (time.Time, error) {
	t = t.UTC().Round(0) // Round drops the monotonic reading
	if y := t.Year(); y < 1 || y > 9999 {
		return time.Time{}, errors.New("the year is outside 1 to 9999 in UTC")
	}
	return t, nil
}

// A textError tells that a type's own method failed, without its words.
type textError struct {
	method string
	typ    reflect.Type
	cause  error
}

func (e *textError) Error() string { return e.method + " of " + e.typ.String() + " failed" }

// Is and As look into the cause; Unwrap would let a logger print it.
func (e *textError) Is(target error) bool { return errors.Is(e.cause, target) }

func (e *textError) As(target any) bool { return errors.As(e.cause, target) }

// GoString keeps %#v from printing the cause.
func (e *textError) GoString() string { return fmt.Sprintf("shape.textError(%q)", e.Error()) }
