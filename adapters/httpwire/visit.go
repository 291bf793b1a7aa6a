package httpwire

import (
	"context"
	"sync"
	"time"
)

// A visitCtx is the ctx of one message that a visitor brings: that of its request,
// with a deadline. Most are answered before anybody asks for Done, so that alone
// starts a timer. Handlers may hold it when the request is over; its end is theirs then.
type visitCtx struct {
	context.Context // of net/http
	n               *node
	deadline        time.Time

	mu    sync.Mutex // guards the fields below
	timed context.Context
	stop  context.CancelFunc
}

// within is the ctx of the visitor's message, which may take so long.
func (v *visit) within(timeout time.Duration) *visitCtx {
	v.ctx.Context, v.ctx.n, v.ctx.deadline = v.r.Context(), v.n, time.Now().Add(timeout+grace)
	return &v.ctx
}

func (c *visitCtx) Deadline() (time.Time, bool) { return c.deadline, true }

func (c *visitCtx) Err() error {
	if err := c.Context.Err(); err != nil {
		return err
	}
	if !time.Now().Before(c.deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

func (c *visitCtx) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timed == nil {
		c.timed, c.stop = context.WithDeadline(c.Context, c.deadline)
	}
	return c.timed.Done()
}

// end frees the timer. The request's own ctx ends with it.
func (c *visitCtx) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stop != nil {
		c.stop()
	}
}

// Await is for the router: it waits by a timer that is used again.
func (c *visitCtx) Await(done <-chan struct{}) error {
	timer := c.n.timer(time.Until(c.deadline))
	defer c.n.timers.Put(timer)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-c.Context.Done():
		return c.Context.Err()
	case <-timer.C:
		return context.DeadlineExceeded
	}
}

func (n *node) timer(d time.Duration) *time.Timer {
	if t, ok := n.timers.Get().(*time.Timer); ok {
		t.Reset(d)
		return t
	}
	return time.NewTimer(d)
}
