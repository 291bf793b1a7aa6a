package xmlcodec

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/intern"
	"github.com/polywire/polywire/internal/shape"
)

// A decoder reads one document. The plan says what is wanted, the scanner what
// is there.
type decoder struct {
	scanner
	depth   int      // of open structs, lists and maps
	seen    []uint64 // of the open structs, which fields they had and how many items their arrays
	opened  []opened // of what is skipped
	text    []byte   // the text read last
	key     []byte   // the key read last
	strings intern.Cache
}

// An opened is an element whose end tag is to come.
type opened struct {
	name  []byte
	scope int
}

func (c *Codec) decoder(src []byte) *decoder {
	d, _ := c.decoders.Get().(*decoder)
	if d == nil {
		d = new(decoder)
	}
	d.scanner = scanner{src: src, limits: c.given.ForInput(len(src)), attrs: d.attrs, scopes: d.scopes}
	d.depth = 0
	return d
}

// release returns d to the pool without what it read.
func (c *Codec) release(d *decoder) {
	const maxScratch = 64 << 10 // a longer one is not worth keeping
	clear(d.attrs[:cap(d.attrs)])
	clear(d.scopes[:cap(d.scopes)])
	clear(d.opened[:cap(d.opened)])
	d.src, d.space = nil, nil
	d.attrs, d.scopes, d.opened, d.seen = d.attrs[:0], d.scopes[:0], d.opened[:0], d.seen[:0]
	if cap(d.text) > maxScratch {
		d.text = nil
	}
	if cap(d.key) > maxScratch {
		d.key = nil
	}
	if cap(d.opened) > maxScratch/64 {
		d.opened = nil
	}
	c.decoders.Put(d)
}

var (
	errText      = errors.New("text where elements are expected")
	errElements  = errors.New("elements where text is expected")
	errNull      = errors.New("nil has no place at the top or in a list or map")
	errNullFull  = errors.New("an element with xsi:nil is not empty")
	errDuplicate = errors.New("one name twice in an element")
	errMark      = errors.New("want the encoding base64, or none")
	errMarked    = errors.New("an encoding where none is expected")
)

// document reads all of the input.
func (d *decoder) document(p *plan, v shape.Value) error {
	if err := d.begin(); err != nil {
		return err
	}
	var t tag
	if err := d.start(&t); err != nil {
		return err
	}
	d.space, _ = d.lookup(t.prefix())
	if err := d.value(p, v, &t); err != nil {
		return err
	}
	return d.finish()
}

// value reads the content of the element that t has opened, and its end tag.
func (d *decoder) value(p *plan, v shape.Value, t *tag) error {
	if t.null {
		return errNull
	}
	switch p.shape.Kind {
	case shape.Pointer:
		if err := d.count(p.elem.shape); err != nil {
			return err
		}
		return d.value(p.elem, v.SetNew(p.elem.shape), t)
	case shape.Struct, shape.Map, shape.List, shape.Array:
		return d.nested(p, v, t)
	default:
		text, err := d.content(t)
		if err != nil {
			return err
		}
		return d.scalar(p.shape, v, text, t.mark)
	}
}

// nested reads what holds elements, one level down.
func (d *decoder) nested(p *plan, v shape.Value, t *tag) (err error) {
	d.depth++
	if err := d.limits.CheckDepth(d.depth); err != nil {
		return err
	}
	switch p.shape.Kind {
	case shape.Struct:
		err = d.object(p, v, t)
	case shape.Map:
		err = d.entries(p, v, t)
	default:
		err = d.items(p, v, t)
	}
	d.depth--
	d.scopes = d.scopes[:t.scope]
	return err
}

// child reads the start tag of the next element in the one that t has opened,
// or the end tag of that. Elements of other namespaces are skipped.
func (d *decoder) child(t, c *tag) (more bool, err error) {
	for !t.empty {
		d.blanks()
		k, err := d.next()
		switch {
		case err != nil:
			return false, err
		case k == atEnd:
			return false, io.ErrUnexpectedEOF
		case k == atStop:
			return false, d.end(t.name)
		case k == atText:
			err = d.blankText()
		default:
			if err = d.start(c); err == nil && !c.foreign {
				return true, nil
			}
			if err == nil {
				err = d.skip(c)
			}
		}
		if err != nil {
			return false, err
		}
	}
	return false, nil
}

// blankText reads text that must be white space.
func (d *decoder) blankText() (err error) {
	at := d.pos
	d.text, err = d.chars(d.text[:0])
	if err == nil && len(bytes.Trim(d.text, blanks)) > 0 {
		d.pos = at
		return errText
	}
	return err
}

// content reads the text of the element that t has opened, and the end tag. The
// text is good until the next call; it may be part of the input.
func (d *decoder) content(t *tag) (text []byte, err error) {
	if t.empty {
		d.scopes = d.scopes[:t.scope]
		return nil, nil
	}
	rest := d.src[d.pos:]
	n := run(rest)
	if after := rest[n:]; len(after) > len(t.name)+2 && after[0] == '<' && after[1] == '/' &&
		after[len(t.name)+2] == '>' && string(after[2:len(t.name)+2]) == string(t.name) {
		d.pos += n + len(t.name) + 3
		d.scopes = d.scopes[:t.scope]
		return rest[:n], nil
	}
	return d.pieces(t)
}

// pieces reads text that is more than one run.
func (d *decoder) pieces(t *tag) (text []byte, err error) {
	d.text = d.text[:0]
	for {
		k, err := d.next()
		switch {
		case err != nil:
			return nil, err
		case k == atEnd:
			return nil, io.ErrUnexpectedEOF
		case k == atStart:
			return nil, errElements
		case k == atStop:
			d.scopes = d.scopes[:t.scope]
			return d.text, d.end(t.name)
		}
		if d.text, err = d.chars(d.text); err != nil {
			return nil, err
		}
	}
}

// nothing reads the rest of an element that is nil.
func (d *decoder) nothing(t *tag) error {
	text, err := d.content(t)
	if err == nil && len(bytes.Trim(text, blanks)) > 0 || errors.Is(err, errElements) {
		return errNullFull
	}
	return err
}

// A frame is a struct that is being read.
type frame struct {
	plan  *plan
	value shape.Value
	// seen is where decoder.seen has a bit for each field, and after those a number
	// for each array.
	seen int
}

// object reads the fields of a struct.
func (d *decoder) object(p *plan, v shape.Value, t *tag) error {
	f := frame{p, v, len(d.seen)}
	for range p.words() + p.arrays {
		d.seen = append(d.seen, 0)
	}
	var c tag
	for hint := 0; ; {
		i, more, err := d.member(p, hint, t, &c)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if i < 0 {
			err = d.skip(&c)
		} else {
			err = d.field(&f, i, &c)
			hint = p.after(i)
		}
		if err != nil {
			return err
		}
	}
	err := d.checkArrays(&f)
	d.seen = d.seen[:f.seen]
	return err
}

// words is the number of decoder.seen that has the bits of a struct.
func (p *plan) words() int { return (len(p.fields) + wordBits - 1) / wordBits }

// after returns the field that is expected after field i.
func (p *plan) after(i int) int {
	if p.fields[i].repeated {
		return i
	}
	return i + 1
}

const wordBits = 64

// member reads the start tag of the next field, whose position is -1 if nobody
// knows it. Mostly it is the one expected, or the one after it, and has no
// attributes.
func (d *decoder) member(p *plan, hint int, t, c *tag) (i int, more bool, err error) {
	if len(d.scopes) == 0 && !t.empty {
		d.blanks()
		for i = hint; i < hint+2; i++ {
			if rest := d.src[d.pos:]; p.opens(rest, i) {
				size := len(p.fields[i].open)
				*c = tag{name: rest[1 : size-1]}
				d.pos += size
				return i, true, nil
			}
		}
	}
	if more, err = d.child(t, c); !more || err != nil {
		return 0, false, err
	}
	i, known := p.find(c.local, hint)
	if !known {
		return -1, true, nil
	}
	return i, true, nil
}

// field reads an element of field i; nil is as good as no element.
func (d *decoder) field(in *frame, i int, c *tag) (err error) {
	f := &in.plan.fields[i]
	v := in.value.Field(f.at)
	word, bit := &d.seen[in.seen+i/wordBits], uint64(1)<<(i%wordBits)
	switch {
	case f.repeated:
		err = d.repeated(f, v, c, in.seen+in.plan.words()+f.array)
	case *word&bit != 0:
		return errDuplicate
	case c.null:
		*word |= bit
		err = d.nothing(c)
	default:
		*word |= bit
		err = d.value(f.plan, v, c)
	}
	if err != nil {
		return shape.InField(err, f.at.Name)
	}
	return nil
}

// repeated reads one item of a list that is a field. Of an array, d.seen[at] has
// the number of items so far.
func (d *decoder) repeated(f *field, v shape.Value, c *tag, at int) error {
	d.depth++
	if err := d.limits.CheckDepth(d.depth); err != nil {
		return err
	}
	i := v.Len()
	if f.isArray() {
		i = int(d.seen[at])
		d.seen[at]++
	}
	err := d.item(f.plan, v, i, c)
	d.depth--
	return err
}

// checkArrays fails unless each array has all of its items, or none.
func (d *decoder) checkArrays(in *frame) error {
	if in.plan.arrays == 0 {
		return nil
	}
	counts := d.seen[in.seen+in.plan.words():]
	for i := range in.plan.fields {
		f := &in.plan.fields[i]
		if !f.isArray() {
			continue
		}
		if got := int(counts[f.array]); got > 0 && got < f.plan.shape.Len {
			return shape.InField(wrongLength(f.plan.shape, got), f.at.Name)
		}
	}
	return nil
}

func wrongLength(s *shape.Shape, got int) error {
	return fmt.Errorf("want %d items, got %d", s.Len, got)
}

// item reads item i of a List or Array.
func (d *decoder) item(p *plan, v shape.Value, i int, c *tag) error {
	var place shape.Value
	switch {
	case p.shape.Kind == shape.List:
		if err := d.count(p.elem.shape); err != nil {
			return shape.InItem(err, i)
		}
		place = v.Item(i)
	case i >= p.shape.Len:
		return fmt.Errorf("want %d items, got more", p.shape.Len)
	default:
		if err := d.count(p.elem.shape); err != nil {
			return shape.InItem(err, i)
		}
		place = v.Index(i)
	}
	if err := d.value(p.elem, place, c); err != nil {
		return shape.InItem(err, i)
	}
	return nil
}

// items reads a list that is an element of its own, whose children are its items
// under any name.
func (d *decoder) items(p *plan, v shape.Value, t *tag) error {
	var c tag
	for i := 0; ; i++ {
		more, err := d.child(t, &c)
		if err != nil {
			return err
		}
		if !more {
			if p.shape.Kind == shape.Array && i != p.shape.Len {
				return wrongLength(p.shape, i)
			}
			return nil
		}
		if err := d.item(p, v, i, &c); err != nil {
			return err
		}
	}
}

// entries reads the entries of a map.
func (d *decoder) entries(p *plan, v shape.Value, t *tag) error {
	w := v.SetMap(p.shape)
	var c tag
	for i := 0; ; i++ {
		more, err := d.child(t, &c)
		if !more || err != nil {
			return err
		}
		if err := d.entry(p, &w, &c); err != nil {
			return shape.InEntry(err, i)
		}
	}
}

func (d *decoder) entry(p *plan, w *shape.MapWriter, c *tag) error {
	if err := d.count(p.shape.Key); err != nil {
		return err
	}
	if err := d.count(p.elem.shape); err != nil {
		return err
	}
	key, err := d.keyOf(c)
	if err != nil {
		return err
	}
	v, err := w.Begin(key)
	if err != nil {
		return err
	}
	if err := d.value(p.elem, v, c); err != nil {
		return err
	}
	return w.End()
}

// keyOf returns the key of an entry: what its attribute says, else its name.
func (d *decoder) keyOf(c *tag) (string, error) {
	if !c.keyed {
		return d.strings.Get(c.local), nil
	}
	d.key = expand(d.key[:0], c.rawKey)
	key, err := unmark(d.key, c.keyMark)
	return d.strings.Get(key), err
}

// count adds an item of Shape s to the elements of the document.
func (d *decoder) count(s *shape.Shape) error {
	d.elements += codecs.ElementCost(s.Type.Size())
	return d.limits.CheckElements(d.elements)
}

// skip reads the rest of an element of any kind within the limits, where every
// element, unknown attribute, comment and instruction counts. It recurses not at
// all: depth is checked, and costs no stack.
func (d *decoder) skip(t *tag) error {
	if err := d.one(); err != nil || t.empty {
		d.scopes = d.scopes[:t.scope]
		return err
	}
	d.opened = append(d.opened[:0], opened{t.name, t.scope})
	for len(d.opened) > 0 {
		k, err := d.next()
		if err != nil {
			return err
		}
		switch k {
		case atEnd:
			return io.ErrUnexpectedEOF
		case atText:
			d.text, err = d.chars(d.text[:0])
		case atStop:
			last := d.opened[len(d.opened)-1]
			d.opened = d.opened[:len(d.opened)-1]
			d.scopes = d.scopes[:last.scope]
			err = d.end(last.name)
		case atStart:
			err = d.skipStart()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// skipStart reads a start tag in what is skipped.
func (d *decoder) skipStart() error {
	if err := d.limits.CheckDepth(d.depth + len(d.opened)); err != nil {
		return err
	}
	if err := d.one(); err != nil {
		return err
	}
	var t tag
	if err := d.start(&t); err != nil {
		return err
	}
	if t.empty {
		d.scopes = d.scopes[:t.scope]
		return nil
	}
	d.opened = append(d.opened, opened{t.name, t.scope})
	return nil
}
