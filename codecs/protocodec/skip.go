package protocodec

import (
	"math"

	"google.golang.org/protobuf/encoding/protowire"
)

// skip reads a record that nobody wants within the limits.
func (d *decoder) skip(num protowire.Number, wire protowire.Type) (err error) {
	d.elements++
	if err := d.limits.CheckElements(d.elements); err != nil {
		return err
	}
	switch wire {
	case protowire.VarintType:
		_, err = d.varint()
	case protowire.Fixed32Type:
		_, err = d.take(4)
	case protowire.Fixed64Type:
		_, err = d.take(8)
	case protowire.BytesType:
		_, err = d.bytes()
	default:
		err = d.nest(func() error { return d.skipGroup(num) })
	}
	return err
}

// skipGroup reads a group up to its end. In one that nobody knows the engine takes
// all numbers that message sets may have, so the scan before it must not differ:
// whether there is one depends on the size.
func (d *decoder) skipGroup(group protowire.Number) error {
	for {
		num, wire, err := d.tagUpTo(math.MaxInt32)
		switch {
		case err != nil:
			return err
		case wire == protowire.EndGroupType && num == group:
			return nil
		case wire == protowire.EndGroupType:
			return errEndGroup
		}
		if err := d.skip(num, wire); err != nil {
			return err
		}
	}
}
