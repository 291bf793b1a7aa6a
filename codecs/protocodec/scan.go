package protocodec

import (
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
)

// mayExceed reports whether the input is long enough to break a limit. One level
// takes a byte at least, and so does one element: shorter input needs no scan.
func (d *decoder) mayExceed() bool {
	return len(d.src) >= d.limits.MaxDepth || len(d.src) > d.limits.MaxElements
}

// scan reads a message of md as the engine will, and builds nothing: it holds the
// limits, which the engine has not, and finds where the input is malformed. group
// is the number of the group that the message is, or 0.
func (d *decoder) scan(md protoreflect.MessageDescriptor, group protowire.Number) error {
	d.depth++
	if err := d.limits.CheckDepth(d.depth); err != nil {
		return err
	}
	base := len(d.seen)
	d.seen = append(d.seen, make([]int32, md.Fields().Len())...)
	defer func() { d.depth, d.seen = d.depth-1, d.seen[:base] }()
	for d.pos < d.end || group != 0 {
		num, wire, err := d.tagOrEnd()
		switch {
		case err != nil:
			return err
		case wire == protowire.EndGroupType && num == group:
			return nil
		case wire == protowire.EndGroupType:
			return errEndGroup
		}
		f := fieldOf(md, num)
		if isPackable(f) {
			err = d.scanNumbers(f, num, wire, base)
		} else {
			err = d.scanField(f, num, wire)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fieldOf returns the field or known extension of that number, or nil.
func fieldOf(md protoreflect.MessageDescriptor, num protowire.Number) protoreflect.FieldDescriptor {
	if f := md.Fields().ByNumber(num); f != nil {
		return f
	}
	if !md.ExtensionRanges().Has(num) {
		return nil
	}
	x, err := protoregistry.GlobalTypes.FindExtensionByNumber(md.FullName(), num)
	if err != nil {
		return nil
	}
	return x.TypeDescriptor()
}

func (d *decoder) scanField(f protoreflect.FieldDescriptor, num protowire.Number, wire protowire.Type) error {
	if f != nil && f.Cardinality() == protoreflect.Repeated {
		return d.nest(func() error { return d.scanRecord(f, num, wire) })
	}
	return d.scanRecord(f, num, wire)
}

// scanRecord reads one record of f, which the engine takes for unknown if its wire
// type is another than f's.
func (d *decoder) scanRecord(f protoreflect.FieldDescriptor, num protowire.Number, wire protowire.Type) error {
	switch {
	case f == nil:
	case f.Kind() == protoreflect.GroupKind && wire == protowire.StartGroupType:
		return d.scanNested(f, num)
	case f.Kind() == protoreflect.MessageKind && wire == protowire.BytesType:
		return d.scanNested(f, 0)
	}
	return d.skip(num, wire)
}

func (d *decoder) scanNested(f protoreflect.FieldDescriptor, group protowire.Number) error {
	d.elements++
	if err := d.limits.CheckElements(d.elements); err != nil {
		return err
	}
	if group != 0 {
		return d.scan(f.Message(), group)
	}
	outer, err := d.enter()
	if err == nil {
		err = d.scan(f.Message(), 0)
	}
	d.end = outer
	return err
}

// scanNumbers reads a record of a list that may be packed. The engine makes such a
// list anew, as long as it must be, for each packed record: so a record costs what
// the list has already, and many short ones cost more than they may.
func (d *decoder) scanNumbers(f protoreflect.FieldDescriptor, num protowire.Number, wire protowire.Type, base int) error {
	var had *int32
	if !f.IsExtension() { // of which the engine makes lists another way
		had = &d.seen[base+f.Index()]
	}
	if wire != protowire.BytesType {
		if had != nil {
			*had++
		}
		return d.skip(num, wire)
	}
	b, err := d.bytes()
	if err != nil {
		return err
	}
	n := countPacked(packable(f.Kind()), b)
	d.elements += n
	if had != nil {
		d.elements += int(*had)
		*had += int32(n)
	}
	if err := d.limits.CheckDepth(d.depth + 1); err != nil {
		return err
	}
	return d.limits.CheckElements(d.elements)
}

// isPackable reports whether f is a list of numbers, in any form.
func isPackable(f protoreflect.FieldDescriptor) bool {
	return f != nil && f.IsList() && packable(f.Kind()) != protowire.BytesType
}

// packable returns the wire type of the items of a list that may be packed, and
// that of bytes for what may not.
func packable(k protoreflect.Kind) protowire.Type {
	switch k {
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind, protoreflect.GroupKind:
		return protowire.BytesType
	case protoreflect.FloatKind, protoreflect.Fixed32Kind, protoreflect.Sfixed32Kind:
		return protowire.Fixed32Type
	case protoreflect.DoubleKind, protoreflect.Fixed64Kind, protoreflect.Sfixed64Kind:
		return protowire.Fixed64Type
	default:
		return protowire.VarintType
	}
}
