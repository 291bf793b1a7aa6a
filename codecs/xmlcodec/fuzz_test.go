package xmlcodec

import "testing"

// FuzzDecode decodes any bytes into the types of the profile: it is an error as
// errors should be, or a value that survives another round, and costs no more
// than the budget.
func FuzzDecode(f *testing.F) {
	docs := documents(f)
	for i, d := range docs {
		f.Add(uint16(i), d.wire)
	}
	c := New()
	f.Fuzz(func(t *testing.T, which uint16, wire []byte) {
		d := docs[int(which)%len(docs)]
		_, _ = d.decode(c, wire) // what a type needs once is no cost of the input
		got, err := allocated(c, wire, d.target())
		if got > budget(len(wire)) {
			t.Fatalf("%s %q: got %d bytes allocated (%v), want at most %d", d.typ, wire, got, err, budget(len(wire)))
		}
		d.check(t, c, wire)
	})
}

// FuzzSyntax compares what the scanner accepts with what encoding/xml does.
func FuzzSyntax(f *testing.F) {
	for _, doc := range wellFormed {
		f.Add([]byte(doc))
	}
	for _, docs := range notWellFormed {
		for _, doc := range docs {
			f.Add([]byte(doc))
		}
	}
	for _, d := range documents(f) {
		f.Add(d.wire)
	}
	f.Fuzz(func(t *testing.T, src []byte) { checkAgainstStd(t, src) })
}
