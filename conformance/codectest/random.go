package codectest

import (
	"hash/fnv"
	"strings"
)

// random is SplitMix64: the same numbers whatever the version of Go, which
// package math/rand does not promise of all its methods.
type random struct{ state uint64 }

// newRandom returns a sequence of its own for each name.
func newRandom(name string) *random {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // never fails
	return &random{h.Sum64()}
}

func (r *random) next() uint64 {
	r.state += 0x9e3779b97f4a7c15
	z := r.state
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// below returns a number from 0 to n-1. Its bias is of no account for n below 2^48.
func (r *random) below(n int64) uint64 { return r.next() >> 1 % uint64(n) }

func (r *random) pick(of ...string) string { return of[r.below(int64(len(of)))] }

func (r *random) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.next() >> 32)
	}
	return b
}

func (r *random) word() string {
	return r.pick("the", "driver", "waits", "at", "door", "ring", "twice", "leave", "parcel", "with", "neighbour", "street", "is", "closed",
		"please", "call", "before", "arriving", "gate", "code", "behind", "garden", "second", "floor", "left", "no", "bell", "quiet", "dog")
}

func (r *random) sentence(words int) string {
	var b strings.Builder
	for i := range words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(r.word())
	}
	return b.String()
}
