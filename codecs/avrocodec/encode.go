package avrocodec

import (
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/shape"
)

// An encoder writes one value by its plan. It appends to a slice that goes from
// call to call; what it keeps beside that is how large and deep the value is.
type encoder struct {
	limits   *codecs.Limits
	base     int // len of what was there before
	most     int // len of buf that MaxBytes allows
	depth    int // of open records, lists and maps
	elements int // counted so far
}

var (
	errNil    = errors.New("nil has no place in a list or map; drop the item or use a value")
	errUTF8   = errors.New("invalid UTF-8")
	errSymbol = errors.New("no symbol of the enum in the schema")
	errShort  = errors.New("out of range for the Avro type int")
	errLong   = errors.New("out of range for the Avro type long")
)

func (e *encoder) value(buf []byte, p *plan, at shape.Place) ([]byte, error) {
	switch p.form {
	case asString:
		return appendString(buf, at.Str())
	case asInt:
		i := at.Int(p.shape)
		if p.short && i != int64(int32(i)) {
			return buf, errShort
		}
		return appendLong(buf, i), nil
	case asDouble:
		return appendDouble(buf, p.shape, at), nil
	case asBool:
		if at.Bool() {
			return append(buf, 1), nil
		}
		return append(buf, 0), nil
	case asUint:
		return appendUint(buf, p, at.Uint(p.shape))
	case asUint64:
		return binary.BigEndian.AppendUint64(buf, at.Uint(p.shape)), nil
	case asFloat:
		return binary.LittleEndian.AppendUint32(buf, at.Float32Bits()), nil
	case asBytes:
		b := at.Bytes(p.shape)
		return append(appendLong(buf, int64(len(b))), b...), nil
	case asFixed:
		return append(buf, at.Bytes(p.shape)...), nil
	case asTime:
		return appendTime(buf, at)
	case asText, asSymbol, asIndex:
		return appendByName(buf, p, at)
	case asOptional:
		return e.optional(buf, p, at)
	case asPresent:
		elem, ok := at.Elem()
		if !ok {
			return buf, errNil
		}
		return e.value(buf, p.elem, elem)
	default:
		return e.nested(buf, p, at)
	}
}

// appendLong appends an int or long: the sign in the lowest bit, seven bits a byte.
func appendLong(buf []byte, i int64) []byte {
	u := uint64(i)<<1 ^ uint64(i>>63)
	for u >= 0x80 {
		buf = append(buf, byte(u)|0x80)
		u >>= 7
	}
	return append(buf, byte(u))
}

func appendString(buf []byte, s string) ([]byte, error) {
	buf = appendLong(buf, int64(len(s)))
	start := len(buf)
	buf = append(buf, s...)
	if !shape.ValidUTF8(buf[start:]) {
		return buf, errUTF8
	}
	return buf, nil
}

func appendDouble(buf []byte, s *shape.Shape, at shape.Place) []byte {
	bits := uint64(0)
	if s.Bits == 64 {
		bits = at.Float64Bits()
	} else {
		bits = math.Float64bits(float64(math.Float32frombits(at.Float32Bits())))
	}
	return binary.LittleEndian.AppendUint64(buf, bits)
}

func appendUint(buf []byte, p *plan, u uint64) ([]byte, error) {
	switch {
	case p.short && u > math.MaxInt32:
		return buf, errShort
	case u > math.MaxInt64:
		return buf, errLong
	}
	return appendLong(buf, int64(u)), nil
}

func appendTime(buf []byte, at shape.Place) ([]byte, error) {
	t, err := at.Time()
	if err != nil {
		return buf, err
	}
	return appendLong(appendLong(buf, t.Unix()), int64(t.Nanosecond())), nil
}

// appendByName appends what a method of the type, or the schema, has a text for.
func appendByName(buf []byte, p *plan, at shape.Place) ([]byte, error) {
	switch {
	case p.form == asText:
		text, err := at.Value(p.shape).AppendText(nil)
		if err != nil {
			return buf, err
		}
		return appendString(buf, string(text))
	case p.form == asSymbol:
		i := slices.Index(p.node.symbols, at.Str())
		if i < 0 {
			return buf, errSymbol
		}
		return appendLong(buf, int64(i)), nil
	}
	index := uint64(0)
	if p.shape.Kind == shape.Uint {
		index = at.Uint(p.shape)
	} else {
		index = uint64(at.Int(p.shape)) // a negative one becomes more than any index
	}
	if index >= uint64(len(p.node.symbols)) {
		return buf, errSymbol
	}
	return appendLong(buf, int64(index)), nil
}

func (e *encoder) optional(buf []byte, p *plan, at shape.Place) ([]byte, error) {
	elem, ok := at.Elem()
	if !ok {
		return append(buf, 2-p.some), nil
	}
	return e.value(append(buf, p.some), p.elem, elem)
}

// nested writes a record, list or map one level down.
func (e *encoder) nested(buf []byte, p *plan, at shape.Place) (_ []byte, err error) {
	if e.depth++; e.depth > e.limits.MaxDepth {
		if p.form != asRecord && at.Value(p.shape).Len() == 0 {
			e.depth--
			return append(buf, 0), nil // nothing is in it, so nothing nests
		}
		return buf, e.limits.CheckDepth(e.depth)
	}
	switch p.form {
	case asRecord:
		buf, err = e.record(buf, p, at)
	case asMap:
		buf, err = e.entries(buf, p, at)
	default:
		buf, err = e.list(buf, p, at)
	}
	e.depth--
	return buf, err
}

func (e *encoder) record(buf []byte, p *plan, at shape.Place) (_ []byte, err error) {
	for i := range p.fields {
		f := &p.fields[i]
		field := at.Field(f.at)
		switch f.form { // the most common ones without a call
		case asString:
			buf, err = appendString(buf, field.Str())
		case asInt:
			buf = appendLong(buf, field.Int(f.shape))
			continue
		case asBool:
			buf = append(buf, 0)
			if field.Bool() {
				buf[len(buf)-1] = 1
			}
			continue
		case asDouble:
			buf = binary.LittleEndian.AppendUint64(buf, field.Float64Bits())
			continue
		default:
			buf, err = e.value(buf, f.plan, field)
		}
		if err != nil || len(buf) > e.most {
			return buf, shape.InField(e.stopped(buf, err), f.at.Name)
		}
	}
	return buf, nil
}

// stopped returns err, or that of a value that grew too large: pointers may share
// what they lead to, so one of a few bytes in memory could be written for ever.
func (e *encoder) stopped(buf []byte, err error) error {
	if err != nil {
		return err
	}
	return e.limits.CheckBytes(len(buf) - e.base)
}

// list writes all items in one block, and the block without items that ends a list.
func (e *encoder) list(buf []byte, p *plan, at shape.Place) (_ []byte, err error) {
	items := at.Items(p.shape)
	n := items.Len()
	if err := e.count(n); err != nil {
		return buf, err
	}
	if n > 0 {
		buf = appendLong(buf, int64(n))
	}
	for i := range n {
		if p.elem.form == asRecord && e.depth < e.limits.MaxDepth { // nested, without a call
			e.depth++
			buf, err = e.record(buf, p.elem, items.At(i))
			e.depth--
		} else {
			buf, err = e.value(buf, p.elem, items.At(i))
		}
		if err != nil || len(buf) > e.most {
			return buf, shape.InItem(e.stopped(buf, err), i)
		}
	}
	return append(buf, 0), nil
}

func (e *encoder) entries(buf []byte, p *plan, at shape.Place) ([]byte, error) {
	if p.elem.form == asString && p.shape.HoldsTexts() {
		return e.texts(buf, at)
	}
	v := at.Value(p.shape)
	n := v.Len()
	if err := e.count(n); err != nil {
		return buf, err
	}
	if n == 0 {
		return append(buf, 0), nil
	}
	entries, err := v.Entries(p.shape, make([]shape.Entry, 0, n))
	if err != nil {
		return buf, err
	}
	buf = appendLong(buf, int64(n))
	for i, entry := range entries {
		buf = append(appendLong(buf, int64(len(entry.Key))), entry.Key...) // Entries has checked that it is UTF-8
		if buf, err = e.value(buf, p.elem, entry.Value.Place()); err != nil || len(buf) > e.most {
			return buf, shape.InEntry(e.stopped(buf, err), i)
		}
	}
	return append(buf, 0), nil
}

// texts is entries for a map of strings, most maps in use, without an allocation for a small one.
func (e *encoder) texts(buf []byte, at shape.Place) ([]byte, error) {
	var few [16]shape.TextEntry
	entries, err := at.TextEntries(few[:0])
	if err == nil {
		err = e.count(len(entries))
	}
	if err != nil {
		return buf, err
	}
	if len(entries) > 0 {
		buf = appendLong(buf, int64(len(entries)))
	}
	for i := range entries {
		entry := &entries[i]
		buf = append(appendLong(buf, int64(len(entry.Key))), entry.Key...)
		if buf, err = appendString(buf, entry.Value); err != nil || len(buf) > e.most {
			return buf, shape.InEntry(e.stopped(buf, err), i)
		}
	}
	return append(buf, 0), nil
}

// count adds n items to the elements of the value.
func (e *encoder) count(n int) error {
	e.elements += n
	return e.limits.CheckElements(e.elements)
}
