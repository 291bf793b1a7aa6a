package jsoncodec

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"github.com/polywire/polywire/codecs"
)

// documents are valid texts of every kind of type in the profile, together with
// one that holds them all.
func documents(t testing.TB) []document {
	c := New()
	docs := []document{
		{reflect.TypeFor[nestedOrder](), mustAppend(t, c, aNestedOrder())},
		{reflect.TypeFor[flatOrder](), mustAppend(t, c, anOrder())},
	}
	for _, p := range profile {
		docs = append(docs, document{reflect.TypeOf(p.value), []byte(p.json)})
	}
	return docs
}

type document struct {
	typ  reflect.Type
	text []byte
}

// target is a new value to decode into.
func (d document) target() any { return reflect.New(d.typ).Interface() }

func (d document) decode(c *Codec, text []byte) (any, error) {
	target := reflect.New(d.typ)
	err := c.Decode(text, target.Interface())
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
func (d document) check(t testing.TB, c *Codec, text []byte) {
	t.Helper()
	got, err := d.decode(c, text)
	if err != nil {
		var e *codecs.Error
		if !errors.As(err, &e) || len(err.Error()) > 256 || e.Offset < 0 || e.Offset > int64(len(text)) {
			t.Fatalf("%s %q: error %#v", d.typ, text, err)
		}
		return
	}
	if !jsontext.Value(text).IsValid() {
		t.Fatalf("%s: invalid JSON is read: %q", d.typ, text)
	}
	body, err := c.Append(nil, got)
	if err != nil {
		t.Fatalf("%s: %q is read but not written: %v", d.typ, text, err)
	}
	again, err := d.decode(c, body)
	if err != nil {
		t.Fatalf("%s: own output %q is not read: %v", d.typ, body, err)
	}
	if diff := cmp.Diff(got, again, exact, cmp.AllowUnexported(embedding{})); diff != "" {
		t.Fatalf("%s %q: %s", d.typ, text, diff)
	}
	if twice := mustAppend(t, c, again); !bytes.Equal(body, twice) {
		t.Fatalf("%s: %q is encoded as %q, then as %q", d.typ, text, body, twice)
	}
}

func TestEveryPrefixIsAnError(t *testing.T) {
	c := New()
	for _, d := range documents(t) {
		for n := range d.text {
			prefix := d.text[:n]
			if jsontext.Value(prefix).IsValid() { // a number may end anywhere
				d.check(t, c, prefix)
				continue
			}
			if _, err := d.decode(c, prefix); err == nil {
				t.Errorf("%s: the prefix %q of %q is read", d.typ, prefix, d.text)
			}
		}
	}
}

func TestATrailingByteIsAnError(t *testing.T) {
	c := New()
	for _, d := range documents(t) {
		for _, tail := range []string{"\x00", "{", "}", "]", ",", "null", `"`, "\xff", " 1"} {
			text := append(bytes.Clone(d.text), tail...)
			if _, err := d.decode(c, text); err == nil {
				t.Errorf("%s: %q is read", d.typ, text)
			}
		}
		for _, space := range []string{" ", "\n", "\t\r"} {
			if _, err := d.decode(c, append(bytes.Clone(d.text), space...)); err != nil {
				t.Errorf("%s: a trailing %q: %v", d.typ, space, err)
			}
		}
	}
}

func TestEverySingleBitFlipIsAnErrorOrAValue(t *testing.T) {
	c := New()
	for _, d := range documents(t) {
		for i := range d.text {
			for bit := range 8 {
				text := bytes.Clone(d.text)
				text[i] ^= 1 << bit
				d.check(t, c, text)
			}
		}
	}
}

func TestEveryDocumentAsEveryOtherType(t *testing.T) {
	c := New()
	docs := documents(t)
	for _, text := range docs {
		for _, typ := range docs {
			typ.check(t, c, text.text)
		}
	}
}
