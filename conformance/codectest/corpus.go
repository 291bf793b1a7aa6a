package codectest

import (
	"fmt"
	"math"
	"math/big"
	"net/netip"
	"strings"
	"time"
)

// A Sample is one value of the profile, which every codec carries.
type Sample struct {
	Case  string // id of the case that checks it, as "C005"
	Name  string // what it shows
	Value any    // plain: a struct, or what stands at the top by itself
	Large bool   // more than a few KiB: too much for what looks at each bit
}

// Corpus returns the values of every kind in the profile, new at each call, in
// an order that does not change. Tests, fuzzers and benchmarks start from it.
func Corpus() []Sample {
	var all []Sample
	for _, group := range [][]Sample{
		numberSamples(), textSamples(), listSamples(), mapSamples(), structSamples(), timeSamples(), topSamples(),
	} {
		all = append(all, group...)
	}
	return all
}

func numberSamples() []Sample {
	s := []Sample{
		{Case: "C001", Name: "true and false", Value: lists{B: []bool{true, false}}},
		{Case: "C002", Name: "lowest", Value: widths{I8: math.MinInt8, I16: math.MinInt16, I32: math.MinInt32, I64: math.MinInt64, I: math.MinInt}},
		{Case: "C002", Name: "-1", Value: widths{I8: -1, I16: -1, I32: -1, I64: -1, I: -1}},
		{Case: "C002", Name: "0", Value: widths{}},
		{Case: "C002", Name: "1", Value: widths{I8: 1, I16: 1, I32: 1, I64: 1, I: 1}},
		{Case: "C002", Name: "highest", Value: widths{I8: math.MaxInt8, I16: math.MaxInt16, I32: math.MaxInt32, I64: math.MaxInt64, I: math.MaxInt}},
		{Case: "C003", Name: "1", Value: widths{U8: 1, U16: 1, U32: 1, U64: 1, U: 1}},
		{Case: "C003", Name: "highest", Value: widths{U8: math.MaxUint8, U16: math.MaxUint16, U32: math.MaxUint32, U64: math.MaxUint64, U: math.MaxUint}},
		{Case: "C003", Name: "above the highest signed", Value: widths{U8: 1 << 7, U16: 1 << 15, U32: 1 << 31, U64: 1 << 63, U: math.MaxUint/2 + 1}},
	}
	for _, n := range []int64{1<<53 - 1, 1 << 53, 1<<53 + 1, -1<<53 - 1, 1<<62 + 1} {
		s = append(s, Sample{Case: "C004", Name: fmt.Sprint(n), Value: widths{I64: n, U64: uint64(n) & math.MaxInt64}})
	}
	for _, f := range []float64{
		0, math.Copysign(0, -1), 1, -1, 1.5, math.Pi, 0.1, 1e-9, 1e21, 1e-7, 123456789.125, math.SmallestNonzeroFloat64, -math.SmallestNonzeroFloat64,
		2.2250738585072014e-308, math.MaxFloat64, -math.MaxFloat64,
	} {
		f32 := float32(f)
		if math.IsInf(float64(f32), 0) {
			f32 = math.MaxFloat32
		}
		s = append(s, Sample{Case: "C005", Name: fmt.Sprint(f), Value: floats{f32, f}})
	}
	s = append(s, Sample{Case: "C005", Name: "the smallest float32", Value: floats{F32: math.SmallestNonzeroFloat32}})
	for _, f := range []float64{math.NaN(), math.Inf(1), math.Inf(-1)} {
		s = append(s, Sample{Case: "C006", Name: fmt.Sprint(f), Value: floats{float32(f), f}},
			Sample{Case: "C006", Name: fmt.Sprint(f, " in lists and maps"), Value: whole{Lists: lists{F: []float64{f, 1, f}}, Maps: maps{F: map[string]float64{"f": f}}, Opt: optionals{F: &f}}})
	}
	return s
}

func textSamples() []Sample {
	var s []Sample
	for _, str := range textsOfAllClasses() {
		s = append(s, Sample{Case: "C007", Name: fmt.Sprintf("%.20q", str), Value: text{str}},
			Sample{Case: "C007", Name: fmt.Sprintf("%.20q in a list", str), Value: lists{S: []string{str, "", str}}})
	}
	return append(s,
		Sample{Case: "C009", Name: "1 MiB", Value: text{strings.Repeat("0123456789abcdef", 1<<16)}, Large: true},
		Sample{Case: "C009", Name: "1 MiB of two bytes each", Value: text{strings.Repeat("é", 1<<19)}, Large: true},
		Sample{Case: "C010", Name: "nil", Value: blobs{}},
		Sample{Case: "C010", Name: "empty", Value: blobs{[]byte{}, [][]byte{{}, nil}}},
		Sample{Case: "C010", Name: "all bytes", Value: blobs{allBytes(), [][]byte{allBytes(), {0}, {0xff}, {0, 0}}}},
		Sample{Case: "C010", Name: "no UTF-8", Value: blobs{B: []byte("\xff\xfe\xed\xa0\x80")}},
		Sample{Case: "C010", Name: "1 MiB", Value: blobs{B: []byte(strings.Repeat(string(allBytes()), 1<<12))}, Large: true},
		Sample{Case: "C011", Name: "zero", Value: fixed{}},
		Sample{Case: "C011", Name: "last byte", Value: fixed{H: [4]byte{3: 0xff}}},
		Sample{Case: "C011", Name: "digits", Value: fixed{H: [4]byte{'1', '2', '3', '4'}}},
	)
}

// textsOfAllClasses has each class of rune, and what formats treat apart.
func textsOfAllClasses() []string {
	all := []string{
		"", "a", "plain ASCII, with 'quotes' and \"more\" of them\\/", " leading and trailing ", "\t\n", "\r\n", "\r", "\u0085", "\u2028\u2029",
		"\x00", "a\x00b", "\x01\x02\x1f\x7f", "\b\f\v\x1b", "<a>&amp;</a> ]]> <!-- --> <?x?> &#0;", "{\"a\":[1,null]}", "null", "true", "NaN", "Infinity", "12", "-0", "1e5",
		"é", "\u00df", "日本語", "\u202eright to left", "e\u0301", "\ufffd", "\ufeff", "\ufeffx", "\ufffe", "\uffff", "\ud7ff\ue000", "😀", "\U0010ffff", "\U000fffff",
		"YWJj", "=?utf-8?q?x?=", "2026-11-24T10:20:30Z", "base64:", "\\u0000", "_x0000_", strings.Repeat("a", 31), strings.Repeat("a", 32), strings.Repeat("é", 128), strings.Repeat("\x01", 300),
	}
	var controls strings.Builder
	for r := range rune(0xa0) {
		controls.WriteRune(r)
	}
	return append(all, controls.String())
}

func allBytes() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func listSamples() []Sample {
	many := make([]int64, 1<<16)
	for i := range many {
		many[i] = int64(i) * 7919
	}
	return []Sample{
		{Case: "C012", Name: "nil", Value: lists{}},
		{Case: "C012", Name: "empty", Value: lists{B: []bool{}, I: []int64{}, S: []string{}, P: []point{}, N: [][]string{}, M: [][][]int32{}}},
		{Case: "C012", Name: "one", Value: aList(1)},
		{Case: "C012", Name: "three", Value: aList(3)},
		{Case: "C012", Name: "zeros", Value: lists{B: make([]bool, 3), I: make([]int64, 3), F: make([]float64, 3), S: make([]string, 3), P: make([]point, 3), D: make([]time.Duration, 3)}},
		{Case: "C012", Name: "65,536", Value: lists{I: many}, Large: true},
		{Case: "C013", Name: "two deep", Value: lists{N: [][]string{{"a"}, nil, {}, {"b", "c"}, {""}}}},
		{Case: "C013", Name: "three deep", Value: lists{M: [][][]int32{{{1}, nil, {2, 3}}, nil, {{}}, {nil, {-1, 0}}}}},
		{Case: "C013", Name: "of maps", Value: lists{O: []map[string]int32{{"a": 1}, nil, {"b": 2, "": 3}}}},
		{Case: "C014", Name: "some", Value: fixed{A: [3]int32{1, 0, -3}, G: [2][2]bool{{true, false}, {false, true}}, S: [2]string{"a", "é"}}},
		{Case: "C014", Name: "the last item alone", Value: fixed{A: [3]int32{2: 1}, G: [2][2]bool{1: {1: true}}, S: [2]string{1: "x"}}},
	}
}

// aList has n items in each list.
func aList(n int) lists {
	var l lists
	at := time.Date(2026, 11, 24, 10, 20, 30, 123456789, time.UTC)
	for i := range n {
		p := point{int32(i), -int32(i)}
		l.B, l.I, l.F, l.S = append(l.B, i%2 == 0), append(l.I, int64(i)-1), append(l.F, float64(i)/2), append(l.S, fmt.Sprint("s", i))
		l.P, l.Q, l.T = append(l.P, p), append(l.Q, &p), append(l.T, at.Add(time.Duration(i)))
		l.D, l.A = append(l.D, time.Duration(-i)), append(l.A, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
		l.N, l.M = append(l.N, []string{"n"}), append(l.M, [][]int32{{int32(i)}})
		l.O = append(l.O, map[string]int32{"k": int32(i)})
	}
	return l
}

func mapSamples() []Sample {
	many := make(map[string]string, 10_000)
	for i := range 10_000 {
		many[fmt.Sprintf("key-%d", i*7919)] = fmt.Sprint(i)
	}
	names := map[string]string{}
	for i, str := range textsOfAllClasses() {
		names[str] = fmt.Sprint(i)
	}
	return []Sample{
		{Case: "C015", Name: "nil", Value: maps{}},
		{Case: "C015", Name: "empty", Value: maps{S: map[string]string{}, P: map[string]point{}, L: map[string][]int32{}, M: map[string]map[string]int32{}}},
		{Case: "C015", Name: "one", Value: maps{S: map[string]string{"a": "b"}}},
		{Case: "C015", Name: "zeros", Value: maps{S: map[string]string{"": ""}, P: map[string]point{"": {}}, L: map[string][]int32{"": nil}, M: map[string]map[string]int32{"": {"": 0}, "a": nil}, B: map[string][]byte{"": nil}}},
		{Case: "C015", Name: "of all", Value: maps{
			S: map[string]string{"b": "1", "a": "2"}, P: map[string]point{"p": {1, 2}, "q": {}}, Q: map[string]*point{"r": {3, 4}, "s": {}}, L: map[string][]int32{"l": {1, 2}, "m": {}},
			M: map[string]map[string]int32{"x": {"y": 1, "z": 2}}, T: map[string]time.Time{"t": time.Unix(1, 2).UTC()}, B: map[string][]byte{"b": {0, 255}}, F: map[string]float64{"f": math.Pi},
		}},
		{Case: "C015", Name: "10,000", Value: maps{S: many}, Large: true},
		{Case: "C016", Name: "of all", Value: keys{
			I: map[int64]string{math.MinInt64: "a", -1: "b", 0: "c", 9: "d", 10: "e", math.MaxInt64: "f"}, I8: map[int8]bool{-128: true, 127: false},
			U: map[uint64]bool{0: false, math.MaxUint64: true}, B: map[bool]int32{true: 1, false: 0}, T: map[netip.Addr]int32{netip.MustParseAddr("::1"): 1, netip.MustParseAddr("10.0.0.1"): 2},
			L: map[level]string{-7: "seven", 0: ""}, D: map[time.Duration]string{-time.Second: "s", 0: "z"}, Fix: map[uuid]int32{{1}: 1, {15: 1}: 2},
		}},
		{Case: "C017", Name: "of every class", Value: maps{S: names}},
		{Case: "C017", Name: "separators", Value: maps{S: map[string]string{"a.b": "1", "a/b": "2", "a:b": "3", "a b": "4", "a=b": "5", "a,b": "6", "a[0]": "7", "-": "8", "0": "9", "xmlns": "10", "xml:lang": "11"}}},
	}
}

func structSamples() []Sample {
	v := aWhole()
	v.Inner = ptr(aWhole())
	shared := &point{5, 6}
	list := &tree{Value: 50}
	for i := range 49 {
		list = &tree{Value: int32(i), Next: list}
	}
	return []Sample{
		{Case: "C018", Name: "all kinds", Value: v},
		{Case: "C018", Name: "none of them", Value: whole{}},
		{Case: "C019", Name: "embedded", Value: embedding{point{1, 2}, embedded{"n"}, true, point{3, 4}}},
		{Case: "C020", Name: "nil", Value: optionals{}},
		{Case: "C020", Name: "to one target", Value: lists{Q: []*point{shared, shared}}},
		{Case: "C020", Name: "to something", Value: optionals{
			ptr(int64(1)), ptr("s"), &point{1, 2}, ptr(time.Unix(1, 1).UTC()), &[]int32{1}, ptr(true), ptr(0.5), &[]byte{1}, &[2]byte{1, 2}, ptr(time.Minute),
			ptr(netip.MustParseAddr("::2")), &map[string]int32{"k": 1}, ptr(uint64(math.MaxUint64)),
		}},
		{Case: "C022", Name: "present zeros", Value: optionals{
			ptr(int64(0)), ptr(""), &point{}, &time.Time{}, &[]int32{}, ptr(false), ptr(0.0), &[]byte{}, &[2]byte{}, ptr(time.Duration(0)), &netip.Addr{}, &map[string]int32{}, ptr(uint64(0)),
		}},
		{Case: "C022", Name: "a present -0", Value: optionals{F: ptr(math.Copysign(0, -1))}},
		{Case: "C023", Name: "known and unknown", Value: levels{7, []level{0, 1, -1, math.MaxInt32, math.MinInt32}, ptr(level(12345))}},
		{Case: "C027", Name: "all", Value: named{
			netip.MustParseAddr("fe80::1%eth0"), netip.MustParsePrefix("10.0.0.0/8"), uuid{1, 2, 0xff}, *bigInt("-123456789012345678901234567890"), 2, &uuid{9},
		}},
		{Case: "C027", Name: "zero", Value: named{Opt: &uuid{}}},
		{Case: "C028", Name: "a list of 50", Value: *list},
		{Case: "C028", Name: "a tree", Value: tree{1, []*tree{{Value: 2}, {Kids: []*tree{{Value: -3}}}}, &tree{Value: 4}}},
		{Case: "C028", Name: "a nest of all ways", Value: nest{&nest{}, []nest{{}, {In: &nest{}}}, map[string]nest{"k": {List: []nest{{}}}}, [][]nest{{{}}, nil}}},
		{Case: "C029", Name: "fields that are not exported or left out", Value: hiding{Shown: "s", hidden: "h"}},
		{Case: "C095", Name: "zeros left out by tag", Value: omitting{L: []int32{}, M: map[string]int32{}, B: []byte{}, Q: weights{L: []int32{}}}},
		{Case: "C095", Name: "-0 is not left out", Value: omitting{F: math.Copysign(0, -1), Q: weights{A: [2]float64{1: math.Copysign(0, -1)}}}},
		{Case: "C095", Name: "what is not zero", Value: omitting{1, 2, []int32{0}, map[string]int32{"": 0}, []byte{0}, [2]byte{1: 1}, point{Y: 1}, weights{}, "s", time.Unix(0, 1).UTC()}},
		{Case: "C095", Name: "an empty struct", Value: empty{}},
	}
}

func bigInt(digits string) *big.Int {
	n, _ := new(big.Int).SetString(digits, 10)
	return n
}

// aWhole has something of each kind.
func aWhole() whole {
	return whole{
		Bool: true, Ints: widths{1, -2, 3, -4, 5, 6, 7, 8, 9, 10}, Reals: floats{0.1, -math.Pi}, Text: "t \x00é", Blobs: blobs{allBytes(), [][]byte{{1}}},
		Fixed: fixed{[4]byte{1, 2, 3, 4}, [3]int32{1, 2, 3}, [2][2]bool{{true}}, [2]string{"a", "b"}}, Lists: aList(2),
		Maps: maps{S: map[string]string{"k": "v"}, P: map[string]point{"p": {1, 2}}}, Keys: keys{I: map[int64]string{-1: "x"}, T: map[netip.Addr]int32{netip.MustParseAddr("::1"): 1}},
		Enum: levels{Level: 3}, Opt: optionals{N: ptr(int64(0)), S: ptr("o")}, Omit: omitting{N: 1, S: "o"}, Tree: &tree{Value: 1, Kids: []*tree{{Value: 2}}},
		Emb: embedding{point{1, 2}, embedded{"e"}, true, point{}}, When: instants{time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), -90 * time.Second},
		Named: named{Addr: netip.MustParseAddr("10.0.0.1"), ID: uuid{7}, Big: *bigInt("42"), Color: 1},
	}
}

func timeSamples() []Sample {
	var s []Sample
	zone := time.FixedZone("far", -11*3600)
	for _, at := range []time.Time{
		{}, time.Unix(0, 0), time.Unix(0, 1), time.Unix(-1, 999999999), time.Unix(-1, 0), time.Unix(1<<32-1, 0), time.Unix(1<<32, 0), time.Unix(1<<34-1, 999999999), time.Unix(1<<34, 1),
		time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.UTC), time.Date(1, 1, 1, 0, 0, 0, 1, time.UTC), time.Date(1815, 12, 10, 1, 2, 3, 456789012, time.UTC),
		time.Date(2024, 2, 29, 23, 59, 59, 999999999, zone), time.Date(1969, 12, 31, 23, 59, 59, 5, zone), time.Date(2026, 11, 24, 10, 20, 30, 120000000, time.UTC),
	} {
		s = append(s, Sample{Case: "C025", Name: at.String(), Value: instants{At: at}})
	}
	for _, d := range []time.Duration{0, 1, -1, time.Second, -90 * time.Second, math.MaxInt64, math.MinInt64} {
		s = append(s, Sample{Case: "C026", Name: d.String(), Value: instants{For: d}})
	}
	return append(s, Sample{Case: "C097", Name: "in all places", Value: whole{Lists: lists{T: []time.Time{{}, {}}}, Maps: maps{T: map[string]time.Time{"": {}}}, Opt: optionals{T: &time.Time{}}}})
}

// topSamples stand at the top without a struct around them.
func topSamples() []Sample {
	var s []Sample
	for _, v := range []any{
		true, false, int8(-1), 5, int64(math.MinInt64), uint64(math.MaxUint64), float32(0.1), 1.5, math.Inf(-1), "", "s", []byte{0, 255}, []byte(nil), [4]byte{1}, []int{1, 2}, []int(nil),
		[]string{"a", ""}, [][]int32{{1}, nil}, [3]bool{true}, map[string]int{"a": 1, "": 2}, map[int64]string{-1: "a"}, map[string]point{"p": {}}, []*point{{1, 2}},
		time.Unix(1, 2).UTC(), time.Time{}, time.Minute, netip.MustParseAddr("::1"), uuid{1}, level(3), color(1), point{1, 2}, empty{}, [0]int32{},
	} {
		s = append(s, Sample{Case: "C030", Name: fmt.Sprintf("%T %.20v", v, v), Value: v})
	}
	return append(s, Sample{Case: "C030", Name: "a pointer", Value: &point{1, 2}})
}
