package avrocodec

import (
	"encoding/hex"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/polywire/polywire/codecs"
)

// Each is also the answer to an advisory against the engine, or to its silence: see docs/security.md.
func TestMalformedValues(t *testing.T) {
	const ints, nulls = `{"type":"array","items":"int"}`, `{"type":"array","items":"null"}`
	const lowest = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"
	for _, tc := range []struct{ rule, typ, wire, want string }{
		{"a varint of eleven bytes", `"long"`, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x00", errVarint.Error()},
		{"a long beyond 64 bits", `"long"`, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02", errVarint.Error()},
		{"an int of six bytes", `"int"`, "\x80\x80\x80\x80\x80\x00", errInt.Error()},
		{"an int beyond 32 bits", `"int"`, "\x80\x80\x80\x80\x10", errInt.Error()},
		{"a boolean of 2", `"boolean"`, "\x02", errBoolean.Error()},
		{"a branch of -1", `["null","int"]`, "\x01", errBranch.Error()},
		{"a branch that is not there", `["null","int"]`, "\x04", errBranch.Error()},
		{"an enum of -1", `{"type":"enum","name":"E","symbols":["A","B"]}`, "\x01", errIndex.Error()},
		{"an enum that is not there", `{"type":"enum","name":"E","symbols":["A","B"]}`, "\x04", errIndex.Error()},
		{"a negative length of a string", `"string"`, "\x01", errLength.Error()},
		{"a negative length of bytes", `"bytes"`, "\x01", errLength.Error()},
		{"the lowest number as length", `"bytes"`, lowest, errLength.Error()},
		{"the highest number as length", `"bytes"`, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", "unexpected EOF"},
		{"invalid UTF-8", `"string"`, "\x02\xff", "invalid UTF-8"},
		{"invalid UTF-8 in a key", `{"type":"map","values":"int"}`, "\x02\x02\xff\x00\x00", "invalid UTF-8"},
		{"the lowest number as count", ints, lowest + "\x02\x00", errBlock.Error()},
		{"the lowest number but one as count", nulls, "\xfd\xff\xff\xff\xff\xff\xff\xff\xff\x01\x00\x00", "limit exceeded"},
		{"a negative size of a block", ints, "\x01\x01\x02\x00", errBlock.Error()},
		{"a block longer than the input", ints, "\x01\x64\x02\x00", "unexpected EOF"},
		{"a block longer than it says", ints, "\x03\x02\x02\x04\x00", errSize.Error()},
		{"a block shorter than it says", ints, "\x01\x04\x02\x02\x00", errSize.Error()},
		{"a block of a map that lies", `{"type":"map","values":"int"}`, "\x01\x02\x02a\x02\x00", errSize.Error()},
		{"more items than bytes", ints, "\x80\xa8\xd6\xb9\x07\x02\x00", "unexpected EOF"},
		{"10^9 items without bytes", nulls, "\x80\xa8\xd6\xb9\x07\x00", "limit exceeded"},
		{"as many in blocks", nulls, strings.Repeat("\xfe\xff\x01", 40) + "\x00", "limit exceeded"},
		{"10^9 empty records", `{"type":"array","items":{"type":"record","name":"N","fields":[]}}`, "\x80\xa8\xd6\xb9\x07\x00", "limit exceeded"},
		{"no end of a list", ints, "\x02\x02", "unexpected EOF"},
		{"a truncated double", `"double"`, "\x00\x00", "unexpected EOF"},
		{"a truncated float", `"float"`, "\x00", "unexpected EOF"},
		{"a truncated fixed", `{"type":"fixed","name":"F","size":2147483647}`, "\x00", "unexpected EOF"},
		{"nothing", `"int"`, "", "unexpected EOF"},
		{"a record that never ends", `{"type":"record","name":"E","fields":[` + fld("e", `"E"`) + `]}`, "", "limit exceeded"},
		{"2^60 values without bytes", doubling(60), "", "limit exceeded"},
	} {
		t.Run(tc.rule, func(t *testing.T) {
			c, body := framed(t, rec(fld("Y", `"int"`)+","+fld("X", `"int"`)+","+fld("skipped", tc.typ)), "\x02\x02"+tc.wire)
			got := point{9, 9}
			err := c.Decode(body, &got)
			var e *codecs.Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), tc.want) || got != (point{}) || len(err.Error()) > 256 {
				t.Errorf("skipped: got %+v, %v; want %s", got, err, tc.want)
			}
			for _, target := range []any{new(int), new(bool), new(string), new([]byte), new(float64), new([]int), new(map[string]int), new([]struct{}), new([2]byte)} {
				c, body := framed(t, tc.typ, tc.wire)
				err := c.Decode(body, target)
				if err == nil || !reflect.ValueOf(target).Elem().IsZero() {
					t.Errorf("into %T: got %+v, %v", target, reflect.ValueOf(target).Elem(), err)
				}
			}
		})
	}
}

// doubling is the schema of a record of two of a record of two … of nothing.
func doubling(levels int) string {
	typ, name := `{"type":"record","name":"L","fields":[]}`, "L"
	for range levels {
		typ = `{"type":"record","name":"` + name + `x","fields":[` + fld("a", typ) + `,` + fld("b", `"`+name+`"`) + `]}`
		name += "x"
	}
	return typ
}

func TestFrames(t *testing.T) {
	c := New()
	body, err := c.Append(nil, point{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	for cut := range len(body) {
		if err := c.Decode(body[:cut], new(point)); err == nil || errors.Is(err, codecs.ErrUnavailable) {
			t.Errorf("%d bytes: got %v", cut, err)
		}
	}
	for _, more := range []string{"\x00", " ", "\x02"} {
		if err := c.Decode(append(body[:len(body):len(body)], more...), new(point)); err == nil || !strings.Contains(err.Error(), errTrailing.Error()) {
			t.Errorf("%q after the value: got %v", more, err)
		}
	}
	for _, foreign := range []string{"{}", "\x00\x00\x00\x00\x01\x02", "\xc3\x02", "\x81\xa1X\x01"} {
		if err := c.Decode([]byte(foreign), new(point)); err == nil || !strings.Contains(err.Error(), "c3 01") {
			t.Errorf("%q: got %v", foreign, err)
		}
	}
	body[3] ^= 1
	if err := c.Decode(body, new(point)); !errors.Is(err, codecs.ErrUnavailable) {
		t.Errorf("another fingerprint: got %v", err)
	}
	b := New(WithBareBody())
	if got, err := b.Append(nil, point{1, 2}); err != nil || string(got) != "\x02\x04" {
		t.Errorf("bare: got %q, %v", got, err)
	}
	var back point
	if err := b.Decode([]byte("\x02\x04"), &back); err != nil || back != (point{1, 2}) {
		t.Errorf("bare: got %+v, %v", back, err)
	}
}

func TestSchemasThatAreRefused(t *testing.T) {
	nested := `"int"`
	for range 10_000 {
		nested = `{"type":"array","items":` + nested + `}`
	}
	for rule, schema := range map[string]string{
		"no JSON":                             `{"type":`,
		"a word that is no JSON":              `int`,
		"two values":                          `"int" "int"`,
		"null":                                `null`,
		"an unknown type":                     `"integer"`,
		"a reference to nothing":              `["null","Foo"]`,
		"one name twice":                      `[{"type":"fixed","name":"F","size":1},{"type":"fixed","name":"F","size":2}]`,
		"one field twice":                     rec(fld("a", `"int"`) + "," + fld("a", `"int"`)),
		"one key of JSON twice":               `{"type":"array","items":"int","items":"string"}`,
		"a bad name":                          `{"type":"record","name":"a-b","fields":[]}`,
		"a bad part of a name":                `{"type":"record","name":"a..b","fields":[]}`,
		"a bad namespace":                     `{"type":"record","name":"a","namespace":"b-c","fields":[]}`,
		"a bad name of a field":               rec(fld("1a", `"int"`)),
		"a bad symbol":                        `{"type":"enum","name":"E","symbols":["a b"]}`,
		"a symbol twice":                      `{"type":"enum","name":"E","symbols":["A","A"]}`,
		"no symbols":                          `{"type":"enum","name":"E","symbols":[]}`,
		"a default that is no symbol":         `{"type":"enum","name":"E","symbols":["A"],"default":"B"}`,
		"a bad alias":                         `{"type":"record","name":"a","aliases":["b c"],"fields":[]}`,
		"a record without fields":             `{"type":"record","name":"a"}`,
		"a field without type":                rec(`{"name":"a"}`),
		"a field that is none":                rec(`"a"`),
		"items that are none":                 `{"type":"array"}`,
		"values that are none":                `{"type":"map","values":null}`,
		"a fixed without size":                `{"type":"fixed","name":"F"}`,
		"a fixed of a negative size":          `{"type":"fixed","name":"F","size":-1}`,
		"a fixed of a huge size":              `{"type":"fixed","name":"F","size":9223372036854775807}`,
		"a fixed of half a byte":              `{"type":"fixed","name":"F","size":0.5}`,
		"a union in a union":                  `["null",["int"]]`,
		"a union with one type twice":         `["int","int"]`,
		"a union with one logical type twice": `["long",{"type":"long","logicalType":"timestamp-millis"}]`,
		"a type that is an object":            `{"type":{"type":"int"}}`,
		"10,000 levels":                       nested,
		"20,000 fields":                       rec(strings.TrimSuffix(strings.Repeat(fld("a", `"int"`)+",", 20_000), ",")),
		"more than 1 MiB":                     `"` + strings.Repeat("a", maxSchemaBytes) + `"`,
		"invalid UTF-8":                       "\"\xff\"",
	} {
		s, err := ParseSchema([]byte(schema))
		if err == nil {
			t.Errorf("%s: parsed as %s", rule, s.Canonical())
		} else if len(err.Error()) > 256 {
			t.Errorf("%s: an error of %d bytes: %v", rule, len(err.Error()), err)
		}
	}
}

func TestNamesOfOneSchemaStayInIt(t *testing.T) {
	if _, err := ParseSchema([]byte(`{"type":"record","name":"Kept","fields":[]}`)); err != nil {
		t.Fatal(err)
	}
	if s, err := ParseSchema([]byte(`"Kept"`)); err == nil {
		t.Errorf("parsed as %s: the cache of the engine leaks names", s.Canonical())
	}
}

// budget is what decoding n bytes may allocate, as the package comment says, and
// what the codec needs for itself.
func budget(n int) uint64 {
	const perElement, perByte, own = 512, 16, 64 << 10
	return uint64(perElement*(codecs.Limits{}).ForInput(n).MaxElements + perByte*n + own)
}

func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// TestWhatIsRefusedCostsNothing holds hostile inputs to sixteen times their size and 64 KiB.
func TestWhatIsRefusedCostsNothing(t *testing.T) {
	type little struct {
		A *int `wire:"a"`
	}
	for _, tc := range []struct {
		schema, wire string
		target       any
	}{
		{`"bytes"`, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", new([]byte)},
		{`"string"`, "\x80\xa8\xd6\xb9\x07", new(string)},
		{`{"type":"array","items":"int"}`, "\x80\xa8\xd6\xb9\x07\x02", new([]int)},
		{`{"type":"array","items":"double"}`, "\xfe\xff\xff\xff\xff\xff\xff\xff\xff\x01", new([]float64)},
		{`{"type":"array","items":` + rec("") + `}`, "\x80\xa8\xd6\xb9\x07\x00", new([]little)},
		{`{"type":"map","values":"int"}`, "\x80\xa8\xd6\xb9\x07\x02a\x02", new(map[string]int)},
		{rec(fld("z", `{"type":"array","items":"null"}`)), "\x80\xa8\xd6\xb9\x07\x00", new(little)},
		{rec(fld("z", doubling(60))), "", new(little)},
	} {
		c, body := framed(t, tc.schema, tc.wire)
		_ = c.Decode(body, tc.target) // what a schema needs once is no cost of the input
		var err error
		most := uint64(16*len(body) + 64<<10)
		if got := allocated(func() { err = c.Decode(body, tc.target) }); err == nil || got > most {
			t.Errorf("%s into %T: got %d bytes allocated (%v), want an error and at most %d", tc.schema, tc.target, got, err, most)
		}
	}
}

// TestWhatInputBuysIsBounded decodes the densest inputs: long runs of what is short
// to write and large to hold.
func TestWhatInputBuysIsBounded(t *testing.T) {
	type wide struct {
		P *int     `wire:"p"`
		A [8]int64 `wire:"a,optional"`
	}
	type vast struct {
		P *int        `wire:"p"`
		A [1024]int64 `wire:"a,optional"`
	}
	const ints, counts = `{"type":"array","items":"int"}`, `{"type":"map","values":"int"}`
	for _, tc := range []struct {
		items, item string
		target      any
	}{
		{`"int"`, "\x00", new([]int64)}, {`"string"`, "\x00", new([]string)}, {ints, "\x00", new([][]int)}, {counts, "\x00", new([]map[string]int)},
		{counts, "\x02\x00\x00\x00", new([]map[string]int)}, {ints, "\x02\x00\x00", new([][]int64)}, {`"bytes"`, "\x02a", new([][]byte)},
		{rec(fld("p", `"int"`)), "\x00", new([]wide)}, {rec(fld("p", `"null"`)), "", new([]wide)}, {rec(""), "", new([]vast)}, {rec(""), "", new([]*vast)},
	} {
		for _, size := range []int{64, 64 << 10} {
			n := size/(len(tc.item)+1) + 1
			wire := appendLong(nil, int64(n))
			c, body := framed(t, `{"type":"array","items":`+tc.items+`}`, string(wire)+strings.Repeat(tc.item, n)+"\x00")
			v := reflect.New(reflect.TypeOf(tc.target).Elem()).Interface()
			_ = c.Decode(body[:12], v)
			var err error
			if got := allocated(func() { err = c.Decode(body, v) }); got > budget(len(body)) {
				t.Errorf("%d bytes of %q into %T: got %d bytes allocated (%v), want at most %d", len(body), tc.item, tc.target, got, err, budget(len(body)))
			}
		}
	}
}

// TestPublishedRejections has the inputs that every Avro library must refuse, as the
// Avro project lists them (apache/avro, share/test/data/binary-rejections.json).
func TestPublishedRejections(t *testing.T) {
	for _, tc := range []struct {
		schema, wire string
		target       any
	}{
		{`"long"`, "80808080808080808080", new(int64)},
		{`"int"`, "8080808080", new(int32)},
		{`{"type":"array","items":"int"}`, "ffffffffffffffffff0102", new([]int)},
		{`"bytes"`, "01", new([]byte)},
		{`"string"`, "01", new(string)},
		{`["null","int"]`, "01", new(int)},
		{`["null","int"]`, "0a", new(int)},
		{`{"type":"enum","name":"E","symbols":["A","B"]}`, "01", new(string)},
		{`{"type":"enum","name":"E","symbols":["A","B"]}`, "0a", new(string)},
	} {
		wire, err := hex.DecodeString(tc.wire)
		if err != nil {
			t.Fatal(err)
		}
		c, body := framed(t, tc.schema, string(wire))
		if err := c.Decode(body, tc.target); err == nil {
			t.Errorf("%s: %s is read as %v", tc.schema, tc.wire, reflect.ValueOf(tc.target).Elem())
		}
	}
}
