package protocodec

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
	type line struct {
		Price int `wire:"price"`
	}
	type order struct {
		Lines []line `wire:"lines,1"`
	}
	c := New()
	for _, tc := range []struct {
		typ  reflect.Type
		want string
	}{
		{reflect.TypeFor[*order](), "protobuf: check protocodec.order.Lines[].Price: type cannot be carried: " +
			"the field has no number; tag it `wire:\"price,N\"`, or record all in a lock file (protocodec.LockFile)"},
		{reflect.TypeFor[map[string]line](), "protobuf: check map[string]protocodec.line[].Price: type cannot be carried: " +
			"the field has no number; tag it `wire:\"price,N\"`, or record all in a lock file (protocodec.LockFile)"},
		{reflect.TypeFor[struct {
			C complex64 `wire:"c,1"`
		}](), "protobuf: check struct { C complex64 \"wire:\\\"c,1\\\"\" }.C: type cannot be carried: " +
			"complex64 cannot be carried; leave the field out with the tag `wire:\"-\"`"},
	} {
		err := c.CheckType(tc.typ)
		if !errors.Is(err, codecs.ErrUnsupported) || err.Error() != tc.want {
			t.Errorf("got  %v\nwant %s", err, tc.want)
		}
	}
	if err := c.CheckType(nil); err == nil {
		t.Error("a nil type is accepted")
	}
}

func TestEncodeRefuses(t *testing.T) {
	type in struct {
		S  string            `wire:"s,1"`
		L  []string          `wire:"l,2"`
		M  map[string]string `wire:"m,3"`
		T  time.Time         `wire:"t,4"`
		PP []*point          `wire:"pp,5"`
		MP map[string]*point `wire:"mp,6"`
		PI []*int            `wire:"pi,7"`
	}
	year10000 := time.Date(9999, 12, 31, 23, 0, 0, 0, time.FixedZone("", -7200))
	c := New()
	for _, tc := range []struct {
		rule  string
		value any
		want  string
	}{
		{"nil", nil, ": the value is nil"},
		{"a nil pointer", (*point)(nil), ": the value is a nil *protocodec.point"},
		{"a pointer to nil", new(*point), ": " + errNil.Error()},
		{"invalid UTF-8", in{S: "a\xff"}, " s: invalid UTF-8"},
		{"a surrogate in UTF-8", in{L: []string{"", "\xed\xa0\x80"}}, " l[1]: invalid UTF-8"},
		{"invalid UTF-8 in a map", in{M: map[string]string{"s3cret": "\xff"}}, " m[#0]: invalid UTF-8"},
		{"invalid UTF-8 in a key", in{M: map[string]string{"\xff": ""}}, " m: a key is not valid UTF-8"},
		{"the year 0", in{T: time.Date(0, 12, 31, 0, 0, 0, 0, time.UTC)}, " t: the year is outside 1 to 9999 in UTC"},
		{"the year 10000 in UTC", in{T: year10000}, " t: the year is outside 1 to 9999 in UTC"},
		{"the year 10000 in a list", []time.Time{year10000}, " [0]: the year is outside 1 to 9999 in UTC"},
		{"nil in a list", in{PP: []*point{{}, nil}}, " pp[1]: " + errNil.Error()},
		{"nil in a packed list", in{PI: []*int{new(int), nil}}, " pi[1]: " + errNil.Error()},
		{"nil in a map", in{MP: map[string]*point{"s3cret": nil}}, " mp[#0]: " + errNil.Error()},
		{"two keys of one text", map[sameText]int{1: 1, 2: 2}, ": two keys have one text"},
		{"a text that fails", []badText{{errors.New("s3cret")}}, " [0]: MarshalText of protocodec.badText failed"},
		{"a key that fails", map[badText]int{{errors.New("s3cret")}: 1}, ": MarshalText of protocodec.badText failed"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			body, err := c.Append(nil, tc.value)
			want := "protobuf: encode" + tc.want
			if err == nil || err.Error() != want || body != nil {
				t.Errorf("got  %v, %x\nwant %s", err, body, want)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	type lists struct {
		L []int8           `wire:"l,1"`
		A [2]uint16        `wire:"a,2"`
		M map[string]int32 `wire:"m,3"`
		D []float64        `wire:"d,4"`
		N [][]int          `wire:"n,5"`
	}
	c := New()
	for _, tc := range []struct {
		rule   string
		target any
		hex    string
		want   string // follows "protobuf: decode"
	}{
		{"no target", nil, "", " at byte 0: the target is nil; pass a pointer"},
		{"a target that is no pointer", point{}, "", " at byte 0: the target is of type protocodec.point; pass a pointer to it"},
		{"a nil target", (*point)(nil), "", " at byte 0: the target is a nil *protocodec.point"},
		{"a tag without value", new(point), "08", " x at byte 1: unexpected EOF"},
		{"a truncated varint", new(point), "08 8080", " x at byte 1: unexpected EOF"},
		{"a varint of eleven bytes", new(point), "08 ffffffffffffffffffff01", " x at byte 1: a varint of more than 64 bits"},
		{"a varint of more than 64 bits", new(point), "08 ffffffffffffffffff02", " x at byte 1: a varint of more than 64 bits"},
		{"field number 0", new(point), "00 00", " at byte 1: a field number outside 1 to 536870911"},
		{"field number 2^29", new(point), "8080808010 00", " at byte 5: a field number outside 1 to 536870911"},
		{"wire type 6", new(point), "0e 00", " at byte 1: a record of wire type 6 or 7, which Protobuf has not"},
		{"wire type 7", new(point), "1f 00", " at byte 1: a record of wire type 6 or 7, which Protobuf has not"},
		{"a group for a field", new(point), "0b 0c", " x at byte 1: want an integer, got a group"},
		{"the end of no group", new(point), "1c", " at byte 1: the end of a group that is not open"},
		{"the end of another group", new(point), "1b 24", " at byte 2: the end of a group that is not open"},
		{"a group without end", new(point), "1b 08 01", " at byte 3: unexpected EOF"},
		{"a length without bytes", new(string), "0a 05 6133", " value at byte 2: unexpected EOF"},
		{"a length of 2^64-1", new([]byte), "0a ffffffffffffffffff01", " value at byte 11: unexpected EOF"},
		{"a message that ends in a varint", new(struct {
			P point `wire:"p,1"`
		}), "0a 02 08 80 01", " p.x at byte 3: unexpected EOF"},
		{"invalid UTF-8", new(flatOrder), "0a 02 61ff", " id at byte 4: invalid UTF-8"},
		{"invalid UTF-8 in a text", new(struct {
			A netip.Addr `wire:"a,1"`
		}), "0a 01 ff", " a at byte 3: invalid UTF-8"},
		{"a text that its type refuses", new(struct {
			A netip.Addr `wire:"a,1"`
		}), "0a 06 733363726574", " a at byte 8: UnmarshalText of netip.Addr failed"},
		{"bytes for an integer", new(point), "0a 00", " x at byte 1: want an integer, got bytes with a length"},
		{"4 bytes for a number of 8", new(flatOrder), "2d 00000000", " price at byte 1: want a number, got 4 bytes"},
		{"a varint for a string", new(flatOrder), "08 01", " id at byte 1: want a string, got a varint"},
		{"a varint for a map", new(lists), "18 01", " m at byte 1: want a map, got a varint"},
		{"8 bytes for a list of integers", new(lists), "09 0000000000000000", " l at byte 1: want a list, got 8 bytes"},
		{"one field twice", new(point), "08 01 10 02 08 01", " x at byte 5: two values for a field that has one"},
		{"one message twice", new(nestedOrder), "0a 02 20 01 0a 00", " head at byte 5: two values for a field that has one"},
		{"one optional twice", new(optionals), "08 01 08 01", " n at byte 3: two values for a field that has one"},
		{"one key twice", new(lists), "1a 05 0a 01 61 10 01 1a 05 0a 01 61 10 02", " m[#1] at byte 14: two entries have one key"},
		{"one key twice, apart", new(lists), "1a 03 0a 01 61 08 01 1a 03 0a 01 61", " m[#1] at byte 12: two entries have one key"},
		{"two keys in an entry", new(lists), "1a 06 0a 01 61 0a 01 61", " m[#0] at byte 6: two values for a field that has one"},
		{"a key of the wrong type", new(lists), "1a 02 08 01", " m[#0] at byte 3: want a string, got a varint"},
		{"out of range", new(lists), "0a 03 01 8001", " l[1] at byte 5: out of range for int8"},
		{"out of range, not packed", new(lists), "08 01 08 8001", " l[1] at byte 5: out of range for int8"},
		{"2^31 as int32", new(point), "08 8080808008", " x at byte 6: out of range for int32"},
		{"too few items", new(lists), "10 01", " a at byte 2: want 2 items, got 1"},
		{"too many items", new(lists), "12 03 010203", " a at byte 4: want 2 items, got more"},
		{"half a float", new(lists), "22 09 000000000000000000", " d[1] at byte 10: unexpected EOF"},
		{"a list in a list", new(lists), "2a 03 0a 01 80", " n[0][0] at byte 4: unexpected EOF"},
		{"too few bytes", new(digest), "0a 03 010203", " value at byte 5: want 4 bytes, got 3"},
		{"nanoseconds of more than a second", new(time.Time), "10 8094ebdc03", " at byte 6: the nanoseconds of a time are outside 0 to 999999999"},
		{"nanoseconds below 0", new(time.Time), "10 ffffffffffffffffff01", " at byte 11: the nanoseconds of a time are outside 0 to 999999999"},
		{"the year 10000", new(nestedOrder), "22 07 088083d1ffaf07", " at at byte 9: the year is outside 1 to 9999 in UTC"},
		{"seconds twice", new(time.Time), "08 01 08 01", " at byte 4: two values for a field that has one"},
		{"seconds as bytes", new(time.Time), "0a 00", " at byte 1: want a time, got bytes with a length"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			err := c.Decode(wire(tc.hex), tc.target)
			want := "protobuf: decode" + strings.Replace(tc.want, " value at", " at", 1)
			if err == nil || err.Error() != want {
				t.Fatalf("got  %v\nwant %s", err, want)
			}
			for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
				if text := fmt.Sprintf(verb, err); strings.Contains(text, "s3cret") {
					t.Errorf("%s prints the body: %s", verb, text)
				}
			}
		})
	}
}

func TestALineWithoutNumberSaysHowToMendIt(t *testing.T) {
	l, err := ParseLock([]byte(strings.Repeat("# comment\n\n", 3) + "a.B c 1\na.B d one\n"))
	if l != nil || err == nil || err.Error() != "protocodec: line 8 of the lock: want a number of 1 to 536870911 outside 19000 to 19999" {
		t.Errorf("got %v, %v", l, err)
	}
}
