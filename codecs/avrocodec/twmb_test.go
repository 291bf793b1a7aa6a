package avrocodec

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/polywire/polywire/conformance/codectest"
	"github.com/twmb/avro"
)

// TestAnotherImplementationAgrees lets github.com/twmb/avro, which shares nothing with
// the engine, parse the schemas, read what the codec wrote, and write it again.
func TestAnotherImplementationAgrees(t *testing.T) {
	values := []any{
		point{1, -2}, tree{1, []*tree{{Value: 3}}, &tree{Value: 2}}, uint64(1<<64 - 1), time.Unix(-1, 999999999).UTC(), time.Duration(-5), []bool{true, false}, [3]byte{1, 2, 3},
		grown{ID: "é\x00", Note: ptr(""), Count: -1, Tags: []string{"", "c"}, By: map[string]int{"d": 1, "e": 2}, At: time.Unix(1, 2).UTC(), Big: 1 << 63, Deep: map[string][]bool{"e": {true}}},
	}
	for _, w := range codectest.Workloads() {
		values = append(values, reflect.ValueOf(w.New()).Elem().Interface())
	}
	c := New()
	for _, v := range values {
		s, err := c.Schema(reflect.TypeOf(v))
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := avro.Parse(s.String())
		if err != nil {
			t.Errorf("%T: %s: %v", v, s, err)
			continue
		}
		if got := string(theirs.Canonical()); got != s.Canonical() {
			t.Errorf("%T: got the canonical form %s, want %s", v, got, s.Canonical())
		}
		body, err := c.Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		var generic any
		if rest, err := theirs.DecodeSingleObject(body, &generic); err != nil || len(rest) > 0 {
			t.Errorf("%T: %x is not read: %v, and %d bytes left", v, body, err, len(rest))
			continue
		}
		again, err := theirs.AppendSingleObject(nil, generic)
		if err != nil || !bytes.Equal(again[:sizeSingle], body[:sizeSingle]) {
			t.Errorf("%T: got %x, %v; want %x", v, again, err, body)
			continue
		}
		back := reflect.New(reflect.TypeOf(v))
		if err := c.Decode(again, back.Interface()); err != nil { // in another order, if there are maps
			t.Errorf("%T: what it writes is not read: %v", v, err)
		}
		if diff := cmp.Diff(v, back.Elem().Interface(), sameAddr); diff != "" {
			t.Errorf("%T comes back as another value: %s", v, diff)
		}
	}
}

// What resolves for the codec resolves for another implementation, to the same values.
func TestAnotherImplementationResolvesAlike(t *testing.T) {
	for _, tc := range []struct {
		rule, writer string
		wire         string
		zero         any
	}{
		{"fields in another order, and one that we lack", named("point", fld("Y", `"int"`)+","+fld("Z", `"string"`)+","+fld("X", `"int"`)), "\x04\x02z\x02", point{}},
		{"an alias", named("renamed", fld("cost", `"int"`)), "\x0e", renamed{}},
		{"int to double", `"int"`, "\x04", 0.0},
		{"long to float", `"long"`, "\x04", float32(0)},
		{"a list of int to one of long", `{"type":"array","items":"int"}`, "\x02\x02\x03\x04\x04\x06\x02\x08\x00", []int64{}},
		{"string to bytes", `"string"`, "\x04\xc3\xa9", []byte(nil)},
	} {
		c, body := framed(t, tc.writer, tc.wire)
		s, err := c.Schema(reflect.TypeOf(tc.zero))
		if err != nil {
			t.Fatal(err)
		}
		resolved, err := avro.Resolve(avro.MustParse(tc.writer), avro.MustParse(s.String()))
		if err != nil {
			t.Errorf("%s: %v", tc.rule, err)
			continue
		}
		var generic any
		if _, err := resolved.Decode([]byte(tc.wire), &generic); err != nil {
			t.Errorf("%s: %v", tc.rule, err)
			continue
		}
		theirs, err := avro.MustParse(s.String()).AppendSingleObject(nil, generic)
		if err != nil {
			t.Errorf("%s: %v", tc.rule, err)
			continue
		}
		ours := reflect.New(reflect.TypeOf(tc.zero)).Interface()
		if err := c.Decode(body, ours); err != nil {
			t.Errorf("%s: %v", tc.rule, err)
			continue
		}
		if got, err := c.Append(nil, ours); err != nil || !bytes.Equal(got, theirs) {
			t.Errorf("%s: got %x, %v; want %x", tc.rule, got, err, theirs)
		}
	}
}

// named is the schema of a record of this name.
func named(name, fields string) string {
	return `{"type":"record","name":"` + name + `","fields":[` + fields + `]}`
}
