package msgpackcodec

import (
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

// profile is the table of what the codec carries: a value and its one encoding,
// which another implementation wrote. The malformed-input tests and the fuzzer
// start from it too.
var profile = []struct {
	rule  string
	value any
	wire  string
}{
	{"true", true, "\xc3"},
	{"false", false, "\xc2"},
	{"integers at their lowest", widths{I8: -128, I16: -32768, I32: math.MinInt32, I64: math.MinInt64, I: math.MinInt32},
		"\x8a\xa2I8\xd0\x80\xa3I16\xd1\x80\x00\xa3I32\xd2\x80\x00\x00\x00\xa3I64\xd3\x80\x00\x00\x00\x00\x00\x00\x00\xa1I\xd2\x80\x00\x00\x00\xa2U8\x00\xa3U16\x00\xa3U32\x00\xa3U64\x00\xa1U\x00"},
	{"integers at their highest", widths{127, 32767, math.MaxInt32, math.MaxInt64, math.MaxInt32, 255, 65535, math.MaxUint32, math.MaxUint64, math.MaxUint32},
		"\x8a\xa2I8\x7f\xa3I16\xcd\x7f\xff\xa3I32\xce\x7f\xff\xff\xff\xa3I64\xcf\x7f\xff\xff\xff\xff\xff\xff\xff\xa1I\xce\x7f\xff\xff\xff\xa2U8\xcc\xff\xa3U16\xcd\xff\xff\xa3U32\xce\xff\xff\xff\xff\xa3U64\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xa1U\xce\xff\xff\xff\xff"},
	{"2^53+1 is exact", int64(1<<53 + 1), "\xcf\x00 \x00\x00\x00\x00\x00\x01"},
	{"float64 1.5", 1.5, "\xcb?\xf8\x00\x00\x00\x00\x00\x00"},
	{"float64 pi", math.Pi, "\xcb@\x09!\xfbTD-\x18"},
	{"the largest float64", math.MaxFloat64, "\xcb\x7f\xef\xff\xff\xff\xff\xff\xff"},
	{"the smallest float64", math.SmallestNonzeroFloat64, "\xcb\x00\x00\x00\x00\x00\x00\x00\x01"},
	{"a small exponent", 1e-9, "\xcb>\x11.\x0b\xe8&\xd6\x95"},
	{"-0 keeps its sign", math.Copysign(0, -1), "\xcb\x80\x00\x00\x00\x00\x00\x00\x00"},
	{"NaN", math.NaN(), "\xcb\x7f\xf8\x00\x00\x00\x00\x00\x01"},
	{"+Inf", math.Inf(1), "\xcb\x7f\xf0\x00\x00\x00\x00\x00\x00"},
	{"-Inf", math.Inf(-1), "\xcb\xff\xf0\x00\x00\x00\x00\x00\x00"},
	{"float32 0.1", float32(0.1), "\xca=\xcc\xcc\xcd"},
	{"float32 largest", float32(math.MaxFloat32), "\xca\x7f\x7f\xff\xff"},
	{"float32 NaN", float32(math.NaN()), "\xca\x7f\xc0\x00\x00"},
	{"empty string", "", "\xa0"},
	{"control characters", "a\"\\/\b\f\n\r\t\x00\x1f<>&", "\xaea\"\\/\x08\x0c\x0a\x0d\x09\x00\x1f<>&"},
	{"all planes", "é\u2028\ufeff\ufffd\U0001f600", "\xaf\xc3\xa9\xe2\x80\xa8\xef\xbb\xbf\xef\xbf\xbd\xf0\x9f\x98\x80"},
	{"bytes", []byte{0, 1, 254, 255}, "\xc4\x04\x00\x01\xfe\xff"},
	{"empty bytes", []byte{}, "\xc4\x00"},
	{"fixed bytes", digest{1, 2, 3, 4}, "\xc4\x04\x01\x02\x03\x04"},
	{"list", []int{1, 2, 3}, "\x93\x01\x02\x03"},
	{"nil list", []int(nil), "\x90"},
	{"empty list", []int{}, "\x90"},
	{"lists of lists", [][]string{{"a"}, nil, {"b", "c"}}, "\x93\x91\xa1a\x90\x92\xa1b\xa1c"},
	{"array", [3]bool{true, false, true}, "\x93\xc3\xc2\xc3"},
	{"empty array", [0]int{}, "\x90"},
	{"list of pointers", []*point{{1, 2}}, "\x91\x82\xa1X\x01\xa1Y\x02"},
	{"map in the order of key bytes", map[string]int{"b": 1, "a": 2, "": 3, "é": 4, "Z": 5}, "\x85\xa0\x03\xa1Z\x05\xa1a\x02\xa1b\x01\xa2\xc3\xa9\x04"},
	{"nil map", map[string]int(nil), "\x80"},
	{"integer keys", map[int64]string{-1: "a", 10: "b", 9: "c"}, "\x83\xff\xa1a\x0a\xa1b\x09\xa1c"},
	{"unsigned keys", map[uint64]bool{math.MaxUint64: true}, "\x81\xcf\xff\xff\xff\xff\xff\xff\xff\xff\xc3"},
	{"boolean keys", map[bool]int{true: 1, false: 0}, "\x82\xc2\x00\xc3\x01"},
	{"text keys", map[netip.Addr]int{netip.MustParseAddr("::1"): 1}, "\x81\xa3::1\x01"},
	{"map of structs", map[string]point{"a": {1, 2}}, "\x81\xa1a\x82\xa1X\x01\xa1Y\x02"},
	{"map of maps", map[string]map[string][]int{"a": {"b": {1}}}, "\x81\xa1a\x81\xa1b\x91\x01"},
	{"time with nanoseconds", time.Date(2026, 11, 24, 10, 20, 30, 123456789, time.UTC), "\xd7\xff\x1do4Tk\x05d\xee"},
	{"time of year 1", time.Time{}, "\xc7\x0c\xff\x00\x00\x00\x00\xff\xff\xff\xf1\x88n\x09\x00"},
	{"time of year 9999", time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC), "\xc7\x0c\xff;\x9a\xc9\xff\x00\x00\x00:\xff\xf4A\x7f"},
	{"time before 1970", time.Unix(-1, 5).UTC(), "\xc7\x0c\xff\x00\x00\x00\x05\xff\xff\xff\xff\xff\xff\xff\xff"},
	{"duration in nanoseconds", -90 * time.Second, "\xd3\xff\xff\xff\xeb\x0b\x94\xfc\x00"},
	{"text", netip.MustParseAddr("10.0.0.1"), "\xa810.0.0.1"},
	{"text with a pointer method", *big.NewInt(-42), "\xa3-42"},
	{"enum", levels{7, map[level]string{3: "x"}}, "\x82\xa5level\x07\xa2by\x81\x03\xa1x"},
	{"absent optionals", optionals{}, "\x80"},
	{"optional zeros are present", optionals{ptr(int64(0)), ptr(""), &point{}, &time.Time{}, &[]int{}},
		"\x85\xa1n\x00\xa1s\xa0\xa1p\x82\xa1X\x00\xa1Y\x00\xa1t\xc7\x0c\xff\x00\x00\x00\x00\xff\xff\xff\xf1\x88n\x09\x00\xa1l\x90"},
	{"zeros left out by tag", omitting{L: []int{}, M: map[string]int{}, B: []byte{}}, "\x80"},
	{"-0 inside is not left out", omitting{Q: weights{A: [2]float64{0, math.Copysign(0, -1)}}}, "\x81\xa1q\x82\xa1A\x92\xcb\x00\x00\x00\x00\x00\x00\x00\x00\xcb\x80\x00\x00\x00\x00\x00\x00\x00\xa1L\x90"},
	{"empty inside is left out", omitting{Q: weights{L: []int{}}}, "\x80"},
	{"-0 is not left out", omitting{F: math.Copysign(0, -1)}, "\x81\xa1f\xcb\x80\x00\x00\x00\x00\x00\x00\x00"},
	{"what is not zero is not left out", omitting{1, 2, []int{0}, map[string]int{"": 0}, []byte{0}, [2]byte{0, 1}, point{0, 1}, weights{}},
		"\x87\xa1n\x01\xa1f\xcb@\x00\x00\x00\x00\x00\x00\x00\xa1l\x91\x00\xa1m\x81\xa0\x00\xa1b\xc4\x01\x00\xa1h\xc4\x02\x00\x01\xa1p\x82\xa1X\x00\xa1Y\x01"},
	{"embedded struct", embedding{point{1, 2}, "n"}, "\x83\xa1X\x01\xa1Y\x02\xa4Name\xa1n"},
	{"recursive type", tree{1, []*tree{{Value: 2}}, &tree{Value: 3}}, "\x83\xa5value\x01\xa4kids\x91\x81\xa5value\x02\xa4next\x81\xa5value\x03"},
	{"empty struct", struct{}{}, "\x80"},
	{"pointer at the top", ptr(5), "\x05"},
}

func TestProfile(t *testing.T) {
	c := New()
	for _, tc := range profile {
		t.Run(tc.rule, func(t *testing.T) {
			if err := c.CheckType(reflect.TypeOf(tc.value)); err != nil {
				t.Fatal(err)
			}
			got, err := c.Append(nil, tc.value)
			if err != nil || string(got) != tc.wire {
				t.Fatalf("encode:\ngot  %q, %v\nwant %q", got, err, tc.wire)
			}
			byPointer := reflect.New(reflect.TypeOf(tc.value))
			byPointer.Elem().Set(reflect.ValueOf(tc.value))
			if got, err = c.Append(got[:0], byPointer.Interface()); err != nil || string(got) != tc.wire {
				t.Fatalf("encode a pointer: got %q, %v", got, err)
			}
			target := reflect.New(reflect.TypeOf(tc.value))
			if err := c.Decode([]byte(tc.wire), target.Interface()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.value, target.Elem().Interface(), exact, cmp.AllowUnexported(embedding{})); diff != "" {
				t.Errorf("decode(encode(v)) is not v: %s", diff)
			}
		})
	}
}

func TestTimesTakeAsFewBytesAsTheyNeed(t *testing.T) {
	c := New()
	for _, tc := range []struct {
		at   time.Time
		want string
	}{
		{time.Unix(0, 0), "\xd6\xff\x00\x00\x00\x00"},
		{time.Unix(1<<32-1, 0), "\xd6\xff\xff\xff\xff\xff"},
		{time.Unix(1<<32, 0), "\xd7\xff\x00\x00\x00\x01\x00\x00\x00\x00"},
		{time.Unix(0, 1), "\xd7\xff\x00\x00\x00\x04\x00\x00\x00\x00"},
		{time.Unix(1<<34-1, 999999999), "\xd7\xff\xee\x6b\x27\xff\xff\xff\xff\xff"},
		{time.Unix(1<<34, 0), "\xc7\x0c\xff\x00\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00"},
		{time.Unix(-1, 0), "\xc7\x0c\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"},
	} {
		if got := mustAppend(t, c, tc.at); string(got) != tc.want {
			t.Errorf("%v: got %q, want %q", tc.at, got, tc.want)
		}
		var got time.Time
		if err := c.Decode([]byte(tc.want), &got); err != nil || !got.Equal(tc.at) {
			t.Errorf("%q: got %v, %v; want %v", tc.want, got, err, tc.at)
		}
	}
}

func TestNumbersAndSizesTakeAsFewBytesAsTheyNeed(t *testing.T) {
	c := New()
	for _, tc := range []struct {
		value any
		head  string // of the encoding
		size  int    // of all of it
	}{
		{127, "\x7f", 1}, {128, "\xcc\x80", 2}, {255, "\xcc\xff", 2}, {256, "\xcd\x01\x00", 3}, {65535, "\xcd\xff\xff", 3},
		{65536, "\xce\x00\x01\x00\x00", 5}, {int64(1 << 32), "\xcf\x00\x00\x00\x01\x00\x00\x00\x00", 9},
		{-1, "\xff", 1}, {-32, "\xe0", 1}, {-33, "\xd0\xdf", 2}, {-128, "\xd0\x80", 2}, {-129, "\xd1\xff\x7f", 3},
		{-32769, "\xd2\xff\xff\x7f\xff", 5}, {int64(-1<<31 - 1), "\xd3\xff\xff\xff\xff\x7f\xff\xff\xff", 9},
		{uint64(127), "\x7f", 1}, {uint64(128), "\xcc\x80", 2},
		{strings.Repeat("a", 31), "\xbfa", 32}, {strings.Repeat("a", 32), "\xd9\x20a", 34}, {strings.Repeat("a", 255), "\xd9\xffa", 257},
		{strings.Repeat("a", 256), "\xda\x01\x00a", 259}, {strings.Repeat("a", 65535), "\xda\xff\xffa", 65538}, {strings.Repeat("a", 65536), "\xdb\x00\x01\x00\x00a", 65541},
		{make([]byte, 255), "\xc4\xff\x00", 257}, {make([]byte, 256), "\xc5\x01\x00\x00", 259}, {make([]byte, 65536), "\xc6\x00\x01\x00\x00\x00", 65541},
		{make([]bool, 15), "\x9f\xc2", 16}, {make([]bool, 16), "\xdc\x00\x10\xc2", 19}, {make([]bool, 65535), "\xdc\xff\xff\xc2", 65538}, {make([]bool, 65536), "\xdd\x00\x01\x00\x00\xc2", 65541},
		{numbered(15), "\x8f", 1 + 15*2}, {numbered(16), "\xde\x00\x10", 3 + 16*2}, {numbered(65536), "\xdf\x00\x01\x00\x00", 0},
	} {
		got := mustAppend(t, c, tc.value)
		if !strings.HasPrefix(string(got), tc.head) || tc.size > 0 && len(got) != tc.size {
			t.Errorf("%.40v: got %d bytes that begin with %.10q, want %d and %q", tc.value, len(got), got, tc.size, tc.head)
		}
		target := reflect.New(reflect.TypeOf(tc.value))
		if err := c.Decode(got, target.Interface()); err != nil {
			t.Errorf("%.40v: %v", tc.value, err)
		}
		if diff := cmp.Diff(tc.value, target.Elem().Interface(), exact); diff != "" {
			t.Error(diff)
		}
	}
}

// numbered is a map of n entries.
func numbered(n int) map[int]bool {
	m := make(map[int]bool, n)
	for i := range n {
		m[i] = false
	}
	return m
}

func TestWhatReadingForgives(t *testing.T) {
	c := New()
	for _, tc := range []struct {
		rule, wire string
		want       any
	}{
		{"unknown names of any kind are skipped", "\x84\xa1Z\x97\x81\xa1a\x81\xa1b\x90\xcb\x00\x00\x00\x00\x00\x00\x00\x01\xc0\xc3\xc4\x01\xff\xd4\x05\x00\xc7\x00\x07\xa1X\x01\xa1W\x81\xa1Y\x09\xa1Y\x02", point{1, 2}},
		{"names that are no text are unknown", "\x84\x01\x01\xc3\x01\xd1\xff\x00\xa0\xa1Y\x02", point{0, 2}},
		{"the order of names does not matter", "\x82\xa1Y\x02\xa1X\x01", point{1, 2}},
		{"absent names are zero", "\x81\xa1Y\x02", point{0, 2}},
		{"case matters", "\x83\xa1x\x01\xa1y\x02\xa1Y\x03", point{0, 3}},
		{"nil is absence", "\x85\xa1n\xc0\xa1s\xc0\xa1p\xc0\xa1t\xc0\xa1l\xc0", optionals{}},
		{"nil is absence of what is not optional too", "\x82\xa1X\xc0\xa1Y\x02", point{0, 2}},
		{"integers may have more bytes than they need", "\x9a\x01\xcc\x01\xcd\x00\x01\xce\x00\x00\x00\x01\xcf\x00\x00\x00\x00\x00\x00\x00\x01\xd0\x01\xd1\x00\x01\xd2\x00\x00\x00\x01\xd3\x00\x00\x00\x00\x00\x00\x00\x01\xd0\xff",
			[]int8{1, 1, 1, 1, 1, 1, 1, 1, 1, -1}},
		{"unsigned ones too", "\x93\xd3\x00\x00\x00\x00\x00\x00\x00\x01\xd0\x7f\xcf\x00\x00\x00\x00\x00\x00\x00\x01", []uint16{1, 127, 1}},
		{"sizes may have more bytes than they need", "\xdf\x00\x00\x00\x01\xdb\x00\x00\x00\x01X\x05", point{5, 0}},
		{"lists too", "\xdd\x00\x00\x00\x01\x05", []int{5}},
		{"bytes too", "\xc6\x00\x00\x00\x01\x05", []byte{5}},
		{"an integer is a float that holds it", "\x93\x03\xe0\xcf\x00\x20\x00\x00\x00\x00\x00\x00", []float64{3, -32, 1 << 53}},
		{"32 bits are a float of 64", "\xca\x3f\xc0\x00\x00", 1.5},
		{"64 bits are rounded to a float of 32", "\xcb\x3f\xb9\x99\x99\x99\x99\x99\x9a", float32(0.1)},
		{"times in more bytes than they need", "\x93\xc7\x04\xff\x00\x00\x00\x01\xd7\xff\x00\x00\x00\x00\x00\x00\x00\x01\xc7\x0c\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01",
			[]time.Time{time.Unix(1, 0).UTC(), time.Unix(1, 0).UTC(), time.Unix(1, 0).UTC()}},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			target := reflect.New(reflect.TypeOf(tc.want))
			if err := c.Decode([]byte(tc.wire), target.Interface()); err != nil {
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
