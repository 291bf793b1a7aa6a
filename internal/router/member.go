package router

import (
	"context"

	"github.com/polywire/polywire/transport"
)

// How many messages of others a caller hands over before a goroutine takes that from it.
const helpAtMost = 256

// A member is one binding's share of a queue. queue.mu guards its fields but the constant ones.
type member struct {
	q      *queue         // constant
	sink   transport.Sink // constant
	credit int            // constant
	inline bool           // constant: the sink runs the handler before it returns
	id     uint64         // constant; for rendezvous

	lane   list          // waiting keyed messages that are this member's
	next   list          // chosen, to be delivered in this order
	open   list          // unsettled
	used   int           // chosen and open ones, at most credit
	busy   bool          // a goroutine delivers next
	queued bool          // in queue.ready; not while busy
	gone   bool          // unbound
	shy    bool          // released its last one, though bound: gets nothing that waits until it accepts one
	idle   chan struct{} // made by unbind, closed by the goroutine that was busy; unbind waits for it
}

// hand gives the sink what is in next, for a member taken from queue.ready, where no
// busy one is. Called with q.mu held, as it returns; the sink is called without it.
func (m *member) hand() {
	if m.inline {
		m.handInline()
		return
	}
	m.busy = true
	m.run(helpAtMost)
}

// run is hand for the one that is busy. After limit messages, while others keep
// adding, it goes on in a goroutine, which Router.Close waits for, so that no caller works for others for ever.
func (m *member) run(limit int) {
	q := m.q
	for n := 0; !m.next.empty(); n++ {
		if n == limit {
			q.r.helpers.Go(func() {
				q.mu.Lock()
				m.run(-1)
				q.deliver()
			})
			return
		}
		d := m.take()
		q.mu.Unlock()
		m.sink.Deliver(d)
		q.mu.Lock()
	}
	m.busy = false
	if m.idle != nil {
		close(m.idle)
		m.idle = nil
	}
}

// handInline runs fresh messages on their callers' goroutines, whatever
// another does. One that had to wait has no caller left: it gets a goroutine,
// for which, as for any handler, nobody waits.
func (m *member) handInline() {
	for !m.next.empty() {
		d := m.take()
		if !d.due.IsZero() {
			go m.deliverLate(d)
			continue
		}
		m.q.mu.Unlock()
		m.sink.Deliver(d)
		m.q.mu.Lock()
	}
}

// deliverLate runs an inline handler, unless the binding was abandoned first.
func (m *member) deliverLate(d *delivery) {
	m.q.mu.Lock()
	abandoned := d.stage != open
	m.q.mu.Unlock()
	if !abandoned {
		m.sink.Deliver(d)
	}
}

// take makes the next delivery an open one.
func (m *member) take() *delivery {
	d := m.next.pop()
	d.stage = open
	m.open.push(d)
	return d
}

// A bound is a binding in effect. It implements [transport.Bound].
type bound struct {
	m       *member
	address string
}

func (b *bound) ReplyAddress() string { return b.address }

// Unbind returns once no Deliver runs, or ctx ended. A sink that runs handlers
// itself (BindInline) may unbind from within one, so there it does not wait.
func (b *bound) Unbind(ctx context.Context) error { return b.m.leave(ctx, nil) }

// An Abandoner is what every binding of a Router is beside a [transport.Bound].
type Abandoner interface {
	// Abandon is Unbind that gives up what is unsettled: it is delivered to nobody,
	// and who waits for an answer is told why.
	Abandon(ctx context.Context, why error) error
}

// Abandon implements [Abandoner].
func (b *bound) Abandon(ctx context.Context, why error) error { return b.m.leave(ctx, why) }

// leave ends the binding. With an error its open deliveries end with that.
func (m *member) leave(ctx context.Context, abandon error) error {
	idle := m.detach(abandon)
	m.q.r.forget(m)
	if idle == nil {
		return nil
	}
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// detach takes m out of its queue. It returns what is closed once no Deliver runs.
func (m *member) detach(abandon error) <-chan struct{} {
	q := m.q
	q.mu.Lock()
	defer q.deliver()
	if abandon != nil {
		for d := m.open.pop(); d != nil; d = m.open.pop() {
			m.used--
			q.unsettled--
			q.unpin(d)
			q.lose(d, abandon)
		}
	}
	if !m.gone {
		m.gone = true
		q.leave(m)
	}
	if !m.busy || m.inline {
		return nil
	}
	if m.idle == nil {
		m.idle = make(chan struct{})
	}
	return m.idle
}
