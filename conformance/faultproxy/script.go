package faultproxy

import "time"

// A Direction is one way through the proxy.
type Direction int

// Up is from the client to the server, Down is back.
const (
	Up Direction = iota
	Down
)

func (d Direction) String() string {
	if d == Up {
		return "up"
	}
	return "down"
}

// An Action is what a [Fault] does to its connection.
type Action int

const (
	// Close ends both sides in order: what went before the fault arrives, then the end.
	Close Action = iota
	// Reset ends both sides by a TCP reset. What went just before may be lost with it.
	Reset
	// Swallow passes nothing on any more, this way, and goes on to read: a peer that is gone without a word.
	Swallow
	// Corrupt changes the byte at the offset by Fault.Mask and goes on.
	Corrupt
	// Replace says Fault.Data in place of what the source says from there on, and then ends both
	// sides in order: a server, or a client, that turns hostile in the middle.
	Replace
)

func (a Action) String() string {
	return [...]string{"close", "reset", "swallow", "corrupt", "replace"}[a]
}

// A Fault happens once, at a byte of one direction.
type Fault struct {
	At   int64  // so many bytes pass unharmed; 0 is before the first, which need not have come
	Do   Action // what then happens
	Mask byte   // of Corrupt: the bits that change; 0 is all of them

	Data   []byte // of Replace; the proxy only reads it
	Repeat []byte // of Replace: said after Data again and again, until the connection ends; nil is nothing
}

// A Flow is one direction of one connection. The zero value passes all bytes
// as they come.
type Flow struct {
	Faults []Fault       // in the order of their offsets
	Slice  int           // bytes of each write; 0 is as they come
	Delay  time.Duration // before each write
	Jitter time.Duration // adds up to as much to Delay, by the seed
	Rate   int           // bytes a second; 0 is as fast as they come
}

// A Script says what happens to one connection. The zero value changes nothing.
type Script struct {
	Up, Down  Flow
	BlackHole bool // accepts, reads everything, and never answers; nobody is dialled
	Duplicate bool // also says what the client says to a second upstream connection, whose answers are dropped
}

// Always is the same script for every connection.
func Always(s Script) func(n int) Script { return func(int) Script { return s } }
