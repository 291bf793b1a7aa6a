package msgpackcodec

import (
	"errors"
	"strconv"
	"unicode/utf8"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/shape"
	"github.com/vmihailenco/msgpack/v5"
)

// An encoder writes one value. It is the writer of its engine, whose primitives
// append to buf through it: no copy, and no buffer of the engine's. Since Write
// and WriteByte never fail, neither do those primitives.
type encoder struct {
	engine   *msgpack.Encoder
	other    Engine // instead of engine, or nil
	rare     writer // either, for what is written seldom or costs more than to find out which
	buf      []byte
	base     int // len of what buf held before
	limits   codecs.Limits
	depth    int // of open lists and maps
	elements int // counted so far
	text     []byte
}

// Write appends p.
func (e *encoder) Write(p []byte) (int, error) {
	e.buf = append(e.buf, p...)
	return len(p), nil
}

// WriteByte appends c.
func (e *encoder) WriteByte(c byte) error {
	e.buf = append(e.buf, c)
	return nil
}

func (c *Codec) encoder(dst []byte) *encoder {
	e, _ := c.encoders.Get().(*encoder)
	if e == nil {
		e = new(encoder)
		e.engine, e.other = msgpack.NewEncoder(e), c.engine
		e.rare = c.writerFor(e)
	}
	e.buf, e.base, e.limits, e.depth, e.elements = dst, len(dst), c.limits, 0, 0
	return e
}

// release returns e to the pool without what it wrote.
func (c *Codec) release(e *encoder) {
	const maxText = 64 << 10 // a longer scratch is not worth keeping
	e.buf = nil
	if cap(e.text) > maxText {
		e.text = nil
	}
	c.encoders.Put(e)
}

// A string of up to maxShort bytes has its size in its code.
const (
	codeShort = 0xa0
	maxShort  = 31
)

var errNil = errors.New("nil has no place in a list or map; drop the item or use a value")

func (e *encoder) value(s *shape.Shape, v shape.Value) error {
	if e.other != nil && e.number(s, v) {
		return nil
	}
	switch s.Kind {
	case shape.Bool:
		return e.engine.EncodeBool(v.Bool())
	case shape.Int, shape.Duration:
		return e.engine.EncodeInt(v.Int())
	case shape.Uint:
		return e.engine.EncodeUint(v.Uint())
	case shape.Float:
		return e.float(s, v)
	case shape.String:
		return e.str(v.Str())
	case shape.Bytes:
		return e.bytes(v.Bytes())
	case shape.Time:
		t, err := v.Time()
		if err != nil {
			return err
		}
		return e.rare.EncodeTime(t)
	case shape.Text:
		return e.textOf(v)
	case shape.Pointer:
		if v.IsNil() {
			return errNil
		}
		return e.value(s.Elem, v.Elem(s.Elem))
	default:
		return e.nested(s, v)
	}
}

// number writes a number or boolean by the other engine, or reports false. Calls of
// the default one are direct in value: there are so many that it shows.
func (e *encoder) number(s *shape.Shape, v shape.Value) bool {
	switch s.Kind {
	case shape.Bool:
		e.buf = e.other.AppendBool(e.buf, v.Bool())
	case shape.Int, shape.Duration:
		e.buf = e.other.AppendInt(e.buf, v.Int())
	case shape.Uint:
		e.buf = e.other.AppendUint(e.buf, v.Uint())
	case shape.Float:
		if s.Bits == 32 {
			e.buf = e.other.AppendFloat32(e.buf, float32(v.Float()))
		} else {
			e.buf = e.other.AppendFloat64(e.buf, v.Float())
		}
	default:
		return false
	}
	return true
}

func (e *encoder) float(s *shape.Shape, v shape.Value) error {
	if s.Bits == 32 {
		return e.engine.EncodeFloat32(float32(v.Float()))
	}
	return e.engine.EncodeFloat64(v.Float())
}

// room checks the size before n bytes more: a list may hold one long text many
// times.
func (e *encoder) room(n int) error { return e.limits.CheckBytes(len(e.buf) - e.base + n) }

func (e *encoder) str(s string) error {
	if err := e.room(len(s)); err != nil {
		return err
	}
	if !utf8.ValidString(s) {
		return errUTF8
	}
	if e.other != nil {
		e.buf = e.other.AppendString(e.buf, s)
		return nil
	}
	return e.engine.EncodeString(s)
}

// bytes writes b; the engine's EncodeBytes would write a nil slice as nil.
func (e *encoder) bytes(b []byte) error {
	if err := e.room(len(b)); err != nil {
		return err
	}
	_ = e.rare.EncodeBytesLen(len(b))
	e.buf = append(e.buf, b...)
	return nil
}

func (e *encoder) textOf(v shape.Value) (err error) {
	if e.text, err = v.AppendText(e.text[:0]); err != nil {
		return err
	}
	return e.str(string(e.text))
}

// nested writes a list or map one level down. It checks the size on the way in,
// so a value whose pointers share their targets cannot grow for ever.
func (e *encoder) nested(s *shape.Shape, v shape.Value) (err error) {
	e.depth++
	if err := e.limits.CheckDepth(e.depth); err != nil {
		return err
	}
	if err := e.limits.CheckBytes(len(e.buf) - e.base); err != nil {
		return err
	}
	switch s.Kind {
	case shape.Struct:
		err = e.object(s, v)
	case shape.Map:
		err = e.entries(s, v)
	default:
		err = e.list(s, v)
	}
	e.depth--
	return err
}

// object writes a struct as the map of its fields. How many there are is known
// at the end alone, and mostly it is all of them.
func (e *encoder) object(s *shape.Shape, v shape.Value) error {
	at := len(e.buf)
	_ = e.rare.EncodeMapLen(len(s.Fields))
	body, written := len(e.buf), 0
	for i := range s.Fields {
		f := &s.Fields[i]
		fv := v.Field(f)
		if f.Omitted(fv) {
			continue
		}
		written++
		e.name(f.Name)
		if err := e.value(f.Shape, fv); err != nil {
			return shape.InField(err, f.Name)
		}
	}
	if written < len(s.Fields) {
		e.shorten(at, body, written)
	}
	return nil
}

// name writes the name of a field. Most are short, and there the engine's two
// calls of its writer cost more than the bytes.
func (e *encoder) name(name string) {
	if len(name) > maxShort {
		_ = e.rare.EncodeString(name)
		return
	}
	e.buf = append(e.buf, codeShort|byte(len(name)))
	e.buf = append(e.buf, name...)
}

// shorten writes the head at e.buf[at:body] again, for n entries. It is no
// longer than before, and the entries close up.
func (e *encoder) shorten(at, body, n int) {
	end := len(e.buf)
	e.buf = e.buf[:at]
	_ = e.rare.EncodeMapLen(n)
	if len(e.buf) == body {
		e.buf = e.buf[:end]
		return
	}
	e.buf = append(e.buf, e.buf[body:end]...)
}

func (e *encoder) list(s *shape.Shape, v shape.Value) error {
	n := v.Len()
	if err := e.count(n); err != nil {
		return err
	}
	_ = e.rare.EncodeArrayLen(n)
	for i := range n {
		if err := e.value(s.Elem, v.Index(i)); err != nil {
			return shape.InItem(err, i)
		}
	}
	return nil
}

func (e *encoder) entries(s *shape.Shape, v shape.Value) error {
	n := v.Len()
	if err := e.count(n); err != nil {
		return err
	}
	_ = e.rare.EncodeMapLen(n)
	if n == 0 {
		return nil
	}
	entries, err := v.Entries(s, make([]shape.Entry, 0, n))
	if err != nil {
		return err
	}
	for i, entry := range entries {
		err := e.key(s.Key, entry.Key)
		if err == nil {
			err = e.value(s.Elem, entry.Value)
		}
		if err != nil {
			return shape.InEntry(err, i)
		}
	}
	return nil
}

// key writes a key of which text is the canonical text.
func (e *encoder) key(s *shape.Shape, text string) error {
	switch s.Kind {
	case shape.Bool:
		return e.rare.EncodeBool(text == "true")
	case shape.Int, shape.Duration:
		i, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return err
		}
		return e.rare.EncodeInt(i)
	case shape.Uint:
		u, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return err
		}
		return e.rare.EncodeUint(u)
	default:
		return e.str(text)
	}
}

// count adds n items to the elements of the value.
func (e *encoder) count(n int) error {
	e.elements += n
	return e.limits.CheckElements(e.elements)
}
