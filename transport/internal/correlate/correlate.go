// Package correlate matches replies with the calls that wait for them.
//
//	caller  ── Add(call) → id ──▶ the wire carries id ──▶ the replier echoes it
//	caller  ◀── Get/Take(id) ─── reply ◀──────────────────┘
//
// An id is 128 random bits, so a peer can neither guess nor reuse another
// caller's; what arrives with an unknown id has no taker, and the caller of Take drops it.
package correlate

import (
	"crypto/rand"
	"encoding/hex"
	"sync"
)

// A Table holds the calls in flight. The zero value is ready; methods may be called concurrently.
type Table[T any] struct {
	ids     Source
	mu      sync.Mutex   // guards waiting
	waiting map[string]T // by id; whoever deletes an entry owns the call's end
}

// Add puts a call into the table and returns its new id.
func (t *Table[T]) Add(call T) string {
	id := t.ids.ID()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.waiting == nil {
		t.waiting = make(map[string]T)
	}
	t.waiting[id] = call
	return id
}

// Get finds a call and leaves it in the table, for calls with many replies.
func (t *Table[T]) Get(id string) (T, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	call, ok := t.waiting[id]
	return call, ok
}

// Take removes a call and returns it; of many that race for one id, one gets it.
func (t *Table[T]) Take(id string) (T, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	call, ok := t.waiting[id]
	delete(t.waiting, id)
	return call, ok
}

// TakeAll empties the table, as when the connection that would bring the replies is lost.
func (t *Table[T]) TakeAll() []T {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]T, 0, len(t.waiting))
	for _, call := range t.waiting {
		all = append(all, call)
	}
	clear(t.waiting)
	return all
}

// Len is the number of calls in flight.
func (t *Table[T]) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiting)
}

// A Source makes unguessable ids. It makes a page of them at once, whose ids are
// cut from one string: a read of the system's randomness and an allocation for each
// would cost more than all else of a call. An id that is kept holds its page, 512 bytes. The zero value is ready.
type Source struct {
	mu   sync.Mutex // guards page
	page string     // ids not given out yet
}

const (
	idBytes = 16
	idChars = 2 * idBytes
	pageIDs = 16
)

// ID returns 32 lower-case hexadecimal digits.
func (s *Source) ID() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.page == "" {
		s.page = newPage()
	}
	id := s.page[:idChars]
	s.page = s.page[idChars:]
	return id
}

func newPage() string {
	var random [pageIDs * idBytes]byte
	var text [pageIDs * idChars]byte
	rand.Read(random[:]) // never fails, by its contract
	hex.Encode(text[:], random[:])
	return string(text[:])
}
