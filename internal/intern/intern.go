// Package intern keeps one copy of a string that is read again and again.
//
// It promises that what it returns equals what it was given and shares no memory
// with it, and that a cache never grows.
package intern

import "encoding/binary"

// A Cache remembers short strings, each at the place its hash gives it: a
// service reads the same names and states again and again. A miss costs what
// no cache would cost. It is bounded at 512 strings of 64 bytes and holds
// copies, never input. It is for one goroutine at a time; the zero value is ready.
type Cache [512]string

// Get returns b as a string, which it makes no more than once while it remembers it.
func (c *Cache) Get(b []byte) string {
	const shortest, longest = 2, 64 // the runtime keeps one-byte strings itself
	if len(b) < shortest || len(b) > longest {
		return string(b)
	}
	slot := &c[hash(b)%uint64(len(c))]
	if *slot != string(b) {
		*slot = string(b)
	}
	return *slot
}

// hash mixes the length and both ends of b, which has at least two bytes. It
// need not resist an adversary: a collision costs one allocation.
func hash(b []byte) uint64 {
	const odd1, odd2 = 0x9e3779b97f4a7c15, 0xc2b2ae3d27d4eb4f
	var head, tail uint64
	switch n := len(b); {
	case n >= 8:
		head, tail = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
	case n >= 4:
		head, tail = uint64(binary.LittleEndian.Uint32(b)), uint64(binary.LittleEndian.Uint32(b[n-4:]))
	default:
		head, tail = uint64(binary.LittleEndian.Uint16(b)), uint64(b[n-1])
	}
	h := (head ^ uint64(len(b))) * odd1
	h = (h ^ h>>32 ^ tail) * odd2
	return h >> 40
}
