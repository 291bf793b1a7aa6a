package router

import (
	"context"
	"sync"
	"time"
)

// Timers lends timers to those who wait for a moment. The zero value is ready.
type Timers struct{ pool sync.Pool } // of *time.Timer, stopped

// get lends a timer that fires after d; put takes it back.
func (t *Timers) get(d time.Duration) *time.Timer {
	if timer, ok := t.pool.Get().(*time.Timer); ok {
		timer.Reset(d)
		return timer
	}
	return time.NewTimer(d)
}

func (t *Timers) put(timer *time.Timer) {
	timer.Stop()
	t.pool.Put(timer)
}

// A Bounded is the ctx of one message that a peer brought: that of its request, with
// a deadline. Most are answered before anybody asks for Done, so that alone starts a
// timer of its own. Handlers may hold it when the request is over; its end is theirs then.
type Bounded struct {
	context.Context // of the request
	timers          *Timers
	deadline        time.Time

	mu    sync.Mutex // guards the fields below
	timed context.Context
	stop  context.CancelFunc
}

// Bound makes c parent's, for most from now on. It comes before all other calls, once. The caller calls End.
func (c *Bounded) Bound(parent context.Context, most time.Duration, timers *Timers) {
	c.Context, c.timers, c.deadline = parent, timers, time.Now().Add(most)
}

// Deadline implements [context.Context].
func (c *Bounded) Deadline() (time.Time, bool) { return c.deadline, true }

// Err implements [context.Context]. Once there is a Done it agrees with it, as package context insists: after End it is no nil.
func (c *Bounded) Err() error {
	c.mu.Lock()
	timed := c.timed
	c.mu.Unlock()
	if timed != nil {
		return timed.Err()
	}
	if err := c.Context.Err(); err != nil {
		return err
	}
	if !time.Now().Before(c.deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// Done implements [context.Context].
func (c *Bounded) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timed == nil {
		c.timed, c.stop = context.WithDeadline(c.Context, c.deadline)
	}
	return c.timed.Done()
}

// End frees the timer, if there is one. Whoever waits for Done learns that c is canceled.
func (c *Bounded) End() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop != nil {
		c.stop()
	}
}

// Await waits for done by a timer that is used again. [Router.Request] finds it by assertion.
func (c *Bounded) Await(done <-chan struct{}) error {
	timer := c.timers.get(time.Until(c.deadline))
	defer c.timers.put(timer)
	select {
	case <-done:
		return nil
	case <-c.Context.Done():
		return c.Context.Err()
	case <-timer.C:
		return context.DeadlineExceeded
	}
}
