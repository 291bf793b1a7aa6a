package jsoncodec

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/intern"
	"github.com/polywire/polywire/internal/shape"
)

// A decoder reads one document. Shape says what is wanted, tok what is there.
//
// It reads through a bytes.Buffer because jsontext.Decoder then works on the
// input itself, without a copy, and does not write to it.
type decoder struct {
	tok      jsontext.Decoder
	in       bytes.Buffer
	src      []byte // what in held
	limits   codecs.Limits
	elements int    // counted so far
	text     []byte // the string read last, without quotes and escapes
	strings  intern.Cache
}

func (c *Codec) decoder(src []byte) *decoder {
	d, _ := c.decoders.Get().(*decoder)
	if d == nil {
		d = new(decoder)
		d.tok.Reset(&d.in)
	}
	d.limits, d.elements, d.src = c.given.ForInput(len(src)), 0, src
	d.in = *bytes.NewBuffer(src)
	return d
}

// release returns d to the pool, reset and without what it read: a Reset here
// saves one in decoder, since tok asks in for bytes no sooner than it must.
func (c *Codec) release(d *decoder) {
	const maxText = 64 << 10 // a longer scratch is not worth keeping
	d.in, d.src = bytes.Buffer{}, nil
	d.tok.Reset(&d.in)
	if cap(d.text) > maxText {
		d.text = nil
	}
	c.decoders.Put(d)
}

var (
	errTrailing  = errors.New("more than one value; want the end of the input")
	errSyntax    = errors.New("not valid JSON")
	errDuplicate = errors.New("one name twice in an object")
)

// fail returns err with the offset up to which d has read. What the engine says
// is replaced: its texts quote the input.
func (d *decoder) fail(err error) error {
	offset := d.tok.InputOffset()
	path, cause := shape.Split(err)
	var syntactic *jsontext.SyntacticError
	if errors.As(cause, &syntactic) {
		offset = syntactic.ByteOffset
	}
	switch {
	case errors.Is(cause, jsontext.ErrDuplicateName):
		cause = errDuplicate
	case errors.Is(cause, io.ErrUnexpectedEOF), errors.Is(cause, io.EOF):
		cause = io.ErrUnexpectedEOF
	case syntactic != nil && int(offset) < len(d.src) && !startsUTF8(d.src[offset:]):
		cause = errUTF8
	case syntactic != nil:
		cause = errSyntax
	}
	return &codecs.Error{Op: "decode", Codec: name, Path: path, Offset: offset, Err: cause}
}

func startsUTF8(b []byte) bool {
	r, size := utf8.DecodeRune(b)
	return r != utf8.RuneError || size > 1
}

// A lexeme is a token and its bytes in the input. jsontext's Token has no
// access to bytes without a copy, but its offsets tell where they are.
type lexeme struct {
	kind jsontext.Kind
	raw  []byte
}

// next reads one token.
func (d *decoder) next() (lexeme, error) {
	start := d.tok.InputOffset()
	tok, err := d.tok.ReadToken()
	if err != nil {
		return lexeme{}, err
	}
	raw := d.src[start:d.tok.InputOffset()]
	for isSeparator(raw[0]) {
		raw = raw[1:]
	}
	return lexeme{tok.Kind(), raw}, nil
}

// isSeparator reports whether c may stand between two tokens.
func isSeparator(c byte) bool {
	return c == ',' || c == ':' || c == ' ' || c == '\n' || c == '\t' || c == '\r'
}

// document reads all of the input.
func (d *decoder) document(s *shape.Shape, v shape.Value) error {
	lex, err := d.next()
	if err != nil {
		return err
	}
	if err := d.value(s, v, lex); err != nil {
		return err
	}
	return d.end()
}

// end fails unless only whitespace is left.
func (d *decoder) end() error {
	_, err := d.tok.ReadToken()
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err == nil:
		return errTrailing
	default:
		return err
	}
}

// value reads what begins with lex into v.
func (d *decoder) value(s *shape.Shape, v shape.Value, lex lexeme) error {
	switch s.Kind {
	case shape.Pointer:
		return d.optional(s, v, lex)
	case shape.Struct:
		if lex.kind == '{' {
			return d.object(s, v)
		}
	case shape.Map:
		if lex.kind == '{' {
			return d.entries(s, v)
		}
	case shape.List, shape.Array:
		if lex.kind == '[' {
			return d.list(s, v)
		}
	case shape.Bool:
		if lex.kind == 't' || lex.kind == 'f' {
			v.SetBool(lex.kind == 't')
			return nil
		}
	default:
		switch lex.kind {
		case '"':
			return d.fromString(s, v, lex.raw)
		case '0':
			return fromNumber(s, v, lex.raw)
		}
	}
	return mismatch(s, lex.kind)
}

func (d *decoder) optional(s *shape.Shape, v shape.Value, lex lexeme) error {
	if lex.kind == 'n' {
		return mismatch(s.Elem, lex.kind)
	}
	if err := d.count(s.Elem); err != nil {
		return err
	}
	return d.value(s.Elem, v.SetNew(s.Elem), lex)
}

func (d *decoder) object(s *shape.Shape, v shape.Value) error {
	if err := d.limits.CheckDepth(d.tok.StackDepth()); err != nil {
		return err
	}
	for hint := 0; ; {
		lex, err := d.next()
		if err != nil || lex.kind == '}' {
			return err
		}
		i, known := s.FindField(lex.raw[1:len(lex.raw)-1], hint)
		if !known && bytes.IndexByte(lex.raw, '\\') >= 0 {
			i, known = s.FindField(d.unquote(lex.raw), hint)
		}
		if !known {
			if err := d.skip(); err != nil {
				return err
			}
			continue
		}
		hint = i + 1
		f := &s.Fields[i]
		if err := d.field(f, v.Field(f)); err != nil {
			return shape.InField(err, f.Name)
		}
	}
}

// field reads the value of a member; null is as good as no member.
func (d *decoder) field(f *shape.Field, v shape.Value) error {
	lex, err := d.next()
	if err != nil || lex.kind == 'n' {
		return err
	}
	return d.value(f.Shape, v, lex)
}

func (d *decoder) list(s *shape.Shape, v shape.Value) error {
	if err := d.limits.CheckDepth(d.tok.StackDepth()); err != nil {
		return err
	}
	for i := 0; ; i++ {
		lex, err := d.next()
		if err != nil {
			return shape.InItem(err, i)
		}
		if lex.kind == ']' {
			if s.Kind == shape.Array && i != s.Len {
				return fmt.Errorf("want %d items, got %d", s.Len, i)
			}
			return nil
		}
		if s.Kind == shape.Array && i == s.Len {
			return fmt.Errorf("want %d items, got more", s.Len)
		}
		if err := d.item(s, v, i, lex); err != nil {
			return shape.InItem(err, i)
		}
	}
}

func (d *decoder) item(s *shape.Shape, v shape.Value, i int, lex lexeme) error {
	if err := d.count(s.Elem); err != nil {
		return err
	}
	if s.Kind == shape.Array {
		return d.value(s.Elem, v.Index(i), lex)
	}
	return d.value(s.Elem, v.Item(i), lex)
}

func (d *decoder) entries(s *shape.Shape, v shape.Value) error {
	if err := d.limits.CheckDepth(d.tok.StackDepth()); err != nil {
		return err
	}
	w := v.SetMap(s)
	for i := 0; ; i++ {
		lex, err := d.next()
		if err == nil && lex.kind == '}' {
			return nil
		}
		if err == nil {
			err = d.entry(s, &w, d.str(lex.raw))
		}
		if err != nil { // also of the key, as one that comes twice
			return shape.InEntry(err, i)
		}
	}
}

func (d *decoder) entry(s *shape.Shape, w *shape.MapWriter, key string) error {
	if err := d.count(s.Key); err != nil {
		return err
	}
	if err := d.count(s.Elem); err != nil {
		return err
	}
	v, err := w.Begin(key)
	if err != nil {
		return err
	}
	lex, err := d.next()
	if err != nil {
		return err
	}
	if err := d.value(s.Elem, v, lex); err != nil {
		return err
	}
	return w.End()
}

// count adds an item of Shape s to the elements of the document.
func (d *decoder) count(s *shape.Shape) error {
	d.elements += codecs.ElementCost(s.Type.Size())
	return d.limits.CheckElements(d.elements)
}

// skip reads one value of any kind within the limits, where every name, scalar,
// object and array counts as an element. It recurses not at all: depth is
// checked, and costs no stack.
func (d *decoder) skip() error {
	floor := d.tok.StackDepth()
	for {
		tok, err := d.tok.ReadToken()
		if err != nil {
			return err
		}
		depth := d.tok.StackDepth()
		if err := d.limits.CheckDepth(depth); err != nil {
			return err
		}
		if kind := tok.Kind(); kind != '}' && kind != ']' {
			d.elements++
		}
		if err := d.limits.CheckElements(d.elements); err != nil {
			return err
		}
		if depth == floor {
			return nil
		}
	}
}

// mismatch returns the error of a value of the wrong kind.
func mismatch(s *shape.Shape, got jsontext.Kind) error {
	what := "nothing"
	switch got {
	case 'n':
		what = "null"
	case 't', 'f':
		what = "a boolean"
	case '"':
		what = "a string"
	case '0':
		what = "a number"
	case '{':
		what = "an object"
	case '[':
		what = "an array"
	}
	return fmt.Errorf("want %s, got %s", s.Kind, what)
}

// fromString sets v from a JSON string.
func (d *decoder) fromString(s *shape.Shape, v shape.Value, raw []byte) error {
	switch s.Kind {
	case shape.String:
		v.SetStr(d.str(raw))
		return nil
	case shape.Bytes:
		b, err := shape.ParseBase64(d.unquote(raw))
		if err != nil {
			return err
		}
		return v.SetBytes(b)
	case shape.Time:
		t, err := shape.ParseTime(d.unquote(raw))
		if err != nil {
			return err
		}
		return v.SetTime(t)
	case shape.Text:
		d.text = append(d.text[:0], d.unquote(raw)...) // never the input itself: the method is the user's
		return v.SetText(d.text)
	case shape.Float:
		return namedFloat(v, d.unquote(raw))
	default:
		return mismatch(s, '"')
	}
}

// unquote returns the text of a JSON string until the next call or read.
func (d *decoder) unquote(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	d.text, _ = jsontext.AppendUnquote(d.text[:0], raw) // the engine has validated raw
	return d.text
}

func (d *decoder) str(raw []byte) string { return d.strings.Get(d.unquote(raw)) }
