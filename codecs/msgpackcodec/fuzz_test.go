package msgpackcodec

import "testing"

// FuzzDecode decodes any bytes into the types of the profile: it is an error as
// errors should be, or a value that survives another round, and costs no more
// than the budget. What the scan refuses costs hardly anything.
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
		scan := scanner{src: wire, limits: c.limits}
		if limit := uint64(16*len(wire) + 64<<10); scan.document() != nil && got > limit {
			t.Fatalf("%s %q: got %d bytes allocated for no MessagePack, want at most %d", d.typ, wire, got, limit)
		}
		d.check(t, c, wire)
	})
}
