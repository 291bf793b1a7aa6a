package msgpackcodec

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/codecs"
	"google.golang.org/protobuf/types/known/structpb"
)

func TestCheckTypeNamesThePath(t *testing.T) {
	type line struct{ Price complex128 }
	type order struct {
		Lines []line
		Any   any `wire:"-"`
	}
	c := New()
	err := c.CheckType(reflect.TypeFor[*order]())
	const want = "msgpack: check msgpackcodec.order.Lines[].Price: type cannot be carried: complex128 cannot be carried; " +
		"leave the field out with the tag `wire:\"-\"`"
	if !errors.Is(err, codecs.ErrUnsupported) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	var e *codecs.Error
	if !errors.As(err, &e) || e.Op != "check" || e.Codec != "msgpack" || e.Path != "msgpackcodec.order.Lines[].Price" {
		t.Errorf("got %+v", e)
	}
	if err := c.CheckType(nil); err == nil {
		t.Error("a nil type is accepted")
	}
}

func TestAPlainStructMustNotHoldAMessage(t *testing.T) {
	type holder struct{ V *structpb.Value }
	if err := New().CheckType(reflect.TypeFor[holder]()); !errors.Is(err, codecs.ErrUnsupported) {
		t.Errorf("got %v, want %v", err, codecs.ErrUnsupported)
	}
}

func TestEncodeRefuses(t *testing.T) {
	type in struct {
		S  string
		L  []string
		M  map[string]string
		T  time.Time
		PP []*point
		MP map[string]*point
	}
	c := New()
	for _, tc := range []struct {
		rule  string
		value any
		want  string
	}{
		{"nil", nil, "msgpack: encode: the value is nil"},
		{"a nil pointer", (*point)(nil), "msgpack: encode: the value is a nil *msgpackcodec.point"},
		{"invalid UTF-8", in{S: "a\xff"}, "msgpack: encode S: invalid UTF-8"},
		{"a surrogate in UTF-8", in{L: []string{"", "\xed\xa0\x80"}}, "msgpack: encode L[1]: invalid UTF-8"},
		{"invalid UTF-8 in a map", in{M: map[string]string{"s3cret": "\xff"}}, "msgpack: encode M[#0]: invalid UTF-8"},
		{"invalid UTF-8 in a key", in{M: map[string]string{"\xff": ""}}, "msgpack: encode M: a key is not valid UTF-8"},
		{"the year 0", in{T: time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC)}, "msgpack: encode T: the year is outside 1 to 9999 in UTC"},
		{"the year 10000 in UTC", in{T: time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -7200))}, "msgpack: encode T: the year is outside 1 to 9999 in UTC"},
		{"nil in a list", in{PP: []*point{{}, nil}}, "msgpack: encode PP[1]: nil has no place in a list or map; drop the item or use a value"},
		{"nil in a map", in{MP: map[string]*point{"s3cret": nil}}, "msgpack: encode MP[#0]: nil has no place in a list or map; drop the item or use a value"},
		{"two keys of one text", map[sameText]int{1: 1, 2: 2}, "msgpack: encode: two keys have one text"},
		{"a text that fails", []badText{{errors.New("s3cret")}}, "msgpack: encode [0]: MarshalText of msgpackcodec.badText failed"},
		{"a type without shape", struct{ C chan int }{}, "msgpack: encode struct { C chan int }.C: type cannot be carried: " +
			"chan int cannot be carried; leave the field out with the tag `wire:\"-\"`"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			body, err := c.Append(nil, tc.value)
			if err == nil || err.Error() != tc.want || body != nil {
				t.Errorf("got  %v, %q\nwant %s", err, body, tc.want)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	c := New()
	for _, tc := range []struct {
		rule   string
		target any
		wire   string
		want   string // follows "msgpack: decode"
	}{
		{"no target", nil, "\x01", " at byte 0: the target is nil; pass a pointer"},
		{"a target that is no pointer", point{}, "\x01", " at byte 0: the target is of type msgpackcodec.point; pass a pointer to it"},
		{"a nil target", (*point)(nil), "\x01", " at byte 0: the target is a nil *msgpackcodec.point"},
		{"empty input", new(int), "", " at byte 0: unexpected EOF"},
		{"a truncated map", new(point), "\x82\xa1X\x01", " at byte 0: unexpected EOF"},
		{"a truncated value", new(point), "\x81\xa1X\xcd\x01", " at byte 3: unexpected EOF"},
		{"a truncated size", new(string), "\xda\x01", " at byte 0: unexpected EOF"},
		{"a second value", new(int), "\x01\x02", " at byte 1: more than one value; want the end of the input"},
		{"a trailing zero byte", new(int), "\x01\x00", " at byte 1: more than one value; want the end of the input"},
		{"the code that is not used", new([]int), "\x92\x01\xc1", " at byte 2: not valid MessagePack"},
		{"that code in what is skipped", new(point), "\x81\xa1U\x91\xc1", " at byte 4: not valid MessagePack"},
		{"one known name twice", new(point), "\x82\xa1X\x01\xa1X\x01", " at byte 6: one name twice in a map"},
		{"one known name twice, nil once", new(point), "\x82\xa1X\xc0\xa1X\x01", " at byte 6: one name twice in a map"},
		{"one name twice in two lengths", new(point), "\x82\xa1X\x01\xd9\x01X\x01", " at byte 7: one name twice in a map"},
		{"one unknown name twice", new(point), "\x83\xa6s3cret\x01\xa1X\x01\xa6s3cret\x01", " at byte 20: one name twice in a map"},
		{"one unknown integer twice", new(point), "\x83\xff\x01\xcc\xff\x01\xd0\xff\x01", " at byte 9: one name twice in a map"},
		{"one name twice in what is skipped", new(point), "\x81\xa1U\x91\x82\xa1a\x01\xa1a\x01", " at byte 11: one name twice in a map"},
		{"one name twice beyond the 64th field", new(many), manyTwice, " at byte 213: one name twice in a map"},
		{"one key twice", new(map[string]int), "\x82\xa1a\x01\xa1a\x02", "[#1] at byte 7: two entries have one key"},
		{"one key twice in two lengths", new(map[int]int), "\x82\x01\x01\xcc\x01\x02", "[#1] at byte 6: two entries have one key"},
		{"one key in two texts", new(map[netip.Addr]int), "\x82\xa3::1\x01\xa40::1\x02", "[#1] at byte 12: two entries have one key"},
		{"invalid UTF-8", new(string), "\xa7s3cret\xff", " at byte 0: invalid UTF-8"},
		{"a surrogate in UTF-8", new(string), "\xa3\xed\xa0\x80", " at byte 0: invalid UTF-8"},
		{"invalid UTF-8 in a long string", new(string), "\xac0123456789a\xff", " at byte 0: invalid UTF-8"},
		{"invalid UTF-8 in a skipped name", new(point), "\x81\xa1\xff\x01", " at byte 1: invalid UTF-8"},
		{"out of range", new(struct{ L []int8 }), "\x81\xa1L\x92\x01\xcc\x80", " L[1] at byte 7: out of range for int8"},
		{"below range", new(int8), "\xd1\xff\x7f", " at byte 3: out of range for int8"},
		{"2^63 as int64", new(int64), "\xcf\x80\x00\x00\x00\x00\x00\x00\x00", " at byte 9: out of range for int64"},
		{"2^64-1 as a duration", new(time.Duration), "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", " at byte 9: out of range for time.Duration"},
		{"a negative uint", new(uint), "\xff", " at byte 1: out of range for uint"},
		{"a negative uint in 64 bits", new(uint64), "\xd3\xff\xff\xff\xff\xff\xff\xff\xff", " at byte 9: out of range for uint64"},
		{"256 as uint8", new(uint8), "\xcd\x01\x00", " at byte 3: out of range for uint8"},
		{"a float as integer", new(int), "\xcb\x3f\xf0\x00\x00\x00\x00\x00\x00", " at byte 0: want an integer, got a float"},
		{"a float as unsigned integer", new(uint), "\xca\x3f\x80\x00\x00", " at byte 0: want an unsigned integer, got a float"},
		{"a float as duration", new(time.Duration), "\xca\x3f\x80\x00\x00", " at byte 0: want a duration, got a float"},
		{"2^53+1 as float", new(float64), "\xcf\x00\x20\x00\x00\x00\x00\x00\x01", " at byte 9: out of range for float64"},
		{"2^64-1 as float", new(float64), "\xcf\xff\xff\xff\xff\xff\xff\xff\xff", " at byte 9: out of range for float64"},
		{"2^24+1 as float32", new(float32), "\xce\x01\x00\x00\x01", " at byte 5: out of range for float32"},
		{"a float32 too large", new(float32), "\xcb\x7f\xef\xff\xff\xff\xff\xff\xff", " at byte 9: out of range for float32"},
		{"a number in a string", new(int), "\xa11", " at byte 0: want an integer, got a string"},
		{"a string for a struct", new(struct{ P point }), "\x81\xa1P\xa6s3cret", " P at byte 3: want a struct, got a string"},
		{"a number for a string", new(string), "\x01", " at byte 0: want a string, got an integer"},
		{"bytes for a string", new(string), "\xc4\x01a", " at byte 0: want a string, got bytes"},
		{"a string for bytes", new([]byte), "\xa1a", " at byte 0: want bytes, got a string"},
		{"a list for bytes", new([]byte), "\x91\x01", " at byte 0: want bytes, got a list"},
		{"a map for a list", new([]int), "\x80", " at byte 0: want a list, got a map"},
		{"a list for a map", new(map[string]int), "\x90", " at byte 0: want a map, got a list"},
		{"a list for a struct", new(point), "\x92\x01\x02", " at byte 0: want a struct, got a list"},
		{"a boolean for a number", new(float64), "\xc3", " at byte 0: want a number, got a boolean"},
		{"a number for a boolean", new(bool), "\x01", " at byte 0: want a boolean, got an integer"},
		{"nil at the top", new(int), "\xc0", " at byte 0: want an integer, got nil"},
		{"nil in a list", new([]*point), "\x91\xc0", "[0] at byte 1: want a struct, got nil"},
		{"nil in a map", new(map[string][]int), "\x81\xa6s3cret\xc0", "[#0] at byte 8: want a list, got nil"},
		{"too few items", new([3]int), "\x92\x01\x02", " at byte 1: want 3 items, got 2"},
		{"too many items", new([1]int), "\x92\x01\x02", " at byte 1: want 1 items, got 2"},
		{"too few bytes", new(digest), "\xc4\x03\x01\x02\x03", " at byte 5: want 4 bytes, got 3"},
		{"an extension of another type", new(time.Time), "\xd6\x05s3cr", " at byte 0: want a time, got an extension of another type"},
		{"the extension of another engine's times", new(time.Time), "\xd6\x0d\x00\x00\x00\x00", " at byte 0: want a time, got an extension of another type"},
		{"a time of 1 byte", new(time.Time), "\xd4\xff\x00", " at byte 0: want a time of 4, 8 or 12 bytes with less than a second of nanoseconds"},
		{"a second of nanoseconds in 64 bits", new(time.Time), "\xd7\xff\xee\x6b\x28\x00\x00\x00\x00\x00", " at byte 0: want a time of 4, 8 or 12 bytes with less than a second of nanoseconds"},
		{"a second of nanoseconds in 96 bits", new(time.Time), "\xc7\x0c\xff\x3b\x9a\xca\x00\x00\x00\x00\x00\x00\x00\x00\x00", " at byte 0: want a time of 4, 8 or 12 bytes with less than a second of nanoseconds"},
		{"a time before year 1", new(time.Time), "\xc7\x0c\xff\x00\x00\x00\x00\xff\xff\xff\xf1\x88n\x08\xff", " at byte 15: the year is outside 1 to 9999 in UTC"},
		{"a time after year 9999", new(time.Time), "\xc7\x0c\xff\x00\x00\x00\x00\x00\x00\x00\x3a\xff\xf4\x41\x80", " at byte 15: the year is outside 1 to 9999 in UTC"},
		{"the last second of 64 bits", new(time.Time), "\xc7\x0c\xff\x00\x00\x00\x00\x7f\xff\xff\xff\xff\xff\xff\xff", " at byte 15: the year is outside 1 to 9999 in UTC"},
		{"the first second of 64 bits", new(time.Time), "\xc7\x0c\xff\x00\x00\x00\x00\x80\x00\x00\x00\x00\x00\x00\x00", " at byte 15: the year is outside 1 to 9999 in UTC"},
		{"a time in text", new(time.Time), "\xb42026-11-24T10:20:30Z", " at byte 0: want a time, got a string"},
		{"a time in seconds", new(time.Time), "\x01", " at byte 0: want a time, got an integer"},
		{"a time as a pair", new(time.Time), "\x92\x01\x01", " at byte 0: want a time, got a list"},
		{"a text that its type refuses", new(netip.Addr), "\xa6s3cret", " at byte 7: UnmarshalText of netip.Addr failed"},
		{"an integer key in text", new(map[int]int), "\x81\xa11\x01", "[#0] at byte 1: want an integer, got a string"},
		{"a text key in an integer", new(map[string]int), "\x81\x01\x01", "[#0] at byte 1: want a string, got an integer"},
		{"an integer key out of range", new(map[int8]int), "\x81\xcc\x80\x01", "[#0] at byte 3: out of range for int8"},
		{"a negative unsigned key", new(map[uint]int), "\x81\xff\x01", "[#0] at byte 2: out of range for uint"},
		{"a list as key", new(map[string]int), "\x81\x90\x01", " at byte 1: a key is neither a string nor an integer nor a boolean"},
		{"a map as key of what is skipped", new(point), "\x81\xa1U\x81\x80\x01", " at byte 4: a key is neither a string nor an integer nor a boolean"},
		{"nil as key", new(point), "\x81\xc0\x01", " at byte 1: a key is neither a string nor an integer nor a boolean"},
		{"bytes as key", new(point), "\x81\xc4\x01X\x01", " at byte 1: a key is neither a string nor an integer nor a boolean"},
		{"an extension without its bytes", new(point), "\xd8\x01", " at byte 0: unexpected EOF"},
		{"an extension before a map", new(point), "\xd4\x01\x00\x81\xa1X\x01", " at byte 3: more than one value; want the end of the input"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			err := c.Decode([]byte(tc.wire), tc.target)
			want := "msgpack: decode" + tc.want
			if strings.HasPrefix(tc.want, "[") {
				want = "msgpack: decode " + tc.want
			}
			if err == nil || err.Error() != want {
				t.Fatalf("got  %v\nwant %s", err, want)
			}
			for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
				if text := fmt.Sprintf(verb, err); strings.Contains(text, "s3cret") {
					t.Errorf("%s prints the body: %s", verb, text)
				}
			}
			for inner := err; inner != nil; inner = errors.Unwrap(inner) {
				if strings.Contains(inner.Error(), "s3cret") {
					t.Errorf("a wrapped error prints the body: %v", inner)
				}
			}
		})
	}
}

// A many has more fields than a machine word has bits.
type many struct {
	F00, F01, F02, F03, F04, F05, F06, F07, F08, F09, F10, F11, F12, F13, F14, F15, F16, F17, F18, F19 bool
	F20, F21, F22, F23, F24, F25, F26, F27, F28, F29, F30, F31, F32, F33, F34, F35, F36, F37, F38, F39 bool
	F40, F41, F42, F43, F44, F45, F46, F47, F48, F49, F50, F51, F52, F53, F54, F55, F56, F57, F58, F59 bool
	F60, F61, F62, F63, F64, F65, F66, F67, F68, F69                                                   bool
}

// manyTwice names the field F65 twice, and the others up to it once.
var manyTwice = func() string {
	var b strings.Builder
	b.WriteString("\xde\x00\x2a")
	for i := 25; i < 66; i++ {
		fmt.Fprintf(&b, "\xa3F%02d\xc3", i)
	}
	return b.String() + "\xa3F65\xc3"
}()

func TestStructsOfManyFields(t *testing.T) {
	c := New()
	in := many{}
	in.F00, in.F63, in.F64, in.F69 = true, true, true, true
	var out many
	if err := c.Decode(mustAppend(t, c, in), &out); err != nil || out != in {
		t.Errorf("got %+v, %v", out, err)
	}
}
