package xmlcodec

import (
	"encoding/base64"
	"errors"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/shape"
)

// An encoder writes one value. It appends to buf itself: the mapping leaves no
// syntax to choose, and xml.Encoder would cost an allocation for each token.
type encoder struct {
	buf      []byte
	base     int // len of what buf held before
	limits   codecs.Limits
	depth    int // of open structs, lists and maps
	elements int // counted so far
	text     []byte
}

// The names of elements that no field names.
const (
	rootOpen, rootShut = "<value>", "</value>"
	itemOpen, itemShut = "<item>", "</item>"
	entryShut          = "</entry>"
)

var (
	errUTF8 = errors.New("invalid UTF-8")
	errNil  = errors.New("nil has no place in a list or map; drop the item or use a value")
)

// element writes v between two tags.
func (e *encoder) element(open, shut string, p *plan, v shape.Value) error {
	e.buf = append(e.buf, open...)
	return e.rest(shut, p, v)
}

// rest writes v after a start tag, then the end tag. An element without content
// becomes one tag.
func (e *encoder) rest(shut string, p *plan, v shape.Value) error {
	at := len(e.buf)
	if err := e.content(p, v); err != nil {
		return err
	}
	if len(e.buf) == at {
		e.buf = append(e.buf[:at-1], "/>"...)
		return nil
	}
	e.buf = append(e.buf, shut...)
	return nil
}

// content writes v after a start tag, which is the last that buf holds.
func (e *encoder) content(p *plan, v shape.Value) error {
	switch s := p.shape; s.Kind {
	case shape.Bool:
		e.buf = strconv.AppendBool(e.buf, v.Bool())
	case shape.Int, shape.Duration:
		e.buf = strconv.AppendInt(e.buf, v.Int(), 10)
	case shape.Uint:
		e.buf = strconv.AppendUint(e.buf, v.Uint(), 10)
	case shape.Float:
		e.buf = shape.AppendFloat(e.buf, v.Float(), s.Bits)
	case shape.String:
		return e.str(v.Str())
	case shape.Bytes:
		return e.bytes(v.Bytes())
	case shape.Time:
		t, err := v.Time()
		if err != nil {
			return err
		}
		e.buf = shape.AppendTime(e.buf, t)
	case shape.Text:
		return e.textOf(v)
	case shape.Pointer:
		if v.IsNil() {
			return errNil
		}
		return e.content(p.elem, v.Elem(p.elem.shape))
	default:
		return e.nested(p, v)
	}
	return nil
}

// nested writes what holds elements, one level down.
func (e *encoder) nested(p *plan, v shape.Value) (err error) {
	if err := e.enter(); err != nil {
		return err
	}
	switch p.shape.Kind {
	case shape.Struct:
		err = e.object(p, v)
	case shape.Map:
		err = e.entries(p, v)
	default:
		err = e.items(itemOpen, itemShut, p, v)
	}
	e.depth--
	return err
}

// enter goes one level down. It checks the size on the way in, so a value whose
// pointers share their targets cannot grow for ever.
func (e *encoder) enter() error {
	e.depth++
	if err := e.limits.CheckDepth(e.depth); err != nil {
		return err
	}
	return e.limits.CheckBytes(len(e.buf) - e.base)
}

func (e *encoder) object(p *plan, v shape.Value) error {
	for i := range p.fields {
		f := &p.fields[i]
		fv := v.Field(f.at)
		if f.at.Omitted(fv) {
			continue
		}
		if err := e.field(f, fv); err != nil {
			return shape.InField(err, f.at.Name)
		}
	}
	return nil
}

func (e *encoder) field(f *field, v shape.Value) error {
	if !f.repeated {
		return e.element(f.open, f.shut, f.plan, v)
	}
	if err := e.enter(); err != nil {
		return err
	}
	err := e.items(f.open, f.shut, f.plan, v)
	e.depth--
	return err
}

// items writes each item of a List or Array between two tags.
func (e *encoder) items(open, shut string, p *plan, v shape.Value) error {
	n := v.Len()
	if err := e.count(n); err != nil {
		return err
	}
	for i := range n {
		if err := e.element(open, shut, p.elem, v.Index(i)); err != nil {
			return shape.InItem(err, i)
		}
	}
	return nil
}

func (e *encoder) entries(p *plan, v shape.Value) error {
	n := v.Len()
	if err := e.count(n); err != nil {
		return err
	}
	if n == 0 {
		return nil
	}
	entries, err := v.Entries(p.shape, make([]shape.Entry, 0, n))
	if err != nil {
		return err
	}
	for i, entry := range entries {
		err := e.key(entry.Key)
		if err == nil {
			err = e.rest(entryShut, p.elem, entry.Value)
		}
		if err != nil {
			return shape.InEntry(err, i)
		}
	}
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

func (e *encoder) bytes(b []byte) error {
	if err := e.room(base64.StdEncoding.EncodedLen(len(b))); err != nil {
		return err
	}
	e.buf = base64.StdEncoding.AppendEncode(e.buf, b)
	return nil
}

// key writes the start tag of an entry. Entries has checked that s is UTF-8.
func (e *encoder) key(s string) error {
	if err := e.room(len(s)); err != nil {
		return err
	}
	e.buf = append(e.buf, `<entry key="`...)
	switch class := classify(s); {
	case class&noChar != 0:
		e.buf = base64.StdEncoding.AppendEncode(e.buf, []byte(s))
		e.buf = append(e.buf, `" key-encoding="base64`...)
	case class&escAttr != 0:
		e.buf = appendEscaped(e.buf, s, escAttr)
	default:
		e.buf = append(e.buf, s...)
	}
	e.buf = append(e.buf, `">`...)
	return nil
}

// str writes a string. One that XML cannot hold goes as base64, and the start
// tag before it says so.
func (e *encoder) str(s string) error {
	if err := e.room(len(s)); err != nil {
		return err
	}
	class := classify(s)
	if class&notASCII != 0 && !utf8.ValidString(s) {
		return errUTF8
	}
	switch {
	case class&noChar != 0:
		e.buf = append(e.buf[:len(e.buf)-1], ` encoding="base64">`...)
		return e.bytes([]byte(s))
	case class&escText != 0:
		e.buf = appendEscaped(e.buf, s, escText)
	default:
		e.buf = append(e.buf, s...)
	}
	return nil
}

func (e *encoder) textOf(v shape.Value) (err error) {
	if e.text, err = v.AppendText(e.text[:0]); err != nil {
		return err
	}
	return e.str(string(e.text))
}

// classify returns what the bytes of s are, together; noChar also stands for
// U+FFFE and U+FFFF.
func classify(s string) (class uint8) {
	for i := range len(s) {
		class |= classes[s[i]]
	}
	const mayBeFFFE = notASCII | special
	if class&mayBeFFFE == mayBeFFFE && (strings.Contains(s, "\uFFFE") || strings.Contains(s, "\uFFFF")) {
		class |= noChar
	}
	return class
}

// appendEscaped appends s with references for the bytes of class which.
func appendEscaped(dst []byte, s string, which uint8) []byte {
	last := 0
	for i := range len(s) {
		if classes[s[i]]&which == 0 {
			continue
		}
		dst = append(dst, s[last:i]...)
		last = i + 1
		switch s[i] {
		case '<':
			dst = append(dst, "&lt;"...)
		case '>':
			dst = append(dst, "&gt;"...)
		case '&':
			dst = append(dst, "&amp;"...)
		case '"':
			dst = append(dst, "&quot;"...)
		default: // white space that a parser would change
			dst = append(dst, "&#"...)
			dst = strconv.AppendUint(dst, uint64(s[i]), 10)
			dst = append(dst, ';')
		}
	}
	return append(dst, s[last:]...)
}
