package grpcwire

import (
	"context"
	"time"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/transport"
)

func (a *adapter) Send(ctx context.Context, e *transport.Envelope) error {
	home := a.homes.Of(e.Destination)
	if home == nil {
		return a.router.Send(ctx, e)
	}
	return a.sendTo(ctx, home, e)
}

// sendTo calls the home, and again while the queue there is full, which the home
// tells before it takes anything. So a caller that gives up knows that its message is not accepted.
func (a *adapter) sendTo(ctx context.Context, home *peers, e *transport.Envelope) error {
	due, own := time.Now().Add(e.Timeout), *e
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		c := newCall(busSend, appendMessage(nil, &own), a.limits.around)
		err := a.call(ctx, home, c, e)
		if err != nil || first(c.got.Trailer, reasonKey) != queueFull {
			return c.outcome(ctx, err)
		}
		if err := attach.Sleep(ctx, wait); err != nil {
			return err
		}
		if own.Timeout = time.Until(due); own.Timeout <= 0 {
			return context.DeadlineExceeded
		}
	}
}

func (a *adapter) Publish(ctx context.Context, e *transport.Envelope) error {
	home := a.homes.Of(e.Destination)
	if home == nil {
		return a.router.Publish(ctx, e)
	}
	c := newCall(busPublish, appendMessage(nil, e), a.limits.around)
	return c.outcome(ctx, a.call(ctx, home, c, e))
}

// Gather returns once all subscriptions have the message. The answers follow.
func (a *adapter) Gather(ctx context.Context, e *transport.Envelope, reply func(*transport.Envelope)) error {
	home := a.homes.Of(e.Destination)
	if home == nil {
		return a.router.Gather(ctx, e, reply)
	}
	return a.gatherFrom(ctx, home, e, reply)
}

// Request calls the method that the destination stands for and takes its answer for the handler's.
func (a *adapter) Request(ctx context.Context, e *transport.Envelope) (*transport.Envelope, error) {
	home := a.homes.Of(e.Destination)
	if home == nil {
		return a.router.Request(ctx, e)
	}
	method := a.methodOf(e.Destination)
	if method == "" {
		return a.requestByBus(ctx, home, e)
	}
	sub, _ := subtypeOf(e.ContentType)
	c := &call{method: method, subtype: sub, message: e.Body, native: true, tellsDue: true, back: &answer{}}
	c.got.Limit, c.got.Room = a.setup.MaxBody, c.back.room[:]
	if err := a.call(ctx, home, c, e); err != nil {
		return nil, err
	}
	return c.reply(typeOf(sub))
}

func (a *adapter) requestByBus(ctx context.Context, home *peers, e *transport.Envelope) (*transport.Envelope, error) {
	c := newCall(busRequest, appendMessage(nil, e), a.setup.MaxBody+a.limits.around)
	if err := a.call(ctx, home, c, e); err != nil {
		return nil, err
	}
	if c.got.Status != nil {
		return c.reply("")
	}
	reply, err := readMessage(c.got.Message)
	if err != nil {
		return nil, transport.CodeInternal.Errorf("the answer cannot be read: %w", errProto)
	}
	reply.Kind, reply.Destination = transport.KindReply, ""
	return reply, nil
}
