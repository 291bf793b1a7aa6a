package codectest

import (
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"time"
)

// A Source chooses: below returns a number from 0 to n-1. A generator with a
// seed is one, and so is a library that shrinks what it finds.
type Source interface {
	Below(n int64) uint64
}

// Below makes random a Source.
func (r *random) Below(n int64) uint64 { return r.below(n) }

// Generated returns a value of a generated struct type that has every kind of
// the profile in reach, lists, maps and structs nested at most depth deep. Each
// field has a number. Equal choices of src give equal values.
func Generated(src Source, depth int) any {
	g := generator{src}
	t := g.structType(depth)
	v := reflect.New(t).Elem()
	g.fill(v, depth+2)
	return v.Interface()
}

type generator struct{ Source }

func (g generator) chance(of int64) bool { return g.Below(of) == 0 }

// structType makes a struct of some fields, of which one in four is a pointer and
// one in four is left out when zero.
func (g generator) structType(depth int) reflect.Type {
	fields := make([]reflect.StructField, 1+g.Below(6))
	for i := range fields {
		t := g.anyType(depth)
		if g.chance(4) {
			t = reflect.PointerTo(t)
		}
		tag := fmt.Sprintf(`wire:"f%d,%d"`, i, i+1)
		if g.chance(4) {
			tag = fmt.Sprintf(`wire:"f%d,%d,optional"`, i, 100*i+16)
		}
		fields[i] = reflect.StructField{Name: fmt.Sprint("F", i), Type: t, Tag: reflect.StructTag(tag)}
	}
	return reflect.StructOf(fields)
}

// scalars are the kinds that are made of nothing else, and some that hold themselves.
func scalars() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[int8](), reflect.TypeFor[int16](), reflect.TypeFor[int32](), reflect.TypeFor[int64](),
		reflect.TypeFor[uint](), reflect.TypeFor[uint8](), reflect.TypeFor[uint16](), reflect.TypeFor[uint32](), reflect.TypeFor[uint64](),
		reflect.TypeFor[float32](), reflect.TypeFor[float64](), reflect.TypeFor[string](), reflect.TypeFor[[]byte](), reflect.TypeFor[[5]byte](),
		reflect.TypeFor[time.Time](), reflect.TypeFor[time.Duration](), reflect.TypeFor[netip.Addr](), reflect.TypeFor[big.Int](), reflect.TypeFor[uuid](),
		reflect.TypeFor[level](), reflect.TypeFor[color](), reflect.TypeFor[point](), reflect.TypeFor[tree](), reflect.TypeFor[nest](), reflect.TypeFor[embedding](),
	}
}

func keyTypes() []reflect.Type {
	return []reflect.Type{
		reflect.TypeFor[string](), reflect.TypeFor[int64](), reflect.TypeFor[int8](), reflect.TypeFor[uint64](), reflect.TypeFor[bool](), reflect.TypeFor[netip.Addr](),
		reflect.TypeFor[level](), reflect.TypeFor[time.Duration](), reflect.TypeFor[uuid](),
	}
}

func (g generator) anyType(depth int) reflect.Type {
	if depth <= 0 {
		return pick(g, scalars())
	}
	switch g.Below(8) {
	case 0, 1:
		return reflect.SliceOf(g.anyType(depth - 1))
	case 2:
		return reflect.MapOf(pick(g, keyTypes()), g.anyType(depth-1))
	case 3:
		return reflect.ArrayOf(int(1+g.Below(3)), g.anyType(depth-1))
	case 4, 5:
		return g.structType(depth - 1)
	}
	return pick(g, scalars())
}

func pick[T any](g generator, of []T) T { return of[g.Below(int64(len(of)))] }

// fill sets v to something; what may be empty is, below depth 0.
func (g generator) fill(v reflect.Value, depth int) {
	switch p := v.Addr().Interface().(type) {
	case *time.Time:
		*p = g.time()
	case *netip.Addr:
		*p = netip.AddrFrom4([4]byte{byte(g.Below(256)), 0, 0, byte(g.Below(256))})
	case *big.Int:
		p.SetInt64(int64(g.bits())).Mul(p, p)
	case *uuid:
		p[0], p[15] = byte(g.Below(256)), byte(g.Below(256))
	case *color:
		*p = color(g.Below(3))
	default:
		g.fillKind(v, depth)
	}
}

func (g generator) fillKind(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(g.chance(2))
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		v.SetInt(int64(g.bits()) >> (64 - v.Type().Bits()))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		v.SetUint(g.bits() >> (64 - v.Type().Bits()))
	case reflect.Float32:
		v.SetFloat(float64(math.Float32frombits(uint32(g.bits() >> 32))))
	case reflect.Float64:
		v.SetFloat(math.Float64frombits(g.bits()))
	case reflect.String:
		v.SetString(g.text())
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Field(i); f.CanSet() {
				g.fill(f, depth-1)
			} else if v.Type().Field(i).Anonymous {
				g.fillEmbedded(f, depth)
			}
		}
	case reflect.Array:
		for i := range v.Len() {
			g.fill(v.Index(i), depth-1)
		}
	case reflect.Pointer:
		if depth > 0 && g.chance(2) {
			v.Set(reflect.New(v.Type().Elem()))
			g.fill(v.Elem(), depth-1)
		}
	case reflect.Slice:
		g.fillSlice(v, depth)
	case reflect.Map:
		g.fillMap(v, depth)
	}
}

// fillEmbedded fills the exported fields of an embedded struct that is not exported itself.
func (g generator) fillEmbedded(v reflect.Value, depth int) {
	for i := range v.NumField() {
		if f := v.Field(i); f.CanSet() {
			g.fill(f, depth-1)
		}
	}
}

func (g generator) fillSlice(v reflect.Value, depth int) {
	n := 0
	if depth > 0 {
		n = int(g.Below(4))
	}
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	for i := range n {
		item := v.Index(i)
		if item.Kind() == reflect.Pointer { // nil has no place in a list
			item.Set(reflect.New(item.Type().Elem()))
			item = item.Elem()
		}
		g.fill(item, depth-1)
	}
}

func (g generator) fillMap(v reflect.Value, depth int) {
	n := 0
	if depth > 0 {
		n = int(g.Below(3))
	}
	v.Set(reflect.MakeMap(v.Type()))
	for range n {
		key, elem := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
		g.fill(key, depth-1)
		if elem.Kind() == reflect.Pointer {
			elem.Set(reflect.New(elem.Type().Elem()))
			g.fill(elem.Elem(), depth-1)
		} else {
			g.fill(elem, depth-1)
		}
		v.SetMapIndex(key, elem)
	}
}

// bits are 64 of them, of which half the time only few are set: numbers near 0
// and near the ends come often.
func (g generator) bits() uint64 {
	switch g.Below(4) {
	case 0:
		return g.Below(3) - 1
	case 1:
		return 1<<g.Below(64) - g.Below(2)
	}
	return g.Below(1<<32)<<32 | g.Below(1<<32)
}

func (g generator) time() time.Time {
	first, last := time.Time{}.Unix(), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
	return time.Unix(first+int64(g.Below(last-first)), int64(g.Below(1e9))).UTC()
}

// text has runes of every length, control characters and what formats escape.
func (g generator) text() string {
	runes := make([]rune, g.Below(8))
	for i := range runes {
		switch g.Below(5) {
		case 0:
			runes[i] = rune(g.Below(0x20))
		case 1:
			runes[i] = rune(0x80 + g.Below(0xd800-0x80))
		case 2:
			runes[i] = rune(0xe000 + g.Below(0x110000-0xe000))
		default:
			runes[i] = rune(0x20 + g.Below(0x60))
		}
	}
	return string(runes)
}

// generatedValues is the rule of C031 on so many values.
func generatedValues(n int) func(e *Env) {
	return func(e *Env) {
		r := newRandom("generated")
		for i := range n {
			v := Generated(r, i%4)
			e.Part(fmt.Sprint("value ", i), func() { e.RoundTrip(e.Codec, v) })
		}
	}
}
