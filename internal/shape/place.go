package shape

import (
	"fmt"
	"math"
	"reflect"
	"time"
	"unsafe"
)

// A Place is a Value without its type: the address at which a value of a Shape
// lies. Where a format costs less than reflection does, a codec walks places;
// everything else stays with Value.
//
// Its methods are for one kind each and trust the Shape that they are given: a
// Place comes from Value.Place, and from the Place of what holds it, with the
// Shape that belongs to it. So no Place ever points outside a value, and the
// garbage collector follows each as it does any pointer. All unsafe code of the
// module is here; tests with the race detector check every address.
type Place struct{ p unsafe.Pointer }

// Place returns where v lies, of a copy if v has no address.
func (v Value) Place() Place {
	rv := v.rv
	if !rv.CanAddr() {
		rv = reflect.New(rv.Type()).Elem()
		rv.Set(v.rv)
	}
	return Place{rv.Addr().UnsafePointer()}
}

// Value returns the value of Shape s that lies at p.
func (p Place) Value(s *Shape) Value { return Value{reflect.NewAt(s.Type, p.p).Elem()} }

// Field returns where the field f of a Struct lies.
func (p Place) Field(f *Field) Place { return Place{unsafe.Add(p.p, f.offset)} }

// Bool returns a Bool.
func (p Place) Bool() bool { return *(*bool)(p.p) }

// Int returns an Int or a Duration.
func (p Place) Int(s *Shape) int64 {
	switch s.size {
	case 8:
		return *(*int64)(p.p)
	case 4:
		return int64(*(*int32)(p.p))
	case 2:
		return int64(*(*int16)(p.p))
	default:
		return int64(*(*int8)(p.p))
	}
}

// Uint returns a Uint.
func (p Place) Uint(s *Shape) uint64 {
	switch s.size {
	case 8:
		return *(*uint64)(p.p)
	case 4:
		return uint64(*(*uint32)(p.p))
	case 2:
		return uint64(*(*uint16)(p.p))
	default:
		return uint64(*(*uint8)(p.p))
	}
}

// Float32Bits returns the bits of a Float of 32 bits.
func (p Place) Float32Bits() uint32 { return *(*uint32)(p.p) }

// Float64Bits returns the bits of a Float of 64 bits.
func (p Place) Float64Bits() uint64 { return *(*uint64)(p.p) }

// Str returns a String, which may be invalid UTF-8: the caller checks.
func (p Place) Str() string { return *(*string)(p.p) }

// texts returns a Map that HoldsTexts. Maps of one kind of key and value are laid
// out and hashed alike, whatever their types are called.
func (p Place) texts() map[string]string { return *(*map[string]string)(p.p) }

// Bytes returns Bytes. The caller must not keep or change them.
func (p Place) Bytes(s *Shape) []byte {
	if s.Len < 0 {
		return *(*[]byte)(p.p)
	}
	return unsafe.Slice((*byte)(p.p), s.Len)
}

// Time returns a Time as Value.Time does.
func (p Place) Time() (time.Time, error) { return checkTime(*(*time.Time)(p.p)) }

// Elem returns what a Pointer points to, or false if it is nil.
func (p Place) Elem() (Place, bool) {
	elem := *(*unsafe.Pointer)(p.p)
	return Place{elem}, elem != nil
}

// A slice is how Go lays out a slice of any type.
type slice struct {
	data unsafe.Pointer
	len  int
	cap  int
}

// Items returns the items of a List or Array.
func (p Place) Items(s *Shape) Items {
	if s.Kind == Array {
		return Items{p.p, s.Len, s.Elem.size}
	}
	l := (*slice)(p.p)
	return Items{l.data, l.len, s.Elem.size}
}

// Items are the items of a List or Array, one after another.
type Items struct {
	first unsafe.Pointer
	n     int
	size  uintptr
}

// Len returns how many there are.
func (it Items) Len() int { return it.n }

// At returns where item i lies. As an index of a slice, i must be less than Len.
func (it Items) At(i int) Place {
	_ = unsafe.Slice((*struct{})(it.first), it.n)[i] // checks i, and costs no more than that
	return Place{unsafe.Add(it.first, uintptr(i)*it.size)}
}

// SetBool sets a Bool.
func (p Place) SetBool(b bool) { *(*bool)(p.p) = b }

// SetInt sets an Int or a Duration, or fails if it does not hold i.
func (p Place) SetInt(s *Shape, i int64) error {
	switch {
	case s.size == 8:
		*(*int64)(p.p) = i
	case s.size == 4 && i == int64(int32(i)):
		*(*int32)(p.p) = int32(i)
	case s.size == 2 && i == int64(int16(i)):
		*(*int16)(p.p) = int16(i)
	case s.size == 1 && i == int64(int8(i)):
		*(*int8)(p.p) = int8(i)
	default:
		return s.outOfRange()
	}
	return nil
}

// SetUint sets a Uint, or fails if it does not hold u.
func (p Place) SetUint(s *Shape, u uint64) error {
	switch {
	case s.size == 8:
		*(*uint64)(p.p) = u
	case s.size == 4 && u <= math.MaxUint32:
		*(*uint32)(p.p) = uint32(u)
	case s.size == 2 && u <= math.MaxUint16:
		*(*uint16)(p.p) = uint16(u)
	case s.size == 1 && u <= math.MaxUint8:
		*(*uint8)(p.p) = uint8(u)
	default:
		return s.outOfRange()
	}
	return nil
}

// SetFloat32Bits sets a Float of 32 bits.
func (p Place) SetFloat32Bits(bits uint32) { *(*uint32)(p.p) = bits }

// SetFloat64Bits sets a Float of 64 bits.
func (p Place) SetFloat64Bits(bits uint64) { *(*uint64)(p.p) = bits }

// SetStr sets a String. The caller has checked that it is valid UTF-8.
func (p Place) SetStr(s string) { *(*string)(p.p) = s }

// SetTime sets a Time as Value.SetTime does.
func (p Place) SetTime(t time.Time) error {
	t, err := checkTime(t)
	if err == nil {
		*(*time.Time)(p.p) = t
	}
	return err
}

// SetNew lets a Pointer to elem point to a new zero value and returns where that
// lies.
func (p Place) SetNew(elem *Shape) Place {
	target := reflect.New(elem.Type).UnsafePointer()
	*(*unsafe.Pointer)(p.p) = target
	return Place{target}
}

// NextItem makes a List of Shape s one zero item longer and returns where that
// lies, and its position.
func (p Place) NextItem(s *Shape) (item Place, i int) {
	l := (*slice)(p.p)
	i = l.len
	if i == l.cap {
		v := p.Value(s)
		v.rv.Grow(v.more(i))
	}
	l.len++
	return Place{unsafe.Add(l.data, uintptr(i)*s.Elem.size)}, i
}

// Extend makes a List of Shape s longer by n zero items and returns all of its
// items. The caller has checked that so many may be.
func (p Place) Extend(s *Shape, n int) Items {
	l := (*slice)(p.p)
	if n > l.cap-l.len {
		p.Value(s).Reserve(n)
	}
	l.len += n
	return Items{l.data, l.len, s.Elem.size}
}

func (s *Shape) outOfRange() error { return fmt.Errorf("out of range for %s", s.Type) }
