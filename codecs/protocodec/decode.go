package protocodec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/intern"
	"github.com/polywire/polywire/internal/shape"
	"google.golang.org/protobuf/encoding/protowire"
)

// A decoder reads one message. The plan says what is wanted, the records what is
// there.
type decoder struct {
	src      []byte
	pos      int // up to which src has been read
	end      int // of the message that is read now
	limits   codecs.Limits
	depth    int     // of open structs, lists and maps
	elements int     // counted so far
	seen     []int32 // of the open messages, the innermost last: how many values each field has had
	text     []byte
	strings  intern.Cache
}

func (c *Codec) decoder(src []byte) *decoder {
	d, _ := c.decoders.Get().(*decoder)
	if d == nil {
		d = new(decoder)
	}
	d.src, d.pos, d.end = src, 0, len(src)
	d.limits = c.given.ForInput(len(src))
	d.depth, d.elements, d.seen = 0, 0, d.seen[:0]
	return d
}

// release returns d to the pool without what it read.
func (c *Codec) release(d *decoder) {
	const maxText, maxSeen = 64 << 10, 16 << 10 // more scratch is not worth keeping
	d.src = nil
	if cap(d.text) > maxText {
		d.text = nil
	}
	if cap(d.seen) > maxSeen {
		d.seen = nil
	}
	c.decoders.Put(d)
}

var (
	errVarint   = errors.New("a varint of more than 64 bits")
	errNumber   = errors.New("a field number outside 1 to 536870911")
	errReserved = errors.New("a record of wire type 6 or 7, which Protobuf has not")
	errEndGroup = errors.New("the end of a group that is not open")
	errTwice    = errors.New("two values for a field that has one")
	errNanos    = errors.New("the nanoseconds of a time are outside 0 to 999999999")
	errSeconds  = errors.New("the year is outside 1 to 9999 in UTC")
)

func (d *decoder) root(p *plan, at shape.Place) error {
	if p.root.pointer {
		at = at.SetNew(p.root.shape)
	}
	if p.root.form == instant {
		return d.timestamp(at)
	}
	return d.message(p.root.message, at)
}

// message reads the fields of what lies at at, up to the end.
func (d *decoder) message(m *message, at shape.Place) error {
	if !m.isStruct() {
		return d.fields(m, at)
	}
	d.depth++
	if err := d.limits.CheckDepth(d.depth); err != nil {
		return err
	}
	err := d.fields(m, at)
	d.depth--
	return err
}

func (d *decoder) fields(m *message, at shape.Place) error {
	base := len(d.seen)
	d.seen = append(d.seen, m.zeros...)
	for next := 0; d.pos < d.end; {
		i, wire, err := d.record(m, next)
		if err != nil {
			return err
		}
		if i < 0 {
			continue
		}
		f, fieldAt := &m.fields[i], at
		if f.at != nil {
			fieldAt = at.Field(f.at)
		}
		if err := d.field(f, fieldAt, wire, base+i); err != nil {
			return f.in(err)
		}
		if next = i; f.rule < repeated {
			next++
		}
	}
	return d.close(m, base)
}

// record reads the tag of a record and returns the position of its field, or skips
// the record and returns -1. next is where the caller expects it: records mostly
// come in order, and then one byte is compared.
func (d *decoder) record(m *message, next int) (int, protowire.Type, error) {
	if b := d.src[d.pos]; b < 0x80 && next < len(m.fields) && m.fields[next].tag == uint64(b) {
		d.pos++
		return next, protowire.Type(b & 7), nil
	}
	num, wire, err := d.tag()
	if err != nil {
		return -1, 0, err
	}
	i := m.find(num)
	if i < 0 {
		err = d.skip(num, wire)
	}
	return i, wire, err
}

// close ends a message: an array has all its items or none.
func (d *decoder) close(m *message, base int) error {
	for _, i := range m.arrays {
		f, n := &m.fields[i], int(d.seen[base+i])
		if n != 0 && n != f.shape.Len {
			return f.in(fmt.Errorf("want %d items, got %d", f.shape.Len, n))
		}
	}
	d.seen = d.seen[:base]
	return nil
}

// field reads one record of a field; slot is its place in seen.
func (d *decoder) field(f *field, at shape.Place, wire protowire.Type, slot int) error {
	if f.rule >= repeated {
		return d.many(f, at, wire, slot)
	}
	if wire != f.item.wire {
		return mismatch(f.item.shape, wire)
	}
	if d.seen[slot] != 0 {
		return errTwice
	}
	d.seen[slot] = 1
	if f.rule == optional {
		return d.pointed(&f.item, at)
	}
	if f.item.form == blob && f.shape.Len > 0 && d.pos < d.end && d.src[d.pos] == 0 {
		d.pos++ // no bytes are the default of a field without presence
		return nil
	}
	return d.value(&f.item, at)
}

// many reads a record of a list or map, one level down.
func (d *decoder) many(f *field, at shape.Place, wire protowire.Type, slot int) error {
	if f.rule == mapped && wire != protowire.BytesType {
		return mismatch(f.shape, wire)
	}
	d.depth++
	err := d.limits.CheckDepth(d.depth)
	switch {
	case err != nil:
	case f.rule == mapped:
		err = d.entries(f, at)
	default:
		err = d.list(f, at, wire, slot)
	}
	d.depth--
	return err
}

// nest reads what is inside a list or map one level down.
func (d *decoder) nest(read func() error) error {
	d.depth++
	if err := d.limits.CheckDepth(d.depth); err != nil {
		return err
	}
	err := read()
	d.depth--
	return err
}

// pointed reads a value into what is made for the pointer at at.
func (d *decoder) pointed(n *node, at shape.Place) error {
	if err := d.count(n.shape); err != nil {
		return err
	}
	return d.value(n, at.SetNew(n.shape))
}

// any reads a list item, or what a key leads to.
func (d *decoder) any(n *node, at shape.Place) error {
	if n.pointer {
		return d.pointed(n, at)
	}
	return d.value(n, at)
}

// value reads a value whose wire type has been found right.
func (d *decoder) value(n *node, at shape.Place) error {
	switch n.form {
	case boolean, signed, unsigned:
		u, err := d.varint()
		if err != nil {
			return err
		}
		return setInteger(n, at, u)
	case single:
		b, err := d.take(4)
		if err == nil {
			at.SetFloat32Bits(binary.LittleEndian.Uint32(b))
		}
		return err
	case double:
		b, err := d.take(8)
		if err == nil {
			at.SetFloat64Bits(binary.LittleEndian.Uint64(b))
		}
		return err
	case instant, nested:
		return d.nested(n, at)
	default:
		return d.sized(n, at)
	}
}

// sized reads text or bytes with their length.
func (d *decoder) sized(n *node, at shape.Place) error {
	b, err := d.bytes()
	switch {
	case err != nil:
		return err
	case n.form == blob:
		return at.Value(n.shape).SetBytes(bytes.Clone(b))
	case !shape.ValidUTF8(b):
		return errUTF8
	case n.form == text:
		at.SetStr(d.strings.Get(b))
		return nil
	default:
		d.text = append(d.text[:0], b...) // never the input itself: the method is the user's
		return at.Value(n.shape).SetText(d.text)
	}
}

func setInteger(n *node, at shape.Place, u uint64) error {
	switch n.form {
	case signed:
		return at.SetInt(n.shape, int64(u))
	case unsigned:
		return at.SetUint(n.shape, u)
	default:
		at.SetBool(u != 0)
		return nil
	}
}

// nested reads a message with its length.
func (d *decoder) nested(n *node, at shape.Place) error {
	outer, err := d.enter()
	if err != nil {
		return err
	}
	if n.form == instant {
		err = d.timestamp(at)
	} else {
		err = d.message(n.message, at)
	}
	d.end = outer
	return err
}

// enter reads a length and makes what it covers the message that is read; outer is
// the end to go back to.
func (d *decoder) enter() (outer int, err error) {
	n, err := d.length()
	outer = d.end
	d.end = d.pos + n
	return outer, err
}

// timestamp reads the fields of a google.protobuf.Timestamp.
func (d *decoder) timestamp(at shape.Place) error {
	var parts [2]int64 // seconds, nanoseconds
	var had [2]bool
	for d.pos < d.end {
		num, wire, err := d.tag()
		if err != nil {
			return err
		}
		if num > 2 {
			if err := d.skip(num, wire); err != nil {
				return err
			}
			continue
		}
		if wire != protowire.VarintType {
			return mismatchOf("a time", wire)
		}
		u, err := d.varint()
		switch {
		case err != nil:
			return err
		case had[num-1]:
			return errTwice
		}
		parts[num-1], had[num-1] = int64(u), true
	}
	return setInstant(at, parts[0], parts[1])
}

func setInstant(at shape.Place, seconds, nanos int64) error {
	const least, most = -62135596800, 253402300799 // the first second of year 1, the last of year 9999
	switch {
	case nanos < 0 || nanos > 999_999_999:
		return errNanos
	case seconds < least || seconds > most:
		return errSeconds
	default:
		return at.SetTime(time.Unix(seconds, nanos))
	}
}

// list reads a record of a list: one item, or all of a packed record.
func (d *decoder) list(f *field, at shape.Place, wire protowire.Type, slot int) error {
	if !f.packed || wire != protowire.BytesType {
		if wire != f.item.wire {
			return mismatch(f.shape, wire)
		}
		if f.shape.Kind == shape.List && d.seen[slot] == 0 {
			d.seen[slot] = 1
			d.makeRoomAhead(f, at)
		}
		return d.item(f, at, slot)
	}
	outer, err := d.enter()
	if err != nil {
		return err
	}
	if err := d.makeRoom(f, at); err != nil {
		return err
	}
	for d.pos < d.end {
		if err := d.item(f, at, slot); err != nil {
			return err
		}
	}
	d.end = outer
	return nil
}

func (d *decoder) item(f *field, at shape.Place, slot int) error {
	if f.shape.Kind == shape.List {
		at, i := at.NextItem(f.shape)
		return d.itemAt(f, at, i)
	}
	i := int(d.seen[slot])
	if i == f.shape.Len {
		return fmt.Errorf("want %d items, got more", i)
	}
	d.seen[slot]++
	return d.itemAt(f, at.Items(f.shape).At(i), i)
}

func (d *decoder) itemAt(f *field, at shape.Place, i int) error {
	err := d.count(f.shape.Elem)
	if err == nil {
		err = d.any(&f.item, at)
	}
	if err != nil {
		return shape.InItem(err, i)
	}
	return nil
}

// entries reads a map entry and those that follow it at once, which share what one
// entry needs.
func (d *decoder) entries(f *field, at shape.Place) error {
	v := at.Value(f.shape)
	w := v.SetMap(f.shape)
	for i := v.Len(); ; i++ {
		if err := d.entry(f, &w); err != nil {
			return shape.InEntry(err, i)
		}
		start := d.pos
		num, wire, err := d.peekTag()
		if err != nil || num != f.number || wire != protowire.BytesType {
			d.pos = start
			return nil
		}
	}
}

// peekTag is tag where there may be none.
func (d *decoder) peekTag() (protowire.Number, protowire.Type, error) {
	if d.pos == d.end {
		return 0, 0, io.EOF
	}
	return d.tag()
}

// entry reads one entry of a map. What it does not say is zero.
func (d *decoder) entry(f *field, w *shape.MapWriter) error {
	outer, err := d.enter()
	if err != nil {
		return err
	}
	if err := d.count(f.shape.Key); err != nil {
		return err
	}
	if err := d.count(f.shape.Elem); err != nil {
		return err
	}
	key, value := w.Next()
	hadKey, hadValue := false, false
	for d.pos < d.end {
		num, wire, err := d.tag()
		switch {
		case err != nil:
		case num == 1:
			err = d.member(&f.key, key.Place(), wire, &hadKey)
		case num == 2:
			err = d.member(&f.item, value.Place(), wire, &hadValue)
		default:
			err = d.skip(num, wire)
		}
		if err != nil {
			return err
		}
	}
	if f.item.pointer && !hadValue {
		if err := d.count(f.item.shape); err != nil {
			return err
		}
		value.SetNew(f.item.shape)
	}
	d.end = outer
	return w.End()
}

// member reads the key or the value of an entry.
func (d *decoder) member(n *node, at shape.Place, wire protowire.Type, had *bool) error {
	if wire != n.wire {
		return mismatch(n.shape, wire)
	}
	if *had {
		return errTwice
	}
	*had = true
	return d.any(n, at)
}

// count adds a value of Shape s to the elements of the message.
func (d *decoder) count(s *shape.Shape) error {
	d.elements += codecs.ElementCost(s.Type.Size())
	return d.limits.CheckElements(d.elements)
}

// tag reads the number and wire type of a record, which is not the end of a group.
func (d *decoder) tag() (protowire.Number, protowire.Type, error) {
	num, wire, err := d.tagOrEnd()
	if err == nil && wire == protowire.EndGroupType {
		err = errEndGroup
	}
	return num, wire, err
}

func (d *decoder) tagOrEnd() (protowire.Number, protowire.Type, error) {
	return d.tagUpTo(uint64(protowire.MaxValidNumber))
}

func (d *decoder) tagUpTo(most uint64) (protowire.Number, protowire.Type, error) {
	u, err := d.varint()
	num, wire := u>>3, protowire.Type(u&7)
	switch {
	case err != nil:
		return 0, 0, err
	case num < 1 || num > most:
		return 0, 0, errNumber
	case wire > protowire.Fixed32Type:
		return 0, 0, errReserved
	default:
		return protowire.Number(num), wire, nil
	}
}

func (d *decoder) varint() (uint64, error) {
	if b := d.src[d.pos:d.end]; len(b) > 0 && b[0] < 0x80 {
		d.pos++
		return uint64(b[0]), nil
	}
	return d.longVarint()
}

func (d *decoder) longVarint() (uint64, error) {
	u, n := protowire.ConsumeVarint(d.src[d.pos:d.end])
	if n < 0 {
		if d.end-d.pos < 10 {
			return 0, io.ErrUnexpectedEOF
		}
		return 0, errVarint
	}
	d.pos += n
	return u, nil
}

// length reads a length that what is left has room for.
func (d *decoder) length() (int, error) {
	u, err := d.varint()
	if err == nil && u > uint64(d.end-d.pos) {
		u, err = 0, io.ErrUnexpectedEOF
	}
	return int(u), err
}

// bytes reads a length and as many bytes, which are the input's.
func (d *decoder) bytes() ([]byte, error) {
	n, err := d.length()
	if err != nil {
		return nil, err
	}
	return d.take(n)
}

func (d *decoder) take(n int) ([]byte, error) {
	if d.end-d.pos < n {
		return nil, io.ErrUnexpectedEOF
	}
	d.pos += n
	return d.src[d.pos-n : d.pos : d.pos], nil
}

// mismatch returns the error of a record of the wrong wire type.
func mismatch(s *shape.Shape, got protowire.Type) error { return mismatchOf(s.Kind.String(), got) }

func mismatchOf(want string, got protowire.Type) error {
	names := [...]string{
		protowire.VarintType: "a varint", protowire.Fixed64Type: "8 bytes", protowire.BytesType: "bytes with a length",
		protowire.StartGroupType: "a group", protowire.EndGroupType: "the end of a group", protowire.Fixed32Type: "4 bytes",
	}
	return fmt.Errorf("want %s, got %s", want, names[got])
}
