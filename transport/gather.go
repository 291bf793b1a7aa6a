package transport

import (
	"context"
	"errors"
	"iter"
	"sync"
	"time"
)

// A Result is one answer to a Gather.
type Result struct {
	From    string   // which subscription answered; unique in one Gather
	Message *Message // the answer, which the caller owns; nil when Err is set
	Err     error    // what the subscription's handler failed with
}

// A Gathering collects the answers to one Gather. It ends by itself, also when
// nobody ranges over it. Methods may be called concurrently; each answer is given once.
type Gathering struct {
	conn *Conn
	call *call
	max  int
	wait time.Duration // WithStall; 0 is none

	mu      sync.Mutex // guards the fields below
	results []Result   // not given yet
	seen    map[string]bool
	reason  string        // why it ended; see Reason
	wake    chan struct{} // capacity 1: written by add and end, read by All
	stall   *time.Timer
	unhook  []func() bool
}

// Gather publishes msg and returns a handle that collects the subscriptions'
// answers, one each. An error means that nothing was sent. Without a deadline in
// ctx it collects for 5 s; fewer answers than hoped for is a result, no error.
func (c *Conn) Gather(ctx context.Context, msg *Message, opts ...CallOption) (*Gathering, error) {
	call, err := c.begin(ctx, opGather, msg, opts)
	if err != nil {
		return nil, err
	}
	g := &Gathering{
		conn: c, call: call, max: call.opts.max, wait: call.opts.stall,
		seen: make(map[string]bool), wake: make(chan struct{}, 1),
	}
	if g.max == 0 || g.max > maxGatherReplies {
		g.max = maxGatherReplies
	}
	call.replies = g.add
	g.arm()
	if _, err := c.finish(call, opGather, msg); err != nil && g.Reason() == "" {
		g.end("closed")
		return nil, err
	}
	return g, nil
}

// gatherVia hands a Gather's envelope to the adapter or the correlator.
func (c *Conn) gatherVia(ctx context.Context, e *Envelope, call *call) error {
	if call.replies == nil {
		return CodeInternal.Errorf("outbound middleware changed the operation to gather")
	}
	if c.exchange != nil {
		return c.exchange.Gather(ctx, e, call.replies)
	}
	stop, err := c.replies.gather(ctx, e, call.replies)
	if err == nil {
		context.AfterFunc(call, stop)
	}
	return err
}

// arm sets the timers that end g without anybody's help.
func (g *Gathering) arm() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.unhook = append(g.unhook, context.AfterFunc(g.call, func() {
		if errors.Is(g.call.Err(), context.DeadlineExceeded) {
			g.end("deadline")
		} else {
			g.end("canceled")
		}
	}))
	if g.wait > 0 {
		g.stall = time.AfterFunc(g.wait, func() { g.end("stalled") })
	}
}

// add takes one reply; nil means that no more can come.
func (g *Gathering) add(e *Envelope) {
	if e == nil {
		g.end("complete")
		return
	}
	from := e.Responder
	if from == "" {
		from = e.Source
	}
	if from == "" {
		from = e.ID
	}
	r := Result{From: from}
	r.Message, r.Err = g.conn.received(e)
	for _, change := range g.call.answers {
		if r.Err == nil {
			r.Message, r.Err = change(r.Message)
		}
	}
	if r.Err != nil {
		r.Message = nil
		r.Err = g.conn.fail(opGather, e.Destination, r.Err)
	}
	g.mu.Lock()
	if g.reason != "" || g.seen[from] {
		g.mu.Unlock()
		g.conn.counts.late.Add(1)
		return
	}
	g.seen[from] = true
	g.results = append(g.results, r)
	full := len(g.seen) >= g.max
	if g.stall != nil {
		g.stall.Reset(g.wait)
	}
	g.mu.Unlock()
	g.call.answered(from, r.Err)
	g.signal()
	if full {
		g.end("max")
	}
}

func (g *Gathering) end(reason string) {
	g.mu.Lock()
	if g.reason != "" {
		g.mu.Unlock()
		return
	}
	g.reason = reason
	unhook := g.unhook
	if g.stall != nil {
		g.stall.Stop()
	}
	g.mu.Unlock()
	for _, u := range unhook {
		u()
	}
	g.call.end(context.Canceled)
	g.call.ended(reason)
	g.signal()
}

func (g *Gathering) signal() {
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

// All yields the answers as they come, until the Gathering has ended and all are given.
// Leaving the loop early keeps the rest for a later one; Close gives up.
func (g *Gathering) All() iter.Seq[Result] {
	return func(yield func(Result) bool) {
		for {
			r, ok, over := g.next()
			switch {
			case ok:
				if !yield(r) {
					return
				}
			case over:
				g.signal() // for another that ranges
				return
			default:
				<-g.wake
			}
		}
	}
}

func (g *Gathering) next() (r Result, ok, over bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.results) == 0 {
		return r, false, g.reason != ""
	}
	r, g.results = g.results[0], g.results[1:]
	return r, true, false
}

// Reason tells why the Gathering ended: "complete" when every responder known
// has answered, "max" at WithMax, "stalled" at WithStall, "deadline", "canceled" when ctx or the
// Conn ended, "closed" after Close; "" while it goes on.
func (g *Gathering) Reason() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.reason
}

// Close ends the Gathering; answers that came already can still be ranged over.
func (g *Gathering) Close() { g.end("closed") }
