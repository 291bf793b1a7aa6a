package jsoncodec

import (
	"errors"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// exact compares values as the profile does: nil and empty are equal, NaN is
// NaN, and -0 is not 0.
var exact = cmp.Options{
	cmpopts.EquateEmpty(),
	cmp.Comparer(func(a, b float64) bool {
		return math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b)
	}),
	cmp.Comparer(func(a, b float32) bool {
		return math.Float32bits(a) == math.Float32bits(b) || a != a && b != b
	}),
	cmp.Comparer(func(a, b big.Int) bool { return a.Cmp(&b) == 0 }),
	cmp.Comparer(func(a, b netip.Addr) bool { return a == b }),
}

type (
	point  struct{ X, Y int32 }
	widths struct {
		I8  int8
		I16 int16
		I32 int32
		I64 int64
		I   int
		U8  uint8
		U16 uint16
		U32 uint32
		U64 uint64
		U   uint
	}
	level  int32
	levels struct {
		Level level            `wire:"level,1"`
		By    map[level]string `wire:"by,2"`
	}
	optionals struct {
		N *int64     `wire:"n,1"`
		S *string    `wire:"s,2"`
		P *point     `wire:"p,3"`
		T *time.Time `wire:"t,4"`
		L *[]int     `wire:"l,5"`
	}
	omitting struct {
		N int            `wire:"n,1,optional"`
		F float64        `wire:"f,2,optional"`
		L []int          `wire:"l,3,optional"`
		M map[string]int `wire:"m,4,optional"`
		B []byte         `wire:"b,5,optional"`
		H [2]byte        `wire:"h,6,optional"`
		P point          `wire:"p,7,optional"`
		Q weights        `wire:"q,8,optional"`
	}
	weights struct {
		A [2]float64
		L []int
	}
	tree struct {
		Value int     `json:"value"`
		Kids  []*tree `json:"kids,omitempty"`
		Next  *tree   `json:"next"`
	}
	embedding struct {
		point
		Name string
	}
	digest [4]byte
)

func ptr[T any](v T) *T { return &v }

// profile is the table of what the codec carries: a value and its one JSON
// text. The malformed-input tests and the fuzzer start from it too.
var profile = []struct {
	rule  string
	value any
	json  string
}{
	{"true", true, `true`},
	{"false", false, `false`},
	{"integers at their lowest", widths{I8: -128, I16: -32768, I32: math.MinInt32, I64: math.MinInt64, I: math.MinInt32},
		`{"I8":-128,"I16":-32768,"I32":-2147483648,"I64":-9223372036854775808,"I":-2147483648,"U8":0,"U16":0,"U32":0,"U64":0,"U":0}`},
	{"integers at their highest", widths{127, 32767, math.MaxInt32, math.MaxInt64, math.MaxInt32, 255, 65535, math.MaxUint32, math.MaxUint64, math.MaxUint32},
		`{"I8":127,"I16":32767,"I32":2147483647,"I64":9223372036854775807,"I":2147483647,"U8":255,"U16":65535,"U32":4294967295,"U64":18446744073709551615,"U":4294967295}`},
	{"2^53+1 is exact", int64(1<<53 + 1), `9007199254740993`},
	{"float64 1.5", 1.5, `1.5`},
	{"float64 pi", math.Pi, `3.141592653589793`},
	{"the largest float64", math.MaxFloat64, `1.7976931348623157e+308`},
	{"the smallest float64", math.SmallestNonzeroFloat64, `5e-324`},
	{"a small exponent has no leading zero", 1e-9, `1e-9`},
	{"-0 keeps its sign", math.Copysign(0, -1), `-0`},
	{"NaN", math.NaN(), `"NaN"`},
	{"+Inf", math.Inf(1), `"Infinity"`},
	{"-Inf", math.Inf(-1), `"-Infinity"`},
	{"float32 shortest", float32(0.1), `0.1`},
	{"float32 largest", float32(math.MaxFloat32), `3.4028235e+38`},
	{"float32 NaN", float32(math.NaN()), `"NaN"`},
	{"empty string", "", `""`},
	{"escapes", "a\"\\/\b\f\n\r\t\x00\x1f<>&", `"a\"\\/\b\f\n\r\t\u0000\u001f<>&"`},
	{"all planes", "é\u2028\ufeff\ufffd\U0001f600", "\"é\u2028\ufeff\ufffd\U0001f600\""},
	{"bytes", []byte{0, 1, 254, 255}, `"AAH+/w=="`},
	{"empty bytes", []byte{}, `""`},
	{"fixed bytes", digest{1, 2, 3, 4}, `"AQIDBA=="`},
	{"list", []int{1, 2, 3}, `[1,2,3]`},
	{"nil list", []int(nil), `[]`},
	{"empty list", []int{}, `[]`},
	{"lists of lists", [][]string{{"a"}, nil, {"b", "c"}}, `[["a"],[],["b","c"]]`},
	{"array", [3]bool{true, false, true}, `[true,false,true]`},
	{"empty array", [0]int{}, `[]`},
	{"list of pointers", []*point{{1, 2}}, `[{"X":1,"Y":2}]`},
	{"map in the order of key bytes", map[string]int{"b": 1, "a": 2, "": 3, "é": 4, "Z": 5}, `{"":3,"Z":5,"a":2,"b":1,"é":4}`},
	{"nil map", map[string]int(nil), `{}`},
	{"integer keys", map[int64]string{-1: "a", 10: "b", 9: "c"}, `{"-1":"a","10":"b","9":"c"}`},
	{"unsigned keys", map[uint64]bool{math.MaxUint64: true}, `{"18446744073709551615":true}`},
	{"boolean keys", map[bool]int{true: 1, false: 0}, `{"false":0,"true":1}`},
	{"text keys", map[netip.Addr]int{netip.MustParseAddr("::1"): 1}, `{"::1":1}`},
	{"map of structs", map[string]point{"a": {1, 2}}, `{"a":{"X":1,"Y":2}}`},
	{"map of maps", map[string]map[string][]int{"a": {"b": {1}}}, `{"a":{"b":[1]}}`},
	{"time with nanoseconds", time.Date(2026, 11, 24, 10, 20, 30, 123456789, time.UTC), `"2026-11-24T10:20:30.123456789Z"`},
	{"time of year 1", time.Time{}, `"0001-01-01T00:00:00Z"`},
	{"time of year 9999", time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC), `"9999-12-31T23:59:59.999999999Z"`},
	{"time before 1970", time.Unix(-1, 5).UTC(), `"1969-12-31T23:59:59.000000005Z"`},
	{"duration in nanoseconds", -90 * time.Second, `-90000000000`},
	{"text", netip.MustParseAddr("10.0.0.1"), `"10.0.0.1"`},
	{"text with a pointer method", *big.NewInt(-42), `"-42"`},
	{"enum", levels{7, map[level]string{3: "x"}}, `{"level":7,"by":{"3":"x"}}`},
	{"absent optionals", optionals{}, `{}`},
	{"optional zeros are present", optionals{ptr(int64(0)), ptr(""), &point{}, &time.Time{}, &[]int{}},
		`{"n":0,"s":"","p":{"X":0,"Y":0},"t":"0001-01-01T00:00:00Z","l":[]}`},
	{"zeros left out by tag", omitting{L: []int{}, M: map[string]int{}, B: []byte{}}, `{}`},
	{"-0 inside is not left out", omitting{Q: weights{A: [2]float64{0, math.Copysign(0, -1)}}}, `{"q":{"A":[0,-0],"L":[]}}`},
	{"empty inside is left out", omitting{Q: weights{L: []int{}}}, `{}`},
	{"-0 is not left out", omitting{F: math.Copysign(0, -1)}, `{"f":-0}`},
	{"what is not zero is not left out", omitting{1, 2, []int{0}, map[string]int{"": 0}, []byte{0}, [2]byte{0, 1}, point{0, 1}, weights{}},
		`{"n":1,"f":2,"l":[0],"m":{"":0},"b":"AA==","h":"AAE=","p":{"X":0,"Y":1}}`},
	{"embedded struct", embedding{point{1, 2}, "n"}, `{"X":1,"Y":2,"Name":"n"}`},
	{"recursive type", tree{1, []*tree{{Value: 2}}, &tree{Value: 3}}, `{"value":1,"kids":[{"value":2}],"next":{"value":3}}`},
	{"empty struct", struct{}{}, `{}`},
	{"pointer at the top", ptr(5), `5`},
}

func TestProfile(t *testing.T) {
	c := New()
	for _, tc := range profile {
		t.Run(tc.rule, func(t *testing.T) {
			if err := c.CheckType(reflect.TypeOf(tc.value)); err != nil {
				t.Fatal(err)
			}
			got, err := c.Append(nil, tc.value)
			if err != nil || string(got) != tc.json {
				t.Fatalf("encode:\ngot  %s, %v\nwant %s", got, err, tc.json)
			}
			byPointer := reflect.New(reflect.TypeOf(tc.value))
			byPointer.Elem().Set(reflect.ValueOf(tc.value))
			if got, err = c.Append(got[:0], byPointer.Interface()); err != nil || string(got) != tc.json {
				t.Fatalf("encode a pointer: got %s, %v", got, err)
			}
			target := reflect.New(reflect.TypeOf(tc.value))
			if err := c.Decode([]byte(tc.json), target.Interface()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.value, target.Elem().Interface(), exact, cmp.AllowUnexported(embedding{})); diff != "" {
				t.Errorf("decode(encode(v)) is not v: %s", diff)
			}
		})
	}
}

func TestWhatReadingForgives(t *testing.T) {
	c := New()
	for _, tc := range []struct {
		rule, json string
		want       any
	}{
		{"unknown members of any kind are skipped", ` {"Z":[{"a":{"b":[]}},1e9,"\ud83d\ude00",null,true], "X":1 ,"W":{"Y":9},"Y":2} `, point{1, 2}},
		{"the order of members does not matter", `{"Y":2,"X":1}`, point{1, 2}},
		{"absent members are zero", `{"Y":2}`, point{0, 2}},
		{"case matters", `{"x":1,"y":2,"Y":3}`, point{0, 3}},
		{"null is absence", `{"n":null,"s":null,"p":null,"t":null,"l":null}`, optionals{}},
		{"null is absence of what is not optional too", `{"X":null,"Y":2}`, point{0, 2}},
		{"names may be escaped", `{"\u0058":1,"Y":2}`, point{1, 2}},
		{"base64 may be escaped", `"\/\u002fAA"`, []byte{0xff, 0xf0, 0x00}},
		{"white space", " \t\r\n[ 1 , 2 ]\n", []int{1, 2}},
		{"exponents of floats", `1E+2`, 100.0},
		{"a float too small is zero", `1e-999`, 0.0},
		{"-0 as an integer is 0", `-0`, 0},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			target := reflect.New(reflect.TypeOf(tc.want))
			if err := c.Decode([]byte(tc.json), target.Interface()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, target.Elem().Interface(), exact); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A sameText is a key whose texts collide.
type sameText int

func (sameText) MarshalText() ([]byte, error)  { return []byte("x"), nil }
func (*sameText) UnmarshalText(b []byte) error { return nil }

// A badText is a text that fails.
type badText struct{ err error }

func (b badText) MarshalText() ([]byte, error) { return nil, b.err }
func (*badText) UnmarshalText([]byte) error    { return errors.New("s3cret") }
