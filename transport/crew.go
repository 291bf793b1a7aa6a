package transport

import "sync"

// A crew is a Conn's idle goroutines, for bindings that have work.
//
// A goroutine per burst of messages would do, but each starts with a small
// stack, which the first handler makes grow: that costs more than all else of
// a delivery in process. So a worker whose binding has nothing left waits here for
// the next one. Few wait, whatever was at work before.
type crew struct {
	mu     sync.Mutex      // guards the fields below
	idle   []chan *binding // one for each goroutine that waits: capacity 1, written by whoever takes it from here, read by the goroutine, never closed; the last is warmest
	closed bool            // nobody waits any more
	ended  sync.WaitGroup  // those sent away and not gone yet; close waits for them
}

// mostIdle is how many goroutines an idle Conn keeps: enough for callers that come one after the other.
const mostIdle = 2

// work has a goroutine of the crew, or a new one, work for b.
func (c *crew) work(b *binding) {
	c.mu.Lock()
	n := len(c.idle)
	if n == 0 {
		c.mu.Unlock()
		go b.serve() // ends with the work while mostIdle wait, or by close; Drain waits for what it handles by conn.working
		return
	}
	next := c.idle[n-1]
	c.idle = c.idle[:n-1]
	c.mu.Unlock()
	next <- b
}

// serve is a goroutine of the crew. A handler that calls runtime.Goexit ends it; see binding.work.
func (c *crew) serve(b *binding) {
	var next chan *binding
	for {
		b.work()
		if next = c.rest(next); next == nil {
			return
		}
		if b = <-next; b == nil {
			c.ended.Done()
			return
		}
	}
}

// rest puts next, made at the first time, among the idle ones; nil when there are enough.
func (c *crew) rest(next chan *binding) chan *binding {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || len(c.idle) == mostIdle {
		return nil
	}
	if next == nil {
		next = make(chan *binding, 1)
	}
	c.idle = append(c.idle, next)
	return next
}

// close sends the idle ones away and waits until they are gone. Those at work follow when they are done.
func (c *crew) close() {
	c.mu.Lock()
	c.closed = true
	idle := c.idle
	c.idle = nil
	c.mu.Unlock()
	c.ended.Add(len(idle))
	for _, next := range idle {
		next <- nil
	}
	c.ended.Wait()
}
