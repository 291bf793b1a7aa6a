package jsoncodec

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/codecs"
)

func TestCheckTypeNamesThePath(t *testing.T) {
	type line struct{ Price complex128 }
	type order struct {
		Lines []line
		Any   any `wire:"-"`
	}
	c := New()
	err := c.CheckType(reflect.TypeFor[*order]())
	const want = "json: check jsoncodec.order.Lines[].Price: type cannot be carried: complex128 cannot be carried; " +
		"leave the field out with the tag `wire:\"-\"`"
	if !errors.Is(err, codecs.ErrUnsupported) || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	var e *codecs.Error
	if !errors.As(err, &e) || e.Op != "check" || e.Codec != "json" || e.Path != "jsoncodec.order.Lines[].Price" {
		t.Errorf("got %+v", e)
	}
	if err := c.CheckType(nil); err == nil {
		t.Error("a nil type is accepted")
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
		{"nil", nil, "json: encode: the value is nil"},
		{"a nil pointer", (*point)(nil), "json: encode: the value is a nil *jsoncodec.point"},
		{"invalid UTF-8", in{S: "a\xff"}, "json: encode S: invalid UTF-8"},
		{"a surrogate in UTF-8", in{L: []string{"", "\xed\xa0\x80"}}, "json: encode L[1]: invalid UTF-8"},
		{"invalid UTF-8 in a map", in{M: map[string]string{"s3cret": "\xff"}}, "json: encode M[#0]: invalid UTF-8"},
		{"invalid UTF-8 in a key", in{M: map[string]string{"\xff": ""}}, "json: encode M: a key is not valid UTF-8"},
		{"the year 0", in{T: time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC)}, "json: encode T: the year is outside 1 to 9999 in UTC"},
		{"the year 10000 in UTC", in{T: time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -7200))}, "json: encode T: the year is outside 1 to 9999 in UTC"},
		{"nil in a list", in{PP: []*point{{}, nil}}, "json: encode PP[1]: nil has no place in a list or map; drop the item or use a value"},
		{"nil in a map", in{MP: map[string]*point{"s3cret": nil}}, "json: encode MP[#0]: nil has no place in a list or map; drop the item or use a value"},
		{"two keys of one text", map[sameText]int{1: 1, 2: 2}, "json: encode: two keys have one text"},
		{"a text that fails", []badText{{errors.New("s3cret")}}, "json: encode [0]: MarshalText of jsoncodec.badText failed"},
		{"a type without shape", struct{ C chan int }{}, "json: encode struct { C chan int }.C: type cannot be carried: " +
			"chan int cannot be carried; leave the field out with the tag `wire:\"-\"`"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			body, err := c.Append(nil, tc.value)
			if err == nil || err.Error() != tc.want || body != nil {
				t.Errorf("got  %v, %s\nwant %s", err, body, tc.want)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	c := New()
	for _, tc := range []struct {
		rule   string
		target any
		json   string
		want   string // follows "json: decode"
	}{
		{"no target", nil, `1`, " at byte 0: the target is nil; pass a pointer"},
		{"a target that is no pointer", point{}, `1`, " at byte 0: the target is of type jsoncodec.point; pass a pointer to it"},
		{"a nil target", (*point)(nil), `1`, " at byte 0: the target is a nil *jsoncodec.point"},
		{"empty input", new(int), ``, " at byte 0: unexpected EOF"},
		{"white space alone", new(int), ` `, " at byte 0: unexpected EOF"},
		{"a truncated document", new(point), `{"X":1`, " at byte 6: unexpected EOF"},
		{"a second value", new(int), `1 2`, " at byte 3: more than one value; want the end of the input"},
		{"a trailing brace", new(int), `1}`, " at byte 1: not valid JSON"},
		{"a trailing zero byte", new(int), "1\x00", " at byte 1: not valid JSON"},
		{"one known name twice", new(point), `{"X":1,"X":1}`, " at byte 7: one name twice in an object"},
		{"one name twice, escaped", new(point), `{"X":1,"\u0058":1}`, " at byte 7: one name twice in an object"},
		{"one unknown name twice", new(point), `{"s3cret":1,"s3cret":1}`, " at byte 12: one name twice in an object"},
		{"one name twice in what is skipped", new(point), `{"U":[{"a":1,"a":1}]}`, " at byte 13: one name twice in an object"},
		{"one key twice", new(map[string]int), `{"a":1,"a":2}`, " [#1] at byte 7: one name twice in an object"},
		{"one key in two texts", new(map[netip.Addr]int), `{"::1":1,"0::1":2}`, "[#1] at byte 17: two entries have one key"},
		{"invalid UTF-8", new(string), "\"s3cret\xff\"", " at byte 7: invalid UTF-8"},
		{"invalid UTF-8 in a skipped name", new(point), "{\"\xff\":1}", " at byte 2: invalid UTF-8"},
		{"half a surrogate pair", new(string), `"\ud800"`, " at byte 1: not valid JSON"},
		{"a control character", new(string), "\"a\nb\"", " at byte 2: not valid JSON"},
		{"out of range", new(struct{ L []int8 }), `{"L":[1,128]}`, " L[1] at byte 11: out of range for int8"},
		{"below range", new(int8), `-129`, " at byte 4: out of range for int8"},
		{"2^63 as int64", new(int64), `9223372036854775808`, " at byte 19: out of range for int64"},
		{"2^64 as uint64", new(uint64), `18446744073709551616`, " at byte 20: out of range for uint64"},
		{"a negative uint", new(uint), `-1`, " at byte 2: out of range for uint"},
		{"a fraction as integer", new(int), `1.0`, " at byte 3: want an integer, got a number with a fraction or exponent"},
		{"an exponent as integer", new(uint), `1e2`, " at byte 3: want an integer, got a number with a fraction or exponent"},
		{"a float too large", new(float64), `1e999`, " at byte 5: out of range for float64"},
		{"a float32 too large", new(float32), `3.5e38`, " at byte 6: out of range for float32"},
		{"nan in small letters", new(float64), `"nan"`, ` at byte 5: want a number, "NaN", "Infinity" or "-Infinity"`},
		{"a number in a string", new(int), `"1"`, " at byte 3: want an integer, got a string"},
		{"a string for a struct", new(struct{ P point }), `{"P":"s3cret"}`, " P at byte 13: want a struct, got a string"},
		{"a number for a string", new(string), `1`, " at byte 1: want a string, got a number"},
		{"an object for a list", new([]int), `{}`, " at byte 1: want a list, got an object"},
		{"a list for a map", new(map[string]int), `[]`, " at byte 1: want a map, got an array"},
		{"a boolean for a number", new(float64), `true`, " at byte 4: want a number, got a boolean"},
		{"a number for a boolean", new(bool), `1`, " at byte 1: want a boolean, got a number"},
		{"null at the top", new(int), `null`, " at byte 4: want an integer, got null"},
		{"null in a list", new([]*point), `[null]`, "[0] at byte 5: want a struct, got null"},
		{"null in a map", new(map[string][]int), `{"s3cret":null}`, "[#0] at byte 14: want a list, got null"},
		{"too few items", new([3]int), `[1,2]`, " at byte 5: want 3 items, got 2"},
		{"too many items", new([1]int), `[1,2]`, " at byte 4: want 1 items, got more"},
		{"too few bytes", new(digest), `"AAAA"`, " at byte 6: want 4 bytes, got 3"},
		{"base64 without padding", new([]byte), `"AA"`, " at byte 4: want bytes in padded base64"},
		{"base64 with loose bits", new([]byte), `"AB=="`, " at byte 6: want bytes in padded base64"},
		{"base64 with a line break", new([]byte), `"AA\n\r=="`, " at byte 10: want bytes in padded base64"},
		{"base64 of URLs", new([]byte), `"-_AA"`, " at byte 6: want bytes in padded base64"},
		{"a time without zone", new(time.Time), `"2026-11-24T10:20:30"`, " at byte 21: want a time as in 2006-01-02T15:04:05.999999999Z, with at most nine digits of the second"},
		{"a time before year 1 in UTC", new(time.Time), `"0001-01-01T00:00:00+01:00"`, " at byte 27: the year is outside 1 to 9999 in UTC"},
		{"a text that its type refuses", new(netip.Addr), `"s3cret"`, " at byte 8: UnmarshalText of netip.Addr failed"},
		{"an integer key with leading zero", new(map[int]int), `{"01":1}`, "[#0] at byte 5: a key is no 64-bit integer in decimal"},
		{"an integer key out of range", new(map[int8]int), `{"128":1}`, "[#0] at byte 6: out of range for int8"},
		{"an unsigned key with sign", new(map[uint]int), `{"+1":1}`, "[#0] at byte 5: a key is no unsigned 64-bit integer in decimal"},
		{"a boolean key of one letter", new(map[bool]int), `{"t":1}`, "[#0] at byte 4: a key is neither true nor false"},
		{"a byte order mark", new(int), "\ufeff1", " at byte 0: not valid JSON"},
		{"a comment", new(int), "/**/1", " at byte 0: not valid JSON"},
		{"a leading zero", new(int), "01", " at byte 2: more than one value; want the end of the input"},
		{"the literal NaN", new(float64), "NaN", " at byte 0: not valid JSON"},
		{"a trailing comma", new([]int), "[1,]", " [1] at byte 2: not valid JSON"},
		{"single quotes", new(string), "'a'", " at byte 0: not valid JSON"},
		{"UTF-16", new(int), "1\x00", " at byte 1: not valid JSON"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			err := c.Decode([]byte(tc.json), tc.target)
			want := "json: decode" + tc.want
			if strings.HasPrefix(tc.want, "[") {
				want = "json: decode " + tc.want
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
