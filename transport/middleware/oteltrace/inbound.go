package oteltrace

import (
	"context"

	"go.opentelemetry.io/otel/trace"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/internal/hooks"
)

// A handling is what the core tells of a message that is being handled.
type handling interface {
	conn
	Style() string
	Binding() (pattern, group string)
	IsDeferred() bool
	OnLater(interface{ AnsweredLater(err error) })
	OnDeferred(interface {
		Deferred(msg, reply *transport.Message) (*transport.Message, error)
	})
}

// Inbound tells of what is handled, for [transport.WithInbound].
func (m *Middleware) Inbound(next transport.Handler) transport.Handler {
	return func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		if m.off() {
			return next(extract(ctx, msg), msg)
		}
		in, _ := ctx.Value(hooks.Handling{}).(handling)
		d := &delivery{activity: activity{m: m, subject: subject{inbound: true, style: opSend}}, handling: in}
		d.describe(msg)
		kind := trace.SpanKindConsumer
		if d.isCall() {
			kind = trace.SpanKindServer
		}
		parent := extract(ctx, msg)
		many := d.style == opPublish || d.style == opGather
		d.begin(parent, msg, kind, m.links && many && trace.SpanContextFromContext(parent).IsValid())
		if in != nil {
			in.OnLater(d)
			in.OnDeferred(d)
		}
		return d.handle(next, msg)
	}
}

// A delivery is an inbound activity.
type delivery struct {
	activity
	handling handling // nil outside of a Conn
}

// describe finds out what is handled. It counts by the pattern of its binding, of
// which there are few, unless somebody names it.
func (d *delivery) describe(msg *transport.Message) {
	if d.handling == nil {
		d.name = d.m.name(msg.Destination)
		return
	}
	d.conn = d.handling
	d.about(d.handling)
	d.style = d.handling.Style()
	d.name, d.group = d.handling.Binding()
	if d.m.named {
		d.name = d.m.name(msg.Destination)
	}
}

// handle calls next. The activity ends with it, or with the answer that it deferred; also when it panics.
func (d *delivery) handle(next transport.Handler, msg *transport.Message) (reply *transport.Message, err error) {
	err = transport.CodeInternal // of a handler that does not return
	defer func() {
		if d.handling != nil && d.handling.IsDeferred() {
			if d.span != nil {
				d.span.AddEvent(deferredEvent)
			}
			return
		}
		d.replied(reply)
		d.end(err)
	}()
	reply, err = next(d.ctx, msg)
	return d.forwarded(msg, reply), err
}

// replied counts the body of a reply, where somebody waits for it.
func (d *delivery) replied(reply *transport.Message) {
	if reply != nil && (d.isCall() || d.style == opGather) {
		d.m.meters.replied(d.ctx, &d.subject, len(reply.Body))
	}
}

// forwarded gives a reply that the core will send on to msg.ReplyTo the trace of its handler.
func (d *delivery) forwarded(msg, reply *transport.Message) *transport.Message {
	if reply == nil || msg.ReplyTo == "" || d.isCall() {
		return reply
	}
	out := *reply
	inject(d.ctx, &out)
	return &out
}

// Deferred is told of a reply that is given after its handler has returned. The core calls it.
func (d *delivery) Deferred(msg, reply *transport.Message) (*transport.Message, error) {
	d.replied(reply)
	return d.forwarded(msg, reply), nil
}

// AnsweredLater ends what the handler deferred. The core calls it.
func (d *delivery) AnsweredLater(err error) { d.end(err) }
