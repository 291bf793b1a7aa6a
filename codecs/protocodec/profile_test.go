package protocodec

import (
	"encoding/hex"
	"errors"
	"math"
	"math/big"
	"net/netip"
	"reflect"
	"strings"
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
	point struct {
		X int32 `wire:"x,1"`
		Y int32 `wire:"y,2"`
	}
	widths struct {
		I8  int8   `wire:"i8,1"`
		I16 int16  `wire:"i16,2"`
		I32 int32  `wire:"i32,3"`
		I64 int64  `wire:"i64,4"`
		I   int    `wire:"i,5"`
		U8  uint8  `wire:"u8,6"`
		U16 uint16 `wire:"u16,7"`
		U32 uint32 `wire:"u32,8"`
		U64 uint64 `wire:"u64,9"`
		U   uint   `wire:"u,10"`
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
		A [2]float64 `wire:"a,1"`
		L []int      `wire:"l,2"`
	}
	tree struct {
		Value int     `wire:"value,1"`
		Kids  []*tree `wire:"kids,2"`
		Next  *tree   `wire:"next,3"`
	}
	embedding struct {
		point
		Name string `wire:"name,3"`
	}
	digest [4]byte
)

func ptr[T any](v T) *T { return &v }

// profile is the table of what the codec carries: a value and its one encoding. The
// malformed-input tests and the fuzzer start from it too.
var profile = []struct {
	rule  string
	value any
	hex   string
}{
	{"true", true, `0801`},
	{"false", false, ``},
	{"integers at their lowest", widths{I8: -128, I16: -32768, I32: math.MinInt32, I64: math.MinInt64, I: math.MinInt32},
		`0880ffffffffffffffff01108080feffffffffffff011880808080f8ffffffff0120808080808080808080012880808080f8ffffffff01`},
	{"integers at their highest", widths{127, 32767, math.MaxInt32, math.MaxInt64, math.MaxInt32, 255, 65535, math.MaxUint32, math.MaxUint64, math.MaxUint32},
		`087f10ffff0118ffffffff0720ffffffffffffffff7f28ffffffff0730ff0138ffff0340ffffffff0f48ffffffffffffffffff0150ffffffff0f`},
	{"2^53+1 is exact", int64(1<<53 + 1), `088180808080808010`},
	{"float64 1.5", 1.5, `09000000000000f83f`},
	{"float64 pi", math.Pi, `09182d4454fb210940`},
	{"the largest float64", math.MaxFloat64, `09ffffffffffffef7f`},
	{"the smallest float64", math.SmallestNonzeroFloat64, `090100000000000000`},
	{"-0 keeps its sign", math.Copysign(0, -1), `090000000000000080`},
	{"NaN", math.NaN(), `09010000000000f87f`},
	{"+Inf", math.Inf(1), `09000000000000f07f`},
	{"-Inf", math.Inf(-1), `09000000000000f0ff`},
	{"float32 0.1", float32(0.1), `0dcdcccc3d`},
	{"float32 largest", float32(math.MaxFloat32), `0dffff7f7f`},
	{"float32 NaN", float32(math.NaN()), `0d0000c07f`},
	{"empty string", "", ``},
	{"control characters", "a\"\\/\b\f\n\r\t\x00\x1f<>&", `0a0e61225c2f080c0a0d09001f3c3e26`},
	{"all planes", "é\u2028\ufeff\ufffd\U0001f600", `0a0fc3a9e280a8efbbbfefbfbdf09f9880`},
	{"bytes", []byte{0, 1, 254, 255}, `0a040001feff`},
	{"empty bytes", []byte{}, ``},
	{"fixed bytes", digest{1, 2, 3, 4}, `0a0401020304`},
	{"list", []int{1, 2, 3}, `0a03010203`},
	{"nil list", []int(nil), ``},
	{"empty list", []int{}, ``},
	{"lists of lists", [][]string{{"a"}, nil, {"b", "c"}}, `0a030a01610a000a060a01620a0163`},
	{"array", [3]bool{true, false, true}, `0a03010001`},
	{"empty array", [0]int{}, ``},
	{"list of pointers", []*point{{1, 2}}, `0a0408011002`},
	{"map in the order of key bytes", map[string]int{"b": 1, "a": 2, "": 3, "é": 4, "Z": 5}, `0a040a0010030a050a015a10050a050a016110020a050a016210010a060a02c3a91004`},
	{"nil map", map[string]int(nil), ``},
	{"integer keys in the order of their values", map[int64]string{-1: "a", 10: "b", 9: "c"}, `0a0e08ffffffffffffffffff011201610a0508091201630a05080a120162`},
	{"unsigned keys", map[uint64]bool{math.MaxUint64: true}, `0a0d08ffffffffffffffffff011001`},
	{"boolean keys", map[bool]int{true: 1, false: 0}, `0a04080010000a0408011001`},
	{"text keys", map[netip.Addr]int{netip.MustParseAddr("::1"): 1}, `0a070a033a3a311001`},
	{"map of structs", map[string]point{"a": {1, 2}}, `0a090a0161120408011002`},
	{"map of maps", map[string]map[string][]int{"a": {"b": {1}}}, `0a0f0a0161120a0a080a016212030a0101`},
	{"time with nanoseconds", time.Date(2026, 11, 24, 10, 20, 30, 123456789, time.UTC), `08eec995d80610959aef3a`},
	{"time of year 1", time.Time{}, `088092b8c398feffffff01`},
	{"time of 1970", time.Unix(0, 0).UTC(), ``},
	{"time of year 9999", time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC), `08ff82d1ffaf0710ff93ebdc03`},
	{"time before 1970", time.Unix(-1, 5).UTC(), `08ffffffffffffffffff011005`},
	{"duration in nanoseconds", -90 * time.Second, `0880f8d3dcb0fdffffff01`},
	{"text", netip.MustParseAddr("10.0.0.1"), `0a0831302e302e302e31`},
	{"text with a pointer method", *big.NewInt(-42), `0a032d3432`},
	{"enum", levels{7, map[level]string{3: "x"}}, `080712050803120178`},
	{"absent optionals", optionals{}, ``},
	{"optional zeros are present", optionals{ptr(int64(0)), ptr(""), &point{}, &time.Time{}, &[]int{}},
		`080012001a00220b088092b8c398feffffff012a00`},
	{"zeros left out by tag", omitting{L: []int{}, M: map[string]int{}, B: []byte{}}, ``},
	{"-0 inside is not left out", omitting{Q: weights{A: [2]float64{0, math.Copysign(0, -1)}}}, `42120a1000000000000000000000000000000080`},
	{"empty inside is left out", omitting{Q: weights{L: []int{}}}, ``},
	{"-0 is not left out", omitting{F: math.Copysign(0, -1)}, `110000000000000080`},
	{"what is not zero is not left out", omitting{1, 2, []int{0}, map[string]int{"": 0}, []byte{0}, [2]byte{0, 1}, point{0, 1}, weights{}},
		`08011100000000000000401a010022040a0010002a0100320200013a021001`},
	{"embedded struct", embedding{point{1, 2}, "n"}, `080110021a016e`},
	{"recursive type", tree{1, []*tree{{Value: 2}}, &tree{Value: 3}}, `0801120208021a020803`},
	{"empty struct", struct{}{}, ``},
	{"pointer at the top", ptr(5), `0805`},
}

// wire returns the bytes of hexadecimal text, in which spaces are for the eye.
func wire(text string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

func TestProfile(t *testing.T) {
	c := New()
	for _, tc := range profile {
		t.Run(tc.rule, func(t *testing.T) {
			if err := c.CheckType(reflect.TypeOf(tc.value)); err != nil {
				t.Fatal(err)
			}
			got, err := c.Append(nil, tc.value)
			if err != nil || hex.EncodeToString(got) != tc.hex {
				t.Fatalf("encode:\ngot  %x, %v\nwant %s", got, err, tc.hex)
			}
			byPointer := reflect.New(reflect.TypeOf(tc.value))
			byPointer.Elem().Set(reflect.ValueOf(tc.value))
			if got, err = c.Append(got[:0], byPointer.Interface()); err != nil || hex.EncodeToString(got) != tc.hex {
				t.Fatalf("encode a pointer: got %x, %v", got, err)
			}
			target := reflect.New(reflect.TypeOf(tc.value))
			if err := c.Decode(wire(tc.hex), target.Interface()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.value, target.Elem().Interface(), exact, cmp.AllowUnexported(embedding{})); diff != "" {
				t.Errorf("decode(encode(v)) is not v: %s", diff)
			}
		})
	}
}

func TestWhatReadingForgives(t *testing.T) {
	type lists struct {
		I []int32   `wire:"i,1"`
		F []float32 `wire:"f,2"`
		B []bool    `wire:"b,3"`
		A [2]int64  `wire:"a,4"`
	}
	type texts struct {
		Hash [4]byte          `wire:"hash,1"`
		Map  map[string]point `wire:"map,2"`
		Ptr  map[int]*point   `wire:"ptr,3"`
		At   time.Time        `wire:"at,4"`
	}
	c := New()
	for _, tc := range []struct {
		rule, hex string
		want      any
	}{
		{"unknown fields of all wire types are skipped", "1863 08 01 21 0001020304050607 2a 02 0809 33 08 63 33 34 34 3d 00010203 10 02", point{1, 2}},
		{"the order of fields does not matter", "10 02 08 01", point{1, 2}},
		{"absent fields are zero", "10 02", point{0, 2}},
		{"zeros may be written", "08 00 10 00", point{}},
		{"varints may be longer than they need be", "08 8100 9000 02", point{1, 2}},
		{"lists that are not packed", "08 01 08 02 15 0000803f 18 01 20 01 20 02", lists{[]int32{1, 2}, []float32{1}, []bool{true}, [2]int64{1, 2}}},
		{"lists that are packed in parts", "0a 01 01 08 02 0a 02 0304 0a00", lists{I: []int32{1, 2, 3, 4}}},
		{"an empty record of an array is none", "22 00", lists{}},
		{"any varint but 0 is true", "1a 04 02 00 ff01", lists{B: []bool{true, false, true}}},
		{"no bytes are zero bytes of an array", "0a 00", texts{}},
		{"an entry without key and value", "12 00 1a 00", texts{Map: map[string]point{"": {}}, Ptr: map[int]*point{0: {}}}},
		{"an entry in another order, with more", "12 09 12 02 0805 1801 0a 01 61", texts{Map: map[string]point{"a": {X: 5}}}},
		{"entries that do not follow each other", "12 03 0a 01 61 1a 02 08 07 12 03 0a 01 62", texts{Map: map[string]point{"a": {}, "b": {}}, Ptr: map[int]*point{7: {}}}},
		{"an empty time is 1970", "22 00", texts{At: time.Unix(0, 0).UTC()}},
		{"an empty message", "", point{}},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			target := reflect.New(reflect.TypeOf(tc.want))
			if err := c.Decode(wire(tc.hex), target.Interface()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, target.Elem().Interface(), exact); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNilAndEmptyAreReadAsNil(t *testing.T) {
	var got omitting
	if err := New().Decode(wire("1a00 2a00"), &got); err != nil {
		t.Fatal(err)
	}
	if got.L != nil || got.M != nil || got.B != nil {
		t.Errorf("got %#v, want three nils", got)
	}
}

// Lengths of one to four bytes are written where one was kept.
func TestLengthsOfAllSizes(t *testing.T) {
	type in struct {
		S string `wire:"s,1"`
	}
	type out struct {
		In []in `wire:"in,1"`
	}
	c := New()
	for _, n := range []int{0, 1, 125, 126, 127, 128, 16379, 16380, 16384, 1 << 21, 3 << 20} {
		want := out{[]in{{strings.Repeat("x", n)}, {"y"}}}
		var got out
		if err := c.Decode(mustAppend(t, c, want), &got); err != nil || !reflect.DeepEqual(want, got) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

// A sameText is a key whose texts collide.
type sameText int

func (sameText) MarshalText() ([]byte, error) { return []byte("x"), nil }
func (*sameText) UnmarshalText([]byte) error  { return nil }

// A badText is a text that fails.
type badText struct{ err error }

func (b badText) MarshalText() ([]byte, error) { return nil, b.err }
func (*badText) UnmarshalText([]byte) error    { return errors.New("s3cret") }
