// Package reconnect keeps one session with a messaging system alive, for client
// libraries that do not do so themselves.
//
//	Start ─▶ live ──Done──▶ lost: Told(err) ─▶ wait, with jitter ─▶ Dial ─┬─ fails ─▶ wait …
//	          ▲                                                          │
//	          └──────────────────── Told(nil) ◀──────────────────────────┘
//
// Dial makes a session whole, with all bindings in effect, before it returns:
// whoever gets a session from [Supervisor.Get] finds it ready.
package reconnect

import (
	"context"
	"errors"
	"sync"
	"time"
)

// ErrClosed is returned by Get after Close.
var ErrClosed = errors.New("reconnect: the supervisor is closed")

// A Session is one life of a connection, from a successful Dial to its loss.
type Session interface {
	// Done is closed when the session was lost, or closed by its owner.
	Done() <-chan struct{}
	// Err tells why, once Done is closed; never nil then.
	Err() error
}

// A Config says how sessions are made and who is told. Both functions are called
// by the supervisor's goroutine alone, one at a time.
type Config[S Session] struct {
	// Dial makes one attempt. It must return soon after ctx ended, and leave nothing behind when it fails.
	Dial func(ctx context.Context) (S, error)
	// Told hears an error when a session was lost and nil when the next one is live; may be nil.
	Told func(err error)
}

// A Supervisor replaces each lost session by a new one, for ever, with the
// delays of [Backoff]. Its methods may be called concurrently.
type Supervisor[S Session] struct {
	config Config[S]
	cancel context.CancelFunc // ends the wait between attempts and the Dial in progress
	ended  chan struct{}      // closed by run as it returns; Close waits for it

	mu      sync.Mutex // guards the fields below
	current S
	live    bool
	closed  bool
	changed chan struct{} // closed and replaced by set; Get waits on it
}

// Start supervises first, a session that is live already.
func Start[S Session](first S, config Config[S]) *Supervisor[S] {
	ctx, cancel := context.WithCancel(context.Background())
	s := &Supervisor[S]{
		config: config, cancel: cancel, ended: make(chan struct{}),
		current: first, live: true, changed: make(chan struct{}),
	}
	go s.run(ctx, first) // Close waits for it
	return s
}

// Get returns the live session, and waits for one within ctx. It returns none
// that is lost already, also when the supervisor has not noticed yet.
func (s *Supervisor[S]) Get(ctx context.Context) (S, error) {
	var none S
	for {
		s.mu.Lock()
		current, live, closed, changed := s.current, s.live, s.closed, s.changed
		s.mu.Unlock()
		switch {
		case closed:
			return none, ErrClosed
		case live && !lost(current):
			return current, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return none, ctx.Err()
		}
	}
}

func lost(s Session) bool {
	select {
	case <-s.Done():
		return true
	default:
		return false
	}
}

// Current returns the live session, if there is one now.
func (s *Supervisor[S]) Current() (S, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current, s.live && !s.closed
}

// Close ends the supervision at once, whether it watches, waits or dials, and
// returns the last session if that is still live: closing it is up to the caller.
// Told is not called afterwards. It is idempotent.
func (s *Supervisor[S]) Close() (last S, live bool) {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.changed)
	}
	s.mu.Unlock()
	s.cancel()
	<-s.ended
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.current, s.live
}

func (s *Supervisor[S]) run(ctx context.Context, session S) {
	defer close(s.ended)
	var backoff Backoff
	for {
		since := time.Now()
		select {
		case <-session.Done():
		case <-ctx.Done():
			return
		}
		backoff.Connected(since)
		var none S
		s.set(none, false)
		if ctx.Err() != nil {
			return
		}
		s.tell(session.Err())
		var ok bool
		if session, ok = s.redial(ctx, &backoff); !ok {
			return
		}
		s.set(session, true)
		if ctx.Err() != nil {
			return
		}
		s.tell(nil)
	}
}

func (s *Supervisor[S]) redial(ctx context.Context, backoff *Backoff) (session S, ok bool) {
	for {
		wait := time.NewTimer(backoff.Next())
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return session, false
		}
		session, err := s.config.Dial(ctx)
		if err == nil {
			return session, true
		}
	}
}

func (s *Supervisor[S]) set(session S, live bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current, s.live = session, live
	if !s.closed {
		close(s.changed)
		s.changed = make(chan struct{})
	}
}

func (s *Supervisor[S]) tell(err error) {
	if s.config.Told != nil {
		s.config.Told(err)
	}
}
