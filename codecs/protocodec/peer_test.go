package protocodec

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
	"google.golang.org/protobuf/proto"
)

// A native is what Python writes of values of its own.
type native struct {
	Name  string           `wire:"name,1"`
	Raw   []byte           `wire:"raw,2"`
	At    time.Time        `wire:"at,3"`
	Big   uint64           `wire:"big,4"`
	Low   int64            `wire:"low,5"`
	Ratio float64          `wire:"ratio,6"`
	Small int8             `wire:"small,7"`
	By    map[int32][]bool `wire:"by,8"`
	Many  []int32          `wire:"many,9"`
	Zero  *uint8           `wire:"zero,10"`
	None  *point           `wire:"none,11"`
	Not   *string          `wire:"not,12"`
}

func aNative() native {
	n := native{
		Name: "Ada", At: time.Unix(-1, 5).UTC(), Big: math.MaxUint64, Low: math.MinInt64, Ratio: 0.1, Small: -1,
		By: map[int32][]bool{-300: {true, false}}, Many: []int32{1, -1, math.MaxInt32}, Zero: new(uint8), None: &point{},
	}
	for i := range 256 {
		n.Raw = append(n.Raw, byte(i))
	}
	return n
}

// TestPythonReadsAndWritesTheSame sends every document of the profile, with its
// descriptor, to Python's protobuf, which reads it and writes what it read.
func TestPythonReadsAndWritesTheSame(t *testing.T) {
	c := New()
	docs := documents(t)
	var ask strings.Builder
	for _, d := range docs {
		ask.WriteString(descriptorHex(t, c, d.typ) + " " + hex.EncodeToString(d.body) + "\n")
	}
	ask.WriteString(descriptorHex(t, c, reflect.TypeFor[native]()) + " native\n")
	cmd := exec.CommandContext(t.Context(), brokertest.Python(t, "google.protobuf"), "testdata/protobuf_peer.py")
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
	for i, d := range docs {
		theirs := wire(lines[i][1:])
		if d.typ.Kind() != reflect.Map && !bytes.Equal(theirs, d.body) { // of maps each language has its own order
			t.Errorf("%s: Python writes %x, want %x", d.typ, theirs, d.body)
		}
		want, err := d.decode(c, d.body)
		if err != nil {
			t.Fatal(err)
		}
		got, err := d.decode(c, theirs)
		if err != nil {
			t.Errorf("%s: %x of Python is not read: %v", d.typ, theirs, err)
		}
		if diff := cmp.Diff(want, got, exact, cmp.AllowUnexported(embedding{})); diff != "" {
			t.Errorf("%s comes back from Python as another value: %s", d.typ, diff)
		}
	}
	var got native
	if err := c.Decode(wire(lines[len(docs)][1:]), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(aNative(), got, exact); diff != "" {
		t.Error(diff)
	}
}

// descriptorHex returns the descriptor of a type, or nothing for a time.
func descriptorHex(t *testing.T, c *Codec, typ reflect.Type) string {
	for typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	if typ == reflect.TypeFor[time.Time]() {
		return ""
	}
	file, err := c.Descriptor(typ)
	if err != nil {
		t.Fatal(err)
	}
	b, err := proto.Marshal(file)
	if err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(b)
}
