package jsoncodec

import (
	"testing"

	"github.com/go-json-experiment/json/jsontext"
	"google.golang.org/protobuf/types/known/structpb"
)

// FuzzDecode decodes any text into the types of the profile: it is an error as
// errors should be, or a value that survives another round, and costs no more
// than the budget.
func FuzzDecode(f *testing.F) {
	docs := documents(f)
	for i, d := range docs {
		f.Add(uint16(i), d.text)
	}
	c := New()
	f.Fuzz(func(t *testing.T, which uint16, text []byte) {
		d := docs[int(which)%len(docs)]
		_, _ = d.decode(c, text) // what a type needs once is no cost of the text
		got, err := allocated(c, text, d.target())
		if got > budget(len(text)) {
			t.Fatalf("%s %q: got %d bytes allocated (%v), want at most %d", d.typ, text, got, err, budget(len(text)))
		}
		d.check(t, c, text)
	})
}

// FuzzDecodeMessage does it for a generated message that holds any JSON. What is none
// costs hardly anything: the engine never sees it.
func FuzzDecodeMessage(f *testing.F) {
	for _, seed := range []string{`null`, `{}`, `[1,"a",true,null,{"b":[]}]`, `"\ud800"`, `{"a":1,"a":2}`, `1e400`, `[[[[]]]]`, `"NaN"`} {
		f.Add([]byte(seed))
	}
	c := New()
	f.Fuzz(func(t *testing.T, text []byte) {
		v := new(structpb.Value)
		got, err := allocated(c, text, v)
		if got > budget(len(text)) {
			t.Fatalf("%q: got %d bytes allocated (%v), want at most %d", text, got, err, budget(len(text)))
		}
		if limit := uint64(16*len(text) + 64<<10); !jsontext.Value(text).IsValid() && got > limit {
			t.Fatalf("%q: got %d bytes allocated for no JSON, want at most %d", text, got, limit)
		}
		if err != nil {
			return
		}
		body, err := c.Append(nil, v)
		if err != nil {
			return // a Value that has no kind, or NaN, cannot be written
		}
		again := new(structpb.Value)
		if err := c.Decode(body, again); err != nil {
			t.Fatalf("%q: own output %q is not read: %v", text, body, err)
		}
		if twice := mustAppend(t, c, again); string(twice) != string(body) {
			t.Fatalf("%q is encoded as %q, then as %q", text, body, twice)
		}
	})
}
