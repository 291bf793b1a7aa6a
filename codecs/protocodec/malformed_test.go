package protocodec

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/polywire/polywire/codecs"
	"google.golang.org/protobuf/encoding/protowire"
)

// documents are valid encodings of every kind of type in the profile, together with
// one that holds them all.
func documents(t testing.TB) []document {
	c := New()
	docs := []document{
		{reflect.TypeFor[nestedOrder](), mustAppend(t, c, aNestedOrder())},
		{reflect.TypeFor[flatOrder](), mustAppend(t, c, anOrder())},
	}
	for _, p := range profile {
		docs = append(docs, document{reflect.TypeOf(p.value), wire(p.hex)})
	}
	return docs
}

type document struct {
	typ  reflect.Type
	body []byte
}

// target is a new value to decode into.
func (d document) target() any { return reflect.New(d.typ).Interface() }

func (d document) decode(c *Codec, body []byte) (any, error) {
	target := reflect.New(d.typ)
	err := c.Decode(body, target.Interface())
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

// wellFormed reports whether body is a run of whole records, as the engine sees it.
func wellFormed(body []byte) bool {
	for len(body) > 0 {
		_, _, n := protowire.ConsumeField(body)
		if n < 0 {
			return false
		}
		body = body[n:]
	}
	return true
}

// check fails unless an error is as it should be and a value survives another
// round.
func (d document) check(t testing.TB, c *Codec, body []byte) {
	t.Helper()
	got, err := d.decode(c, body)
	if err != nil {
		var e *codecs.Error
		if !errors.As(err, &e) || len(err.Error()) > 256 || e.Offset < 0 || e.Offset > int64(len(body)) {
			t.Fatalf("%s %x: error %#v", d.typ, body, err)
		}
		return
	}
	if !wellFormed(body) {
		t.Fatalf("%s: what is malformed is read: %x", d.typ, body)
	}
	again := mustAppend(t, c, got)
	twice, err := d.decode(c, again)
	if err != nil {
		t.Fatalf("%s: own output %x is not read: %v", d.typ, again, err)
	}
	if diff := cmp.Diff(got, twice, exact, cmp.AllowUnexported(embedding{})); diff != "" {
		t.Fatalf("%s %x: %s", d.typ, body, diff)
	}
	if thrice := mustAppend(t, c, twice); !bytes.Equal(again, thrice) {
		t.Fatalf("%s: %x is encoded as %x, then as %x", d.typ, body, again, thrice)
	}
}

func TestEveryPrefixThatCutsARecordIsAnError(t *testing.T) {
	c := New()
	for _, d := range documents(t) {
		for n := range d.body {
			prefix := d.body[:n]
			d.check(t, c, prefix)
			if _, err := d.decode(c, prefix); err == nil && !wellFormed(prefix) {
				t.Errorf("%s: the prefix %x of %x is read", d.typ, prefix, d.body)
			}
		}
	}
}

// What follows a message is a record more, or an error: there is no other end than
// that of the input.
func TestTrailingBytesAreAnError(t *testing.T) {
	c := New()
	for _, d := range documents(t) {
		for _, tail := range []string{"\x00", " ", "{", "}", "\xff", "\x0a", "null", "\x80\x00", "\x07", "\x0c"} {
			if _, err := d.decode(c, append(bytes.Clone(d.body), tail...)); err == nil {
				t.Errorf("%s: %x and %q are read", d.typ, d.body, tail)
			}
		}
	}
}

func TestEverySingleBitFlipIsAnErrorOrAValue(t *testing.T) {
	c := New()
	for _, d := range documents(t) {
		for i := range d.body {
			for bit := range 8 {
				body := bytes.Clone(d.body)
				body[i] ^= 1 << bit
				d.check(t, c, body)
			}
		}
	}
}

func TestEveryDocumentAsEveryOtherType(t *testing.T) {
	c := New()
	docs := documents(t)
	for _, body := range docs {
		for _, typ := range docs {
			typ.check(t, c, body.body)
		}
	}
}
