package avrocodec

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/polywire/polywire/internal/shape"
)

// What schemas made here call the types that Avro has no word for.
const (
	nameTime   = "polywire.time"
	nameUint64 = "polywire.uint64"
	nameBytes  = "polywire.bytes" // and the number of bytes
)

// derive returns the schema by which values of a shape are carried unless
// WithSchema says otherwise.
func derive(s *shape.Shape) (*Schema, error) {
	for s.Kind == shape.Pointer {
		s = s.Elem
	}
	d := deriver{records: make(map[*shape.Shape]string), defined: make(map[string]bool)}
	if err := d.value(s, "Record"); err != nil {
		return nil, shape.InField(err, s.String())
	}
	return ParseSchema(d.text)
}

// A deriver writes the JSON of a schema. Each type with a name is defined where it
// is met first, and named from then on.
type deriver struct {
	text    []byte
	records map[*shape.Shape]string
	defined map[string]bool
}

func (d *deriver) add(text string) { d.text = append(d.text, text...) }

// value adds the type of s. hint is the name of a record whose Go type has none.
func (d *deriver) value(s *shape.Shape, hint string) error {
	switch s.Kind {
	case shape.List, shape.Array:
		return d.around(`{"type":"array","items":`, s.Elem, hint)
	case shape.Map:
		return d.around(`{"type":"map","values":`, s.Elem, hint)
	case shape.Pointer: // the item of a list or map, which is never nil
		return d.value(s.Elem, hint)
	case shape.Struct:
		return d.record(s, hint)
	default:
		d.scalar(s)
		return nil
	}
}

func (d *deriver) around(head string, elem *shape.Shape, hint string) error {
	d.add(head)
	err := d.value(elem, hint+"_item")
	d.add("}")
	if err != nil {
		return shape.InField(err, "[]")
	}
	return nil
}

func (d *deriver) scalar(s *shape.Shape) {
	switch {
	case s.Kind == shape.Bool:
		d.add(`"boolean"`)
	case s.Kind == shape.Uint && s.Bits == 64:
		d.fixed(nameUint64, 8)
	case s.Kind == shape.Int && s.Bits <= 32, s.Kind == shape.Uint && s.Bits < 32:
		d.add(`"int"`)
	case s.Kind == shape.Int, s.Kind == shape.Uint, s.Kind == shape.Duration:
		d.add(`"long"`)
	case s.Kind == shape.Float && s.Bits == 32:
		d.add(`"float"`)
	case s.Kind == shape.Float:
		d.add(`"double"`)
	case s.Kind == shape.Bytes && s.Len >= 0:
		d.fixed(nameBytes+strconv.Itoa(s.Len), s.Len)
	case s.Kind == shape.Bytes:
		d.add(`"bytes"`)
	case s.Kind == shape.Time:
		d.time()
	default:
		d.add(`"string"`)
	}
}

// named adds a reference if the type of that name has been defined, and reports
// whether it has.
func (d *deriver) named(name string) bool {
	if d.defined[name] {
		d.add(`"` + name + `"`)
		return true
	}
	d.defined[name] = true
	return false
}

func (d *deriver) fixed(name string, size int) {
	if !d.named(name) {
		d.add(`{"type":"fixed","name":"` + name + `","size":` + strconv.Itoa(size) + `}`)
	}
}

func (d *deriver) time() {
	if !d.named(nameTime) {
		d.add(`{"type":"record","name":"` + nameTime + `","fields":[{"name":"seconds","type":"long"},{"name":"nanos","type":"int"}]}`)
	}
}

func (d *deriver) record(s *shape.Shape, hint string) error {
	if name, ok := d.records[s]; ok {
		d.add(`"` + name + `"`)
		return nil
	}
	name := d.recordName(s, hint)
	d.records[s] = name
	d.add(`{"type":"record","name":"` + name + `","fields":[`)
	seen := make(map[string]string)
	for i := range s.Fields {
		f := &s.Fields[i]
		escaped := escape(f.Name)
		if other, ok := seen[escaped]; ok {
			return shape.Unsupported(fmt.Sprintf("the names %q and %q are both %s in Avro; rename one", other, f.Name, escaped))
		}
		seen[escaped] = f.Name
		if i > 0 {
			d.add(",")
		}
		if err := d.field(f, name); err != nil {
			return shape.InField(err, f.GoName)
		}
	}
	d.add("]}")
	return nil
}

// maxDefault is how many bytes of JSON a default may have: that of a struct names
// all its fields again. Here a field without one is zero all the same.
const maxDefault = 256

// field writes the default of each field, which is its zero: readers in other
// languages then read what was written before the field was there.
func (d *deriver) field(f *shape.Field, parent string) error {
	name := escape(f.Name)
	d.add(`{"name":"` + name + `",`)
	for i, alias := range f.Aliases {
		d.add(map[bool]string{true: `"aliases":["`, false: `","`}[i == 0] + escape(alias))
	}
	if len(f.Aliases) > 0 {
		d.add(`"],`)
	}
	d.add(`"type":`)
	hint := parent + "_" + name
	if f.Shape.Kind == shape.Pointer {
		d.add(`["null",`)
		err := d.value(f.Shape.Elem, hint)
		d.add(`],"default":null}`)
		return err
	}
	if err := d.value(f.Shape, hint); err != nil {
		return err
	}
	if def, ok := appendZero(nil, f.Shape); ok && len(def) <= maxDefault {
		d.add(`,"default":` + string(def))
	}
	d.add("}")
	return nil
}

// recordName returns the name of the Go type without its package, so that two
// programs which both declare it have one schema; and a number if two types of one
// schema share it.
func (d *deriver) recordName(s *shape.Shape, hint string) string {
	name := typeName(s.Name)
	if name == "" {
		name = hint
	}
	unique := name
	for n := 2; d.defined[unique]; n++ {
		unique = name + "_" + strconv.Itoa(n)
	}
	d.defined[unique] = true
	return unique
}

// typeName returns a Go name as one of Avro: of a generic type without the packages
// of its arguments.
func typeName(name string) string {
	var b strings.Builder
	for len(name) > 0 {
		end := strings.IndexAny(name, "[],")
		part := name
		if end >= 0 {
			part = name[:end]
		}
		part = part[strings.LastIndexByte(part, '/')+1:]
		b.WriteString(part[strings.LastIndexByte(part, '.')+1:])
		if end < 0 {
			break
		}
		b.WriteByte('_')
		name = name[end+1:]
	}
	return escape(strings.Trim(b.String(), "_"))
}

// escape returns a name as Avro spells it: what is no letter of ASCII, digit or
// "_" becomes _x, its number in hexadecimal, and "_": order-id is order_x2d_id.
func escape(name string) string {
	if isName(name) || name == "" {
		return name
	}
	var b strings.Builder
	for i, r := range name {
		if isName(string(r)) || i > 0 && r >= '0' && r <= '9' {
			b.WriteRune(r)
			continue
		}
		b.WriteString("_x" + strconv.FormatInt(int64(r), 16) + "_")
	}
	return b.String()
}

// appendZero appends the JSON of the default that zero is, or reports that it has
// none.
func appendZero(dst []byte, s *shape.Shape) ([]byte, bool) {
	switch s.Kind {
	case shape.Bool:
		return append(dst, "false"...), true
	case shape.Int, shape.Duration, shape.Float:
		return append(dst, '0'), true
	case shape.Uint:
		if s.Bits == 64 {
			return appendNulls(dst, 8)
		}
		return append(dst, '0'), true
	case shape.Bytes:
		return appendNulls(dst, max(s.Len, 0))
	case shape.Time:
		return append(dst, `{"seconds":-62135596800,"nanos":0}`...), true
	case shape.Text:
		quoted, ok := zeroText(s)
		return append(dst, quoted...), ok
	case shape.Pointer:
		return append(dst, "null"...), true
	case shape.List:
		return append(dst, "[]"...), true
	case shape.Map:
		return append(dst, "{}"...), true
	case shape.Array:
		return appendZeros(dst, s)
	case shape.Struct:
		return appendZeroStruct(dst, s)
	default:
		return append(dst, `""`...), true
	}
}

// zeroText returns the JSON of what the type's own method says of its zero, if it
// says anything: some have no text of it, and some panic.
func zeroText(s *shape.Shape) (quoted []byte, ok bool) {
	defer func() {
		if recover() != nil {
			quoted, ok = nil, false
		}
	}()
	text, err := s.Zero().AppendText(nil)
	if err != nil || !utf8.Valid(text) {
		return nil, false
	}
	quoted, err = json.Marshal(string(text))
	return quoted, err == nil
}

// maxZeros is how many items a default may have; a longer one bloats the schema.
const maxZeros = 256

func appendNulls(dst []byte, n int) ([]byte, bool) {
	return append(dst, `"`+strings.Repeat(`\u0000`, min(n, maxZeros))+`"`...), n <= maxZeros
}

func appendZeros(dst []byte, s *shape.Shape) (_ []byte, ok bool) {
	dst = append(dst, '[')
	for i := range min(s.Len, maxZeros) {
		if dst, ok = appendZero(comma(dst, i), s.Elem); !ok {
			return dst, false
		}
	}
	return append(dst, ']'), s.Len <= maxZeros
}

func appendZeroStruct(dst []byte, s *shape.Shape) (_ []byte, ok bool) {
	dst = append(dst, '{')
	for i := range s.Fields {
		f := &s.Fields[i]
		dst = append(quote(comma(dst, i), escape(f.Name)), ':')
		if dst, ok = appendZero(dst, f.Shape); !ok {
			return dst, false
		}
	}
	return append(dst, '}'), true
}
