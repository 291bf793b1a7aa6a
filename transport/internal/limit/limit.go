// Package limit holds the bounds that keep a Conn's memory finite.
package limit

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// ErrFull is returned by Wait when too many wait already.
var ErrFull = errors.New("too many calls wait for the connection already")

// ErrShut is returned by Wait when the caller would not wait.
var ErrShut = errors.New("not connected")

// A Gate lets callers pass while it is open, and keeps a bounded number of them
// waiting, by count and by the bytes they hold, while it is shut.
type Gate struct {
	maxWaiters int
	maxBytes   int64

	shut    atomic.Bool   // opened is not nil; written with mu held
	mu      sync.Mutex    // guards the fields below
	opened  chan struct{} // closed by Open, read by Wait; nil while the gate is open
	waiters int
	bytes   int64
}

// NewGate returns an open gate with its bounds.
func NewGate(maxWaiters int, maxBytes int64) *Gate {
	return &Gate{maxWaiters: maxWaiters, maxBytes: maxBytes}
}

// Shut makes later callers of Wait wait.
func (g *Gate) Shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened == nil {
		g.opened = make(chan struct{})
		g.shut.Store(true)
	}
}

// Open lets all pass.
func (g *Gate) Open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened != nil {
		close(g.opened)
		g.opened = nil
		g.shut.Store(false)
	}
}

// IsOpen reports whether Wait would return at once.
func (g *Gate) IsOpen() bool {
	return !g.shut.Load()
}

// Wait returns nil when the gate is open, at the latest when ctx ends. With
// patient unset it fails at once where it would wait.
func (g *Gate) Wait(ctx context.Context, size int, patient bool) error {
	if !g.shut.Load() {
		return nil
	}
	g.mu.Lock()
	opened := g.opened
	if opened == nil {
		g.mu.Unlock()
		return nil
	}
	if !patient {
		g.mu.Unlock()
		return ErrShut
	}
	if g.waiters >= g.maxWaiters || g.bytes+int64(size) > g.maxBytes {
		g.mu.Unlock()
		return ErrFull
	}
	g.waiters++
	g.bytes += int64(size)
	g.mu.Unlock()
	defer g.leave(size)
	select {
	case <-opened:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *Gate) leave(size int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiters--
	g.bytes -= int64(size)
}
