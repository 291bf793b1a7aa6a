package avrocodec

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/intern"
	"github.com/polywire/polywire/internal/shape"
)

// A decoder reads one document. It follows readers, so it knows at each byte what
// the writer meant and what it becomes; it checks every length against what is left
// and every count against the limits before it makes room.
type decoder struct {
	src      []byte
	pos      int
	limits   codecs.Limits
	depth    int
	elements int // counted so far
	text     []byte
	strings  intern.Cache
}

func (c *Codec) decoder(src []byte) *decoder {
	d, _ := c.decoders.Get().(*decoder)
	if d == nil {
		d = new(decoder)
	}
	d.src, d.pos, d.depth, d.elements, d.limits = src, 0, 0, 0, c.given.ForInput(len(src))
	return d
}

// put returns d to the pool without what it read.
func (c *Codec) put(d *decoder) {
	const maxText = 64 << 10 // a longer scratch is not worth keeping
	d.src = nil
	if cap(d.text) > maxText {
		d.text = nil
	}
	c.decoders.Put(d)
}

var errTrailing = errors.New("more than one value; want the end of the input")

// document reads all of the input from d.pos on.
func (d *decoder) document(r *reader, at shape.Place) error {
	if err := d.value(r, at); err != nil {
		return err
	}
	if d.pos != len(d.src) {
		return errTrailing
	}
	return nil
}

func (d *decoder) value(r *reader, at shape.Place) error {
	switch r.action {
	case readString:
		b, err := d.utf8()
		if err == nil {
			at.SetStr(d.strings.Get(b))
		}
		return err
	case readInt:
		i, err := d.number(r.writer.kind)
		if err != nil {
			return err
		}
		return at.SetInt(r.plan.shape, i)
	case readBool:
		b, err := d.bool()
		at.SetBool(b)
		return err
	case readFloat, readDouble, readWhole:
		return d.float(r, at)
	case readUint, readUint64:
		return d.unsigned(r, at)
	case readUnion:
		branch, err := d.branch(len(r.branches))
		if err != nil {
			return err
		}
		return d.value(r.branches[branch], at)
	case readNull:
		return nil
	case readSome:
		if err := d.count(1, r.plan.shape.Elem); err != nil {
			return err
		}
		return d.value(r.elem, at.SetNew(r.plan.shape.Elem))
	case readMismatch:
		return r.err.again()
	case readRecord, readList, readMap:
		return d.nested(r, at)
	default:
		return d.other(r, at)
	}
}

// other reads what is less common.
func (d *decoder) other(r *reader, at shape.Place) error {
	switch r.action {
	case readTime:
		return d.time(r, at)
	case readText:
		b, err := d.utf8()
		if err != nil {
			return err
		}
		return d.setText(r, at, b)
	case readSymbol, readIndex:
		return d.enum(r, at)
	default:
		return d.bytes(r, at)
	}
}

// setText lets a Text read a copy: the method is the user's, and keeps what it likes.
func (d *decoder) setText(r *reader, at shape.Place, text []byte) error {
	d.text = append(d.text[:0], text...)
	return at.Value(r.plan.shape).SetText(d.text)
}

func (d *decoder) bytes(r *reader, at shape.Place) (err error) {
	var b []byte
	switch {
	case r.action == readFixed:
		b, err = d.take(int64(r.writer.size))
	case r.writer.kind == isString:
		b, err = d.utf8()
	default:
		b, err = d.sized()
	}
	if err != nil {
		return err
	}
	if r.plan.shape.Len < 0 {
		b = append([]byte(nil), b...)
	}
	return at.Value(r.plan.shape).SetBytes(b)
}

func (d *decoder) float(r *reader, at shape.Place) error {
	f := 0.0
	switch r.action {
	case readFloat:
		b, err := d.take(4)
		if err != nil {
			return err
		}
		bits := binary.LittleEndian.Uint32(b)
		if r.plan.shape.Bits == 32 {
			at.SetFloat32Bits(bits)
			return nil
		}
		f = float64(math.Float32frombits(bits))
	case readDouble:
		b, err := d.take(8)
		if err != nil {
			return err
		}
		bits := binary.LittleEndian.Uint64(b)
		if r.plan.shape.Bits == 64 {
			at.SetFloat64Bits(bits)
			return nil
		}
		f = math.Float64frombits(bits)
	default:
		i, err := d.number(r.writer.kind)
		if err != nil {
			return err
		}
		return setWhole(r.plan.shape, at, i)
	}
	return at.Value(r.plan.shape).SetFloat(f)
}

// setWhole sets a float from an integer that it holds exactly; Avro would round.
func setWhole(s *shape.Shape, at shape.Place, i int64) error {
	exact := int64(1) << 53
	if s.Bits == 32 {
		exact = 1 << 24
	}
	if i < -exact || i > exact {
		return at.Value(s).OutOfRange()
	}
	return at.Value(s).SetFloat(float64(i))
}

func (d *decoder) unsigned(r *reader, at shape.Place) error {
	s := r.plan.shape
	if r.action == readUint {
		i, err := d.number(r.writer.kind)
		if err != nil {
			return err
		}
		if i < 0 {
			return at.Value(s).OutOfRange()
		}
		return at.SetUint(s, uint64(i))
	}
	b, err := d.take(8)
	if err != nil {
		return err
	}
	u := binary.BigEndian.Uint64(b)
	if s.Kind == shape.Uint {
		return at.SetUint(s, u)
	}
	if u > math.MaxInt64 {
		return at.Value(s).OutOfRange()
	}
	return at.SetInt(s, int64(u))
}

var errNanos = errors.New("want less than a second of nanoseconds")

// time reads a record of seconds since 1970 and nanoseconds, in the writer's order.
func (d *decoder) time(r *reader, at shape.Place) error {
	var seconds, nanos int64
	for i := range r.fields {
		f := &r.fields[i]
		if f.part == noPart {
			if err := d.skip(f.node); err != nil {
				return err
			}
			continue
		}
		n, err := d.number(f.node.kind)
		if err != nil {
			return err
		}
		if f.part == theSeconds {
			seconds = n
		} else {
			nanos = n
		}
	}
	if nanos < 0 || nanos >= 1e9 {
		return errNanos
	}
	return at.SetTime(time.Unix(seconds, nanos))
}

var errIndex = errors.New("no symbol of the writer's enum has this index")

func (d *decoder) enum(r *reader, at shape.Place) error {
	i, err := d.index(len(r.symbols), errIndex)
	if err != nil {
		return err
	}
	symbol := &r.symbols[i]
	switch {
	case !symbol.known:
		return errors.New("a symbol of the writer's enum is unknown here, and the enum has no default")
	case r.plan.form == asText:
		return d.setText(r, at, []byte(symbol.text))
	case r.action == readSymbol:
		at.SetStr(symbol.text)
		return nil
	case r.plan.shape.Kind == shape.Uint:
		return at.SetUint(r.plan.shape, uint64(symbol.index))
	default:
		return at.SetInt(r.plan.shape, symbol.index)
	}
}

func (d *decoder) nested(r *reader, at shape.Place) (err error) {
	if d.depth++; d.depth > d.limits.MaxDepth && (r.action == readRecord || !d.empty()) {
		return d.limits.CheckDepth(d.depth)
	}
	switch r.action {
	case readRecord:
		err = d.record(r, at)
	case readMap:
		err = d.entries(r, at)
	default:
		err = d.list(r, at)
	}
	d.depth--
	return err
}

func (d *decoder) record(r *reader, at shape.Place) error {
	for i := range r.fields {
		f := &r.fields[i]
		if f.reader == nil {
			if err := d.skip(f.node); err != nil {
				return err
			}
			continue
		}
		if err := d.field(f.reader, at.Field(f.at)); err != nil {
			return shape.InField(err, f.at.Name)
		}
	}
	for i := range r.absent {
		if err := d.byDefault(&r.absent[i], at); err != nil {
			return shape.InField(err, r.absent[i].at.Name)
		}
	}
	return nil
}

// field is value, with the most common ones first.
func (d *decoder) field(r *reader, at shape.Place) error {
	switch r.action {
	case readString:
		b, err := d.utf8()
		if err == nil {
			at.SetStr(d.strings.Get(b))
		}
		return err
	case readInt:
		i, err := d.number(r.writer.kind)
		if err != nil {
			return err
		}
		return at.SetInt(r.plan.shape, i)
	case readDouble:
		if len(d.src)-d.pos >= 8 && r.plan.shape.Bits == 64 {
			at.SetFloat64Bits(binary.LittleEndian.Uint64(d.src[d.pos:]))
			d.pos += 8
			return nil
		}
	}
	return d.value(r, at)
}

// byDefault reads the default of a field that the writer lacks.
func (d *decoder) byDefault(f *absentField, at shape.Place) error {
	src, pos := d.src, d.pos
	d.src, d.pos = f.wire, 0
	err := d.value(f.reader, at.Field(f.at))
	d.src, d.pos = src, pos
	return err
}

func (d *decoder) list(r *reader, at shape.Place) error {
	s, read := r.plan.shape, 0
	for {
		n, end, err := d.block(r.writer.leastItem())
		if err != nil || n == 0 {
			return d.ended(s, read, err)
		}
		if err := d.count(n, s.Elem); err != nil {
			return err
		}
		var items shape.Items
		if s.Kind == shape.Array {
			if items = at.Items(s); n > items.Len()-read {
				return fmt.Errorf("want %d items, got more", s.Len)
			}
		} else {
			items = at.Extend(s, n)
		}
		for range n {
			if err := d.item(r.elem, items.At(read)); err != nil {
				return shape.InItem(err, read)
			}
			read++
		}
		if err := d.blockEnd(end); err != nil {
			return err
		}
	}
}

// item is value, with a record first.
func (d *decoder) item(r *reader, at shape.Place) error {
	if r.action != readRecord || d.depth >= d.limits.MaxDepth {
		return d.value(r, at)
	}
	d.depth++
	err := d.record(r, at)
	d.depth--
	return err
}

// ended checks the number of items once all are read.
func (d *decoder) ended(s *shape.Shape, read int, err error) error {
	if err == nil && s.Kind == shape.Array && read != s.Len {
		return fmt.Errorf("want %d items, got %d", s.Len, read)
	}
	return err
}

func (d *decoder) entries(r *reader, at shape.Place) error {
	s, read := r.plan.shape, 0
	w := at.Value(s).SetMap(s)
	for {
		n, end, err := d.block(r.writer.leastItem())
		if err != nil || n == 0 {
			return err
		}
		if err := d.count(n, s.Key); err != nil {
			return err
		}
		if err := d.count(n, s.Elem); err != nil {
			return err
		}
		for range n {
			if err := d.entry(r, &w); err != nil {
				return shape.InEntry(err, read)
			}
			read++
		}
		if err := d.blockEnd(end); err != nil {
			return err
		}
	}
}

func (d *decoder) entry(r *reader, w *shape.MapWriter) error {
	key, err := d.utf8()
	if err != nil {
		return err
	}
	elem, err := w.Begin(d.strings.Get(key))
	if err != nil {
		return err
	}
	if err := d.value(r.elem, elem.Place()); err != nil {
		return err
	}
	return w.End()
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

// utf8 reads a text, which is the input's.
func (d *decoder) utf8() ([]byte, error) {
	if d.pos < len(d.src) && d.src[d.pos] < 0x80 { // most are short, and then this is all
		start, n := d.pos+1, int(d.src[d.pos]>>1)
		if d.src[d.pos]&1 == 0 && n <= len(d.src)-start {
			if b := d.src[start : start+n]; shape.ValidUTF8(b) {
				d.pos = start + n
				return b, nil
			}
		}
	}
	b, err := d.sized()
	if err == nil && !shape.ValidUTF8(b) {
		d.pos -= len(b)
		return nil, errUTF8
	}
	return b, err
}
