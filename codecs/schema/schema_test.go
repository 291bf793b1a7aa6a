package schema_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/codecs/msgpackcodec"
	"github.com/polywire/polywire/codecs/protocodec"
	"github.com/polywire/polywire/codecs/schema"
)

type level int8

// A free struct has one number of its own.
type free struct {
	ID   string `json:"id"`
	Tags []free `json:"tags"`
	Note string `wire:"note,2"`
}

// The numbers of a lock file make a described type the type on the wire of Protobuf.
func TestADescriptionHoldsTheNumbersThatNumberGives(t *testing.T) {
	lock := new(protocodec.Lock)
	if _, err := lock.Add(reflect.TypeFor[free]()); err != nil {
		t.Fatal(err)
	}
	d := schema.Describer{Number: lock.Number}
	described, err := d.Type(reflect.TypeFor[free]())
	if err != nil {
		t.Fatal(err)
	}
	maker, err := d.Types.Maker(described)
	if err != nil {
		t.Fatal(err)
	}
	v := free{ID: "a", Tags: []free{{ID: "b", Note: "c"}}}
	want, err := protocodec.New(protocodec.WithLock(lock)).Append(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	made := maker.New()
	if err := protocodec.New().Decode(want, made); err != nil {
		t.Fatal(err)
	}
	if got, err := protocodec.New().Append(nil, made); err != nil || string(got) != string(want) {
		t.Errorf("got %x, %v; want %x", got, err, want)
	}
}

func TestADescriptionGivesNoNumberTwice(t *testing.T) {
	d := schema.Describer{Number: func(_ reflect.Type, field string) int { return map[string]int{"id": 2, "tags": 3}[field] }}
	const want = "the fields id and note share the number 2"
	if _, err := d.Type(reflect.TypeFor[free]()); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
}

type tree struct {
	Name  string           `wire:"name,1"`
	Kids  []tree           `wire:"kids,2,optional"`
	By    map[string]*tree `wire:"by,3,optional"`
	Next  *tree            `wire:"next,4"`
	Count *int8            `wire:"count,5"`
	Rate  float32          `wire:"rate,6"`
	At    time.Time        `wire:"at,7"`
	Spent time.Duration    `wire:"spent,8"`
	Hash  [3]byte          `wire:"hash,9"`
	Grid  [2][]uint16      `wire:"grid,10"`
	Level level            `wire:"level,11"`
	Index map[int64]bool   `wire:"index,12"`
	Blob  []byte           `wire:"blob,13"`
	Big   uint64           `wire:"big,14"`
	Point struct {
		X int `wire:"x,1"`
	} `wire:"point,15"`
	Note *string `wire:"note,16"`
}

func aTree() *tree {
	count, note := int8(-7), ""
	return &tree{
		Name: "root", Kids: []tree{{Name: "kid", Kids: []tree{{Name: "grandchild"}}}}, By: map[string]*tree{"x": {Name: "other"}},
		Next: &tree{Name: "next", Next: &tree{}}, Count: &count, Rate: 1.5, At: time.Unix(5, 6).UTC(), Spent: time.Second,
		Hash: [3]byte{1, 2, 3}, Grid: [2][]uint16{{1}, {2, 3}}, Level: -3, Index: map[int64]bool{-1: true, 1: false},
		Blob: []byte("blob"), Big: 1<<64 - 1, Note: &note,
	}
}

// What a program with the description alone writes is what one with the type writes.
func TestADescribedTypeIsTheTypeOnTheWire(t *testing.T) {
	var d schema.Describer
	described, err := d.Type(reflect.TypeFor[tree]())
	if err != nil {
		t.Fatal(err)
	}
	maker, err := d.Types.Maker(described)
	if err != nil {
		t.Fatal(err)
	}
	for _, codec := range []interface {
		Name() string
		Append(dst []byte, v any) ([]byte, error)
		Decode(src []byte, v any) error
	}{jsoncodec.New(), msgpackcodec.New(), protocodec.New()} {
		want, err := codec.Append(nil, aTree())
		if err != nil {
			t.Fatal(err)
		}
		v := maker.New()
		if err := codec.Decode(want, v); err != nil {
			t.Errorf("%s: %v", codec.Name(), err)
		}
		got, err := codec.Append(nil, v)
		if err != nil || string(got) != string(want) {
			t.Errorf("%s: got %q, error %v, want %q", codec.Name(), got, err, want)
		}
		back := new(tree)
		if err := codec.Decode(got, back); err != nil {
			t.Errorf("%s: %v", codec.Name(), err)
		}
		if diff := cmp.Diff(aTree(), back); diff != "" {
			t.Errorf("%s (-want +got):\n%s", codec.Name(), diff)
		}
	}
}

func TestADescriptionSurvivesItsDocument(t *testing.T) {
	var d schema.Describer
	if _, err := d.Type(reflect.TypeFor[tree]()); err != nil {
		t.Fatal(err)
	}
	document, err := json.Marshal(d.Types)
	if err != nil {
		t.Fatal(err)
	}
	var back schema.Types
	if err := json.Unmarshal(document, &back); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(d.Types, back); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReservedNamesAreOfOneTypeEach(t *testing.T) {
	var d schema.Describer
	if err := d.Reserve(reflect.TypeFor[tree](), "level"); err != nil {
		t.Fatal(err)
	}
	if err := d.Reserve(reflect.TypeFor[level](), "level"); err == nil || !strings.Contains(err.Error(), "share the name level") {
		t.Errorf("got %v, want an error of the name", err)
	}
	if got, err := d.Type(reflect.TypeFor[tree]()); err != nil || got.Type != "level" {
		t.Errorf("got %+v, error %v, want the reserved name", got, err)
	}
}

func TestMakerRefusesWhatIsNoType(t *testing.T) {
	types := schema.Types{
		"Self": {Kind: "struct", Fields: []schema.Type{{Name: "self", Kind: "struct", Type: "Self"}}},
		"Bare": {Kind: "message"},
	}
	for want, tt := range map[string]*schema.Type{
		"Self holds itself":                 {Kind: "struct", Type: "Self"},
		`"Bare" are not described`:          {Kind: "message", Type: "Bare"},
		"a message without a name":          {Kind: "message"},
		`refers to "None"`:                  {Kind: "struct", Type: "None"},
		"an integer of 7 bits":              {Kind: "int", Bits: 7},
		"a list of 2147483647 items":        {Kind: "array", Len: 1<<31 - 1, Elem: &schema.Type{Kind: "bool"}},
		"a list of -1 items":                {Kind: "array", Len: -1, Elem: &schema.Type{Kind: "bool"}},
		`field "f": kind "any"`:             {Kind: "struct", Fields: []schema.Type{{Name: "f", Kind: "any"}}},
		"share the name":                    {Kind: "struct", Fields: []schema.Type{{Name: "f", Kind: "int"}, {Name: "f", Kind: "int"}}},
		"a map with a time as key":          {Kind: "map", Key: &schema.Type{Kind: "time"}, Elem: &schema.Type{Kind: "bool"}},
		"cannot be carried by every format": {Kind: "struct", Fields: []schema.Type{{Name: "a b", Kind: "int"}}},
	} {
		if _, err := types.Maker(tt); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error with %q", err, want)
		}
	}
}

// FuzzMaker reads descriptions of strangers: each is refused, or makes values that
// JSON writes and reads.
func FuzzMaker(f *testing.F) {
	var d schema.Describer
	described, err := d.Type(reflect.TypeFor[tree]())
	if err != nil {
		f.Fatal(err)
	}
	type document struct {
		Type  *schema.Type
		Types schema.Types
	}
	seed, err := json.Marshal(document{described, d.Types})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"Type":{"kind":"array","len":9,"elem":{"kind":"list","elem":{"kind":"text"}}}}`))
	f.Add([]byte(`{"Type":{"kind":"map","key":{"kind":"text"},"elem":{"kind":"bytes","len":1}}}`))
	codec := jsoncodec.New()
	f.Fuzz(func(t *testing.T, src []byte) {
		var in document
		if json.Unmarshal(src, &in) != nil || in.Type == nil {
			return
		}
		maker, err := in.Types.Maker(in.Type)
		if err != nil {
			return
		}
		wire, err := codec.Append(nil, maker.New())
		if err != nil {
			return // too deep or too large, or nothing where there must be something
		}
		back := maker.New()
		if err := codec.Decode(wire, back); err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, wire)
		}
		if again, err := codec.Append(nil, back); err != nil || string(again) != string(wire) {
			t.Fatalf("got %s, error %v, want %s", again, err, wire)
		}
	})
}
