package avrocodec

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/polywire/polywire/codecs"
)

// fuzzed are the types that fuzzing decodes into.
func fuzzed() []any { return []any{tree{}, grown{}, point{}, []string{}, map[int]bool{}, [2]float32{}} }

// check decodes body into a value of the type of like: that is an error as errors
// should be, or a value that survives another round, within the budget.
func check(t *testing.T, c *Codec, like any, body []byte) {
	t.Helper()
	got := reflect.New(reflect.TypeOf(like))
	_ = c.Decode(body, got.Interface()) // what a type needs once is no cost of the input
	var err error
	if n := allocated(func() { err = c.Decode(body, got.Interface()) }); n > budget(len(body)) {
		t.Fatalf("%T %q: got %d bytes allocated (%v), want at most %d", like, body, n, err, budget(len(body)))
	}
	if err != nil {
		var e *codecs.Error
		if !errors.As(err, &e) || len(err.Error()) > 256 || !got.Elem().IsZero() {
			t.Fatalf("%T %q: got %v, %+v", like, body, err, got.Elem())
		}
		return
	}
	again, err := c.Append(nil, got.Interface())
	if err != nil {
		t.Fatalf("%T %q: what was read cannot be written: %v", like, body, err)
	}
	back := reflect.New(reflect.TypeOf(like))
	if err := c.Decode(again, back.Interface()); err != nil {
		t.Fatalf("%T: own output %q: %v", like, again, err)
	}
	if third, err := c.Append(nil, back.Interface()); err != nil || !bytes.Equal(again, third) {
		t.Fatalf("%T: equal values have the encodings %q and %q (%v)", like, again, third, err)
	}
}

// FuzzDecode reads any value by the schema of the type.
func FuzzDecode(f *testing.F) {
	types, own := fuzzed(), New()
	for i, v := range types {
		body, err := own.Append(nil, v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(uint8(i), body[sizeSingle:])
	}
	f.Add(uint8(0), []byte("\x02\x02\x04\x00\x00\x00\x02\x06\x00\x00"))
	f.Add(uint8(3), []byte("\x03\x08\x02a\x02b\x00"))
	f.Fuzz(func(t *testing.T, which uint8, wire []byte) {
		like := types[int(which)%len(types)]
		s, err := own.Schema(reflect.TypeOf(like))
		if err != nil {
			t.Fatal(err)
		}
		sum := s.Fingerprint()
		check(t, own, like, append(append([]byte{marker1, marker2}, sum[:]...), wire...))
	})
}

// FuzzDecodeForeign reads any value by any schema into the types.
func FuzzDecodeForeign(f *testing.F) {
	types := fuzzed()
	f.Add(uint8(2), []byte(rec(fld("Y", `["null","long"]`)+","+fld("X", `"int"`))), []byte("\x02\x04\x02"))
	f.Add(uint8(1), []byte(rec(fld("id", `"bytes"`)+","+fld("z", doubling(3)))), []byte("\x02a"))
	f.Add(uint8(0), []byte(rec(fld("value", `"int"`)+","+fld("next", `["null","R"]`))), []byte("\x02\x02\x04\x00"))
	f.Add(uint8(3), []byte(`{"type":"array","items":{"type":"enum","name":"E","symbols":["A"]}}`), []byte("\x02\x00\x00"))
	f.Add(uint8(4), []byte(`{"type":"map","values":"boolean"}`), []byte("\x02\x027\x01\x00"))
	f.Fuzz(func(t *testing.T, which uint8, schema, wire []byte) {
		s, err := ParseSchema(schema)
		if err != nil {
			return
		}
		sum := s.Fingerprint()
		c := New(WithStores(NewHistory(s)))
		check(t, c, types[int(which)%len(types)], append(append([]byte{marker1, marker2}, sum[:]...), wire...))
	})
}

// FuzzParseSchema parses anything: what is a schema has a canonical form that is one
// too, and that is its own.
func FuzzParseSchema(f *testing.F) {
	f.Add([]byte(`{"type":"record","name":"a.R","fields":[{"name":"x","type":["null","R"],"default":null}]}`))
	f.Add([]byte(`[{"type":"enum","name":"E","symbols":["A"],"default":"A"},{"type":"fixed","name":"F","size":3}]`))
	f.Add([]byte(doubling(3)))
	f.Fuzz(func(t *testing.T, schema []byte) {
		s, err := ParseSchema(schema)
		if err != nil {
			return
		}
		again, err := ParseSchema([]byte(s.Canonical()))
		if err != nil {
			t.Fatalf("%s: its canonical form %s is none: %v", schema, s.Canonical(), err)
		}
		if again.Canonical() != s.Canonical() || again.Fingerprint() != s.Fingerprint() {
			t.Fatalf("%s: canonical forms %s and %s", schema, s.Canonical(), again.Canonical())
		}
	})
}

// FuzzRoundTrip writes values made of the input, and reads them.
func FuzzRoundTrip(f *testing.F) {
	f.Add("id", "note", int64(-7), uint64(1)<<63, []byte{0, 1}, true)
	c := New()
	f.Fuzz(func(t *testing.T, id, note string, n int64, u uint64, seal []byte, present bool) {
		v := grown{ID: id, Count: int(n), Big: u, Tags: []string{id, note}, By: map[string]int{note: int(n)}, In: point{int32(n), int32(u)}}
		if present {
			v.Note = &note
		}
		copy(v.Seal[:], seal)
		body, err := c.Append(nil, v)
		if err != nil {
			return // of invalid UTF-8
		}
		var got grown
		if err := c.Decode(body, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(v, got, cmpopts.EquateEmpty(), sameAddr); diff != "" {
			t.Fatal(diff)
		}
	})
}
