package router

import (
	"cmp"
	"context"
	"hash/maphash"
	"slices"
	"time"

	"github.com/polywire/polywire/transport"
)

// A pin keeps a key at the member that has messages of it in flight, when
// members come or go.
//
// Which member a key belongs to is a rendezvous hash, so most keys stay when
// members change. Those that move must not be handled by the new member while
// the old one still handles their last messages. So at each change every key in
// flight is pinned to where it is, and freed when nothing of it is left there.
// What comes meanwhile follows a pin to an owner that is still bound, and is
// held back where it is gone. Between changes there are no pins, and no cost.
type pin struct {
	owner *member
	n     int  // messages of the key chosen or open, and waiting in owner.lane
	held  list // waiting until n is 0, because owner is gone
}

// choose says which member should get d now: for a keyed message its owner,
// else the least loaded one with credit. It is nil when there is none.
func (q *queue) choose(d *delivery) *member {
	if d.env.Key == "" {
		return q.pick(d.refused)
	}
	if p := q.pins[d.env.Key]; p != nil {
		if p.owner.gone || p.owner == d.refused {
			return nil
		}
		return p.owner
	}
	return q.owner(d.env.Key, d.refused)
}

// lineFor says where d waits.
func (q *queue) lineFor(d *delivery) *list {
	if d.env.Key == "" {
		return &q.shared
	}
	if p := q.pins[d.env.Key]; p != nil && p.owner.gone {
		return &p.held
	}
	m := q.choose(d)
	if m == nil {
		return &q.shared
	}
	q.pinTo(m, d)
	return &m.lane
}

// pick finds a member with credit for an unkeyed message. It starts one further
// each time and compares a few, so that equally loaded members take turns and a large group costs no scan.
func (q *queue) pick(not *member) *member {
	const compare = 8
	var best *member
	q.turn++
	for i := range q.members {
		m := q.members[(q.turn+i)%len(q.members)]
		if m != not && m.used < m.credit && m.lane.empty() && (best == nil || m.used < best.used) {
			best = m
		}
		if best != nil && (i >= compare || best.used == 0) {
			break
		}
	}
	return best
}

// owner finds the member that key belongs to: the highest of a hash of both.
func (q *queue) owner(key string, not *member) *member {
	if len(q.members) == 1 && q.members[0] != not {
		return q.members[0]
	}
	h := maphash.String(q.r.seed, key)
	var best *member
	var most uint64
	for _, m := range q.members {
		if w := mix(h, m.id); m != not && (best == nil || w > most) {
			best, most = m, w
		}
	}
	return best
}

// mix hashes a key's hash with a member's id (the finalizer of splitmix64).
func mix(h, id uint64) uint64 {
	h ^= id
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// pinTo counts d at m, if its key is pinned.
func (q *queue) pinTo(m *member, d *delivery) {
	if len(q.pins) == 0 || d.pin != nil || d.env.Key == "" {
		return
	}
	if p := q.pins[d.env.Key]; p != nil {
		p.n++
		d.pin = p
	}
}

// unpin stops counting d, and frees its key with the last one.
func (q *queue) unpin(d *delivery) {
	p := d.pin
	if p == nil {
		return
	}
	d.pin = nil
	p.n--
	if p.n > 0 {
		return
	}
	delete(q.pins, d.env.Key)
	for h := p.held.head; h != nil; h = p.held.head {
		q.unwait(h)
		q.place(h)
	}
}

// join adds a member, and gives it what waits for it.
func (q *queue) join(m *member) {
	moved := q.unsettle(m)
	q.members = append(q.members, m)
	q.resettle(moved)
}

// leave removes a member, which is gone; its messages go to others, or wait for them.
func (q *queue) leave(m *member) {
	moved := q.unsettle(m)
	q.members = slices.DeleteFunc(q.members, func(x *member) bool { return x == m })
	q.resettle(moved)
	if len(q.members) == 0 {
		q.strand()
	}
	q.reapSoon()
}

// unsettle pins all keys in flight, and takes out whatever a change of members may
// move: what waits for one member alone, and what m was to get next, if it leaves.
func (q *queue) unsettle(m *member) []*delivery {
	var moved []*delivery
	take := func(d *delivery) {
		q.unwait(d)
		q.unpin(d)
		moved = append(moved, d)
	}
	for d := m.next.pop(); d != nil; d = m.next.pop() {
		m.used--
		q.unsettled--
		q.unpin(d)
		if d.due.IsZero() {
			d.size, d.due = weigh(d.env), expiry(d.env)
		}
		moved = append(moved, d)
	}
	for _, x := range append([]*member{m}, q.members...) {
		for d := x.lane.head; d != nil; d = x.lane.head {
			take(d)
		}
		q.pinAll(x, &x.open)
		q.pinAll(x, &x.next)
	}
	for d := q.shared.head; d != nil; {
		next := d.next
		if d.env.Key != "" {
			take(d)
		}
		d = next
	}
	slices.SortFunc(moved, func(a, b *delivery) int { return cmp.Compare(a.seq, b.seq) })
	return moved
}

// pinAll pins the keys of l, which x has in flight.
func (q *queue) pinAll(x *member, l *list) {
	for d := l.head; d != nil; d = d.next {
		if d.env.Key == "" || d.pin != nil {
			continue
		}
		if q.pins == nil {
			q.pins = make(map[string]*pin)
		}
		if q.pins[d.env.Key] == nil {
			q.pins[d.env.Key] = &pin{owner: x}
		}
		q.pinTo(x, d)
	}
}

// resettle places what unsettle took out among the members as they are now.
func (q *queue) resettle(moved []*delivery) {
	for _, d := range moved {
		q.place(d)
	}
	for _, m := range q.members {
		q.refill(m)
	}
	q.admit()
}

// strand deals with what waits when the last member left. Of a destination, messages
// stay for the next one; requests and blocked senders are told that nobody is there. A subscription takes all with it.
func (q *queue) strand() {
	var err error
	if q.kind != transport.KindTopic {
		err = noHandler()
	}
	for d := q.blocked.pop(); d != nil; d = q.blocked.pop() {
		d.room <- err
		q.lose(d, noHandler())
	}
	for d := q.shared.head; d != nil; {
		next := d.next
		q.strandOne(d)
		d = next
	}
	for _, p := range q.pins {
		for d := p.held.head; d != nil; {
			next := d.next
			q.strandOne(d)
			d = next
		}
	}
}

func (q *queue) strandOne(d *delivery) {
	if q.kind == transport.KindQueue && d.answer == nil && !q.r.closed.Load() {
		return
	}
	q.unwait(d)
	q.lose(d, noHandler())
}

// expire drops what waits for a next member for too long.
func (q *queue) expire() {
	q.mu.Lock()
	defer q.deliver()
	for d := q.shared.head; d != nil && len(q.members) == 0; {
		next := d.next
		if !time.Now().Before(d.due) {
			q.unwait(d)
			q.lose(d, context.DeadlineExceeded)
		}
		d = next
	}
	if q.count+q.unsettled == 0 { // else nothing is to be reaped, and reap would come back here from each orphan to the next
		q.reapSoon()
	}
}

// clear drops what waits for a next member, as there will be none.
func (q *queue) clear() {
	q.mu.Lock()
	defer q.deliver()
	q.strand()
	q.reapSoon()
}
