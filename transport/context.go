package transport

import (
	"context"
	"sync"
	"time"
)

// A callCtx is the context of one call or of one handler.
//
// The naive way, context.WithTimeout over a merged context, costs a timer and
// several allocations a call, though most calls end before anybody asks for
// Done. A callCtx is a part of the struct that it serves, knows its deadline, and starts
// its timer and listens to its parents only once Done or AfterFunc is called.
// AfterFunc lets the contexts that users derive from it do without a goroutine.
type callCtx struct {
	parent   context.Context // values, and its end
	also     context.Context // a second source of the end; may be nil
	deadline time.Time
	values   func(key any) any // looked up first; may be nil

	mu       sync.Mutex    // guards the fields below; never held while a parent is called
	done     chan struct{} // made by Done, closed by end, read by whoever waits
	err      error         // set once by end
	timer    *time.Timer
	detach   [2]func() bool
	funcs    map[int]func()
	nextFunc int
}

func (c *callCtx) Deadline() (time.Time, bool) { return c.deadline, true }

func (c *callCtx) Value(key any) any {
	if c.values != nil {
		if v := c.values(key); v != nil {
			return v
		}
	}
	return c.parent.Value(key)
}

func (c *callCtx) Done() <-chan struct{} {
	c.mu.Lock()
	if c.done != nil {
		defer c.mu.Unlock()
		return c.done
	}
	done := make(chan struct{})
	c.done = done
	if c.err != nil {
		close(done)
		c.mu.Unlock()
		return done
	}
	c.timer = time.AfterFunc(time.Until(c.deadline), func() { c.end(context.DeadlineExceeded) })
	c.mu.Unlock()
	c.listen()
	return done
}

// listen follows the parents. A parent that ended already calls end from its own goroutine.
func (c *callCtx) listen() {
	var stop [2]func() bool
	for i, p := range [...]context.Context{c.parent, c.also} {
		if p != nil && p.Done() != nil {
			stop[i] = context.AfterFunc(p, func() { c.end(p.Err()) })
		}
	}
	c.mu.Lock()
	if c.err == nil {
		c.detach = stop
		stop = [2]func() bool{}
	}
	c.mu.Unlock()
	release(stop)
}

func (c *callCtx) Err() error {
	c.mu.Lock()
	err := c.err
	c.mu.Unlock()
	switch {
	case err != nil:
		return err
	case c.parent.Err() != nil:
		c.end(c.parent.Err())
	case c.also != nil && c.also.Err() != nil:
		c.end(c.also.Err())
	case !time.Now().Before(c.deadline):
		c.end(context.DeadlineExceeded)
	default:
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// AfterFunc arranges that f runs once c ends; package context looks for it before it starts a goroutine.
func (c *callCtx) AfterFunc(f func()) func() bool {
	c.Done()
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		go f() // ends by itself; package context holds a lock here that f wants
		return func() bool { return false }
	}
	if c.funcs == nil {
		c.funcs = make(map[int]func())
	}
	id := c.nextFunc
	c.nextFunc++
	c.funcs[id] = f
	c.mu.Unlock()
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, pending := c.funcs[id]
		delete(c.funcs, id)
		return pending
	}
}

// end ends c with err; the first end counts. It frees the timer and the parents.
func (c *callCtx) end(err error) {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return
	}
	c.err = err
	if c.done != nil {
		close(c.done)
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	stop, funcs := c.detach, c.funcs
	c.detach, c.funcs = [2]func() bool{}, nil
	c.mu.Unlock()
	release(stop)
	for _, f := range funcs {
		f()
	}
}

func release(stop [2]func() bool) {
	for _, s := range stop {
		if s != nil {
			s()
		}
	}
}
