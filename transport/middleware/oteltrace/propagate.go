package oteltrace

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/polywire/polywire/transport"
)

// maxTraceState is what a message carries of tracestate; a longer one is left out,
// as W3C lets whoever passes it on.
const maxTraceState = 512

// A carrier is the two fields of W3C's trace context.
type carrier struct{ parent, state string }

const (
	parentField = "traceparent"
	stateField  = "tracestate"
)

func (c *carrier) Get(key string) string {
	switch key {
	case parentField:
		return c.parent
	case stateField:
		return c.state
	}
	return ""
}

func (c *carrier) Set(key, value string) {
	switch key {
	case parentField:
		c.parent = value
	case stateField:
		c.state = value
	}
}

func (c *carrier) Keys() []string { return []string{parentField, stateField} }

// inject writes the span of ctx, if there is one, into msg.
func inject(ctx context.Context, msg *transport.Message) {
	var c carrier
	propagation.TraceContext{}.Inject(ctx, &c)
	if c.parent == "" {
		return
	}
	if len(c.state) > maxTraceState {
		c.state = ""
	}
	msg.SetTrace(c.parent, c.state)
}

// extract returns ctx with the span that msg names as that of another process, or ctx itself.
func extract(ctx context.Context, msg *transport.Message) context.Context {
	parent, state := msg.Trace()
	if parent == "" {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, &carrier{parent, state})
}

// inTrace returns ctx if it has a span, or with the one that the application gave msg itself.
func inTrace(ctx context.Context, msg *transport.Message) context.Context {
	if trace.SpanContextFromContext(ctx).IsValid() {
		return ctx
	}
	return extract(ctx, msg)
}
