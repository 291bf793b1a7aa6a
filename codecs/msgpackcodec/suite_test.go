package msgpackcodec

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// A vector is one value of msgpack-test-suite and its encodings, the shortest first.
type vector struct {
	line      int
	group     string
	kind      string
	value     string // in JSON
	encodings [][]byte
}

func vectors(t testing.TB) (all []vector) {
	t.Helper()
	text, err := os.ReadFile("testdata/msgpack-test-suite.txt")
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(string(text), "\n") {
		cols := strings.Split(line, "\t")
		if len(cols) != 4 {
			continue // the licence
		}
		v := vector{line: i + 1, group: cols[0], kind: cols[1], value: cols[2]}
		for _, h := range strings.Fields(cols[3]) {
			wire, err := hex.DecodeString(h)
			if err != nil {
				t.Fatal(err)
			}
			v.encodings = append(v.encodings, wire)
		}
		all = append(all, v)
	}
	return all
}

// into returns what JSON says as a value of one of the types that can hold it.
func (v vector) into(t *testing.T, zero any) any {
	t.Helper()
	text := strings.Trim(v.value, `"`)
	target := reflect.New(reflect.TypeOf(zero))
	var err error
	switch v.kind {
	case "binary":
		return unhex(t, strings.ReplaceAll(text, "-", ""))
	case "timestamp":
		var parts [2]int64
		err = json.Unmarshal([]byte(v.value), &parts)
		target.Elem().Set(reflect.ValueOf(time.Unix(parts[0], parts[1]).UTC()))
	case "bignum":
		err = json.Unmarshal([]byte(text), target.Interface())
	default:
		err = json.Unmarshal([]byte(v.value), target.Interface())
	}
	if err != nil {
		t.Fatalf("line %d: %v", v.line, err)
	}
	return target.Elem().Interface()
}

// types are those that hold the value exactly; for none, it is refused.
func (v vector) types() []any {
	switch v.kind {
	case "bool":
		return []any{false}
	case "binary":
		return []any{[]byte(nil)}
	case "string":
		return []any{""}
	case "timestamp":
		if v.value == "[-62167219200,0]" {
			return nil // the year 0
		}
		return []any{time.Time{}}
	case "number", "bignum":
		return v.numbers()
	case "map":
		return []any{map[string]any{`{}`: map[string]bool{}, `{"a":1}`: map[string]int{}, `{"a":"A"}`: map[string]string{}, `{"a":{}}`: map[string]map[string]int{}, `{"a":[]}`: map[string][]int{}}[v.value]}
	case "array":
		if zero, ok := map[string]any{`["a"]`: []string{}, `[[]]`: [][]int{}, `[{}]`: []map[string]int{}}[v.value]; ok {
			return []any{zero}
		}
		return []any{[]int{}}
	default: // nil and extensions
		return nil
	}
}

func (v vector) numbers() []any {
	text := strings.Trim(v.value, `"`)
	if strings.Contains(text, ".") {
		return []any{float32(0), 0.0}
	}
	var types []any
	if _, err := strconv.ParseInt(text, 10, 64); err == nil {
		types = append(types, int64(0))
	}
	if _, err := strconv.ParseUint(text, 10, 64); err == nil {
		types = append(types, uint64(0))
	}
	return types
}

// TestMsgpackTestSuite reads all that the suite has: every encoding as the type that
// holds its value, and in a field that nobody knows; and writes the shortest.
func TestMsgpackTestSuite(t *testing.T) {
	c := New()
	encodings, read := 0, 0
	for _, v := range vectors(t) {
		for _, wire := range v.encodings {
			encodings++
			if err := c.Decode(append([]byte("\x81\xa1U"), wire...), &struct{}{}); err != nil {
				t.Errorf("line %d: %x is not skipped: %v", v.line, wire, err)
			}
			if v.reads(t, c, wire) {
				read++
			}
		}
		for _, zero := range v.types() {
			got := mustAppend(t, c, v.into(t, zero))
			listed := slices.ContainsFunc(v.encodings, func(e []byte) bool { return bytes.Equal(e, got) })
			_, wide := zero.(float64) // has the bits of its type
			if !listed || len(got) > len(v.encodings[0]) && !wide {
				t.Errorf("line %d: %s as %T is written %x, want the shortest of %x", v.line, v.value, zero, got, v.encodings)
			}
		}
	}
	// Nil alone is no value, the year 0 no time, and eleven are extensions that nobody knows.
	if encodings != 233 || read != encodings-13 {
		t.Errorf("got %d encodings, and %d read; want 233 and 220", encodings, read)
	}
}

// reads decodes wire into each type that holds the value, and reports whether there is one.
func (v vector) reads(t *testing.T, c *Codec, wire []byte) bool {
	t.Helper()
	isFloat := wire[0] == codeFloat32 || wire[0] == codeFloat32+1
	for _, zero := range v.types() {
		target := reflect.New(reflect.TypeOf(zero))
		if isFloat && target.Elem().CanInt() || isFloat && target.Elem().CanUint() {
			if err := c.Decode(wire, target.Interface()); err == nil {
				t.Errorf("line %d: the float %x is read as %T", v.line, wire, zero)
			}
			target = reflect.New(reflect.TypeFor[float64]())
			zero = 0.0
		}
		if err := c.Decode(wire, target.Interface()); err != nil {
			t.Errorf("line %d: %x as %T: %v", v.line, wire, zero, err)
			continue
		}
		if diff := cmp.Diff(v.into(t, zero), target.Elem().Interface(), exact); diff != "" {
			t.Errorf("line %d: %x as %T: %s", v.line, wire, zero, diff)
		}
	}
	if len(v.types()) > 0 {
		return true
	}
	if err := c.Decode(wire, new(time.Time)); err == nil || errors.Is(err, errEngine) {
		t.Errorf("line %d: %x as a time: got %v, want a refusal", v.line, wire, err)
	}
	return false
}
