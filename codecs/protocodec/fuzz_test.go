package protocodec

import (
	"testing"

	"github.com/polywire/polywire/internal/testpb"
	"google.golang.org/protobuf/proto"
)

// FuzzDecode decodes any bytes into the types of the profile: it is an error as
// errors should be, or a value that survives another round, costs no more than the
// budget, and is one for the engine too.
func FuzzDecode(f *testing.F) {
	docs := documents(f)
	c := New()
	var engine []proto.Message
	for i, d := range docs {
		f.Add(uint16(i), d.body)
		engine = append(engine, dynamic(f, c, d.typ))
	}
	f.Fuzz(func(t *testing.T, which uint16, body []byte) {
		i := int(which) % len(docs)
		d := docs[i]
		_, err := d.decode(c, body) // what a type needs once is no cost of the body
		if err == nil && proto.Unmarshal(body, engine[i].ProtoReflect().New().Interface()) != nil {
			t.Fatalf("%s: %x is read by the codec, and not by the engine", d.typ, body)
		}
		got, err := allocated(c, body, d.target())
		if got > budget(len(body)) {
			t.Fatalf("%s %x: got %d bytes allocated (%v), want at most %d", d.typ, body, got, err, budget(len(body)))
		}
		d.check(t, c, body)
	})
}

// FuzzDecodeMessage does it for a generated message that holds itself in every way:
// what the scan before it takes for whole the engine does too, and what it refuses
// costs hardly anything where it is first to look.
func FuzzDecodeMessage(f *testing.F) {
	for _, m := range messages(f) {
		f.Add(mustAppend(f, New(), m))
	}
	f.Add(wire("43 a8a8a8a8a800 10 44")) // a number in a group that no field has
	c := New()
	f.Fuzz(func(t *testing.T, body []byte) {
		m := new(testpb.Tree)
		got, err := allocated(c, body, m)
		if got > budget(len(body)) {
			t.Fatalf("%x: got %d bytes allocated (%v), want at most %d", body, got, err, budget(len(body)))
		}
		d := c.decoder(body)
		scanned := d.scan(c.layouts.of(m.ProtoReflect().Descriptor()), 0)
		if limit := uint64(16*len(body) + 64<<10); scanned != nil && d.mayExceed() && got > limit {
			t.Fatalf("%x: got %d bytes allocated (%v), want at most %d", body, got, scanned, limit)
		}
		if read := proto.Unmarshal(body, new(testpb.Tree)); scanned == nil != (read == nil) && err == nil {
			t.Fatalf("%x: the scan says %v, the engine %v", body, scanned, read)
		}
		if err != nil {
			return
		}
		again := new(testpb.Tree)
		if err := c.Decode(mustAppend(t, c, m), again); err != nil || !proto.Equal(m, again) {
			t.Fatalf("%x: got %v, %v after another round", body, again, err)
		}
	})
}
