package router

import (
	"context"
	"math"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/transport"
)

// A stage is how far a delivery got; queue.mu guards it.
//
//	fresh ─┬─────────────▶ chosen ──▶ open ──▶ done        credit was there
//	       ├──▶ waiting ──▶ chosen                          it came later
//	       └──▶ blocked ──▶ waiting                         its sender waits for room
//
// Every stage may end in done: expired, given up, or the binding is gone.
type stage uint8

const (
	fresh   stage = iota
	blocked       // in queue.blocked
	waiting       // in queue.shared, member.lane or pin.held: counts against the bounds
	chosen        // in member.next: has credit, goes to the sink next
	open          // in member.open: with the sink, unsettled
	done
)

// replyHere stands in Envelope.ReplyAddress where Delivery.Reply answers in place.
const replyHere = "direct"

// A delivery is one message on its way to one binding. It implements [transport.Delivery].
type delivery struct {
	env     *transport.Envelope
	shared  bool            // other deliveries have the same env, so it is copied before it is written to
	replied atomic.Bool     // the one reply was given
	ctx     context.Context // the caller's, of a request or gather; else nil
	q       *queue          // set by offer
	answer  answer          // takes the reply in place; nil for one-way messages

	// queue.mu guards the fields below.
	list       *list     // that holds it
	next, prev *delivery // in list
	to         *member   // chosen and open: who has it
	refused    *member   // released it, so does not get it again
	after      *delivery // took its place when it was released
	pin        *pin      // counts it, when set
	seq        uint64    // age
	due        time.Time // waiting: when its time is up
	size       int       // waiting and blocked: its weight
	stage      stage
	room       chan error // blocked: made and read by the sender; written once by whoever ends the wait; never closed
}

// A parcel is a delivery with an envelope of its own, in one allocation, which
// holds a small body too.
type parcel struct {
	delivery
	own  transport.Envelope
	room [128]byte
}

// pack makes the delivery of a copy of e.
func pack(e *transport.Envelope, kind transport.Kind) *delivery {
	p := &parcel{}
	p.fill(e, kind)
	return &p.delivery
}

func (p *parcel) fill(e *transport.Envelope, kind transport.Kind) {
	copyEnvelope(&p.own, e, p.room[:])
	p.own.Kind = kind
	p.env = &p.own
}

// stamp makes d one of the deliveries of base, which they share unless a sink may have reason to write to it.
func (d *delivery) stamp(base *transport.Envelope, g *gather) {
	d.env, d.shared = base, true
	if base.Params != nil {
		own := *base
		own.Params = cloneParams(base.Params)
		d.env, d.shared = &own, false
	}
	if g != nil {
		d.ctx, d.answer = g.ctx, g
	}
}

// An answer takes what a handler replies.
type answer interface {
	// reply takes a copy of e; nil says that this one will not answer.
	reply(d *delivery, e *transport.Envelope)
	// lost tells that nobody will answer, because of err.
	lost(err error)
}

func (d *delivery) Envelope() *transport.Envelope { return d.env }

// Context ends when the caller of a request or gather gives up; for others it never does.
func (d *delivery) Context() context.Context {
	if d.ctx == nil {
		return context.Background()
	}
	return d.ctx
}

func (d *delivery) Extend(context.Context) error { return nil }

func (d *delivery) Accept(context.Context) error { return d.q.settle(d, false) }

// Release gives the message to another member, at its old place. Where there
// is none it waits for the next binding; a request fails instead, since nothing ran.
func (d *delivery) Release(context.Context) error { return d.q.settle(d, true) }

// Reply answers in place, or sends to the address of e's sender. A nil e says
// that this subscription will not answer. A second reply is ErrStale.
func (d *delivery) Reply(ctx context.Context, e *transport.Envelope) error {
	if d.answer == nil && d.env.ReplyAddress == "" {
		return transport.CodeFailedPrecondition.Errorf("nobody waits for a reply: answer only where Envelope.ReplyAddress is set")
	}
	if !d.replied.CompareAndSwap(false, true) {
		return transport.ErrStale
	}
	switch {
	case d.answer != nil:
		d.answer.reply(d, e)
		return nil
	case e == nil:
		return nil
	}
	back := pack(e, transport.KindReply)
	back.env.ReplyAddress = d.env.ReplyAddress
	return d.q.r.sendReply(ctx, back)
}

// again makes the delivery that takes the place of d, which its sink gave back.
func (d *delivery) again() *delivery {
	n := &delivery{env: d.env, shared: true, ctx: d.ctx, q: d.q, answer: d.answer, seq: d.seq, due: d.due}
	if d.replied.Swap(true) {
		n.replied.Store(true)
	}
	return n
}

// setTimeout writes the time that is left of d's.
func (d *delivery) setTimeout(left time.Duration) {
	if d.shared {
		own := *d.env
		d.env, d.shared = &own, false
	}
	d.env.Timeout = left
}

// expiry is when the time of e is up: never, for one without.
func expiry(e *transport.Envelope) time.Time {
	left := e.Timeout
	if left <= 0 {
		left = math.MaxInt64
	}
	return time.Now().Add(left)
}

// drop tells whoever waits for an answer that nobody will get d.
func (d *delivery) drop(err error) {
	if d.answer != nil && !d.replied.Swap(true) {
		d.answer.lost(err)
	}
}

// weigh is what a waiting message costs in memory.
func weigh(e *transport.Envelope) int {
	const fixed = 640 // a parcel
	n := fixed + len(e.Body)
	for k, v := range e.Header.All() {
		n += len(k) + len(v)
	}
	for k, values := range e.Params {
		for _, v := range values {
			n += len(k) + len(v)
		}
	}
	return n
}

func copyEnvelope(dst, src *transport.Envelope, room []byte) {
	*dst = *src
	detach(dst, room)
}

// detach copies all that e refers to and that its maker may change, a body that fits into
// room. The body has no spare capacity, so that appending to one of several copies of e harms none.
func detach(e *transport.Envelope, room []byte) {
	if n := len(e.Body); e.Body != nil {
		if n > len(room) {
			room = make([]byte, n)
		}
		copy(room, e.Body)
		e.Body = room[:n:n]
	}
	e.Header = e.Header.Clone()
	e.Params = cloneParams(e.Params)
	if e.Err != nil {
		err := *e.Err
		err.Details = slices.Clone(err.Details)
		e.Err = &err
	}
}

func cloneParams(params url.Values) url.Values {
	if params == nil {
		return nil
	}
	c := make(url.Values, len(params))
	for k, v := range params {
		c[k] = slices.Clone(v)
	}
	return c
}
