package all_test

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/all"
	"github.com/polywire/polywire/codecs/avrocodec"
)

// The types that a writer and a reader take for one.
type (
	written struct {
		Name  string           `wire:"name,1"`
		Count int64            `wire:"count,2"`
		Lines []written        `wire:"lines,3,optional"`
		By    map[string]int64 `wire:"by,4,optional"`
		Level int32            `wire:"level,5"`
		Ratio float64          `wire:"ratio,6"`
	}
	narrow struct {
		Name  string          `wire:"name,1"`
		Count int8            `wire:"count,2"`
		Lines []narrow        `wire:"lines,3,optional"`
		By    map[string]int8 `wire:"by,4,optional"`
		Level grade           `wire:"level,5"`
		Ratio float64         `wire:"ratio,6"`
	}
	grade int32
	text  struct {
		Count string `wire:"count,2"`
	}
)

// replaced changes what a codec wrote, or returns nil where the format has nothing to change.
func replaced(body []byte, old, new string) []byte {
	if !bytes.Contains(body, []byte(old)) {
		return nil
	}
	return bytes.Replace(body, []byte(old), []byte(new), 1)
}

// TestEveryCodecGivesTheSameAnswer holds what one codec refuses, and where, to be what all refuse.
func TestEveryCodecGivesTheSameAnswer(t *testing.T) {
	whole := written{Name: "nameAAAA", Count: 5, Lines: []written{{Name: "a"}, {Name: "nameBBBB"}}, By: map[string]int64{"keyAAAA": 1, "keyBBBB": 2}}
	for _, tc := range []struct {
		rule   string
		value  any
		damage func(body []byte) []byte // nil is none
		into   any
		path   string            // of the error; "*" is any
		except map[string]string // codecs that answer otherwise, and why
	}{
		{rule: "truncated", value: whole, damage: func(b []byte) []byte { return b[:len(b)-1] }, into: written{}, path: "*",
			except: map[string]string{}},
		{rule: "nothing at all", value: whole, damage: func([]byte) []byte { return nil }, into: written{}, path: "*",
			except: map[string]string{"protobuf": "a message of zeros is no bytes"}},
		{rule: "a zero byte behind", value: whole, damage: func(b []byte) []byte { return append(bytes.Clone(b), 0) }, into: written{}, path: ""},
		{rule: "twice in a row", value: written{Name: "a"}, damage: func(b []byte) []byte { return append(bytes.Clone(b), b...) }, into: written{}, path: "*"},
		{rule: "one key twice", value: whole, damage: func(b []byte) []byte { return replaced(b, "keyBBBB", "keyAAAA") }, into: written{}, path: "by[#1]"},
		{rule: "invalid UTF-8", value: whole, damage: func(b []byte) []byte { return replaced(b, "nameBBBB", "name\xff\xffBB") }, into: written{}, path: "*"},
		{rule: "too large for the reader", value: written{Count: 128}, into: narrow{}, path: "count"},
		{rule: "too small for the reader", value: written{Count: -129}, into: narrow{}, path: "count"},
		{rule: "too large in a list", value: written{Lines: []written{{}, {Count: 1 << 40}}}, into: narrow{}, path: "lines[1].count"},
		{rule: "too large in a map", value: written{By: map[string]int64{"a": 1, "b": 1 << 40}}, into: narrow{}, path: "by[#1]"},
		{rule: "an integer for a string", value: written{Count: 5}, into: text{}, path: "count",
			except: map[string]string{"xml": "a number is text"}},
	} {
		for _, m := range all.Makers() {
			t.Run(tc.rule+"/"+m.Name, func(t *testing.T) {
				c := m.New(codecs.Limits{})
				body, err := c.Append(nil, tc.value)
				if err != nil {
					t.Fatal(err)
				}
				if tc.damage != nil {
					if body = tc.damage(body); body == nil && tc.rule != "nothing at all" {
						t.Fatal("the text to replace does not stand in the encoding as it is")
					}
				}
				target := reflect.New(reflect.TypeOf(tc.into))
				err = reader(t, m, reflect.TypeOf(tc.value)).Decode(body, target.Interface())
				if why, ok := tc.except[m.Name]; ok {
					if err != nil {
						t.Errorf("got %v, but %s is known to take it, because %s", err, m.Name, why)
					}
					return
				}
				sameError(t, err, m.Name, tc.path)
				if !target.Elem().IsZero() {
					t.Errorf("an error leaves %+v", target.Elem())
				}
			})
		}
	}
}

// reader returns a codec that can read what another one wrote of the type writer:
// Avro must know its schema.
func reader(t *testing.T, m all.Maker, writer reflect.Type) codecs.Codec {
	t.Helper()
	if m.Name != "avro" {
		return m.New(codecs.Limits{})
	}
	s, err := avrocodec.New().Schema(writer)
	if err != nil {
		t.Fatal(err)
	}
	return avrocodec.New(avrocodec.WithStores(avrocodec.NewHistory(s)))
}

// sameError checks what no codec may say in its own way.
func sameError(t *testing.T, err error, name, path string) {
	t.Helper()
	var e *codecs.Error
	if !errors.As(err, &e) {
		t.Fatalf("got %v, want a *codecs.Error", err)
	}
	if e.Codec != name || e.Op != "decode" || len(err.Error()) > 256 || strings.Contains(err.Error(), "AAAA") {
		t.Errorf("got %+v: %v", e, err)
	}
	if path != "*" && e.Path != path {
		t.Errorf("got the path %q, want %q: %v", e.Path, path, err)
	}
}

// TestEveryCodecCarriesWhatOneWould holds the answers that are values.
func TestEveryCodecCarriesWhatOneWould(t *testing.T) {
	for _, m := range all.Makers() {
		c := m.New(codecs.Limits{})
		body, err := c.Append(nil, written{Level: 9999, Ratio: math.NaN(), Count: 127})
		if err != nil {
			t.Errorf("%s: %v", m.Name, err)
			continue
		}
		var got narrow
		if err := reader(t, m, reflect.TypeFor[written]()).Decode(body, &got); err != nil || got.Level != 9999 || !math.IsNaN(got.Ratio) || got.Count != 127 {
			t.Errorf("%s: got %+v, %v, want the unknown value of the enum, NaN, and the number that fits", m.Name, got, err)
		}
		if _, err := c.Append(nil, written{Name: "\xff"}); err == nil {
			t.Errorf("%s writes invalid UTF-8", m.Name)
		}
	}
}
