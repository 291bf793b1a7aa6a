// Package router is the in-memory exchange of the adapters that have no broker
// behind them: destinations, patterns, groups, bounded queues and replies.
//
//	Send, Request ──▶ queue of the destination ──▶ one member ──▶ Sink.Deliver
//	Publish, Gather ─▶ table of patterns ─┬▶ queue of a subscription ──▶ its member
//	                                      └▶ queue of a group ──▶ one of its members
//	Delivery.Reply ──▶ the waiting Request or Gather, or the queue of a reply address
//
// A [Router] has the methods of [transport.Adapter] and [transport.Exchange], so an
// adapter is a face on it. A message is copied once, on entry; each delivery
// has an Envelope of its own, and all deliveries of one Publish share its body, header and params.
// Where the member has credit, the caller's own goroutine calls the sink; else
// the message waits, and whoever settles another delivery passes it on.
//
// It trusts its callers, the core and network faces that validated, with the form of names and
// with a ctx that has not ended; patterns alone it checks, in Bind.
package router

import (
	"context"
	"crypto/rand"
	"hash/maphash"
	"maps"
	mrand "math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/polywire/polywire/transport"
)

// Options bound each queue of a [Router]. Zero fields are the defaults of semantics §6.3.
type Options struct {
	Messages int // that wait, besides those that bindings have credit for; default 16,384
	Bytes    int // that they hold; default 64 MiB
}

// A Router delivers messages among its callers. All methods are safe for concurrent use.
type Router struct {
	options Options
	seed    maphash.Seed
	signals sync.Pool      // of chan struct{}, for exchange.done
	posts   sync.Pool      // of *Post
	helpers sync.WaitGroup // goroutines that Close waits for; added to with a queue.mu held, before its members are gone
	closed  atomic.Bool
	turn    atomic.Uint64

	queues  sync.Map // destination → *queue
	replies sync.Map // reply address → *queue
	topics  table

	mu      sync.Mutex // guards the fields below, and writing to queues and replies
	members map[*member]struct{}
	orphans map[*queue]struct{} // have no member, and messages or unsettled deliveries
}

// New makes a Router. Close ends it.
func New(o Options) *Router {
	if o.Messages <= 0 {
		o.Messages = 16384
	}
	if o.Bytes <= 0 {
		o.Bytes = 64 << 20
	}
	return &Router{options: o, seed: maphash.MakeSeed(), members: map[*member]struct{}{}, orphans: map[*queue]struct{}{}}
}

// Options are the bounds in effect.
func (r *Router) Options() Options { return r.options }

// Send puts e into the queue of its destination, or of its reply address where
// its Kind says so. It blocks while that is full, until ctx ends: then the message is not sent. Without a
// binding the error wraps [transport.ErrNoHandler].
func (r *Router) Send(ctx context.Context, e *transport.Envelope) error {
	if e.Kind == transport.KindReply {
		return r.sendReply(ctx, pack(e, transport.KindReply))
	}
	return r.send(ctx, pack(e, transport.KindQueue), true)
}

// SendNow is Send that fails with CodeResourceExhausted where Send would block, for
// callers that may be gone by the time there is room without being seen to go.
func (r *Router) SendNow(ctx context.Context, e *transport.Envelope) error {
	return r.send(ctx, pack(e, transport.KindQueue), false)
}

// send offers d to the queue of its destination; where it is full, it blocks if wait is set.
func (r *Router) send(ctx context.Context, d *delivery, wait bool) error {
	for {
		v, ok := r.queues.Load(d.env.Destination)
		if !ok {
			return r.absent()
		}
		q := v.(*queue)
		switch q.offer(d, wait) {
		case accepted:
			return nil
		case parked:
			return q.await(ctx, d)
		case full:
			return transport.CodeResourceExhausted.Errorf(
				"the queue holds %d messages, and bounds are %d and %d bytes: call later, or give the handler more concurrency", q.r.options.Messages, q.r.options.Messages, q.r.options.Bytes)
		case unbound:
			return r.absent()
		case stale: // a binding came back just now: look again
		}
	}
}

func (r *Router) sendReply(ctx context.Context, d *delivery) error {
	v, ok := r.replies.Load(d.env.ReplyAddress)
	if !ok {
		return r.absent()
	}
	q := v.(*queue)
	switch q.offer(d, true) {
	case accepted:
		return nil
	case parked:
		return q.await(ctx, d)
	}
	return r.absent()
}

// absent is the error of a destination without a binding.
func (r *Router) absent() error {
	if r.closed.Load() {
		return transport.ErrClosed
	}
	return noHandler()
}

func noHandler() error { return transport.CodeUnavailable.Errorf("%w", transport.ErrNoHandler) }

// Publish gives a copy of e to every subscription and one to each group. It
// returns once each has it, or has it waiting in its queue, and blocks while one is full. A
// subscription with a full queue delays the publisher alone: the others have
// the message before it waits. When ctx ends first, those that still have no room do not get it.
func (r *Router) Publish(ctx context.Context, e *transport.Envelope) error {
	if r.closed.Load() {
		return transport.ErrClosed
	}
	rt := r.readers(e, r.topics.match(e.Destination))
	switch {
	case rt == nil || len(rt.all)+len(rt.split) == 0:
		return nil
	case len(rt.all) == 1 && len(rt.split) == 0:
		d := pack(e, transport.KindTopic)
		if q := rt.all[0]; q.offer(d, true) == parked {
			return q.await(ctx, d)
		}
		return nil
	}
	base := &transport.Envelope{}
	copyEnvelope(base, e, nil)
	base.Kind = transport.KindTopic
	return r.spread(ctx, base, rt, nil)
}

// spread offers base to all of rt. Those that can have it now get deliveries cut from one
// slab; the others get their own, so that one that waits long keeps no slab alive.
func (r *Router) spread(ctx context.Context, base *transport.Envelope, rt *routes, g *gather) error {
	const most = 32
	var slow []*delivery
	var slab []delivery
	left := len(rt.all) + len(rt.split)
	for i := range left {
		if len(slab) == 0 {
			slab = make([]delivery, min(left-i, most))
		}
		q := r.target(rt, i, base.Key)
		if g != nil {
			g.open.Add(1)
		}
		d := &slab[0]
		d.stamp(base, g)
		got := q.tryOffer(d)
		switch got {
		case accepted:
			slab = slab[1:]
		case parked:
			d = &delivery{}
			d.stamp(base, g)
			if got = q.offer(d, true); got == parked {
				slow = append(slow, d)
			}
		}
		if g != nil && (got == unbound || got == stale) {
			g.finish() // it left just now
		}
	}
	return awaitAll(ctx, slow)
}

// target is the queue of the i-th copy.
func (r *Router) target(rt *routes, i int, key string) *queue {
	if i < len(rt.all) {
		return rt.all[i]
	}
	return r.among(rt.split[i-len(rt.all)], key)
}

// among picks one of several queues of a group, whose members came by
// different patterns that match: by key, so that order holds, or in turn.
func (r *Router) among(queues []*queue, key string) *queue {
	if key == "" {
		return queues[r.turn.Add(1)%uint64(len(queues))]
	}
	h := maphash.String(r.seed, key)
	best := queues[0]
	for _, q := range queues[1:] {
		if mix(h, q.id) > mix(h, best.id) {
			best = q
		}
	}
	return best
}

// awaitAll waits for parked deliveries, which wait side by side.
func awaitAll(ctx context.Context, slow []*delivery) error {
	for i, d := range slow {
		err := d.q.await(ctx, d)
		if err == nil {
			continue
		}
		for _, rest := range slow[i+1:] {
			rest.q.withdraw(rest)
		}
		return err
	}
	return nil
}

// Bind starts deliveries to sink: what is sent after it returned arrives. The
// result of a KindReply binding has an unguessable ReplyAddress.
func (r *Router) Bind(ctx context.Context, b transport.Binding, sink transport.Sink) (transport.Bound, error) {
	return r.bind(ctx, b, &member{sink: sink})
}

// BindInline is Bind for a sink that runs the handler before Deliver returns: calls are made
// side by side then, and Unbind does not wait for them. A message that had no credit gets a goroutine.
func (r *Router) BindInline(ctx context.Context, b transport.Binding, sink transport.Sink) (transport.Bound, error) {
	return r.bind(ctx, b, &member{sink: sink, inline: true})
}

func (r *Router) bind(ctx context.Context, b transport.Binding, m *member) (transport.Bound, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if err := check(b); err != nil {
		return nil, err
	}
	m.credit, m.id = max(b.Credit, b.Concurrency, 1), mrand.Uint64()
	q, err := r.enter(b, m)
	if err != nil {
		return nil, err
	}
	q.deliver()
	out := &bound{m: m}
	if b.Kind == transport.KindReply {
		out.address = q.name
	}
	return out, nil
}

// enter puts m into its queue, which it finds or makes. The queue's mu is held when it returns.
func (r *Router) enter(b transport.Binding, m *member) (*queue, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed.Load() {
		return nil, transport.ErrClosed
	}
	q := &queue{r: r, kind: b.Kind, name: b.Pattern, id: m.id}
	switch b.Kind {
	case transport.KindTopic:
		if q.group = b.Group; q.group == "" {
			q.reader, _ = m.sink.(Reader)
		}
		r.topics.mu.Lock()
		defer r.topics.mu.Unlock()
		q = r.topics.add(q)
	case transport.KindReply:
		q.name = rand.Text()
		r.replies.Store(q.name, q)
	default:
		if had, ok := r.queues.LoadOrStore(q.name, q); ok {
			q = had.(*queue)
		}
	}
	m.q = q
	r.members[m] = struct{}{}
	delete(r.orphans, q)
	q.mu.Lock()
	q.join(m)
	return q, nil
}

func check(b transport.Binding) error {
	switch b.Kind {
	case transport.KindQueue:
		return transport.CheckDestination(b.Pattern)
	case transport.KindTopic:
		return transport.CheckPattern(b.Pattern)
	case transport.KindReply:
		return nil
	}
	return transport.CodeInvalidArgument.Errorf("binding of %v: use KindQueue, KindTopic or KindReply", b.Kind)
}

// forget ends the record of a member that left.
func (r *Router) forget(m *member) {
	r.mu.Lock()
	delete(r.members, m)
	r.mu.Unlock()
}

// reap takes a queue out of the tables that lost its last member, unless it is a
// destination with messages for the next one, or with unsettled ones that may be released.
func (r *Router) reap(q *queue) {
	r.mu.Lock()
	r.topics.mu.Lock()
	q.mu.Lock()
	switch {
	case q.dead || len(q.members) > 0:
	case q.kind == transport.KindQueue && !r.closed.Load() && q.count+q.unsettled > 0:
		r.orphans[q] = struct{}{}
	default:
		q.dead = true
		r.remove(q)
	}
	q.mu.Unlock()
	r.topics.mu.Unlock()
	old := r.someOrphans(q)
	r.mu.Unlock()
	for _, o := range old {
		o.expire()
	}
}

// remove takes q out of its table. mu, topics.mu and q.mu are held.
func (r *Router) remove(q *queue) {
	delete(r.orphans, q)
	switch q.kind {
	case transport.KindTopic:
		r.topics.remove(q)
	case transport.KindReply:
		r.replies.Delete(q.name)
	default:
		r.queues.Delete(q.name)
	}
}

// someOrphans picks a few queues to look for expired messages in, so that what
// abandoned destinations hold is freed as others come and go, without a goroutine that watches. mu is held.
func (r *Router) someOrphans(not *queue) []*queue {
	const few = 8
	var some []*queue
	for q := range r.orphans {
		if len(some) == few {
			break
		}
		if q != not {
			some = append(some, q)
		}
	}
	return some
}

// Close ends all bindings and waits, within ctx, until no sink is called. What waits is
// lost, and whoever waits is told [transport.ErrClosed].
func (r *Router) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed.Store(true)
	members := slices.Collect(maps.Keys(r.members))
	orphans := slices.Collect(maps.Keys(r.orphans))
	r.mu.Unlock()
	var last error
	for _, m := range members {
		if err := m.leave(ctx, transport.ErrClosed); err != nil {
			last = err
		}
	}
	for _, q := range orphans {
		q.clear()
	}
	helped := make(chan struct{})
	go func() { // ends with the helpers, whom Deliver keeps for a moment only
		r.helpers.Wait()
		close(helped)
	}()
	select {
	case <-helped:
		return last
	case <-ctx.Done():
		return ctx.Err()
	}
}
