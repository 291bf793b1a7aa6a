package codectest

import (
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/polywire/polywire/codecs"
)

// Faults lists what [Mutate] seeds. Each rule of the profile is broken by one at least.
func Faults() []Fault {
	var all []Fault
	for _, group := range [][]Fault{numberFaults(), textFaults(), listFaults(), structFaults(), timeFaults(), evolutionFaults(), inputFaults(), limitFaults(), memoryFaults(), targetFaults(), goroutineFaults(), nilFaults(), refusalFaults()} {
		all = append(all, group...)
	}
	return all
}

// readingKind changes every part of these kinds.
func readingKind(f func(v reflect.Value), kinds ...reflect.Kind) func(codecs.Codec) codecs.Codec {
	return reading(func(v reflect.Value) {
		if slices.Contains(kinds, v.Kind()) && v.Type() != timeType {
			f(v)
		}
	})
}

func readingFloats(f func(float64) float64) func(codecs.Codec) codecs.Codec {
	return readingKind(func(v reflect.Value) { v.SetFloat(f(v.Float())) }, reflect.Float32, reflect.Float64)
}

func readingStrings(f func(string) string) func(codecs.Codec) codecs.Codec {
	return readingKind(func(v reflect.Value) { v.SetString(f(v.String())) }, reflect.String)
}

func numberFaults() []Fault {
	return []Fault{
		{Name: "reads false for true", Cases: []string{"C001", "C030"}, wrap: readingKind(func(v reflect.Value) { v.SetBool(false) }, reflect.Bool)},
		{Name: "holds integers to 32 bits", Cases: []string{"C002", "C031"}, wrap: readingOf(func(n int64) int64 { return int64(int32(n)) })},
		{Name: "loses the sign of small integers", Cases: []string{"C002", "C036"}, wrap: readingKind(func(v reflect.Value) {
			if n := v.Int(); n < 0 && n >= math.MinInt8 {
				v.SetInt(-(n + 1))
			}
		}, reflect.Int8, reflect.Int64, reflect.Int)},
		{Name: "loses the highest bit of unsigned integers", Cases: []string{"C003"}, wrap: readingKind(func(v reflect.Value) {
			v.SetUint(v.Uint() &^ (1 << (v.Type().Bits() - 1)))
		}, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uint)},
		{Name: "rounds integers to 53 bits", Cases: []string{"C004"}, wrap: readingOf(func(n int64) int64 { return int64(float64(n)) })},
		{Name: "loses the sign of -0", Cases: []string{"C005", "C022", "C095"}, wrap: readingFloats(func(f float64) float64 { return f + 0 })},
		{Name: "holds floats to 32 bits", Cases: []string{"C005"}, wrap: readingFloats(func(f float64) float64 { return float64(float32(f)) })},
		{Name: "writes floats with 15 digits", Cases: []string{"C005"}, wrap: readingFloats(func(f float64) float64 {
			r, _ := new(big.Float).SetMode(big.ToZero).SetPrec(50).SetFloat64(finite(f)).Float64()
			return r
		})},
		{Name: "flushes the smallest floats to zero", Cases: []string{"C005"}, wrap: readingFloats(func(f float64) float64 {
			if math.Abs(f) < 1e-307 {
				return 0
			}
			return f
		})},
		{Name: "reads NaN as 0", Cases: []string{"C006"}, wrap: readingFloats(func(f float64) float64 {
			if f != f {
				return 0
			}
			return f
		})},
		{Name: "reads the infinities as the largest number", Cases: []string{"C006"}, wrap: readingFloats(func(f float64) float64 {
			if math.IsInf(f, 0) {
				return math.Copysign(math.MaxFloat32, f)
			}
			return f
		})},
		{Name: "reads an enum that it does not know as 0", Cases: []string{"C023"}, wrap: readingOf(func(l level) level {
			if l > 10 || l < 0 {
				return 0
			}
			return l
		})},
	}
}

// finite is f, or 1 where that is no number to round.
func finite(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return 1
	}
	return f
}

func textFaults() []Fault {
	return []Fault{
		{Name: "trims strings", Cases: []string{"C007"}, wrap: readingStrings(strings.TrimSpace)},
		{Name: "drops control characters", Cases: []string{"C007", "C017"}, wrap: readingStrings(func(s string) string { return strings.Trim(s, "\x00\x01") })},
		{Name: "makes every line end one character", Cases: []string{"C007"}, wrap: readingStrings(func(s string) string { return strings.ReplaceAll(s, "\r\n", "\n") })},
		{Name: "drops a byte order mark", Cases: []string{"C007"}, wrap: readingStrings(func(s string) string { return strings.TrimPrefix(s, "\ufeff") })},
		{Name: "composes what was decomposed", Cases: []string{"C007"}, wrap: readingStrings(func(s string) string { return strings.ReplaceAll(s, "e\u0301", "é") })},
		{Name: "replaces noncharacters", Cases: []string{"C007"}, wrap: readingStrings(func(s string) string { return strings.ReplaceAll(s, "\uffff", "\ufffd") })},
		{Name: "cuts strings of more than 64 KiB", Cases: []string{"C009"}, wrap: readingStrings(func(s string) string { return s[:min(len(s), 1<<16)] })},
		{Name: "repairs invalid UTF-8 when it writes", Cases: []string{"C008"}, wrap: writing(func(v reflect.Value) {
			if v.Kind() == reflect.String {
				v.SetString(strings.ToValidUTF8(v.String(), "\ufffd"))
			}
		})},
		{Name: "repairs invalid UTF-8 when it reads", Cases: []string{"C110", "C063"}, Format: "json", wrap: decoding(func(next codecs.Codec, src []byte, v any) error {
			return next.Decode([]byte(strings.ToValidUTF8(string(src), "\ufffd")), v)
		})},
		{Name: "ends bytes at the first zero", Cases: []string{"C010"}, wrap: readingOf(func(b []byte) []byte {
			for i := range b {
				if b[i] == 0 {
					return slices.Clip(b[:i])
				}
			}
			return b
		})},
		{Name: "reads bytes as text", Cases: []string{"C010"}, wrap: readingOf(func(b []byte) []byte {
			if len(b) == 0 {
				return nil
			}
			return []byte(strings.ToValidUTF8(string(b), "?"))
		})},
		{Name: "swaps the ends of arrays of bytes", Cases: []string{"C011"}, wrap: readingOf(func(b [4]byte) [4]byte { b[0], b[3] = b[3], b[0]; return b })},
	}
}

func listFaults() []Fault {
	return []Fault{
		{Name: "reads 65,535 items at most", Cases: []string{"C012"}, wrap: readingKind(func(v reflect.Value) { v.SetLen(min(v.Len(), math.MaxUint16)) }, reflect.Slice)},
		{Name: "loses the last item of three", Cases: []string{"C012"}, wrap: readingKind(func(v reflect.Value) {
			if v.Len() == 3 {
				v.SetLen(2)
			}
		}, reflect.Slice)},
		{Name: "drops empty lists inside lists", Cases: []string{"C013"}, wrap: readingOf(func(l [][]string) [][]string {
			return slices.DeleteFunc(l, func(in []string) bool { return len(in) == 0 })
		})},
		{Name: "flattens lists of lists of lists", Cases: []string{"C013"}, wrap: readingOf(func(l [][][]int32) [][][]int32 {
			if len(l) > 1 {
				return [][][]int32{slices.Concat(l...)}
			}
			return l
		})},
		{Name: "reads arrays backwards", Cases: []string{"C014"}, wrap: readingOf(func(x [3]int32) [3]int32 { slices.Reverse(x[:]); return x })},
		{Name: "loses the entry of the empty key", Cases: []string{"C015", "C017"}, wrap: readingOf(func(m map[string]string) map[string]string { delete(m, ""); return m })},
		{Name: "loses entries above 1,000", Cases: []string{"C015"}, wrap: readingOf(func(m map[string]string) map[string]string {
			for k := range m {
				if len(m) <= 1000 {
					break
				}
				delete(m, k)
			}
			return m
		})},
		{Name: "loses negative keys", Cases: []string{"C016"}, wrap: readingOf(func(m map[int64]string) map[int64]string {
			for k := range m {
				if k < 0 {
					delete(m, k)
				}
			}
			return m
		})},
		{Name: "takes what is before a dot for the key", Cases: []string{"C017"}, wrap: readingOf(func(m map[string]string) map[string]string {
			for k, v := range m {
				if before, _, found := strings.Cut(k, "."); found {
					delete(m, k)
					m[before] = v
				}
			}
			return m
		})},
		{Name: "takes ID and id for one key", Cases: []string{"C045"}, wrap: readingOf(func(m map[string]string) map[string]string {
			if _, ok := m["id"]; ok {
				delete(m, "ID")
			}
			return m
		})},
	}
}

func structFaults() []Fault {
	return []Fault{
		{Name: "loses the ninth field and what follows", Cases: []string{"C018", "C031"}, wrap: readingKind(func(v reflect.Value) {
			for i := 4; i < v.NumField(); i++ {
				if v.Field(i).CanSet() {
					v.Field(i).SetZero()
				}
			}
		}, reflect.Struct)},
		{Name: "loses the 256th field and what follows", Cases: []string{"C074"}, wrap: readingKind(func(v reflect.Value) {
			for i := 255; i < v.NumField(); i++ {
				v.Field(i).SetZero()
			}
		}, reflect.Struct)},
		{Name: "loses embedded fields", Cases: []string{"C019"}, wrap: readingOf(func(x embedding) embedding { x.Name = ""; return x })},
		{Name: "loses pointers in lists", Cases: []string{"C020"}, wrap: readingOf(func(l []*point) []*point {
			for i := range l {
				l[i] = &point{}
			}
			return l
		})},
		{Name: "reads absence as a zero", Cases: []string{"C020"}, wrap: readingOf(func(o optionals) optionals {
			if o.N == nil {
				o.N = new(int64)
			}
			return o
		})},
		{Name: "reads a present zero as absence", Cases: []string{"C022"}, wrap: readingKind(func(v reflect.Value) {
			if !v.IsNil() && v.Elem().IsZero() {
				v.SetZero()
			}
		}, reflect.Pointer)},
		{Name: "holds big integers to 64 bits", Cases: []string{"C027"}, wrap: readingOf(func(n big.Int) big.Int { return *big.NewInt(n.Int64()) })},
		{Name: "loses the zone of an address", Cases: []string{"C027"}, wrap: readingOf(func(n named) named { n.Addr = n.Addr.WithZone(""); return n })},
		{Name: "stops at 30 levels", Cases: []string{"C028"}, wrap: reading(cutAt(30))},
		{Name: "refuses what is no struct at the top", Cases: []string{"C030"}, wrap: appending(func(next codecs.Codec, dst []byte, v any) ([]byte, error) {
			if t := reflect.TypeOf(v); t != nil && t.Kind() != reflect.Struct && t.Kind() != reflect.Pointer {
				return dst, &codecs.Error{Op: "encode", Codec: next.Name(), Offset: -1, Err: codecs.ErrUnsupported}
			}
			return next.Append(dst, v)
		})},
		{Name: "carries fields that a tag leaves out", Cases: []string{"C029"}, wrap: readingOf(func(h hiding) hiding { h.Shown += h.hidden + "left"; return h })},
		{Name: "carries nothing of a generated message", Cases: []string{"C024"}, wrap: decoding(func(next codecs.Codec, src []byte, v any) error {
			if reflect.TypeOf(v).Implements(generated) {
				return next.Decode(nothingOf(next, v), v)
			}
			return next.Decode(src, v)
		})},
	}
}

// nothingOf encodes an empty message of v's type.
func nothingOf(c codecs.Codec, v any) []byte {
	body, _ := c.Append(nil, reflect.New(reflect.TypeOf(v).Elem()).Interface())
	return body
}

// cutAt loses what lists longer than n hold, as a link counts for one.
func cutAt(n int32) func(v reflect.Value) {
	return func(v reflect.Value) {
		if t, ok := v.Addr().Interface().(*tree); ok && t.Value == n {
			t.Next = nil
		}
	}
}

func timeFaults() []Fault {
	return []Fault{
		{Name: "rounds times to microseconds", Cases: []string{"C025"}, wrap: readingOf(func(t time.Time) time.Time { return t.Truncate(time.Microsecond) })},
		{Name: "reads times in a zone", Cases: []string{"C025"}, wrap: readingOf(func(t time.Time) time.Time { return t.In(time.FixedZone("", 3600)) })},
		{Name: "writes the clock on the wall", Cases: []string{"C025", "C083"}, wrap: writing(func(v reflect.Value) {
			if t, ok := v.Addr().Interface().(*time.Time); ok {
				_, offset := t.Zone()
				*t = t.Add(time.Duration(offset) * time.Second)
			}
		})},
		{Name: "begins time in 1970", Cases: []string{"C025", "C097"}, wrap: readingOf(func(t time.Time) time.Time {
			if t.Unix() < 0 {
				return time.Unix(0, 0).UTC()
			}
			return t
		})},
		{Name: "rounds durations to milliseconds", Cases: []string{"C026"}, wrap: readingOf(func(d time.Duration) time.Duration { return d.Truncate(time.Millisecond) })},
		{Name: "loses zero times", Cases: []string{"C097"}, wrap: readingOf(func(l []time.Time) []time.Time {
			return slices.DeleteFunc(l, time.Time.IsZero)
		})},
	}
}
