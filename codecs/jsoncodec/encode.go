package jsoncodec

import (
	"encoding/base64"
	"errors"
	"math"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/shape"
)

// An encoder writes one value. It appends to buf itself, because the profile
// leaves no syntax to choose and a jsontext.Encoder keeps its own buffer; the
// quoting of strings is jsontext's.
type encoder struct {
	buf      []byte
	base     int // len of what buf held before
	limits   codecs.Limits
	depth    int // of open objects and arrays
	elements int // counted so far
	text     []byte
}

var (
	errUTF8 = errors.New("invalid UTF-8")
	errNil  = errors.New("nil has no place in a list or map; drop the item or use a value")
)

func (e *encoder) value(s *shape.Shape, v shape.Value) error {
	switch s.Kind {
	case shape.Bool:
		e.buf = strconv.AppendBool(e.buf, v.Bool())
	case shape.Int, shape.Duration:
		e.buf = strconv.AppendInt(e.buf, v.Int(), 10)
	case shape.Uint:
		e.buf = strconv.AppendUint(e.buf, v.Uint(), 10)
	case shape.Float:
		e.buf = appendFloat(e.buf, v.Float(), s.Bits)
	case shape.String:
		return e.quote(v.Str())
	case shape.Bytes:
		return e.base64(v.Bytes())
	case shape.Time:
		return e.time(v)
	case shape.Text:
		return e.quoteText(v)
	case shape.Pointer:
		if v.IsNil() {
			return errNil
		}
		return e.value(s.Elem, v.Elem(s.Elem))
	default:
		return e.nested(s, v)
	}
	return nil
}

// nested writes an object or array one level down. It checks the size on the
// way in, so a value whose pointers share their targets cannot grow for ever.
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

func (e *encoder) object(s *shape.Shape, v shape.Value) error {
	open := byte('{')
	for i := range s.Fields {
		f := &s.Fields[i]
		fv := v.Field(f)
		if f.Omitted(fv) {
			continue
		}
		e.buf = append(e.buf, open, '"')
		e.buf = append(e.buf, f.Name...) // a name of a shape needs no escape
		e.buf = append(e.buf, '"', ':')
		open = ','
		if err := e.value(f.Shape, fv); err != nil {
			return shape.InField(err, f.Name)
		}
	}
	if open == '{' {
		e.buf = append(e.buf, '{')
	}
	e.buf = append(e.buf, '}')
	return nil
}

func (e *encoder) list(s *shape.Shape, v shape.Value) error {
	n := v.Len()
	if err := e.count(n); err != nil {
		return err
	}
	e.buf = append(e.buf, '[')
	for i := range n {
		if i > 0 {
			e.buf = append(e.buf, ',')
		}
		if err := e.value(s.Elem, v.Index(i)); err != nil {
			return shape.InItem(err, i)
		}
	}
	e.buf = append(e.buf, ']')
	return nil
}

func (e *encoder) entries(s *shape.Shape, v shape.Value) error {
	n := v.Len()
	if err := e.count(n); err != nil {
		return err
	}
	if n == 0 {
		e.buf = append(e.buf, "{}"...)
		return nil
	}
	entries, err := v.Entries(s, make([]shape.Entry, 0, n))
	if err != nil {
		return err
	}
	open := byte('{')
	for i, entry := range entries {
		e.buf = append(e.buf, open)
		open = ','
		if err := e.quote(entry.Key); err != nil {
			return shape.InEntry(err, i)
		}
		e.buf = append(e.buf, ':')
		if err := e.value(s.Elem, entry.Value); err != nil {
			return shape.InEntry(err, i)
		}
	}
	e.buf = append(e.buf, '}')
	return nil
}

// count adds n items to the elements of the value.
func (e *encoder) count(n int) error {
	e.elements += n
	return e.limits.CheckElements(e.elements)
}

// room checks the size before n bytes more: a list may hold one long text many
// times.
func (e *encoder) room(n int) error { return e.limits.CheckBytes(len(e.buf) - e.base + n) }

func (e *encoder) base64(b []byte) error {
	if err := e.room(base64.StdEncoding.EncodedLen(len(b))); err != nil {
		return err
	}
	e.buf = append(e.buf, '"')
	e.buf = base64.StdEncoding.AppendEncode(e.buf, b)
	e.buf = append(e.buf, '"')
	return nil
}

func (e *encoder) quote(s string) (err error) {
	if err := e.room(len(s)); err != nil {
		return err
	}
	if e.buf, err = jsontext.AppendQuote(e.buf, s); err != nil {
		return errUTF8
	}
	return nil
}

func (e *encoder) quoteText(v shape.Value) (err error) {
	if e.text, err = v.AppendText(e.text[:0]); err != nil {
		return err
	}
	if err := e.room(len(e.text)); err != nil {
		return err
	}
	if e.buf, err = jsontext.AppendQuote(e.buf, e.text); err != nil {
		return errUTF8
	}
	return nil
}

func (e *encoder) time(v shape.Value) error {
	t, err := v.Time()
	if err != nil {
		return err
	}
	e.buf = append(e.buf, '"')
	e.buf = shape.AppendTime(e.buf, t)
	e.buf = append(e.buf, '"')
	return nil
}

// appendFloat appends the number that f is, or the string that stands for it.
func appendFloat(dst []byte, f float64, bits int) []byte {
	if !math.IsNaN(f) && !math.IsInf(f, 0) {
		return shape.AppendFloat(dst, f, bits)
	}
	dst = append(dst, '"')
	dst = shape.AppendFloat(dst, f, bits)
	return append(dst, '"')
}
