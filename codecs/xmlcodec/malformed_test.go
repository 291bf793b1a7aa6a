package xmlcodec

import (
	"bytes"
	"errors"
	"io"
	"reflect"
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

// check fails unless an error is as it should be and a value survives another
// round.
func (d document) check(t testing.TB, c *Codec, wire []byte) {
	t.Helper()
	got, err := d.decode(c, wire)
	if other := spaced(wire); other != nil {
		slow, slowErr := d.decode(c, other)
		if diff := cmp.Diff(got, slow, exact, cmp.AllowUnexported(embedding{})); diff != "" || (err == nil) != (slowErr == nil) {
			t.Fatalf("%s: %q is %v, but %q is %v: %s", d.typ, wire, err, other, slowErr, diff)
		}
	}
	if err != nil {
		var e *codecs.Error
		if !errors.As(err, &e) || len(err.Error()) > 256 || e.Offset < 0 || e.Offset > int64(len(wire)) {
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

// spaced returns the same document with a space before the end of each tag, so
// that the decoder takes no short cut; nil for what is no document.
func spaced(src []byte) []byte {
	s := scanner{src: src, limits: codecs.Limits{MaxElements: 1 << 20}.WithDefaults()}
	if s.begin() != nil {
		return nil
	}
	var out []byte
	var open []tag
	last := 0
	for first := true; first || len(open) > 0; first = false {
		k, err := s.next()
		switch {
		case err != nil || k == atEnd:
			return nil
		case k == atText:
			if _, err := s.chars(nil); err != nil {
				return nil
			}
			continue
		}
		var t tag
		tail := len(">")
		if k == atStop {
			t = open[len(open)-1]
			open, s.scopes = open[:len(open)-1], s.scopes[:t.scope]
			err = s.end(t.name)
		} else if err = s.start(&t); t.empty {
			tail = len("/>")
			s.scopes = s.scopes[:t.scope]
		} else {
			open = append(open, t)
		}
		if err != nil {
			return nil
		}
		out = append(append(out, src[last:s.pos-tail]...), ' ')
		last = s.pos - tail
	}
	return append(out, src[last:]...)
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

// White space may follow, as in every format of text.
func TestEveryOtherTrailingByteIsAnError(t *testing.T) {
	c := New()
	for _, d := range documents(t) {
		for tail := range 256 {
			wire := append(bytes.Clone(d.wire), byte(tail))
			want := errTrailing
			switch {
			case isBlank(byte(tail)):
				want = nil
			case tail == '<':
				want = io.ErrUnexpectedEOF
			case tail >= 0x80:
				want = errUTF8
			}
			if _, err := d.decode(c, wire); !errors.Is(err, want) {
				t.Errorf("%s: %q: got %v, want %v", d.typ, wire, err, want)
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
