package inproc

import (
	"hash/fnv"
	"math/rand/v2"
	"time"

	"github.com/polywire/polywire/transport"
)

// A stream is what has a sequence of fates of its own.
type stream struct {
	style       string
	destination string
}

// A fate is what befalls one message.
type fate struct {
	fail, drop, duplicate, reorder bool
	delay                          time.Duration
}

// fates draws them. Each is a function of the seed, the stream and the message's
// number in it alone, so that concurrency elsewhere changes none. Not safe for concurrent use.
type fates struct {
	faults *Faults
	next   map[stream]uint64
}

func (s *fates) draw(of stream) fate {
	f := s.faults
	if f.Only != "" && !transport.Match(f.Only, of.destination) {
		return fate{}
	}
	n := s.next[of]
	s.next[of] = n + 1
	h := fnv.New64a()
	_, _ = h.Write([]byte(of.style + " " + of.destination)) // never fails
	rng := rand.New(rand.NewPCG(f.Seed^h.Sum64(), n))
	// Always as many numbers, so that raising one chance leaves the others' fates alone.
	out := fate{
		fail: rng.Float64() < f.Fail, drop: rng.Float64() < f.Drop,
		duplicate: rng.Float64() < f.Duplicate, reorder: rng.Float64() < f.Reorder,
	}
	if d := rng.Float64(); f.Delay > 0 {
		out.delay = time.Duration(d * float64(f.Delay))
	}
	return out
}
