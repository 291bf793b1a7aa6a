package oteltrace

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/polywire/polywire/transport"
)

// A conn is what the core tells of the Conn of a call or of a delivery.
type conn interface {
	Adapter() string
	Server() string
	CodeOf(err error) transport.Code
}

// An activity is a call or a delivery from its begin to its end: a span, and what is
// counted. It ends once, on whatever goroutine is first.
type activity struct {
	subject
	m     *Middleware
	conn  conn // nil outside of a Conn
	span  trace.Span
	ctx   context.Context // with the span
	began time.Time
	over  atomic.Bool
}

// begin starts the span as a child of ctx's, or where parted says so as one of its own that links to it.
func (a *activity) begin(ctx context.Context, msg *transport.Message, kind trace.SpanKind, parted bool) {
	a.began, a.ctx = time.Now(), ctx
	if a.m.tracer != nil {
		opts := []trace.SpanStartOption{
			trace.WithSpanKind(kind), trace.WithTimestamp(a.began),
			trace.WithAttributes(append(a.started(), a.details(msg)...)...),
		}
		if parted {
			opts = append(opts, trace.WithNewRoot(), trace.WithLinks(trace.LinkFromContext(ctx)))
		}
		a.ctx, a.span = a.m.tracer.Start(ctx, a.title(), opts...)
	}
	a.m.meters.begun(a.ctx, &a.subject, len(msg.Body))
}

// end ends it with the error that was returned, or with nil.
func (a *activity) end(err error) {
	if a.over.Swap(true) {
		return
	}
	ended := a.subject
	if err != nil {
		ended.code = a.codeOf(err)
	}
	a.m.meters.ended(a.ctx, &ended, a.began)
	if a.span == nil {
		return
	}
	a.span.SetAttributes(ended.outcome()...)
	if ended.failed() {
		a.span.SetStatus(codes.Error, ended.code.String())
	}
	a.span.End()
}

func (a *activity) codeOf(err error) transport.Code {
	if a.conn == nil {
		return transport.CodeUnknown
	}
	return a.conn.CodeOf(err)
}

// about fills what the Conn tells.
func (s *subject) about(c conn) {
	if c != nil {
		s.adapter, s.server = c.Adapter(), c.Server()
	}
}
