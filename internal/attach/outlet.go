// Package attach is what nodes of wires without a broker share of subscriptions and handlers that
// are attached from another process, whatever carries them.
//
//	home:       router ─▶ Outlet ══ the wire's stream ══▶ Inlet ─▶ Binding ─▶ sink   :attached process
//	                        ◀═══ settlements, answers ═══
//
// An [Outlet] is a binding of the home's router whose messages go out by a
// stream; an [Inlet] is the other end of that stream. A [Node] keeps links to the
// homes alive, and puts each [Binding] into effect again at a home that was away.
package attach

import (
	"context"
	"sync"

	"github.com/polywire/polywire/transport"
)

// An Outlet is a sink whose deliveries leave by a stream. It implements [transport.Sink].
//
// The visitor is told a number with each message, and settles and answers by it.
type Outlet struct {
	mu    sync.Mutex // guards the fields below
	last  uint64
	open  map[uint64]*held
	queue []Item
	wake  chan struct{} // room for one; written by signal, read by the stream
	stop  bool          // the visitor wants no more; over once nothing is open
	over  bool
}

// A held delivery is one that the visitor has not settled and answered.
type held struct {
	d       transport.Delivery
	wanted  bool // an answer is
	settled bool
	unwatch func() bool
}

// An Item waits to be written: a message, or, without a Delivery, the word that the caller of message N gave up.
type Item struct {
	N        uint64
	Delivery transport.Delivery
}

// A Settlement is what an attached process tells of the messages that it got, and its form in JSON.
type Settlement struct {
	Accept  []uint64 `json:"accept,omitempty"`
	Release []uint64 `json:"release,omitempty"`
	Silent  []uint64 `json:"silent,omitempty"` // no answer will be given
	Stop    bool     `json:"stop,omitempty"`   // no more messages are wanted
}

// Empty reports whether s tells nothing.
func (s *Settlement) Empty() bool {
	return len(s.Accept)+len(s.Release)+len(s.Silent) == 0 && !s.Stop
}

// NewOutlet makes an Outlet.
func NewOutlet() *Outlet {
	return &Outlet{open: map[uint64]*held{}, wake: make(chan struct{}, 1)}
}

// Wake receives when there is something for Take.
func (o *Outlet) Wake() <-chan struct{} { return o.wake }

// Take returns what is to be written, and whether nothing comes after it.
func (o *Outlet) Take() (items []Item, over bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	items = o.queue
	o.queue = nil
	return items, o.over || o.stop && len(o.open) == 0
}

// Deliver queues a message for the visitor, which the binding's credit bounds.
func (o *Outlet) Deliver(d transport.Delivery) {
	h := &held{d: d, wanted: d.Envelope().ReplyAddress != ""}
	o.mu.Lock()
	if o.over {
		o.mu.Unlock()
		giveBack(h)
		return
	}
	o.last++
	n := o.last
	o.open[n] = h
	o.queue = append(o.queue, Item{N: n, Delivery: d})
	if c, ok := d.(interface{ Context() context.Context }); ok && h.wanted {
		h.unwatch = context.AfterFunc(c.Context(), func() { o.cancelled(n) })
	}
	o.mu.Unlock()
	o.signal()
}

// Lost is never called by a router.
func (o *Outlet) Lost(error) {}

func (o *Outlet) signal() {
	select {
	case o.wake <- struct{}{}:
	default:
	}
}

// cancelled tells the visitor that nobody waits for its answer any more.
func (o *Outlet) cancelled(n uint64) {
	o.mu.Lock()
	h := o.open[n]
	if h != nil {
		h.wanted = false
		if h.settled {
			delete(o.open, n)
		}
		o.queue = append(o.queue, Item{N: n})
	}
	o.mu.Unlock()
	o.signal()
}

// done settles a message; ErrStale when it was before.
func (o *Outlet) done(n uint64, release bool) error {
	o.mu.Lock()
	h := o.open[n]
	if h == nil || h.settled {
		o.mu.Unlock()
		return transport.ErrStale
	}
	h.settled = true
	if release {
		h.wanted = false // whoever gets it next answers
	}
	o.forget(n, h)
	o.mu.Unlock()
	o.signal()
	if release {
		return h.d.Release(context.Background())
	}
	return h.d.Accept(context.Background())
}

// forget drops what is settled and answered. mu is held.
func (o *Outlet) forget(n uint64, h *held) {
	if !h.settled || h.wanted {
		return
	}
	delete(o.open, n)
	if h.unwatch != nil {
		h.unwatch()
	}
}

// Answer gives the one answer to message n; nil says that there will be none. ErrStale when nobody waits for it.
func (o *Outlet) Answer(n uint64, e *transport.Envelope) error {
	o.mu.Lock()
	h := o.open[n]
	if h == nil || !h.wanted {
		o.mu.Unlock()
		return transport.ErrStale
	}
	h.wanted = false
	o.forget(n, h)
	o.mu.Unlock()
	o.signal()
	return h.d.Reply(context.Background(), e)
}

func (o *Outlet) silent(n uint64) { _ = o.Answer(n, nil) } // none was wanted, then

// Apply does what the visitor tells. After Stop the caller ends the binding's deliveries first.
func (o *Outlet) Apply(s *Settlement) {
	for _, n := range s.Silent {
		o.silent(n)
	}
	for _, n := range s.Accept {
		_ = o.done(n, false) // stale is harmless
	}
	for _, n := range s.Release {
		_ = o.done(n, true)
	}
	if s.Stop {
		o.mu.Lock()
		o.stop = true
		o.mu.Unlock()
		o.signal()
	}
}

// End gives back what the visitor left, once no more is delivered. A request may have run, so it fails; nobody else gets it.
func (o *Outlet) End() {
	o.mu.Lock()
	o.over = true
	open := o.open
	o.open = nil
	o.mu.Unlock()
	for _, h := range open {
		if h.unwatch != nil {
			h.unwatch()
		}
		giveBack(h)
	}
}

// GiveBack settles a delivery that nobody has settled or answered, as End does.
func GiveBack(d transport.Delivery) {
	giveBack(&held{d: d, wanted: d.Envelope().ReplyAddress != ""})
}

func giveBack(h *held) {
	ctx := context.Background()
	e := h.d.Envelope()
	if h.wanted {
		var lost *transport.Envelope
		if !e.Gather {
			lost = &transport.Envelope{Err: transport.CodeUnavailable.Errorf("the handler's connection was lost before it answered")}
		}
		_ = h.d.Reply(ctx, lost) // stale when its caller is gone
	}
	switch {
	case h.settled:
	case e.ReplyAddress != "":
		_ = h.d.Accept(ctx)
	default:
		_ = h.d.Release(ctx)
	}
}
