package shape

import (
	"math"
	"reflect"
	"testing"
	"time"
)

type placed struct {
	B     bool
	I     int
	I8    int8
	I16   int16
	I32   int32
	I64   int64
	U     uint
	U8    uint8
	U16   uint16
	U32   uint32
	U64   uint64
	F32   float32
	F64   float64
	S     string
	Raw   []byte
	Fixed [3]byte
	At    time.Time
	For   time.Duration
	P     *int16
	L     []int16
	A     [2]string
	inner
}

type inner struct {
	Deep int8
	More string
}

func aPlaced() placed {
	p := int16(-5)
	return placed{
		true, -1, math.MinInt8, math.MinInt16, math.MinInt32, math.MinInt64, math.MaxUint32, math.MaxUint8, math.MaxUint16, math.MaxUint32, math.MaxUint64,
		1.5, -2.5, "text", []byte{1, 2}, [3]byte{3, 4, 5}, time.Unix(1, 2).UTC(), 3, &p, []int16{6, 7}, [2]string{"a", "b"}, inner{8, "deep"},
	}
}

// copyPlace copies a value by the methods of Place alone.
func copyPlace(t *testing.T, s *Shape, from, to Place) {
	t.Helper()
	var err error
	switch s.Kind {
	case Bool:
		to.SetBool(from.Bool())
	case Int, Duration:
		err = to.SetInt(s, from.Int(s))
	case Uint:
		err = to.SetUint(s, from.Uint(s))
	case Float:
		if s.Bits == 32 {
			to.SetFloat32Bits(from.Float32Bits())
		} else {
			to.SetFloat64Bits(from.Float64Bits())
		}
	case String:
		to.SetStr(from.Str())
	case Bytes:
		err = to.Value(s).SetBytes(from.Bytes(s))
	case Time:
		at, timeErr := from.Time()
		if timeErr != nil {
			t.Fatal(timeErr)
		}
		err = to.SetTime(at)
	case Pointer:
		if elem, ok := from.Elem(); ok {
			copyPlace(t, s.Elem, elem, to.SetNew(s.Elem))
		}
	case List, Array:
		items := from.Items(s)
		room := to.Items(s)
		if s.Kind == List {
			to.NextItem(s)
			room = to.Extend(s, items.Len()-1)
		}
		for i := range items.Len() {
			copyPlace(t, s.Elem, items.At(i), room.At(i))
		}
	case Struct:
		for i := range s.Fields {
			copyPlace(t, s.Fields[i].Shape, from.Field(&s.Fields[i]), to.Field(&s.Fields[i]))
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestAPlaceReadsAndWritesWhatAValueDoes(t *testing.T) {
	var c Cache
	in, out := aPlaced(), placed{}
	for _, source := range []any{&in, in} { // what has no address is copied
		out = placed{}
		s, from, err := c.Source(source)
		if err != nil {
			t.Fatal(err)
		}
		_, to, err := c.Target(&out)
		if err != nil {
			t.Fatal(err)
		}
		copyPlace(t, s, from.Place(), to.Place())
		if !reflect.DeepEqual(in, out) {
			t.Errorf("got  %+v\nwant %+v", out, in)
		}
	}
	if out.P == in.P || &out.L[0] == &in.L[0] {
		t.Error("the copy shares memory with the value")
	}
}

func TestAPlaceRefusesWhatItDoesNotHold(t *testing.T) {
	var c Cache
	out := placed{}
	s, v, err := c.Target(&out)
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.Fields {
		f := &s.Fields[i]
		at := v.Place().Field(f)
		switch {
		case f.Shape.Kind == Int && f.Shape.size < 8:
			top := int64(1) << (8*f.Shape.size - 1)
			for n, ok := range map[int64]bool{top - 1: true, top: false, -top: true, -top - 1: false} {
				if err := at.SetInt(f.Shape, n); (err == nil) != ok || ok && at.Int(f.Shape) != n {
					t.Errorf("%s = %d: got %v, %d", f.Name, n, err, at.Int(f.Shape))
				}
			}
		case f.Shape.Kind == Uint && f.Shape.size < 8:
			top := uint64(1) << (8 * f.Shape.size)
			if at.SetUint(f.Shape, top-1) != nil || at.Uint(f.Shape) != top-1 || at.SetUint(f.Shape, top) == nil {
				t.Errorf("%s takes %d, or not %d", f.Name, top, top-1)
			}
		}
	}
	if err := v.Place().Field(&s.Fields[16]).SetTime(time.Unix(1<<40, 0)); err == nil {
		t.Error("a time beyond the year 9999 is accepted")
	}
}

func TestAliasesAreOldNames(t *testing.T) {
	var c Cache
	s, err := c.Of(reflect.TypeFor[struct {
		Price int `wire:"price,2,alias=cost,optional,alias=sum"`
	}]())
	if err != nil {
		t.Fatal(err)
	}
	if f := s.Fields[0]; !reflect.DeepEqual(f.Aliases, []string{"cost", "sum"}) || f.Number != 2 || !f.OmitZero || f.Name != "price" {
		t.Errorf("got %+v", f)
	}
	for _, typ := range []reflect.Type{
		reflect.TypeFor[struct {
			A int `wire:"a,alias=b"`
			B int `wire:"b"`
		}](),
		reflect.TypeFor[struct {
			A int `wire:"a,alias=c"`
			B int `wire:"b,alias=c"`
		}](),
		reflect.TypeFor[struct {
			A int `wire:"a,alias=c,alias=c"`
		}](),
		reflect.TypeFor[struct {
			A int `wire:"a,alias="`
		}](),
	} {
		if _, err := c.Of(typ); err == nil {
			t.Errorf("%s is accepted", typ)
		}
	}
}

func TestAPlaceFollowsLinks(t *testing.T) {
	tree := &Shape{Kind: Struct, Name: "Tree"}
	tree.Fields = []Field{
		{Name: "flag", Shape: &Shape{Kind: Bool}},
		{Name: "name", Shape: &Shape{Kind: String}},
		{Name: "next", Shape: &Shape{Kind: Pointer, Elem: tree}},
		{Name: "kids", Shape: &Shape{Kind: List, Elem: tree}},
	}
	if err := Make(tree); err != nil {
		t.Fatal(err)
	}
	from, to := tree.New().Value().Place(), tree.New().Value().Place()
	name, next, kids := &tree.Fields[1], &tree.Fields[2], &tree.Fields[3]
	if _, ok := from.Field(next).Elem(); ok {
		t.Error("a new tree has a next one")
	}
	from.Field(next).SetNew(next.Shape.Elem).Field(name).SetStr("inner")
	items := from.Field(kids).Extend(kids.Shape, 2)
	for i := range 2 {
		items.At(i).SetNew(kids.Shape.Elem.Elem).Field(name).SetStr("kid")
	}
	copyPlace(t, tree, from, to)
	inner, ok := to.Field(next).Elem()
	if !ok || inner.Field(name).Str() != "inner" {
		t.Errorf("got %+v", to.Value(tree))
	}
	kid, ok := to.Field(kids).Items(kids.Shape).At(1).Elem()
	if !ok || kid.Field(name).Str() != "kid" {
		t.Errorf("got %+v", to.Value(tree))
	}
}
