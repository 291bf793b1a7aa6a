package avrocodec

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/testpb"
	"google.golang.org/protobuf/testing/protocmp"
)

func TestASequenceReadsValueAfterValue(t *testing.T) {
	registry, err := NewRegistry("http://localhost:1")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]*Codec{"single objects": New(), "Confluent's": New(WithConfluent(registry)), "bare": New(WithBareBody())} {
		var src []byte
		for i := range int32(3) {
			if src, err = c.AppendBare(src, point{i, -i}); err != nil {
				t.Fatal(err)
			}
		}
		if want := "\x00\x00\x02\x01\x04\x03"; string(src) != want {
			t.Errorf("%s: got %x, want %x", name, src, want)
		}
		schema, err := c.Schema(reflect.TypeFor[point]())
		if err != nil {
			t.Fatal(err)
		}
		s := c.Sequence(schema)
		s.Begin(src)
		var first, second point
		var third struct {
			Y int64
			Z string
		}
		if err := errors.Join(s.Next(&first), s.Next(&second), s.Next(&third)); err != nil {
			t.Fatal(err)
		}
		if first != (point{}) || second != (point{1, -1}) || third.Y != -2 || s.Len() != 0 {
			t.Errorf("%s: got %v, %v, %v, and %d bytes left", name, first, second, third, s.Len())
		}
		if err := s.Next(&first); err == nil || !strings.Contains(err.Error(), "EOF") {
			t.Errorf("%s: after the last: got %v", name, err)
		}
	}
}

func TestASequenceOfMessages(t *testing.T) {
	c, want := New(), &testpb.Choice{}
	schema, err := c.SchemaOf(want)
	if err != nil {
		t.Fatal(err)
	}
	src, err := c.AppendBare(nil, want)
	if err != nil {
		t.Fatal(err)
	}
	s, got := c.Sequence(schema), new(testpb.Choice)
	s.Begin(append(src, src...))
	for range 2 {
		if err := s.Next(got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
	}
	if s.Len() != 0 {
		t.Errorf("%d bytes are left", s.Len())
	}
}

// A fingerprint of 64 bits is no proof: who writes a schema can choose it.
func TestASequenceDoesNotGoByTheFingerprint(t *testing.T) {
	c := New()
	own, err := c.Schema(reflect.TypeFor[point]())
	if err != nil {
		t.Fatal(err)
	}
	other, err := ParseSchema([]byte(rec(fld("Y", `"int"`) + "," + fld("X", `"int"`))))
	if err != nil {
		t.Fatal(err)
	}
	forged := *other
	forged.fingerprint = own.fingerprint
	s, got := c.Sequence(&forged), point{}
	s.Begin([]byte{2, 4})
	if err := s.Next(&got); err != nil || got != (point{2, 1}) {
		t.Errorf("got %v, %v; want the writer's order of fields", got, err)
	}
	body, err := c.Append(nil, point{1, 2})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Decode(body, &got); err != nil || got != (point{1, 2}) {
		t.Errorf("a message after it: got %v, %v", got, err)
	}
}

func TestLimitsOfASequence(t *testing.T) {
	c := New(WithLimits(codecs.Limits{MaxBytes: 3}))
	schema, err := c.SchemaOf("")
	if err != nil {
		t.Fatal(err)
	}
	s, got := c.Sequence(schema), ""
	s.Begin([]byte("\x04ab\x06abc\x00"))
	if err := s.Next(&got); err != nil || got != "ab" {
		t.Errorf("got %q, %v", got, err)
	}
	if err := s.Next(&got); !errors.Is(err, codecs.ErrLimit) || got != "" {
		t.Errorf("a value of four bytes: got %q, %v", got, err)
	}
	if err := s.Next(got); err == nil {
		t.Error("a target that is no pointer: got no error")
	}
}
