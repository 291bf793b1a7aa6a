package protocodec

import (
	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/shape"
	"google.golang.org/protobuf/encoding/protowire"
)

// makeRoom makes room for the items of a packed record, which it counts.
func (d *decoder) makeRoom(f *field, at shape.Place) error {
	n := countPacked(f.item.wire, d.src[d.pos:d.end])
	cost := codecs.ElementCost(f.shape.Elem.Type.Size())
	if err := d.limits.CheckElements(d.elements + n*cost); err != nil {
		return err
	}
	if f.shape.Kind == shape.List && n > 0 {
		at.Value(f.shape).Reserve(n)
	}
	return nil
}

// countPacked returns the number of items in a packed record.
func countPacked(wire protowire.Type, b []byte) (n int) {
	switch wire {
	case protowire.Fixed32Type:
		return len(b) / 4
	case protowire.Fixed64Type:
		return len(b) / 8
	}
	for _, c := range b {
		if c < 0x80 {
			n++
		}
	}
	return n
}

// makeRoomAhead makes room for the items of a list whose first record has been
// met, and which mostly follow one another: it goes from length to length. Without
// it a long list is copied each time that it outgrows its room.
func (d *decoder) makeRoomAhead(f *field, at shape.Place) {
	const few = 4 // the first item makes room for as many
	if f.item.wire != protowire.BytesType {
		return
	}
	n := countRecords(f.tag, d.src[d.pos:d.end])
	cost := codecs.ElementCost(f.shape.Elem.Type.Size())
	if n > few && d.limits.CheckElements(d.elements+n*cost) == nil {
		at.Value(f.shape).Reserve(n)
	}
}

// countRecords returns how many records of a tag, of which the first has been read,
// stand one after another in b. It stops where they cannot be read.
func countRecords(tag uint64, b []byte) (n int) {
	for got := tag; got == tag; {
		length, size := protowire.ConsumeVarint(b)
		if size < 0 || length > uint64(len(b)-size) {
			return n
		}
		n++
		b = b[size+int(length):]
		if got, size = protowire.ConsumeVarint(b); size < 0 {
			return n
		}
		b = b[size:]
	}
	return n
}
