package msgpackcodec

import (
	"bytes"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/msgpackcodec/msgpengine"
	"github.com/polywire/polywire/conformance/codectest"
	"pgregory.net/rapid"
)

// sameDecode fails unless both codecs read wire as the same value, or refuse it with
// the same words.
func (d document) sameDecode(t testing.TB, one, other *Codec, wire []byte) {
	t.Helper()
	want, wantErr := d.decode(one, wire)
	got, err := d.decode(other, wire)
	if fmt.Sprint(err) != fmt.Sprint(wantErr) {
		t.Fatalf("%s %q: got %v, want %v", d.typ, wire, err, wantErr)
	}
	if diff := cmp.Diff(want, got, exact, cmp.AllowUnexported(embedding{})); diff != "" {
		t.Fatalf("%s %q: %s", d.typ, wire, diff)
	}
}

// TestAnotherEngineChangesNothing holds an engine to the bytes, the values and the
// words of the default one.
func TestAnotherEngineChangesNothing(t *testing.T) {
	one, other := New(), New(WithEngine(msgpengine.Engine{}))
	docs := documents(t)
	for _, d := range docs {
		v, err := d.decode(one, d.wire)
		if err != nil {
			t.Fatal(err)
		}
		if got := mustAppend(t, other, v); !bytes.Equal(got, d.wire) {
			t.Errorf("%s: got %q, want %q", d.typ, got, d.wire)
		}
		for i := range d.wire {
			d.sameDecode(t, one, other, d.wire[:i])
			for bit := range 8 {
				flipped := bytes.Clone(d.wire)
				flipped[i] ^= 1 << bit
				d.sameDecode(t, one, other, flipped)
			}
		}
		for _, from := range docs {
			d.sameDecode(t, one, other, from.wire)
		}
	}
	for _, v := range vectors(t) {
		for _, wire := range v.encodings {
			for _, d := range docs {
				d.sameDecode(t, one, other, wire)
			}
		}
	}
}

func TestAnotherEngineConforms(t *testing.T) {
	codectest.Run(t, codectest.Harness{
		Name: "msgpack by msgp",
		New: func(l codecs.Limits) codecs.Codec {
			return New(WithLimits(l), WithEngine(msgpengine.Engine{}))
		},
	})
}

func TestAnotherEngineCarriesTheSameValues(t *testing.T) {
	one, other := New(), New(WithEngine(msgpengine.Engine{}))
	rapid.Check(t, func(t *rapid.T) {
		v := drawEverything(1).Draw(t, "value")
		want, err := one.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := other.Append(nil, &v); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("got %q, %v; want %q", got, err, want)
		}
		var got everything
		if err := other.Decode(want, &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(v, got, exact); diff != "" {
			t.Fatal(diff)
		}
	})
}

// The seconds at which the form of a time changes, as each engine decides it.
func TestAnotherEngineWritesTimesInTheirShortestForm(t *testing.T) {
	one, other := New(), New(WithEngine(msgpengine.Engine{}))
	for _, sec := range []int64{-62135596800, -1, 0, 1, 1<<32 - 1, 1 << 32, 1<<34 - 1, 1 << 34, 253402300799} {
		for _, nanos := range []int64{0, 1, 999999999} {
			at := time.Unix(sec, nanos)
			if got, want := mustAppend(t, other, at), mustAppend(t, one, at); !bytes.Equal(got, want) {
				t.Errorf("%s: got %x, want %x", at.UTC(), got, want)
			}
		}
	}
}

// A broken engine reads maps by a method of the test, and all else as it should.
type broken struct {
	msgpengine.Engine
	readMapHead func(src []byte) (int, []byte, error)
}

func (b broken) ReadMapHead(src []byte) (int, []byte, error) { return b.readMapHead(src) }

func TestWhatAnEngineDoesWrongIsAnError(t *testing.T) {
	for rule, f := range map[string]func(src []byte) (int, []byte, error){
		"an error":        func([]byte) (int, []byte, error) { return 0, nil, errors.New("s3cret") },
		"a panic":         func([]byte) (int, []byte, error) { panic("s3cret") },
		"nothing read":    func(src []byte) (int, []byte, error) { return 1, src, nil },
		"more than there": func(src []byte) (int, []byte, error) { return 1, make([]byte, len(src)+9), nil },
		"beyond the end":  func([]byte) (int, []byte, error) { return 9, nil, nil },
	} {
		var p point
		err := New(WithEngine(broken{readMapHead: f})).Decode([]byte("\x82\xa1X\x01\xa1Y\x02"), &p)
		if !errors.Is(err, errEngine) || p != (point{}) {
			t.Errorf("%s: got %v and %+v, want %v", rule, err, p, errEngine)
		}
	}
}

// FuzzEngines holds an engine to the default one on any bytes.
func FuzzEngines(f *testing.F) {
	docs := documents(f)
	for i, d := range docs {
		f.Add(uint16(i), d.wire)
	}
	one, other := New(), New(WithEngine(msgpengine.Engine{}))
	f.Fuzz(func(t *testing.T, which uint16, wire []byte) {
		d := docs[int(which)%len(docs)]
		d.sameDecode(t, one, other, wire)
		got, err := allocated(other, wire, d.target())
		if got > budget(len(wire)) {
			t.Fatalf("%s %q: got %d bytes allocated (%v), want at most %d", d.typ, wire, got, err, budget(len(wire)))
		}
	})
}
