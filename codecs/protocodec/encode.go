package protocodec

import (
	"errors"
	"math"
	"time"
	"unicode/utf8"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/shape"
	"google.golang.org/protobuf/encoding/protowire"
)

// An encoder writes one value in one pass. The length of a message is known when
// the message is written: one byte is kept for it, and the few messages of 128
// bytes or more are moved to make room.
type encoder struct {
	buf      []byte
	base     int // len of what buf held before
	limits   codecs.Limits
	depth    int // of open structs, lists and maps
	elements int // counted so far
	text     []byte
}

var (
	errUTF8 = errors.New("invalid UTF-8")
	errNil  = errors.New("nil has no place at the top, in a list or in a map; drop the item or use a value")
)

// The tags of a map entry's and a Timestamp's fields, without wire type.
const (
	first  = 1 << 3
	second = 2 << 3
)

func (e *encoder) root(p *plan, v shape.Value) error {
	if p.root.pointer {
		if v.IsNil() {
			return errNil
		}
		v = v.Elem(p.root.shape)
	}
	if p.root.form == instant {
		t, err := v.Time()
		if err == nil {
			e.timestamp(t) // here nothing is 1970, and not absence
		}
		return err
	}
	return e.message(p.root.message, v)
}

// message writes the fields of v. It checks the size on the way in, so a value
// whose pointers share their targets cannot grow for ever.
func (e *encoder) message(m *message, v shape.Value) error {
	if m.isStruct() {
		if err := e.enter(); err != nil {
			return err
		}
		defer e.leave()
	}
	for i := range m.fields {
		f := &m.fields[i]
		fv := v
		if f.at != nil {
			fv = v.Field(f.at)
		}
		if err := e.field(f, fv); err != nil {
			return f.in(err)
		}
	}
	return nil
}

func (e *encoder) enter() error {
	e.depth++
	if err := e.limits.CheckDepth(e.depth); err != nil {
		return err
	}
	return e.limits.CheckBytes(len(e.buf) - e.base)
}

func (e *encoder) leave() { e.depth-- }

func (e *encoder) field(f *field, v shape.Value) error {
	switch f.rule {
	case implicit:
		return e.unlessZero(f, v)
	case optional:
		if v.IsNil() {
			return nil
		}
		return e.record(f.tag, &f.item, v.Elem(f.item.shape))
	case mapped:
		return e.entries(f, v)
	default:
		return e.list(f, v)
	}
}

// unlessZero writes a field without presence of its own.
func (e *encoder) unlessZero(f *field, v shape.Value) error {
	switch f.item.form {
	case boolean:
		if v.Bool() {
			e.tag(f.tag)
			e.buf = append(e.buf, 1)
		}
	case signed:
		if i := v.Int(); i != 0 {
			e.tag(f.tag)
			e.varint(uint64(i))
		}
	case unsigned:
		if u := v.Uint(); u != 0 {
			e.tag(f.tag)
			e.varint(u)
		}
	case single, double:
		if math.Float64bits(v.Float()) != 0 {
			return e.record(f.tag, &f.item, v)
		}
	case text:
		if s := v.Str(); s != "" {
			e.tag(f.tag)
			return e.string(s)
		}
	default:
		return e.unlessEmpty(f, v)
	}
	return nil
}

// unlessEmpty writes a field whose zero is more than one number to compare. What
// an empty message or text stands for may differ from zero, and is written then.
func (e *encoder) unlessEmpty(f *field, v shape.Value) error {
	if f.at != nil && f.at.Omitted(v) {
		return nil
	}
	start := len(e.buf)
	switch f.item.form {
	case blob:
		if v.IsZero(f.shape) {
			return nil
		}
	case instant:
		if t, err := v.Time(); err != nil || t.IsZero() {
			return err
		}
	}
	e.tag(f.tag)
	body := len(e.buf) + 1
	if err := e.payload(&f.item, v); err != nil {
		return err
	}
	if len(e.buf) == body && (f.item.form == nested || f.item.form == selfText && v.IsZero(f.shape)) {
		e.buf = e.buf[:start]
	}
	return nil
}

// record writes a value and its tag, whatever it is.
func (e *encoder) record(tag uint64, n *node, v shape.Value) error {
	if n.pointer {
		if v.IsNil() {
			return errNil
		}
		v = v.Elem(n.shape)
	}
	e.tag(tag)
	return e.payload(n, v)
}

// payload writes a value; a pointer is behind us.
func (e *encoder) payload(n *node, v shape.Value) error {
	switch n.form {
	case boolean:
		bit := byte(0)
		if v.Bool() {
			bit = 1
		}
		e.buf = append(e.buf, bit)
	case signed:
		e.varint(uint64(v.Int()))
	case unsigned:
		e.varint(v.Uint())
	case single:
		e.buf = protowire.AppendFixed32(e.buf, math.Float32bits(float32(v.Float())))
	case double:
		e.buf = protowire.AppendFixed64(e.buf, math.Float64bits(v.Float()))
	case text:
		return e.string(v.Str())
	case selfText:
		return e.selfText(v)
	case blob:
		e.buf = protowire.AppendBytes(e.buf, v.Bytes())
	case instant:
		t, err := v.Time()
		if err != nil {
			return err
		}
		mark := e.begin()
		e.timestamp(t)
		e.end(mark)
	case nested:
		mark := e.begin()
		if err := e.message(n.message, v); err != nil {
			return err
		}
		e.end(mark)
	}
	return nil
}

func (e *encoder) list(f *field, v shape.Value) error {
	n := v.Len()
	if n == 0 || f.shape.Kind == shape.Array && v.IsZero(f.shape) {
		return nil
	}
	if err := e.enter(); err != nil {
		return err
	}
	defer e.leave()
	if err := e.count(n); err != nil {
		return err
	}
	if f.packed {
		return e.packed(f, v)
	}
	for i := range n {
		if err := e.item(f, v.Index(i)); err != nil {
			return shape.InItem(err, i)
		}
	}
	return nil
}

// item writes one item of a list. It checks the size because items may share what
// is large.
func (e *encoder) item(f *field, v shape.Value) error {
	if err := e.record(f.tag, &f.item, v); err != nil {
		return err
	}
	return e.limits.CheckBytes(len(e.buf) - e.base)
}

// packed writes all items in one record.
func (e *encoder) packed(f *field, v shape.Value) error {
	e.tag(f.tag)
	mark := e.begin()
	for i := range v.Len() {
		item := v.Index(i)
		if f.item.pointer {
			if item.IsNil() {
				return shape.InItem(errNil, i)
			}
			item = item.Elem(f.item.shape)
		}
		if err := e.payload(&f.item, item); err != nil {
			return shape.InItem(err, i)
		}
	}
	e.end(mark)
	return nil
}

func (e *encoder) entries(f *field, v shape.Value) error {
	n := v.Len()
	if n == 0 {
		return nil
	}
	if err := e.enter(); err != nil {
		return err
	}
	defer e.leave()
	if err := e.count(n); err != nil {
		return err
	}
	pairs, err := v.Pairs(f.shape, make([]shape.Pair, 0, n))
	if err != nil {
		return err
	}
	for i := range pairs {
		if err := e.entry(f, &pairs[i]); err != nil {
			return shape.InEntry(err, i)
		}
	}
	return nil
}

func (e *encoder) entry(f *field, p *shape.Pair) (err error) {
	e.tag(f.tag)
	mark := e.begin()
	if f.key.wire == protowire.BytesType {
		e.tag(first | uint64(protowire.BytesType))
		err = e.string(p.Text)
	} else {
		err = e.record(first|uint64(f.key.wire), &f.key, p.Key)
	}
	if err != nil {
		return err
	}
	if err := e.record(second|uint64(f.item.wire), &f.item, p.Value); err != nil {
		return err
	}
	e.end(mark)
	return e.limits.CheckBytes(len(e.buf) - e.base)
}

// count adds n items to the elements of the value.
func (e *encoder) count(n int) error {
	e.elements += n
	return e.limits.CheckElements(e.elements)
}

// begin keeps a byte for a length that is not known yet.
func (e *encoder) begin() (mark int) {
	e.buf = append(e.buf, 0)
	return len(e.buf)
}

// end writes the length of what follows mark in front of it.
func (e *encoder) end(mark int) {
	n := len(e.buf) - mark
	if n < 0x80 {
		e.buf[mark-1] = byte(n)
		return
	}
	var length [10]byte
	size := len(protowire.AppendVarint(length[:0], uint64(n)))
	e.buf = append(e.buf, length[:size-1]...)
	copy(e.buf[mark-1+size:], e.buf[mark:mark+n])
	copy(e.buf[mark-1:], length[:size])
}

func (e *encoder) tag(t uint64) {
	if t < 0x80 {
		e.buf = append(e.buf, byte(t))
		return
	}
	e.buf = protowire.AppendVarint(e.buf, t)
}

func (e *encoder) varint(u uint64) {
	if u < 0x80 {
		e.buf = append(e.buf, byte(u))
		return
	}
	e.buf = protowire.AppendVarint(e.buf, u)
}

func (e *encoder) string(s string) error {
	if !utf8.ValidString(s) {
		return errUTF8
	}
	e.varint(uint64(len(s)))
	e.buf = append(e.buf, s...)
	return nil
}

func (e *encoder) selfText(v shape.Value) (err error) {
	if e.text, err = v.AppendText(e.text[:0]); err != nil {
		return err
	}
	if !utf8.Valid(e.text) {
		return errUTF8
	}
	e.buf = protowire.AppendBytes(e.buf, e.text)
	return nil
}

// timestamp writes the fields of a google.protobuf.Timestamp.
func (e *encoder) timestamp(t time.Time) {
	if seconds := t.Unix(); seconds != 0 {
		e.tag(first)
		e.varint(uint64(seconds))
	}
	if nanos := t.Nanosecond(); nanos != 0 {
		e.tag(second)
		e.varint(uint64(nanos))
	}
}
