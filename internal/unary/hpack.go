package unary

import "hash/maphash"

// An encoder writes header blocks (RFC 7541). It puts into the table what it sees again, and never what differs each
// time: that would cost both ends an entry for each call. It uses no Huffman code, which costs both ends more than its bytes do.
// Appending with an encoder is for one goroutine at a time, and blocks go out in the order in which they were made.
type encoder struct {
	seed   maphash.Seed
	exact  map[field]uint64  // numbers of entries, in the order of their making
	names  map[string]uint64 // the last entry of each name
	table  []field           // from the oldest, whose number is first
	first  uint64
	size   int
	most   int // of size, which the decoder was told
	told   bool
	lowest int         // of what most was since the last block, which the decoder has to hear of
	seen   [128]uint64 // hashes of what went by, by themselves
}

type field struct{ name, value string }

const (
	entrySize = 32 // of a table beside name and value
	tableSize = 4096
	staticTop = 61
)

func (f field) size() int { return len(f.name) + len(f.value) + entrySize }

func newEncoder() *encoder {
	return &encoder{seed: maphash.MakeSeed(), exact: map[field]uint64{}, names: map[string]uint64{}, most: tableSize, lowest: tableSize, told: true}
}

// resize follows the decoder's word of how large its table may be.
func (e *encoder) resize(n uint32) {
	e.most = int(min(n, tableSize))
	e.lowest, e.told = min(e.lowest, e.most), false
	e.evict(0)
}

// begin writes what comes before the fields of a block.
func (e *encoder) begin(b []byte) []byte {
	if e.told {
		return b
	}
	if e.lowest < e.most {
		// The smaller size is to be said as well (section 4.2), but x/net's decoder, as grpc-go has it, takes a second
		// one only where its table is empty by then: 0 makes it so.
		e.evict(e.most)
		b = append(b, 0x20)
	}
	b = appendInt(b, 0x20, 5, uint64(e.most)) //nolint:gosec // up to tableSize
	e.told, e.lowest = true, e.most
	return b
}

// put appends one field to a block.
func (e *encoder) put(b []byte, name, value string) []byte {
	f := field{name, value}
	if number, ok := e.exact[f]; ok {
		return appendInt(b, 0x80, 7, e.index(number))
	}
	index := staticIndex(name)
	if number, ok := e.names[name]; ok {
		index = e.index(number)
	}
	if e.worth(f, index) {
		b = appendLiteral(appendInt(b, 0x40, 6, index), index, f)
		e.insert(f)
		return b
	}
	return appendLiteral(appendInt(b, 0, 4, index), index, f)
}

// worth reports whether f is to have an entry: it went by lately, or its name did, for which there is no index yet.
func (e *encoder) worth(f field, index uint64) bool {
	if f.size() > e.most/4 {
		return false
	}
	name := maphash.String(e.seed, f.name)
	return e.again(name*31+maphash.String(e.seed, f.value)) || index == 0 && e.again(name)
}

func (e *encoder) again(hash uint64) bool {
	slot := &e.seen[hash%uint64(len(e.seen))]
	again := *slot == hash
	*slot = hash
	return again
}

func (e *encoder) insert(f field) {
	e.evict(f.size())
	number := e.first + uint64(len(e.table))
	e.table = append(e.table, f)
	e.exact[f], e.names[f.name] = number, number
	e.size += f.size()
}

// evict makes room for so many bytes, as the decoder does.
func (e *encoder) evict(room int) {
	n := 0
	for e.size+room > e.most && n < len(e.table) {
		f := e.table[n]
		if e.exact[f] == e.first {
			delete(e.exact, f)
		}
		if e.names[f.name] == e.first {
			delete(e.names, f.name)
		}
		e.size -= f.size()
		e.first++
		n++
	}
	e.table = append(e.table[:0], e.table[n:]...)
}

// index is that of an entry by its number: the newest comes first.
func (e *encoder) index(number uint64) uint64 {
	return staticTop + e.first + uint64(len(e.table)) - number
}

// staticIndex finds the names that every call has; 0 is none.
func staticIndex(name string) uint64 {
	switch name {
	case ":authority":
		return 1
	case ":path":
		return 4
	case "authorization":
		return 23
	case "content-type":
		return 31
	case "user-agent":
		return 58
	}
	return 0
}

// appendLiteral writes what follows index: the name where that is 0, and the value.
func appendLiteral(b []byte, index uint64, f field) []byte {
	if index == 0 {
		b = append(appendInt(b, 0, 7, uint64(len(f.name))), f.name...)
	}
	return append(appendInt(b, 0, 7, uint64(len(f.value))), f.value...)
}

// appendInt writes an integer with a prefix of so many bits, after those of pattern (RFC 7541, section 5.1).
func appendInt(b []byte, pattern byte, bits uint, n uint64) []byte {
	top := uint64(1)<<bits - 1
	if n < top {
		return append(b, pattern|byte(n))
	}
	b = append(b, pattern|byte(top))
	for n -= top; n >= 0x80; n >>= 7 {
		b = append(b, byte(n)|0x80) //nolint:gosec // the low bits
	}
	return append(b, byte(n))
}
