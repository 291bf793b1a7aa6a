package router

import (
	"context"
	"sync/atomic"

	"github.com/polywire/polywire/transport"
)

// An Exchange is one request with room for its reply, for Router.RequestIn. It is used once.
//
//	pending ──▶ answered    by the handler, or by who knows that none will answer
//	   └──────▶ abandoned   by the caller, whose ctx ended
type Exchange struct {
	delivery
	room  [2][128]byte // for a small body, there and back
	state atomic.Uint32
	back  transport.Envelope // written before done is signalled, if err is nil
	err   error              // likewise
	done  chan struct{}      // borrowed from Router.signals; room for one; written by answered, read by the caller; never closed
}

const (
	pending uint32 = iota
	answered
	abandoned
)

// Request delivers e to one handler and returns its reply. It keeps e, though
// nothing that e refers to. A full queue refuses it with CodeResourceExhausted. When ctx ends first the reply is dropped, and
// Context of the delivery ends with it.
func (r *Router) Request(ctx context.Context, e *transport.Envelope) (*transport.Envelope, error) {
	return r.RequestIn(ctx, e, &Exchange{})
}

// RequestIn is Request in memory of the caller's, which holds the reply.
func (r *Router) RequestIn(ctx context.Context, e *transport.Envelope, x *Exchange) (*transport.Envelope, error) {
	x.done = r.signal()
	detach(e, x.room[0][:])
	e.Kind, e.ReplyAddress = transport.KindQueue, replyHere
	x.env, x.ctx, x.answer = e, ctx, x
	if err := r.send(ctx, &x.delivery, false); err != nil {
		r.signals.Put(x.done)
		return nil, err
	}
	if x.state.Load() != answered { // an inline handler answered already
		err := await(ctx, x.done)
		switch {
		case err == nil:
			return x.result()
		case x.state.CompareAndSwap(pending, abandoned):
			x.q.withdraw(&x.delivery)
			r.signals.Put(x.done)
			return nil, err
		}
	}
	<-x.done
	return x.result()
}

// await returns nil once it received from done, or ctx's error when that ends first.
func await(ctx context.Context, done <-chan struct{}) error {
	if cheap, ok := ctx.(interface{ Await(<-chan struct{}) error }); ok {
		return cheap.Await(done) // of the core's own ctx, which starts no timer for it
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// result is called once done was read.
func (x *Exchange) result() (*transport.Envelope, error) {
	x.q.r.signals.Put(x.done)
	if x.err != nil {
		return nil, x.err
	}
	return &x.back, nil
}

func (x *Exchange) reply(_ *delivery, e *transport.Envelope) {
	if !x.state.CompareAndSwap(pending, answered) {
		return // late: the caller is gone
	}
	if e != nil {
		copyEnvelope(&x.back, e, x.room[1][:])
	}
	x.back.Kind, x.back.ReplyAddress = transport.KindReply, ""
	x.done <- struct{}{}
}

func (x *Exchange) lost(err error) {
	if x.state.CompareAndSwap(pending, answered) {
		x.err = err
		x.done <- struct{}{}
	}
}

func (r *Router) signal() chan struct{} {
	if c, ok := r.signals.Get().(chan struct{}); ok {
		return c
	}
	return make(chan struct{}, 1)
}
