package avrocodec

import (
	"encoding/hex"
	"math"
	"net/netip"
	"os/exec"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/conformance/codectest"
	"github.com/polywire/polywire/internal/brokertest"
)

type embedding struct {
	point
	Name string `wire:"order-id"`
}

// documents are values of each form in which a value is written.
func documents() []any {
	note := "é\u2028\U0001f600\x00"
	all := []any{
		true, int8(-128), int16(math.MaxInt16), int32(math.MinInt32), int64(math.MinInt64), int64(math.MaxInt64), uint8(255), uint16(65535), uint32(math.MaxUint32),
		uint64(math.MaxUint64), uint64(7), float32(0.1), math.Pi, math.Inf(-1), math.Copysign(0, -1), math.SmallestNonzeroFloat64,
		"", note, []byte{0, 1, 254, 255}, [3]byte{1, 2, 3}, []int{1, -2, 3}, []string(nil), [][]bool{{true}, nil}, [2]string{"a", "b"},
		map[string]int{"b": 1, "a": 2, "": 3}, map[int64]bool{-1: true, 10: false}, map[bool]string{true: "x"}, map[string]map[string][]int{"a": {"b": {1}}},
		time.Date(2026, 11, 24, 10, 20, 30, 123456789, time.UTC), time.Time{}, time.Unix(-1, 5), -90 * time.Second, netip.MustParseAddr("::1"),
		point{1, -2}, tree{1, []*tree{{Value: 2}}, &tree{Value: 3}}, embedding{point{1, 2}, "n"}, []*point{{1, 2}}, map[string]point{"a": {}},
		grown{ID: "a", Note: &note, Tags: []string{"x"}, By: map[string]int{"k": 1}, Big: 1 << 63, Addr: netip.MustParseAddr("10.0.0.1")}, struct{}{},
	}
	for _, w := range codectest.Workloads() {
		all = append(all, w.New())
	}
	return all
}

// TestPythonReadsAndWritesTheSame sends each document to fastavro and to the library
// of the Avro project. Both compute the fingerprint of its schema, read it and write
// what they read: the same bytes.
func TestPythonReadsAndWritesTheSame(t *testing.T) {
	c, docs := New(), documents()
	var ask strings.Builder
	var bodies []string
	for _, v := range docs {
		s, err := c.Schema(reflect.TypeOf(v))
		if err != nil {
			t.Fatal(err)
		}
		body, err := c.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, hex.EncodeToString(body))
		ask.WriteString(hex.EncodeToString([]byte(s.String())) + " " + bodies[len(bodies)-1] + "\n")
	}
	cmd := exec.CommandContext(t.Context(), brokertest.Python(t, "fastavro, avro.io"), "testdata/avro_peer.py")
	cmd.Stdin = strings.NewReader(ask.String())
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, stderr.String())
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) != len(docs) {
		t.Fatalf("got %d lines, want %d\n%s", len(lines), len(docs), stderr.String())
	}
	for i, line := range lines {
		for j, library := range []string{"fastavro", "avro"} {
			if theirs := strings.Fields(line)[j]; theirs != bodies[i] {
				t.Errorf("%T %.60v: %s makes of it\n%.300s, want\n%.300s", docs[i], docs[i], library, theirs, bodies[i])
			}
		}
	}
	if t.Failed() {
		t.Logf("%.3000s", stderr.String())
	}
}
