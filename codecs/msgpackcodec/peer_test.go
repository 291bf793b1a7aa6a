package msgpackcodec

import (
	"bytes"
	"encoding/hex"
	"math"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/polywire/polywire/internal/brokertest"
)

// TestPythonReadsAndWritesTheSame sends every document of the profile to Python's
// msgpack, which reads it and writes what it read.
func TestPythonReadsAndWritesTheSame(t *testing.T) {
	docs := documents(t)
	var ask strings.Builder
	for _, d := range docs {
		ask.WriteString(hex.EncodeToString(d.wire) + "\n")
	}
	cmd := exec.CommandContext(t.Context(), brokertest.Python(t, "msgpack"), "testdata/msgpack_peer.py")
	cmd.Stdin = strings.NewReader(ask.String())
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	lines := strings.Fields(string(out))
	if len(lines) != len(docs)+1 {
		t.Fatalf("got %d lines, want %d", len(lines), len(docs)+1)
	}
	c := New()
	checkNative(t, c, unhex(t, lines[0]))
	for i, d := range docs {
		theirs := unhex(t, lines[i+1])
		// Python knows floats of 64 bits alone.
		if d.typ.Kind() != reflect.Float32 && !bytes.Equal(theirs, d.wire) {
			t.Errorf("%s: Python writes %q, want %q", d.typ, theirs, d.wire)
		}
		want, err := d.decode(c, d.wire)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.decode(c, theirs)
		if err != nil {
			t.Errorf("%s: %q of Python is not read: %v", d.typ, theirs, err)
		}
		if diff := cmp.Diff(want, got, exact, cmp.AllowUnexported(embedding{})); diff != "" {
			t.Errorf("%s comes back from Python as another value: %s", d.typ, diff)
		}
	}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// checkNative reads what Python wrote of a value of its own.
func checkNative(t *testing.T, c *Codec, wire []byte) {
	t.Helper()
	type native struct {
		Name    string           `json:"name"`
		Raw     []byte           `json:"raw"`
		At      time.Time        `json:"at"`
		Big     uint64           `json:"big"`
		Low     int64            `json:"low"`
		Ratio   float64          `json:"ratio"`
		Whole   float32          `json:"whole"`
		By      map[int32][]bool `json:"by"`
		Nothing *string          `json:"nothing"`
	}
	want := native{
		Name: "Ada", At: time.Date(1815, 12, 10, 1, 2, 3, 456789000, time.UTC), Big: math.MaxUint64, Low: math.MinInt64,
		Ratio: 0.1, Whole: 3, By: map[int32][]bool{1: {true}, -300: nil},
	}
	for i := range 256 {
		want.Raw = append(want.Raw, byte(i))
	}
	var got native
	if err := c.Decode(wire, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, exact); diff != "" {
		t.Error(diff)
	}
}
