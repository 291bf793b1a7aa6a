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

	mu    sync.Mutex // guards the fields below; never held while a parent is called
	err   error      // set once by end
	watch *watch     // made by Done
}

// A watch is what a callCtx needs once somebody waits for its end. callCtx.mu guards it.
type watch struct {
	done     chan struct{} // closed by end, read by whoever waits
	timer    *time.Timer
	detach   [2]func() bool
	funcs    map[int]func()
	nextFunc int
}

func (c *callCtx) Deadline() (time.Time, bool) { return c.deadline, true }

func (c *callCtx) Value(key any) any { return c.parent.Value(key) }

func (c *callCtx) Done() <-chan struct{} {
	c.mu.Lock()
	if c.watch != nil {
		defer c.mu.Unlock()
		return c.watch.done
	}
	w := &watch{done: make(chan struct{})}
	c.watch = w
	if c.err != nil {
		close(w.done)
		c.mu.Unlock()
		return w.done
	}
	w.timer = time.AfterFunc(time.Until(c.deadline), func() { c.end(context.DeadlineExceeded) })
	c.mu.Unlock()
	c.listen(w)
	return w.done
}

// listen follows the parents. A parent that ended already calls end from its own goroutine.
func (c *callCtx) listen(w *watch) {
	var stop [2]func() bool
	for i, p := range [...]context.Context{c.parent, c.also} {
		if p != nil && p.Done() != nil {
			stop[i] = context.AfterFunc(p, func() { c.end(p.Err()) })
		}
	}
	c.mu.Lock()
	if c.err == nil {
		w.detach = stop
		stop = [2]func() bool{}
	}
	c.mu.Unlock()
	release(stop)
}

func (c *callCtx) Err() error {
	c.mu.Lock()
	err := c.err
	c.mu.Unlock()
	if err != nil {
		return err
	}
	if err = c.ending(time.Now()); err != nil {
		c.end(err)
		c.mu.Lock()
		defer c.mu.Unlock()
		return c.err
	}
	return nil
}

// ending is what c is to end with at that time; nil while it is to live.
func (c *callCtx) ending(now time.Time) error {
	if err := c.parent.Err(); err != nil {
		return err
	}
	if c.also != nil {
		if err := c.also.Err(); err != nil {
			return err
		}
	}
	if !now.Before(c.deadline) {
		return context.DeadlineExceeded
	}
	return nil
}

// AfterFunc arranges that f runs once c ends; package context looks for it before it starts a goroutine.
func (c *callCtx) AfterFunc(f func()) func() bool {
	c.Done()
	c.mu.Lock()
	w := c.watch
	if c.err != nil {
		c.mu.Unlock()
		go f() // ends by itself; package context holds a lock here that f wants
		return func() bool { return false }
	}
	if w.funcs == nil {
		w.funcs = make(map[int]func())
	}
	id := w.nextFunc
	w.nextFunc++
	w.funcs[id] = f
	c.mu.Unlock()
	return func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		_, pending := w.funcs[id]
		delete(w.funcs, id)
		return pending
	}
}

// end ends c with err; the first end counts. It frees the timer and the parents,
// and reports whether anybody asked for Done, and so may still hold c.
func (c *callCtx) end(err error) (watched bool) {
	c.mu.Lock()
	w := c.watch
	if c.err != nil || w == nil {
		if c.err == nil {
			c.err = err
		}
		c.mu.Unlock()
		return w != nil
	}
	c.err = err
	close(w.done)
	if w.timer != nil {
		w.timer.Stop()
	}
	stop, funcs := w.detach, w.funcs
	w.detach, w.funcs = [2]func() bool{}, nil
	c.mu.Unlock()
	release(stop)
	for _, f := range funcs {
		f()
	}
	return true
}

func release(stop [2]func() bool) {
	for _, s := range stop {
		if s != nil {
			s()
		}
	}
}
