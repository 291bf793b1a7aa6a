package msgpackcodec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/intern"
	"github.com/polywire/polywire/internal/shape"
)

// A decoder reads one document that a scanner has passed. It is the reader of
// its engine, so it knows where the engine is, looks at codes before the engine
// takes them, and takes text from the input itself.
type decoder struct {
	engine   reader
	src      []byte
	pos      int // what the engine reads next
	limits   codecs.Limits
	elements int    // counted so far
	keys     []int  // where the keys of the open maps are that only a comparison tells apart
	text     []byte // what a Text reads
	strings  intern.Cache
	foreign  bool // a method of the user runs
}

// Read is of the engine.
func (d *decoder) Read(p []byte) (int, error) {
	n := copy(p, d.src[d.pos:])
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	d.pos += n
	return n, nil
}

// ReadByte is of the engine.
func (d *decoder) ReadByte() (byte, error) {
	if d.pos >= len(d.src) {
		return 0, io.EOF
	}
	d.pos++
	return d.src[d.pos-1], nil
}

// UnreadByte is of the engine.
func (d *decoder) UnreadByte() error {
	d.pos--
	return nil
}

func (c *Codec) decoder(src []byte) *decoder {
	d, _ := c.decoders.Get().(*decoder)
	if d == nil {
		d = new(decoder)
		d.engine = c.readerFor(d)
	}
	d.src, d.pos, d.limits, d.elements = src, 0, c.given.ForInput(len(src)), 0
	return d
}

// put returns d to the pool without what it read.
func (c *Codec) put(d *decoder) {
	const maxText, maxKeys = 64 << 10, 8 << 10 // longer ones are not worth keeping
	d.src = nil
	if cap(d.text) > maxText {
		d.text = nil
	}
	d.keys = d.keys[:0]
	if cap(d.keys) > maxKeys {
		d.keys = nil
	}
	c.decoders.Put(d)
}

var errEngine = errors.New("the engine failed on a valid document")

// checked keeps the words of the engine, which quote the input, out of errors.
func checked(err error) error {
	if err != nil {
		return errEngine
	}
	return nil
}

// document reads all of the input. A panic of the engine is an error; one of a
// method of the user is the user's.
func (d *decoder) document(s *shape.Shape, v shape.Value) (err error) {
	defer func() {
		if !d.foreign && recover() != nil {
			err = errEngine
		}
	}()
	return d.value(s, v)
}

// kind tells what comes next.
func (d *decoder) kind() kind { return heads[d.src[d.pos]].kind }

// value reads what comes next into v.
func (d *decoder) value(s *shape.Shape, v shape.Value) error {
	k := d.kind()
	switch {
	case s.Kind == shape.Pointer:
		return d.optional(s, v, k)
	case k == isMap && s.Kind == shape.Struct:
		return d.object(s, v)
	case k == isMap && s.Kind == shape.Map:
		return d.entries(s, v)
	case k == isList && (s.Kind == shape.List || s.Kind == shape.Array):
		return d.list(s, v)
	case k == isString:
		return d.fromString(s, v)
	case k == isInt || k == isFloat:
		return d.fromNumber(s, v)
	case k == isBool && s.Kind == shape.Bool:
		b, err := d.engine.DecodeBool()
		v.SetBool(b)
		return checked(err)
	case k == isBytes && s.Kind == shape.Bytes:
		return d.bytes(s, v)
	case k == isExtension && s.Kind == shape.Time:
		return d.time(v)
	}
	return mismatch(s, k)
}

func (d *decoder) optional(s *shape.Shape, v shape.Value, k kind) error {
	if k == isNil {
		return mismatch(s.Elem, k)
	}
	if err := d.count(1, s.Elem); err != nil {
		return err
	}
	return d.value(s.Elem, v.SetNew(s.Elem))
}

func (d *decoder) object(s *shape.Shape, v shape.Value) error {
	n, err := d.engine.DecodeMapLen()
	if err != nil {
		return checked(err)
	}
	base, seen, hint := len(d.keys), uint64(0), 0
	for read := range n {
		at := d.pos
		i, known := d.name(s, hint)
		bit := uint64(1) << (i & 63)
		switch {
		case !known || i > 63:
			d.keys = append(slices.Grow(d.keys, n-read), at)
		case seen&bit != 0:
			return errDuplicate
		default:
			seen |= bit
		}
		if !known {
			if err := d.skip(); err != nil {
				return err
			}
			continue
		}
		hint = i + 1
		if err := d.field(&s.Fields[i], v); err != nil {
			return err
		}
	}
	return d.unique(base)
}

// name reads a key and returns the position of the field that it names. A key
// that is no string names none.
func (d *decoder) name(s *shape.Shape, hint int) (i int, known bool) {
	switch k := d.kind(); {
	case k == isNothing: // see located; skip fails at it
		return 0, false
	case k != isString:
		t, _ := next(d.src, d.pos)
		d.pos = t.start + t.size
		return 0, false
	}
	name, err := d.take()
	if err != nil {
		return 0, false
	}
	return s.FindField(name, hint)
}

// field reads the value of the field f of v; nil is as good as no field.
func (d *decoder) field(f *shape.Field, v shape.Value) error {
	if d.kind() == isNil {
		return checked(d.engine.DecodeNil())
	}
	if err := d.value(f.Shape, v.Field(f)); err != nil {
		return shape.InField(err, f.Name)
	}
	return nil
}

func (d *decoder) list(s *shape.Shape, v shape.Value) error {
	n, err := d.engine.DecodeArrayLen()
	if err != nil {
		return checked(err)
	}
	if s.Kind == shape.Array && n != s.Len {
		return fmt.Errorf("want %d items, got %d", s.Len, n)
	}
	if err := d.count(n, s.Elem); err != nil {
		return err
	}
	if s.Kind == shape.List && n > 0 {
		v.Reserve(n)
	}
	for i := range n {
		var item shape.Value
		if s.Kind == shape.Array {
			item = v.Index(i)
		} else {
			item = v.Item(i)
		}
		if err := d.value(s.Elem, item); err != nil {
			return shape.InItem(err, i)
		}
	}
	return nil
}

func (d *decoder) entries(s *shape.Shape, v shape.Value) error {
	n, err := d.engine.DecodeMapLen()
	if err != nil {
		return checked(err)
	}
	if err := d.count(n, s.Key); err != nil {
		return err
	}
	if err := d.count(n, s.Elem); err != nil {
		return err
	}
	w := v.SetMap(s)
	for i := range n {
		key, elem := w.Next()
		err := d.value(s.Key, key)
		if err == nil {
			err = d.value(s.Elem, elem)
		}
		if err == nil {
			err = w.End()
		}
		if err != nil {
			return shape.InEntry(err, i)
		}
	}
	return nil
}

// count adds n items of Shape s to the elements of the document.
func (d *decoder) count(n int, s *shape.Shape) error {
	cost := codecs.ElementCost(s.Type.Size())
	if n > (d.limits.MaxElements-d.elements)/cost {
		return d.limits.CheckElements(d.limits.MaxElements + 1)
	}
	d.elements += n * cost
	return nil
}

// mismatch returns the error of a value of the wrong kind.
func mismatch(s *shape.Shape, got kind) error { return fmt.Errorf("want %s, got %s", s.Kind, got) }

// take returns the bytes of a string or of bytes, which are the input's. Most
// strings are short and have their size in their code: no call of the engine.
func (d *decoder) take() ([]byte, error) {
	if code := d.src[d.pos]; code&^maxShort == codeShort {
		start := d.pos + 1
		d.pos = start + int(code&maxShort)
		return d.src[start:d.pos], nil
	}
	n, err := d.engine.DecodeBytesLen()
	if err != nil || n < 0 {
		return nil, errEngine
	}
	d.pos += n
	return d.src[d.pos-n : d.pos], nil
}

// fromString sets v from a string.
func (d *decoder) fromString(s *shape.Shape, v shape.Value) error {
	if s.Kind != shape.String && s.Kind != shape.Text {
		return mismatch(s, isString)
	}
	text, err := d.take()
	if err != nil {
		return err
	}
	if s.Kind == shape.String {
		v.SetStr(d.strings.Get(text))
		return nil
	}
	d.text = append(d.text[:0], text...) // never the input itself: the method is the user's
	d.foreign = true
	err = v.SetText(d.text)
	d.foreign = false
	return err
}

func (d *decoder) bytes(s *shape.Shape, v shape.Value) error {
	b, err := d.take()
	if err != nil {
		return err
	}
	if s.Len < 0 {
		b = append([]byte(nil), b...)
	}
	return v.SetBytes(b)
}

var (
	errNoTime = errors.New("want a time, got an extension of another type")
	errTime   = errors.New("want a time of 4, 8 or 12 bytes with less than a second of nanoseconds")
)

// time sets v from an extension of type -1:
//
//	32 bits: seconds │ 64 bits: 30 of nanoseconds, 34 of seconds │ 96 bits: 32 of nanoseconds, 64 of seconds
func (d *decoder) time(v shape.Value) error {
	t, err := next(d.src, d.pos)
	if err != nil {
		return err
	}
	ext := d.src[t.start : t.start+t.size]
	if int8(ext[0]) != -1 {
		return errNoTime
	}
	var nanos uint32
	switch len(ext) - 1 {
	case 4:
	case 8:
		nanos = binary.BigEndian.Uint32(ext[1:]) >> 2
	case 12:
		nanos = binary.BigEndian.Uint32(ext[1:])
	default:
		return errTime
	}
	if nanos >= 1e9 {
		return errTime
	}
	at, err := d.engine.DecodeTime()
	if err != nil {
		return checked(err)
	}
	return v.SetTime(at)
}
