package msgpackcodec

import (
	"bytes"
	"errors"
	"reflect"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/polywire/polywire/codecs"
)

// documents are valid encodings of every kind of type in the profile, together
// with one that holds them all.
func documents(t testing.TB) []document {
	c := New()
	docs := []document{
		{reflect.TypeFor[nestedOrder](), mustAppend(t, c, aNestedOrder())},
		{reflect.TypeFor[flatOrder](), mustAppend(t, c, anOrder())},
	}
	for _, p := range profile {
		docs = append(docs, document{reflect.TypeOf(p.value), []byte(p.wire)})
	}
	return docs
}

type document struct {
	typ  reflect.Type
	wire []byte
}

// target is a new value to decode into.
func (d document) target() any { return reflect.New(d.typ).Interface() }

func (d document) decode(c *Codec, wire []byte) (any, error) {
	target := reflect.New(d.typ)
	err := c.Decode(wire, target.Interface())
	return target.Elem().Interface(), err
}

func mustAppend(t testing.TB, c *Codec, v any) []byte {
	t.Helper()
	b, err := c.Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// check fails unless an error is as it should be and a value survives another
// round.
func (d document) check(t testing.TB, c *Codec, wire []byte) {
	t.Helper()
	got, err := d.decode(c, wire)
	if err != nil {
		var e *codecs.Error
		if !errors.As(err, &e) || len(err.Error()) > 256 || e.Offset < 0 || e.Offset > int64(len(wire)) || errors.Is(err, errEngine) {
			t.Fatalf("%s %q: error %#v", d.typ, wire, err)
		}
		return
	}
	body, err := c.Append(nil, got)
	if err != nil {
		t.Fatalf("%s: %q is read but not written: %v", d.typ, wire, err)
	}
	again, err := d.decode(c, body)
	if err != nil {
		t.Fatalf("%s: own output %q is not read: %v", d.typ, body, err)
	}
	if diff := cmp.Diff(got, again, exact, cmp.AllowUnexported(embedding{})); diff != "" {
		t.Fatalf("%s %q: %s", d.typ, wire, diff)
	}
	if twice := mustAppend(t, c, again); !bytes.Equal(body, twice) {
		t.Fatalf("%s: %q is encoded as %q, then as %q", d.typ, wire, body, twice)
	}
}

func TestEveryPrefixIsAnError(t *testing.T) {
	c := New()
	for _, d := range documents(t) {
		for n := range d.wire {
			if _, err := d.decode(c, d.wire[:n]); err == nil {
				t.Errorf("%s: the prefix %q of %q is read", d.typ, d.wire[:n], d.wire)
			}
		}
	}
}

func TestEveryTrailingByteIsAnError(t *testing.T) {
	c := New()
	for _, d := range documents(t) {
		for tail := range 256 {
			wire := append(bytes.Clone(d.wire), byte(tail))
			if _, err := d.decode(c, wire); !errors.Is(err, errTrailing) {
				t.Errorf("%s: %q: got %v, want %v", d.typ, wire, err, errTrailing)
			}
		}
	}
}

func TestEverySingleBitFlipIsAnErrorOrAValue(t *testing.T) {
	c := New()
	for _, d := range documents(t) {
		for i := range d.wire {
			for bit := range 8 {
				wire := bytes.Clone(d.wire)
				wire[i] ^= 1 << bit
				d.check(t, c, wire)
			}
		}
	}
}

func TestEveryDocumentAsEveryOtherType(t *testing.T) {
	c := New()
	docs := documents(t)
	for _, from := range docs {
		for _, to := range docs {
			to.check(t, c, from.wire)
		}
	}
}

// What another codec wrote is never read by accident.
func TestJSONIsNoMessagePack(t *testing.T) {
	c := New()
	for _, text := range []string{`{"X":1,"Y":2}`, `[1,2]`, `"a"`, `true`, `null`, `12`, `{}`, `<a/>`} {
		for _, d := range documents(t) {
			if _, err := d.decode(c, []byte(text)); err == nil {
				t.Errorf("%s is read from %s", d.typ, text)
			}
		}
	}
}

// heads is made by rule; this is the table of the specification, code by code.
func TestHeadsAreThoseOfTheSpecification(t *testing.T) {
	kinds := map[kind][]string{ // first code, last code, bytes of the size, bytes that follow
		isInt:       {"00 7f 0 0", "cc cc 0 1", "cd cd 0 2", "ce ce 0 4", "cf cf 0 8", "d0 d0 0 1", "d1 d1 0 2", "d2 d2 0 4", "d3 d3 0 8", "e0 ff 0 0"},
		isMap:       {"80 8f 0 0", "de de 2 0", "df df 4 0"},
		isList:      {"90 9f 0 0", "dc dc 2 0", "dd dd 4 0"},
		isString:    {"a0 bf 0 0", "d9 d9 1 0", "da da 2 0", "db db 4 0"},
		isNil:       {"c0 c0 0 0"},
		isNothing:   {"c1 c1 0 0"},
		isBool:      {"c2 c3 0 0"},
		isBytes:     {"c4 c4 1 0", "c5 c5 2 0", "c6 c6 4 0"},
		isExtension: {"c7 c7 1 1", "c8 c8 2 1", "c9 c9 4 1", "d4 d4 0 2", "d5 d5 0 3", "d6 d6 0 5", "d7 d7 0 9", "d8 d8 0 17"},
		isFloat:     {"ca ca 0 4", "cb cb 0 8"},
	}
	total := 0
	for k, rows := range kinds {
		for _, row := range rows {
			var n [4]uint64
			for i, word := range bytes.Fields([]byte(row)) {
				base := 16
				if i > 1 {
					base = 10
				}
				n[i], _ = strconv.ParseUint(string(word), base, 8)
			}
			for code := n[0]; code <= n[1]; code++ {
				total++
				got := heads[code]
				if got.kind != k || uint64(got.sized) != n[2] || uint64(got.fixed) != n[3] {
					t.Errorf("%#x: got %+v, want %s: %s", code, got, k, row)
				}
			}
		}
	}
	if total != 256 {
		t.Errorf("got %d codes, want 256", total)
	}
}
