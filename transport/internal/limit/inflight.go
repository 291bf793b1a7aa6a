package limit

import (
	"context"
	"sync"
)

// An Inflight counts work in progress and lets one wait, within a ctx, until
// there is none; sync.WaitGroup cannot be given up. The zero value is ready.
type Inflight struct {
	mu   sync.Mutex // guards the fields below
	n    int
	zero chan struct{} // closed by Done when n falls to 0, read by Wait; nil while nobody waits
}

// Add counts one more.
func (i *Inflight) Add() {
	i.mu.Lock()
	i.n++
	i.mu.Unlock()
}

// Done counts one less.
func (i *Inflight) Done() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.n--
	if i.n == 0 && i.zero != nil {
		close(i.zero)
		i.zero = nil
	}
}

// Len is the number in progress.
func (i *Inflight) Len() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.n
}

// Wait returns nil once nothing is in progress, or ctx's error.
func (i *Inflight) Wait(ctx context.Context) error {
	for {
		i.mu.Lock()
		if i.n == 0 {
			i.mu.Unlock()
			return nil
		}
		if i.zero == nil {
			i.zero = make(chan struct{})
		}
		zero := i.zero
		i.mu.Unlock()
		select {
		case <-zero:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
