package transport

import (
	"context"

	"github.com/polywire/polywire/transport/internal/correlate"
)

// A correlator makes requests and gathers out of Send, Publish and a KindReply
// binding, for adapters that are no Exchange. The binding is in effect before the first call is written.
type correlator struct {
	conn  *Conn
	table correlate.Table[*pending]

	binding chan struct{} // a mutex that a ctx can give up: whoever sends holds it, receiving releases it
	address string        // guarded by binding; empty until bound
}

// A pending call waits for one reply, or, with each set, takes many.
type pending struct {
	replies chan answer // capacity 1: written by whoever takes the call from the table, read by request
	giveUp  func()      // ends a Send that waits for a connection which is lost
	each    func(*Envelope)
}

type answer struct {
	reply *Envelope
	err   error
}

func (r *correlator) init(c *Conn) {
	r.conn, r.binding = c, make(chan struct{}, 1)
}

func (r *correlator) request(ctx context.Context, e *Envelope) (*Envelope, error) {
	if err := r.listen(ctx, e); err != nil {
		return nil, err
	}
	sending, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &pending{replies: make(chan answer, 1), giveUp: cancel}
	e.CallID = r.table.Add(p)
	defer r.table.Take(e.CallID)
	if err := r.conn.adapter.Send(sending, e); err != nil {
		select {
		case a := <-p.replies: // lost while it was written, though its handler may have it
			return a.reply, a.err
		default:
			return nil, err
		}
	}
	select {
	case a := <-p.replies:
		return a.reply, a.err
	case <-ctx.Done():
		if _, waiting := r.table.Take(e.CallID); waiting {
			return nil, ctx.Err()
		}
		a := <-p.replies // whoever took the call writes at once
		return a.reply, a.err
	}
}

// gather publishes e; replies come through each until stop is called.
func (r *correlator) gather(ctx context.Context, e *Envelope, each func(*Envelope)) (stop func(), err error) {
	if err := r.listen(ctx, e); err != nil {
		return nil, err
	}
	id := r.table.Add(&pending{each: each})
	e.CallID = id
	stop = func() { r.table.Take(id) }
	if err := r.conn.adapter.Publish(ctx, e); err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// listen binds the reply address once and writes it into e.
func (r *correlator) listen(ctx context.Context, e *Envelope) error {
	select {
	case r.binding <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-r.binding }()
	if r.address == "" {
		bound, err := r.conn.adapter.Bind(ctx, Binding{Kind: KindReply, Concurrency: 1, Credit: maxWaiters}, r)
		if err != nil {
			return err
		}
		r.address = bound.ReplyAddress()
	}
	e.ReplyAddress = r.address
	return nil
}

// Deliver gives a reply to the call that waits for it. What nobody waits for is dropped and counted.
func (r *correlator) Deliver(d Delivery) {
	e := d.Envelope()
	p, ok := r.table.Get(e.CallID)
	if ok && p.each == nil {
		p, ok = r.table.Take(e.CallID)
	}
	switch {
	case !ok:
		r.conn.counts.late.Add(1)
	case p.each != nil:
		p.each(e.keep())
	default:
		p.replies <- answer{reply: e.keep()}
	}
	_ = d.Accept(r.conn.base) // stale is harmless: a reply that comes again has no taker
}

// Lost forgets the reply address: the next call binds another.
func (r *correlator) Lost(err error) {
	r.binding <- struct{}{}
	r.address = ""
	<-r.binding
	r.lost(err)
}

// lost fails the requests in flight, whose outcome nobody will learn. Gathers keep what they have until their end.
func (r *correlator) lost(err error) {
	for _, p := range r.table.TakeAll() {
		if p.each == nil {
			p.replies <- answer{err: CodeUnavailable.Errorf("the connection was lost before the reply came; whether the handler ran is not known: %w", err)}
			p.giveUp()
		}
	}
}

// keep copies an inbound envelope so that it outlives its delivery.
func (e *Envelope) keep() *Envelope {
	k := *e
	k.Message = *e.Message.Clone()
	return &k
}
