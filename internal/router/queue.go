package router

import (
	"context"
	"sync"
	"time"

	"github.com/polywire/polywire/transport"
)

// A queue holds the messages of one destination, group or lone subscription,
// and the members that share them.
//
// The naive queue has a goroutine that moves messages to members. Here whoever
// makes a message deliverable (the sender that finds credit, the handler whose
// settlement frees some) calls the sink itself, so that a message costs no
// hand-over and an idle queue no goroutine. Per member one goroutine at a time
// does so (member.busy), others leave theirs in member.next: that keeps the order.
//
// Lock order: table.mu and Router.mu before queue.mu. Sinks and answers are called with none held.
type queue struct {
	r     *Router
	kind  transport.Kind
	name  string // destination, pattern or reply address
	group string
	id    uint64 // for rendezvous among queues of one group
	slot  int    // index in leaf.lone; table.mu guards it

	reader Reader // constant: the one member's sink, where it is one; nil in groups

	mu        sync.Mutex // guards the fields below
	members   []*member
	shared    list            // waiting for any member
	blocked   list            // their senders wait for room
	pins      map[string]*pin // keys that stay where they are, see pin
	ready     []*member       // have something in next, and nobody busy with it
	lost      []lost          // told once mu is free
	count     int             // waiting messages
	bytes     int             // their weight
	unsettled int             // chosen and open ones, of gone members too
	seq       uint64
	turn      int
	idle      bool // deliver is to call Router.reap
	dead      bool // out of the tables; never used again
}

type lost struct {
	d   *delivery
	err error
}

// What became of an offered message.
type outcome uint8

const (
	accepted outcome = iota
	full             // refused
	parked           // blocked: await it
	unbound          // the queue has no members
	stale            // look the queue up again
)

// offer takes d: to a member with credit, to wait, or, when there is no room,
// to block its sender if wait is set.
func (q *queue) offer(d *delivery, wait bool) outcome {
	q.mu.Lock()
	defer q.deliver()
	if got := q.enter(d); got != parked {
		return got
	}
	d.size = weigh(d.env)
	d.due = expiry(d.env)
	switch {
	case q.blocked.empty() && q.fits(d):
		q.wait(d)
		return accepted
	case !wait:
		return full
	}
	d.stage, d.room = blocked, make(chan error, 1)
	q.blocked.push(d)
	return parked
}

// tryOffer is offer if a member has credit; it leaves d alone, and says parked, if it would have to wait.
func (q *queue) tryOffer(d *delivery) outcome {
	q.mu.Lock()
	defer q.deliver()
	return q.enter(d)
}

// enter gives d to a member with credit, or says parked where it must wait.
func (q *queue) enter(d *delivery) outcome {
	switch {
	case q.dead:
		return stale
	case len(q.members) == 0:
		return unbound
	}
	q.seq++
	d.q, d.seq = q, q.seq
	if q.blocked.empty() && q.start(d) {
		return accepted
	}
	return parked
}

// await blocks the sender of a parked d until it is taken or ctx ends.
func (q *queue) await(ctx context.Context, d *delivery) error {
	select {
	case err := <-d.room:
		if err == nil && ctx.Err() != nil { // it was let in after the sender had given up
			q.withdraw(d)
			err = ctx.Err()
		}
		return err
	case <-ctx.Done():
		q.withdraw(d)
		return ctx.Err()
	}
}

// withdraw takes d back if no sink has it yet.
func (q *queue) withdraw(d *delivery) {
	q.mu.Lock()
	defer q.deliver()
	for d.after != nil {
		d = d.after
	}
	switch d.stage {
	case blocked:
		q.blocked.remove(d)
		d.stage = done
	case waiting:
		q.unwait(d)
		q.unpin(d)
		d.stage = done
		q.admit()
	}
	q.reapSoon()
}

// fits reports whether d may wait. A message above the bound in bytes may when it is alone.
func (q *queue) fits(d *delivery) bool {
	o := &q.r.options
	return q.count == 0 || q.count < o.Messages && q.bytes+d.size <= o.Bytes
}

// start gives d to a member that has credit now; false when it must wait.
func (q *queue) start(d *delivery) bool {
	m := q.choose(d)
	if m == nil || m.used >= m.credit || !m.lane.empty() {
		return false
	}
	q.give(m, d)
	return true
}

// give makes d the next delivery of m, which has credit.
func (q *queue) give(m *member, d *delivery) {
	q.pinTo(m, d)
	d.stage, d.to = chosen, m
	m.used++
	q.unsettled++
	m.next.push(d)
	if !m.queued && (!m.busy || m.inline) {
		m.queued = true
		q.ready = append(q.ready, m)
	}
}

// wait puts d where the member that is to have it will look for it.
func (q *queue) wait(d *delivery) {
	d.stage = waiting
	q.count++
	q.bytes += d.size
	q.lineFor(d).insert(d)
}

func (q *queue) unwait(d *delivery) {
	d.list.remove(d)
	q.count--
	q.bytes -= d.size
}

// refill gives m, up to its credit, the oldest of what waits for it.
func (q *queue) refill(m *member) {
	for !m.gone && !m.shy && m.used < m.credit {
		d := m.oldest()
		if d == nil {
			return
		}
		q.unwait(d)
		if q.fresh(d) {
			q.give(m, d)
		}
	}
}

// oldest is what m should have next of its lane and what all share.
func (m *member) oldest() *delivery {
	d := m.q.shared.head
	for d != nil && d.refused == m {
		d = d.next
	}
	if own := m.lane.head; d == nil || own != nil && own.seq < d.seq {
		return own
	}
	return d
}

// fresh reports whether d, which waited, still has time, and sets how much. One that has not is dropped.
func (q *queue) fresh(d *delivery) bool {
	left := time.Until(d.due)
	if left <= 0 || d.ctx != nil && d.ctx.Err() != nil {
		q.unpin(d)
		q.lose(d, context.DeadlineExceeded)
		return false
	}
	if d.env.Timeout > 0 {
		d.setTimeout(left)
	}
	return true
}

// lose ends d, once mu is free.
func (q *queue) lose(d *delivery, err error) {
	d.stage = done
	q.lost = append(q.lost, lost{d, err})
}

// admit lets blocked senders in as far as there is room.
func (q *queue) admit() {
	for d := q.blocked.head; d != nil && q.fits(d); d = q.blocked.head {
		q.blocked.remove(d)
		d.room <- nil
		if q.fresh(d) && !q.start(d) {
			q.wait(d)
		}
	}
}

// settle ends d for its member, which gets the next one for it.
func (q *queue) settle(d *delivery, release bool) error {
	q.mu.Lock()
	defer q.deliver()
	if d.stage != open {
		return transport.ErrStale
	}
	m := d.to
	m.open.remove(d)
	m.used--
	q.unsettled--
	d.stage = done
	if m.shy = release; release {
		q.putBack(d)
	}
	q.unpin(d)
	q.refill(m)
	q.admit()
	q.reapSoon()
	return nil
}

// putBack finds a new member for what was released. It goes by its old age, so first.
func (q *queue) putBack(d *delivery) {
	n := d.again()
	d.after = n
	if n.size = d.size; n.due.IsZero() {
		n.size, n.due = weigh(n.env), expiry(n.env)
	}
	if !d.to.gone {
		n.refused = d.to
	}
	q.place(n)
}

// place is offer for a message that was accepted before: the bounds do not stop it.
func (q *queue) place(d *delivery) {
	if len(q.members) == 0 && (q.kind != transport.KindQueue || d.answer != nil || q.dead || q.r.closed.Load()) {
		q.lose(d, noHandler())
		return
	}
	if q.fresh(d) && !q.start(d) {
		q.wait(d)
	}
}

// reapSoon has q taken out of the tables if nothing keeps it.
func (q *queue) reapSoon() {
	if len(q.members) == 0 && !q.dead {
		q.idle = true
	}
}

// deliver ends a change of q: it hands over what was chosen and releases mu.
func (q *queue) deliver() {
	for len(q.ready) > 0 || len(q.lost) > 0 {
		if len(q.lost) > 0 {
			q.tellLost()
			continue
		}
		m := q.ready[len(q.ready)-1]
		q.ready = q.ready[:len(q.ready)-1]
		m.queued = false
		m.hand()
	}
	idle := q.idle
	q.idle = false
	q.mu.Unlock()
	if idle {
		q.r.reap(q)
	}
}

// tellLost ends what was lost, with mu free meanwhile.
func (q *queue) tellLost() {
	gone := q.lost
	q.lost = nil
	q.mu.Unlock()
	for _, l := range gone {
		l.d.drop(l.err)
	}
	q.mu.Lock()
}
