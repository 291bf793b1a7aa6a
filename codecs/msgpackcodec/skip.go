package msgpackcodec

import (
	"bytes"
	"cmp"
	"errors"
	"slices"
)

var errDuplicate = errors.New("one name twice in a map")

// skip reads one value of any kind within the limits, where every key, scalar,
// list and map counts as an element. The scanner has bounded how deep it calls.
func (d *decoder) skip() error {
	d.elements++
	if err := d.limits.CheckElements(d.elements); err != nil {
		return err
	}
	t, err := next(d.src, d.pos)
	if err != nil {
		return err
	}
	if t.kind == isNothing {
		return errReserved
	}
	d.pos = t.start
	switch t.kind {
	case isList:
		for range t.size {
			if err := d.skip(); err != nil {
				return err
			}
		}
		return nil
	case isMap:
		return d.skipMap(t.size)
	default:
		d.pos += t.size
		return nil
	}
}

func (d *decoder) skipMap(n int) error {
	base := len(d.keys)
	d.keys = slices.Grow(d.keys, n)
	for range n {
		d.keys = append(d.keys, d.pos)
		if err := d.skip(); err != nil {
			return err
		}
		if err := d.skip(); err != nil {
			return err
		}
	}
	return d.unique(base)
}

// unique drops the keys noted since there were base of them, or fails if two of
// them are one. It sorts, so many keys are not quadratic.
func (d *decoder) unique(base int) error {
	keys := d.keys[base:]
	d.keys = d.keys[:base]
	if len(keys) < 2 {
		return nil
	}
	slices.SortFunc(keys, d.compare)
	for i := 1; i < len(keys); i++ {
		if d.compare(keys[i-1], keys[i]) == 0 {
			return errDuplicate
		}
	}
	return nil
}

// compare orders the keys at two places by what they mean: 1 is 1 in any number
// of bytes.
func (d *decoder) compare(a, b int) int {
	s, _ := next(d.src, a)
	t, _ := next(d.src, b)
	switch {
	case s.kind != t.kind:
		return cmp.Compare(s.kind, t.kind)
	case s.kind == isString:
		return bytes.Compare(d.src[s.start:s.start+s.size], d.src[t.start:t.start+t.size])
	case s.kind == isInt:
		negA, valueA := integer(d.src[a], d.src[s.start:s.start+s.size])
		negB, valueB := integer(d.src[b], d.src[t.start:t.start+t.size])
		if negA != negB {
			return cmp.Compare(valueB, valueA) // a negative one, taken as unsigned, is the larger
		}
		return cmp.Compare(valueA, valueB)
	default:
		return cmp.Compare(d.src[a], d.src[b])
	}
}

// integer returns whether an integer is negative, and its 64 bits in two's complement.
func integer(code byte, payload []byte) (neg bool, bits uint64) {
	switch {
	case code >= 0xe0:
		return true, uint64(int64(int8(code)))
	case len(payload) == 0:
		return false, uint64(code)
	}
	bits = bigEndian(payload)
	if !isSigned(code) {
		return false, bits
	}
	unused := 64 - 8*len(payload)
	signed := int64(bits<<unused) >> unused
	return signed < 0, uint64(signed)
}
