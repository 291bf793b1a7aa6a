package avrocodec

import (
	"errors"
	"io"
	"math"
)

// What follows reads the bytes of Avro, and trusts none of them.

var (
	errVarint  = errors.New("an integer of more than ten bytes, or beyond 64 bits")
	errInt     = errors.New("an int of more than five bytes, or beyond 32 bits")
	errBoolean = errors.New("a boolean other than 0 and 1")
	errLength  = errors.New("a negative length")
	errBranch  = errors.New("no branch of the writer's union has this index")
	errBlock   = errors.New("a block has a count or a size that is none")
	errSize    = errors.New("a block is not as long as it says")
)

// long reads a long: seven bits a byte, the lowest first, the sign in the lowest bit.
func (d *decoder) long() (int64, error) {
	if d.pos < len(d.src) && d.src[d.pos] < 0x80 {
		u := uint64(d.src[d.pos])
		d.pos++
		return int64(u>>1) ^ -int64(u&1), nil
	}
	return d.longer(10, 1, errVarint)
}

// longer reads at most most bytes, of which the last is at most last.
func (d *decoder) longer(most int, last byte, tooLong error) (int64, error) {
	var u uint64
	for i := range most {
		if d.pos+i >= len(d.src) {
			return 0, io.ErrUnexpectedEOF
		}
		b := d.src[d.pos+i]
		u |= uint64(b&0x7f) << (7 * i)
		if b >= 0x80 {
			continue
		}
		if i == most-1 && b > last {
			return 0, tooLong
		}
		d.pos += i + 1
		return int64(u>>1) ^ -int64(u&1), nil
	}
	return 0, tooLong
}

// number reads an int or a long.
func (d *decoder) number(k kind) (int64, error) {
	if k == isLong {
		return d.long()
	}
	if d.pos < len(d.src) && d.src[d.pos] < 0x80 {
		return d.long()
	}
	return d.longer(5, 0xf, errInt)
}

func (d *decoder) bool() (bool, error) {
	switch {
	case d.pos >= len(d.src):
		return false, io.ErrUnexpectedEOF
	case d.src[d.pos] > 1:
		return false, errBoolean
	}
	d.pos++
	return d.src[d.pos-1] == 1, nil
}

// take returns the next n bytes, which are the input's.
func (d *decoder) take(n int64) ([]byte, error) {
	if n > int64(len(d.src)-d.pos) {
		return nil, io.ErrUnexpectedEOF
	}
	d.pos += int(n)
	return d.src[d.pos-int(n) : d.pos], nil
}

// sized returns the bytes of a string or of bytes, which are the input's.
func (d *decoder) sized() ([]byte, error) {
	n, err := d.long()
	switch {
	case err != nil:
		return nil, err
	case n < 0:
		return nil, errLength
	}
	return d.take(n)
}

// index reads an index below n.
func (d *decoder) index(n int, outside error) (int, error) {
	i, err := d.long()
	switch {
	case err != nil:
		return 0, err
	case i < 0 || i >= int64(n):
		return 0, outside
	}
	return int(i), nil
}

// branch reads which of n branches of a union follows.
func (d *decoder) branch(n int) (int, error) { return d.index(n, errBranch) }

// block reads the head of a block: how many items it has, none after the last
// block, and where it says that it ends, or -1. least is how many bytes an item has
// at least: more items than what is left has room for are refused here, items
// without bytes are left to the limits.
func (d *decoder) block(least int) (count, end int, err error) {
	items, err := d.long()
	if err != nil || items == 0 {
		return 0, -1, err
	}
	end = -1
	if items < 0 {
		size, err := d.long()
		if err != nil {
			return 0, -1, err
		}
		if items == math.MinInt64 || size < 0 {
			return 0, -1, errBlock
		}
		if size > int64(len(d.src)-d.pos) {
			return 0, -1, io.ErrUnexpectedEOF
		}
		items, end = -items, d.pos+int(size)
	}
	if least > 0 && items > int64((len(d.src)-d.pos)/least) {
		return 0, -1, io.ErrUnexpectedEOF
	}
	if items > int64(d.limits.MaxElements) {
		return 0, -1, d.limits.CheckElements(d.limits.MaxElements + 1)
	}
	return int(items), end, nil
}

// empty reports whether the array or map that follows has no block with items:
// nothing is in it, so nothing nests.
func (d *decoder) empty() bool { return d.pos < len(d.src) && d.src[d.pos] == 0 }

// leastItem returns how many bytes an item of an array, or an entry of a map with
// its key, has at least.
func (n *node) leastItem() int {
	if n.kind == isMap {
		return 1 + n.items.least
	}
	return n.items.least
}

// blockEnd fails unless the block ends where it said, if it did.
func (d *decoder) blockEnd(end int) error {
	if end >= 0 && d.pos != end {
		return errSize
	}
	return nil
}

// skip reads a value of which nothing is kept, within the limits: every value
// counts as an element. What it skips is as valid as what is read.
func (d *decoder) skip(n *node) (err error) {
	d.elements++
	if d.elements > d.limits.MaxElements {
		return d.limits.CheckElements(d.elements)
	}
	switch n.kind {
	case isNull:
	case isBoolean:
		_, err = d.bool()
	case isInt, isLong:
		_, err = d.number(n.kind)
	case isFloat:
		_, err = d.take(4)
	case isDouble:
		_, err = d.take(8)
	case isFixed:
		_, err = d.take(int64(n.size))
	case isBytes:
		_, err = d.sized()
	case isString:
		_, err = d.utf8()
	case isEnum:
		_, err = d.index(len(n.symbols), errIndex)
	default:
		err = d.skipNested(n)
	}
	return err
}

func (d *decoder) skipNested(n *node) (err error) {
	if n.kind == isUnion {
		i, err := d.branch(len(n.branches))
		if err != nil {
			return err
		}
		return d.skip(n.branches[i])
	}
	if d.depth++; d.depth > d.limits.MaxDepth && (n.kind == isRecord || !d.empty()) {
		return d.limits.CheckDepth(d.depth)
	}
	if n.kind == isRecord {
		for i := range n.fields {
			if err := d.skip(n.fields[i].node); err != nil {
				return err
			}
		}
	} else {
		err = d.skipBlocks(n)
	}
	d.depth--
	return err
}

func (d *decoder) skipBlocks(n *node) error {
	for {
		count, end, err := d.block(n.leastItem())
		if err != nil || count == 0 {
			return err
		}
		for range count {
			if err := d.skipItem(n); err != nil {
				return err
			}
		}
		if err := d.blockEnd(end); err != nil {
			return err
		}
	}
}

// skipItem reads an item of an array, or a key of a map and what it leads to.
func (d *decoder) skipItem(n *node) error {
	if n.kind == isMap {
		if _, err := d.utf8(); err != nil {
			return err
		}
	}
	return d.skip(n.items)
}
