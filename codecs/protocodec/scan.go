package protocodec

import (
	"google.golang.org/protobuf/encoding/protowire"
)

// mayExceed reports whether the input is long enough to break a limit. One level
// takes a byte at least, and so does one element: shorter input needs no scan.
func (d *decoder) mayExceed() bool {
	return len(d.src) >= d.limits.MaxDepth || len(d.src) > d.limits.MaxElements
}

// scan reads a message as the engine will, and builds nothing: it holds the limits,
// which the engine has not, and finds where the input is malformed. group is the
// number of the group that the message is, or 0.
func (d *decoder) scan(l *layout, group protowire.Number) error {
	if !l.entry {
		d.depth++
		defer func() { d.depth-- }()
	}
	if err := d.limits.CheckDepth(d.depth); err != nil {
		return err
	}
	base := len(d.seen)
	d.seen = append(d.seen, make([]int32, l.numbers)...)
	for d.pos < d.end || group != 0 {
		num, wire, err := d.tagOrEnd()
		switch {
		case err != nil:
			return err
		case wire == protowire.EndGroupType && num == group:
			d.seen = d.seen[:base]
			return nil
		case wire == protowire.EndGroupType:
			return errEndGroup
		}
		if err := d.scanRecord(l.find(num), num, wire, base); err != nil {
			return err
		}
	}
	d.seen = d.seen[:base]
	return nil
}

// scanRecord reads one record of p, which the engine takes for unknown if its wire
// type is another than that of the field.
func (d *decoder) scanRecord(p *part, num protowire.Number, wire protowire.Type, base int) error {
	switch {
	case p == nil:
		return d.skip(num, wire)
	case p.wire != protowire.BytesType:
		return d.nest(func() error { return d.scanNumbers(p, num, wire, base) })
	case p.repeated:
		return d.nest(func() error { return d.scanNested(p, num, wire) })
	default:
		return d.scanNested(p, num, wire)
	}
}

func (d *decoder) scanNested(p *part, num protowire.Number, wire protowire.Type) error {
	want := protowire.BytesType
	if p.group {
		want = protowire.StartGroupType
	}
	if p.inner == nil || wire != want {
		return d.skip(num, wire)
	}
	d.elements++
	if err := d.limits.CheckElements(d.elements); err != nil {
		return err
	}
	if p.group {
		return d.scan(p.inner, num)
	}
	outer, err := d.enter()
	if err == nil {
		err = d.scan(p.inner, 0)
	}
	d.end = outer
	return err
}

// scanNumbers reads a record of a list that may be packed. The engine makes such a
// list anew, as long as it must be, for each packed record: so a record costs what
// the list has already, and many short ones cost more than they may. Of extensions
// it makes lists another way.
func (d *decoder) scanNumbers(p *part, num protowire.Number, wire protowire.Type, base int) error {
	if wire != protowire.BytesType {
		if p.slot >= 0 {
			d.seen[base+p.slot]++
		}
		return d.skip(num, wire)
	}
	b, err := d.bytes()
	if err != nil {
		return err
	}
	n := countPacked(p.wire, b)
	d.elements += n
	if p.slot >= 0 {
		d.elements += int(d.seen[base+p.slot])
		d.seen[base+p.slot] += int32(n)
	}
	return d.limits.CheckElements(d.elements)
}
