package xmlcodec

import (
	"bytes"
	"math"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// An everything has a field of each kind.
type everything struct {
	B    bool              `wire:"b,1"`
	I8   int8              `wire:"i8,2,optional"`
	I64  int64             `wire:"i64,3"`
	U16  uint16            `wire:"u16,4"`
	U64  uint64            `wire:"u64,5,optional"`
	F32  float32           `wire:"f32,6"`
	F64  float64           `wire:"f64,7,optional"`
	S    string            `wire:"s,8"`
	Raw  []byte            `wire:"raw,9"`
	Key  [3]byte           `wire:"key,10"`
	At   time.Time         `wire:"at,11"`
	For  time.Duration     `wire:"for,12"`
	Addr netip.Addr        `wire:"addr,13"`
	Opt  *int32            `wire:"opt,14"`
	List []string          `wire:"list,15"`
	Pair [2]uint8          `wire:"pair,16"`
	By   map[string]int    `wire:"by,17"`
	Ints map[int64]string  `wire:"ints,18"`
	Bool map[bool]float64  `wire:"bool,19"`
	Subs []everything      `wire:"subs,20"`
	Next *everything       `wire:"next,21"`
	Deep map[uint16][]bool `wire:"deep,22"`
}

func drawTime(t *rapid.T) time.Time {
	first, last := time.Time{}.Unix(), time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
	return time.Unix(rapid.Int64Range(first, last).Draw(t, "sec"), rapid.Int64Range(0, 999999999).Draw(t, "nsec")).UTC()
}

func drawBytes(t *rapid.T, least, most int) []byte {
	return rapid.SliceOfN(rapid.Byte(), least, most).Draw(t, "bytes")
}

func drawEverything(depth int) *rapid.Generator[everything] {
	return rapid.Custom(func(t *rapid.T) everything {
		v := everything{
			B: rapid.Bool().Draw(t, "b"), I8: rapid.Int8().Draw(t, "i8"), I64: rapid.Int64().Draw(t, "i64"),
			U16: rapid.Uint16().Draw(t, "u16"), U64: rapid.Uint64().Draw(t, "u64"),
			F32: math.Float32frombits(rapid.Uint32().Draw(t, "f32")), F64: math.Float64frombits(rapid.Uint64().Draw(t, "f64")),
			S: rapid.String().Draw(t, "s"), Raw: drawBytes(t, 0, 40), Key: [3]byte(drawBytes(t, 3, 3)),
			At: drawTime(t), For: time.Duration(rapid.Int64().Draw(t, "for")), Addr: netip.AddrFrom4([4]byte(drawBytes(t, 4, 4))),
			List: rapid.SliceOfN(rapid.String(), 0, 20).Draw(t, "list"), Pair: [2]uint8(drawBytes(t, 2, 2)),
			By:   rapid.MapOfN(rapid.String(), rapid.Int(), 0, 20).Draw(t, "by"),
			Ints: rapid.MapOfN(rapid.Int64(), rapid.String(), 0, 5).Draw(t, "ints"),
			Bool: rapid.MapOfN(rapid.Bool(), rapid.Float64(), 0, 2).Draw(t, "bool"),
			Deep: rapid.MapOfN(rapid.Uint16(), rapid.SliceOfN(rapid.Bool(), 0, 3), 0, 3).Draw(t, "deep"),
		}
		if rapid.Bool().Draw(t, "present") {
			v.Opt = new(int32)
			*v.Opt = rapid.Int32().Draw(t, "opt")
		}
		if depth > 0 {
			v.Subs = rapid.SliceOfN(drawEverything(depth-1), 0, 2).Draw(t, "subs")
			next := drawEverything(depth-1).Draw(t, "next")
			v.Next = &next
		}
		return v
	})
}

func TestDecodeOfEncodeIsTheValue(t *testing.T) {
	c := New()
	rapid.Check(t, func(t *rapid.T) {
		v := drawEverything(1).Draw(t, "value")
		body, err := c.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		var got everything
		if err := c.Decode(body, &got); err != nil {
			t.Fatalf("own output %q: %v", body, err)
		}
		if diff := cmp.Diff(v, got, exact); diff != "" {
			t.Fatalf("decode(encode(v)) is not v: %s", diff)
		}
		if again, err := c.Append(nil, &got); err != nil || !bytes.Equal(again, body) {
			t.Fatalf("equal values have the encodings %q and %q (%v)", body, again, err)
		}
	})
}
