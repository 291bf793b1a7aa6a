package router

import (
	"context"
	"strconv"
	"sync/atomic"

	"github.com/polywire/polywire/transport"
)

// A gather collects the answers of all subscriptions that one message reached.
type gather struct {
	ctx  context.Context
	call func(*transport.Envelope)
	open atomic.Int64 // deliveries that may still be answered, and 1 while they are being made
}

// Gather delivers e to every subscription, one member of each group, and
// returns once they have it or it waits for them; like Publish it blocks on a full
// queue. It calls reply for each answer until ctx ends, and reply(nil) once no more can come: every
// subscription replied, said that it will not, or is gone. That call comes after all others.
func (r *Router) Gather(ctx context.Context, e *transport.Envelope, reply func(*transport.Envelope)) error {
	if r.closed.Load() {
		return transport.ErrClosed
	}
	g := &gather{ctx: ctx, call: reply}
	g.open.Store(1)
	base := &transport.Envelope{}
	copyEnvelope(base, e, nil)
	base.Kind, base.ReplyAddress, base.Gather = transport.KindTopic, replyHere, true
	err := r.spread(ctx, base, r.topics.match(e.Destination), g)
	if err == nil {
		g.finish()
	}
	return err
}

func (g *gather) reply(d *delivery, e *transport.Envelope) {
	if e != nil && g.ctx.Err() == nil {
		back := &transport.Envelope{}
		copyEnvelope(back, e, nil)
		back.Kind, back.ReplyAddress = transport.KindReply, ""
		if back.Responder == "" {
			back.Responder = strconv.FormatUint(d.to.id, 36)
		}
		g.call(back)
	}
	g.finish()
}

func (g *gather) lost(error) { g.finish() }

// finish counts one answer less to come, and tells when it was the last.
func (g *gather) finish() {
	if g.open.Add(-1) == 0 && g.ctx.Err() == nil {
		g.call(nil)
	}
}
