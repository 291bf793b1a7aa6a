package oteltrace

import (
	"context"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/internal/hooks"
)

// An outgoing is what the core tells of a call.
type outgoing interface {
	conn
	OnResult(interface {
		Answered(from string, err error)
		Ended(reason string)
	})
	PassesOn(step any)
}

// Outbound tells of what is sent, for [transport.WithOutbound].
func (m *Middleware) Outbound(next transport.Outbound) transport.Outbound {
	return func(ctx context.Context, op string, msg *transport.Message) (*transport.Message, error) {
		if m.off() {
			return m.pass(ctx, op, msg, next)
		}
		call, _ := ctx.Value(hooks.Call{}).(outgoing)
		a := &sending{activity: activity{m: m, subject: subject{style: op, name: m.name(msg.Destination)}}}
		kind := trace.SpanKindProducer
		if op == opRequest {
			kind = trace.SpanKindClient
		}
		if call != nil {
			a.conn = call
			a.about(call)
		}
		a.begin(inTrace(ctx, msg), msg, kind, false)
		if op == opGather && call != nil {
			call.OnResult(a)
		}
		out := *msg
		inject(a.ctx, &out)
		reply, err := a.call(next, op, &out)
		switch {
		case err == nil && op == opGather && call != nil: // Ended ends it
			return reply, nil
		case reply != nil:
			m.meters.replied(a.ctx, &a.subject, len(reply.Body))
		}
		a.end(err)
		return reply, err
	}
}

// pass lets the trace of ctx, if there is one, go on, and msg as it is otherwise.
func (m *Middleware) pass(ctx context.Context, op string, msg *transport.Message, next transport.Outbound) (*transport.Message, error) {
	if trace.SpanContextFromContext(ctx).IsValid() {
		out := *msg
		inject(ctx, &out)
		return next(ctx, op, &out)
	}
	if call, ok := ctx.Value(hooks.Call{}).(outgoing); ok {
		call.PassesOn(m)
	}
	return next(ctx, op, msg)
}

// A sending is an outbound activity.
type sending struct {
	activity
	answers atomic.Int64
}

// call calls next, and ends the activity when that panics.
func (a *sending) call(next transport.Outbound, op string, msg *transport.Message) (*transport.Message, error) {
	returned := false
	defer func() {
		if !returned {
			a.end(transport.CodeInternal)
		}
	}()
	reply, err := next(a.ctx, op, msg)
	returned = true
	return reply, err
}

// Answered tells of an answer to a Gather. The core calls it.
func (a *sending) Answered(from string, err error) {
	a.answers.Add(1)
	if a.span == nil || !a.span.IsRecording() {
		return
	}
	answered := a.subject
	if err != nil {
		answered.code = a.codeOf(err)
	}
	a.span.AddEvent(answerEvent, trace.WithAttributes(append(answered.outcome(), fromKey.String(from))...))
}

// Ended ends the span of a Gather, whose few answers are no error. The core calls it.
func (a *sending) Ended(reason string) {
	if a.span != nil {
		a.span.SetAttributes(answersKey.Int64(a.answers.Load()), reasonKey.String(reason))
	}
	a.end(nil)
}
