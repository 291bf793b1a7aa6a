package shape

import (
	"errors"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestMakeGivesEveryKindItsGoType(t *testing.T) {
	for _, tt := range []struct {
		shape *Shape
		want  reflect.Type
	}{
		{&Shape{Kind: Bool}, reflect.TypeFor[bool]()},
		{&Shape{Kind: Int, Bits: 8}, reflect.TypeFor[int8]()},
		{&Shape{Kind: Int}, reflect.TypeFor[int64]()},
		{&Shape{Kind: Uint, Bits: 16}, reflect.TypeFor[uint16]()},
		{&Shape{Kind: Float, Bits: 32}, reflect.TypeFor[float32]()},
		{&Shape{Kind: String}, reflect.TypeFor[string]()},
		{&Shape{Kind: Bytes}, reflect.TypeFor[[]byte]()},
		{&Shape{Kind: Bytes, Len: 3}, reflect.TypeFor[[3]byte]()},
		{&Shape{Kind: Time}, reflect.TypeFor[time.Time]()},
		{&Shape{Kind: Duration}, reflect.TypeFor[time.Duration]()},
		{&Shape{Kind: Text}, reflect.TypeFor[AnyText]()},
		{&Shape{Kind: Pointer, Elem: &Shape{Kind: String}}, reflect.TypeFor[*string]()},
		{&Shape{Kind: List, Elem: &Shape{Kind: Bool}}, reflect.TypeFor[[]bool]()},
		{&Shape{Kind: Array, Len: 2, Elem: &Shape{Kind: Bool}}, reflect.TypeFor[[2]bool]()},
		{&Shape{Kind: Map, Key: &Shape{Kind: Uint, Bits: 8}, Elem: &Shape{Kind: Bool}}, reflect.TypeFor[map[uint8]bool]()},
	} {
		if err := Make(tt.shape); err != nil || tt.shape.Type != tt.want {
			t.Errorf("Make: type %v, error %v, want %v", tt.shape.Type, err, tt.want)
		}
	}
}

func TestAMadeTypeMayHoldItself(t *testing.T) {
	tree := &Shape{Kind: Struct, Name: "Tree"}
	tree.Fields = []Field{
		{Name: "name", Number: 1, Shape: &Shape{Kind: String}},
		{Name: "next", Shape: &Shape{Kind: Pointer, Elem: tree}},
		{Name: "kids", Shape: &Shape{Kind: List, Elem: tree}},
		{Name: "by", Shape: &Shape{Kind: Map, Key: &Shape{Kind: String}, Elem: tree}},
	}
	if err := Make(tree); err != nil {
		t.Fatal(err)
	}
	root := tree.New().Value()
	next := root.Field(&tree.Fields[1])
	if !next.IsNil() || !tree.Fields[1].Omitted(next) {
		t.Error("a new tree has a next one")
	}
	inner := next.SetNew(tree)
	inner.Field(&tree.Fields[0]).SetStr("inner")
	if got := next.Elem(tree).Field(&tree.Fields[0]).Str(); got != "inner" {
		t.Errorf("the tree inside is named %q, want inner", got)
	}
	kids := root.Field(&tree.Fields[2])
	pointer := tree.Fields[2].Shape.Elem
	if pointer.Kind != Pointer || pointer.Elem != tree {
		t.Fatalf("the list holds %s, want pointers to trees", pointer.Kind)
	}
	kids.Item(0).SetNew(tree).Field(&tree.Fields[0]).SetStr("kid")
	if got := kids.Index(0).Elem(tree).Field(&tree.Fields[0]).Str(); got != "kid" {
		t.Errorf("the tree in the list is named %q, want kid", got)
	}
}

func TestMakeRefusesWhatHasNoType(t *testing.T) {
	self := &Shape{Kind: Struct, Name: "Self"}
	self.Fields = []Field{{Name: "self", Shape: self}}
	endless := &Shape{Kind: List}
	endless.Elem = endless
	wide := &Shape{Kind: Struct}
	for i := range maxFields + 1 {
		wide.Fields = append(wide.Fields, Field{Name: "f" + strconv.Itoa(i), Shape: &Shape{Kind: Bool}})
	}
	doubled := &Shape{Kind: Struct, Fields: []Field{{Name: "a", Shape: &Shape{Kind: Bool}}}}
	for range 30 {
		doubled = &Shape{Kind: Struct, Fields: []Field{{Name: "a", Shape: doubled}, {Name: "b", Shape: doubled}}}
	}
	chain := &Shape{Kind: Struct}
	for range 2000 {
		chain = &Shape{Kind: Struct, Fields: []Field{{Name: "a", Shape: chain}, {Name: "b", Shape: &Shape{Kind: Bool}}}}
	}
	field := func(f Field) *Shape { return &Shape{Kind: Struct, Fields: []Field{f}} }
	for want, s := range map[string]*Shape{
		"a shape of kind 0":                {},
		"an integer of 7 bits":             {Kind: Int, Bits: 7},
		"holds itself":                     self,
		"a list holds itself":              endless,
		"more than 16384 fields":           wide,
		"or 1048576 bytes":                 doubled,
		"all structs together":             chain,
		"a list of nothing":                {Kind: List},
		"an optional value of nothing":     {Kind: Pointer},
		"one says all about presence":      {Kind: Pointer, Elem: &Shape{Kind: Pointer, Elem: &Shape{Kind: Bool}}},
		"a map without a key":              {Kind: Map, Elem: &Shape{Kind: Bool}},
		"a map with a number as key":       {Kind: Map, Key: &Shape{Kind: Float}, Elem: &Shape{Kind: Bool}},
		"an array of 1048577 bytes":        {Kind: Bytes, Len: maxSize + 1},
		"a list of 1048577 items is not":   {Kind: Array, Len: maxLen + 1, Elem: &Shape{Kind: Bool}},
		"a list of 1048576 items has more": {Kind: Array, Len: maxLen, Elem: &Shape{Kind: Int}},
		`the name "1" cannot be carried`:   field(Field{Name: "1", Shape: &Shape{Kind: Bool}}),
		"the number 19000":                 field(Field{Name: "a", Number: 19000, Shape: &Shape{Kind: Bool}}),
		"a field of nothing":               field(Field{Name: "a"}),
	} {
		err := Make(s)
		if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), want) {
			t.Errorf("Make: error %v, want one of an unsupported type with %q", err, want)
		}
	}
}

func TestEachCachePlansAMadeShapeForItself(t *testing.T) {
	s := &Shape{Kind: Struct, Name: "Order", Fields: []Field{{Name: "id", Shape: &Shape{Kind: String}}}}
	if err := Make(s); err != nil {
		t.Fatal(err)
	}
	first := Cache{Plan: func(*Shape) (any, error) { return 1, nil }}
	second := Cache{Plan: func(*Shape) (any, error) { return 2, nil }}
	for c, want := range map[*Cache]int{&first: 1, &second: 2} {
		got, _, err := c.Source(s.New())
		again, _, _ := c.Target(s.New())
		if err != nil || got.Plan != want || again != got {
			t.Errorf("Source: plan %v, error %v, want %d and one shape for both directions", got.Plan, err, want)
		}
	}
	if s.Plan != nil {
		t.Errorf("the shape itself has the plan %v", s.Plan)
	}
}
