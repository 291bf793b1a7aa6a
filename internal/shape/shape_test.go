package shape

import (
	"encoding"
	"errors"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

type (
	base struct {
		ID int64 `json:"id"`
	}
	tagged struct {
		base
		Name   string     `wire:"name,3,optional" json:"other"`
		Only   int        `wire:",4"`
		Opt    bool       `wire:"opt,optional"`
		JSON   uint8      `json:"js,omitempty"`
		Bare   float32    //
		Skip   chan int   `wire:"-"`
		Skip2  chan int   `json:"-"`
		hidden chan int   //
		When   *time.Time `wire:"when,7"`
		Named  base       `wire:"named"`
	}
	recursive struct {
		Next *recursive
		Kids []recursive
		By   map[string]recursive
	}
)

func TestFields(t *testing.T) {
	var c Cache
	s, err := c.Of(reflect.TypeFor[tagged]())
	if err != nil {
		t.Fatal(err)
	}
	type row struct {
		Name, GoName string
		Number       int
		Kind         Kind
		OmitZero     bool
	}
	var got []row
	for _, f := range s.Fields {
		got = append(got, row{f.Name, f.GoName, f.Number, f.Shape.Kind, f.OmitZero})
	}
	want := []row{
		{"id", "ID", 0, Int, false}, {"name", "Name", 3, String, true}, {"Only", "Only", 4, Int, false},
		{"opt", "Opt", 0, Bool, true}, {"js", "JSON", 0, Uint, true}, {"Bare", "Bare", 0, Float, false},
		{"when", "When", 7, Pointer, false}, {"named", "Named", 0, Struct, false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for i, f := range s.Fields {
		for _, hint := range []int{0, i, len(s.Fields)} {
			if at, ok := s.FindField([]byte(f.Name), hint); at != i || !ok {
				t.Errorf("FindField(%s, %d) = %d, %v", f.Name, hint, at, ok)
			}
		}
	}
	if _, ok := s.FindField([]byte("ID"), 0); ok {
		t.Error("FindField ignores case")
	}
}

func TestRecursiveTypeIsALoop(t *testing.T) {
	var c Cache
	s, err := c.Of(reflect.TypeFor[recursive]())
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []*Shape{s.Fields[0].Shape.Elem, s.Fields[1].Shape.Elem, s.Fields[2].Shape.Elem} {
		if want != s {
			t.Errorf("field %d leads to another shape than its own", i)
		}
	}
}

type (
	embedsPointer struct{ *base }
	embedsTime    struct {
		time.Time
		Other int
	}
	onlyTime    struct{ time.Time }
	writesOnly  struct{ A int }
	jsonOnly    struct{ A int }
	generated   struct{ A int }
	hiddenOnly  struct{ a int }
	skippedOnly struct {
		A int `wire:"-"`
	}
	tagOnHidden struct {
		a int `wire:"a"`
	}
	sameName struct {
		A int
		B int `wire:"A"`
	}
	sameNumber struct {
		A int `wire:"a,1"`
		B int `wire:"b,1"`
	}
	badNumber struct {
		A int `wire:"a,19000"`
	}
	twoNumbers struct {
		A int `wire:"a,1,2"`
	}
	badPart struct {
		A int `wire:"a,1,omitempty"`
	}
	jsonString struct {
		A int `json:"a,string"`
	}
	badName struct {
		A int `wire:"1a"`
	}
	quoteName struct {
		A int `json:"a\"b"`
	}
	spaceName struct {
		A int `json:"a b"`
	}
	deep struct {
		Items []struct {
			By map[string]struct{ Bad func() }
		}
	}
)

func (writesOnly) MarshalText() ([]byte, error) { return nil, nil }
func (jsonOnly) MarshalJSON() ([]byte, error)   { return nil, nil }
func (*generated) ProtoReflect()                {}

func TestRefusedTypes(t *testing.T) {
	for _, tc := range []struct {
		typ  reflect.Type
		want string // a part of the error
	}{
		{reflect.TypeFor[chan int](), "chan int: chan int cannot be carried; leave the field out with the tag `wire:\"-\"`"},
		{reflect.TypeFor[func()](), "func() cannot be carried"},
		{reflect.TypeFor[complex128](), "complex128 cannot be carried"},
		{reflect.TypeFor[uintptr](), "uintptr is an address"},
		{reflect.TypeFor[any](), "interface {} does not say what it holds"},
		{reflect.TypeFor[struct{ A any }](), "A: interface {} does not say what it holds"},
		{reflect.TypeFor[**int](), "**int is a pointer to a pointer"},
		{reflect.TypeFor[map[float64]int](), "has keys of type float64"},
		{reflect.TypeFor[map[[2]int]int](), "has keys of type [2]int"},
		{reflect.TypeFor[embedsPointer](), "shape.embedsPointer.base: embedded pointers have no place"},
		{reflect.TypeFor[embedsTime](), "embeds time.Time, whose MarshalText stands for the whole struct"},
		{reflect.TypeFor[writesOnly](), "has one of MarshalText and UnmarshalText; it needs both"},
		{reflect.TypeFor[jsonOnly](), "has JSON methods, which the other formats cannot honour"},
		{reflect.TypeFor[generated](), "generated message; it is carried alone, as *shape.generated"},
		{reflect.TypeFor[hiddenOnly](), "has no exported field"},
		{reflect.TypeFor[tagOnHidden](), "shape.tagOnHidden.a: the field is tagged but not exported"},
		{reflect.TypeFor[sameName](), `the fields A and B share the name "A"`},
		{reflect.TypeFor[sameNumber](), "the fields A and B share the number 1"},
		{reflect.TypeFor[badNumber](), `has the part "19000"; want name,number,optional`},
		{reflect.TypeFor[twoNumbers](), `has the part "2"`},
		{reflect.TypeFor[badPart](), `has the part "omitempty"`},
		{reflect.TypeFor[jsonString](), `the tag json:"a,string" has the option "string"`},
		{reflect.TypeFor[badName](), `the name "1a" cannot be carried`},
		{reflect.TypeFor[quoteName](), `the name "a\"b" cannot be carried`},
		{reflect.TypeFor[spaceName](), `the name "a b" cannot be carried`},
		{reflect.TypeFor[deep](), "shape.deep.Items[].By[].Bad: func() cannot be carried"},
		{reflect.TypeFor[struct{ A encoding.TextMarshaler }](), "does not say what it holds"},
	} {
		var c Cache
		_, err := c.Of(tc.typ)
		if !errors.Is(err, ErrUnsupported) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s:\ngot  %v\nwant %s", tc.typ, err, tc.want)
		}
	}
}

func TestKinds(t *testing.T) {
	for _, tc := range []struct {
		typ  reflect.Type
		kind Kind
	}{
		{reflect.TypeFor[time.Time](), Time}, {reflect.TypeFor[time.Duration](), Duration},
		{reflect.TypeFor[time.Month](), Int}, {reflect.TypeFor[netip.Addr](), Text}, {reflect.TypeFor[big.Int](), Text},
		{reflect.TypeFor[onlyTime](), Text}, {reflect.TypeFor[[]byte](), Bytes}, {reflect.TypeFor[[4]byte](), Bytes},
		{reflect.TypeFor[[]int8](), List}, {reflect.TypeFor[[4]int](), Array}, {reflect.TypeFor[struct{}](), Struct},
		{reflect.TypeFor[skippedOnly](), Struct}, {reflect.TypeFor[map[netip.Addr]bool](), Map}, {reflect.TypeFor[*big.Int](), Pointer},
	} {
		var c Cache
		s, err := c.Of(tc.typ)
		if err != nil || s.Kind != tc.kind {
			t.Errorf("%s: got %v, %v; want %v", tc.typ, s, err, tc.kind)
		}
	}
}

func TestIntHas64BitsOnEveryMachine(t *testing.T) {
	for _, typ := range []reflect.Type{reflect.TypeFor[int](), reflect.TypeFor[uint]()} {
		s, err := new(Cache).Of(typ)
		if err != nil || s.Bits != 64 {
			t.Errorf("%s: got %+v, %v, want 64 bits: its schema must not depend on the machine", typ, s, err)
		}
	}
}

func TestFirstUseOfATypeIsSharedByAll(t *testing.T) {
	var c Cache
	var wg sync.WaitGroup
	shapes := make([]*Shape, 64)
	for i := range shapes {
		wg.Go(func() { shapes[i], _ = c.Of(reflect.TypeFor[tagged]()) })
	}
	wg.Wait()
	for i, s := range shapes {
		if s == nil || s != shapes[0] {
			t.Fatalf("goroutine %d got another shape", i)
		}
	}
}

func TestCacheIsBounded(t *testing.T) {
	var c Cache
	for n := range 3*maxTypes + 1 {
		if _, err := c.Of(reflect.ArrayOf(n, reflect.TypeFor[int]())); err != nil {
			t.Fatal(err)
		}
	}
	held := 0
	c.shapes.Range(func(any, any) bool { held++; return true })
	if held == 0 || held > maxTypes {
		t.Errorf("the cache holds %d types, want 1 to %d", held, maxTypes)
	}
}

func TestParseTime(t *testing.T) {
	for _, text := range []string{
		"2026-11-24T10:20:30Z", "2026-11-24T10:20:30.123456789Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999999999Z",
		"2026-11-24T10:20:30+23:59", "2026-11-24T10:20:30.5-07:00", "2024-02-29T00:00:00Z",
	} {
		if _, err := ParseTime([]byte(text)); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{
		"", "2026", "2026-11-24", "2026-11-24T10:20:30", "2026-11-24T1:20:30Z", "2026-11-24T10:20:30,5Z", "2026-11-24T10:20:30.Z",
		"2026-11-24T10:20:30.1234567890Z", "2026-11-24T24:00:00Z", "2026-11-24T10:60:00Z", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z",
		"2026-11-24T10:20:30+24:00", "2026-11-24T10:20:30+00:60", "2026-11-24t10:20:30z", "2026-11-24 10:20:30Z", "02026-11-24T10:20:30Z",
		"2026-11-24T10:20:30ZZ", "2026-11-24T10:20:30Z07:00", "+026-11-24T10:20:30Z", "2026-11-24T10:20:60Z", "2026-11-24T10:20:30+0000",
	} {
		if got, err := ParseTime([]byte(text)); err == nil {
			t.Errorf("%q is read as %v", text, got)
		}
	}
}

func TestPathIsBounded(t *testing.T) {
	err := errors.New("deep")
	for range 10_000 {
		err = InItem(InField(err, "field"), 7)
	}
	path, cause := Split(err)
	if len(path) > maxPath+8 || cause.Error() != "deep" {
		t.Errorf("a path of %d bytes, cause %v", len(path), cause)
	}
	path, _ = Split(InField(InItem(InEntry(InField(cause, "d"), 2), 1), "a"))
	if path != "a[1][#2].d" {
		t.Errorf("got %s", path)
	}
}

type secretive struct{ fail error }

func (s *secretive) MarshalText() ([]byte, error) { return nil, s.fail }
func (s *secretive) UnmarshalText([]byte) error   { return errors.New("s3cret") }

func TestForeignErrorsAreFoundButNotPrinted(t *testing.T) {
	sentinel := errors.New("s3cret")
	var c Cache
	_, v, err := c.Source(&secretive{sentinel})
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.AppendText(nil)
	if !errors.Is(err, sentinel) || err.Error() != "MarshalText of shape.secretive failed" {
		t.Errorf("got %v", err)
	}
	if errors.Unwrap(err) != nil {
		t.Error("Unwrap lets a logger print the cause")
	}
}

func TestAMapIsFilledByPlacesAsByTexts(t *testing.T) {
	var c Cache
	byPlace, byText := map[int8][]bool{}, map[int8][]bool{}
	s, v, err := c.Target(&byPlace)
	if err != nil {
		t.Fatal(err)
	}
	w := v.SetMap(s)
	for i, want := range []error{nil, nil, errors.New("two entries have one key")} {
		key, elem := w.Next()
		if err := key.SetInt(int64(i % 2)); err != nil {
			t.Fatal(err)
		}
		elem.Reserve(2)
		elem.Item(0).SetBool(true)
		if err := w.End(); (err == nil) != (want == nil) {
			t.Errorf("entry %d: got %v, want %v", i, err, want)
		}
	}
	s, v, err = c.Target(&byText)
	if err != nil {
		t.Fatal(err)
	}
	w = v.SetMap(s)
	for _, text := range []string{"0", "1"} {
		elem, err := w.Begin(text)
		if err != nil {
			t.Fatal(err)
		}
		elem.Item(0).SetBool(true)
		if err := w.End(); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(byText, byPlace); diff != "" {
		t.Error(diff)
	}
}
