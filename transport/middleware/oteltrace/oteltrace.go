// Package oteltrace is the middleware that tells OpenTelemetry of calls and messages:
// spans and metrics in all five styles, and the trace context that travels with a message.
//
//	Send, Publish ─▶ producer span ─▶ traceparent ─▶ consumer span ─▶ Handler, for each attempt
//	Request       ─▶ client span   ─▶ traceparent ─▶ server span   ─▶ Handler, until the answer, deferred or not
//	Gather        ─▶ producer span ─▶ traceparent ─▶ consumer span ─▶ Handler of each subscription
//	                 └ until the Gathering ends; an event for each answer
//
// Names and attributes are those of the semantic conventions for RPC (requests)
// and messaging (all else); semconv.go alone knows them. The context is W3C's,
// traceparent and tracestate, and goes through Message.SetTrace, so every wire carries it.
//
// What a handler is sent is a child of the span that sent it, also when it was
// published: each delivery is one message with one sender, and a trace that ends at the first topic tells nothing
// of a ride through five services. [WithLinks] makes it a trace of its own that links to
// the publisher's span instead, for publications with very many or very late subscribers.
//
// With a provider that does nothing, and for what is in no trace, nothing is
// allocated; a trace that comes in still goes on with what its handler sends.
package oteltrace

import (
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	nometric "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"
	notrace "go.opentelemetry.io/otel/trace/noop"

	"github.com/polywire/polywire/transport"
)

// scope names the instrumentation, for tracers and meters.
const scope = "github.com/polywire/polywire/transport/middleware/oteltrace"

// A Middleware traces and measures what goes through one Conn or through many. New makes one; it is safe for concurrent use.
type Middleware struct {
	tracer trace.Tracer // nil: no spans
	meters *instruments // nil: no metrics
	name   func(destination string) string
	named  bool // by the user's namer
	links  bool
}

// An Option changes what New makes.
type Option func(*settings)

type settings struct {
	tracing  trace.TracerProvider
	metering metric.MeterProvider
	namer    func(string) string
	links    bool
}

// WithTracerProvider makes spans by p. The default is the global provider; nil, or the one of package noop, makes none.
func WithTracerProvider(p trace.TracerProvider) Option {
	return func(s *settings) { s.tracing = p }
}

// WithMeterProvider measures by p. The default is the global provider; nil, or the one of package noop, measures nothing.
func WithMeterProvider(p metric.MeterProvider) Option {
	return func(s *settings) { s.metering = p }
}

// WithNamer tells by which name a destination counts in metrics and names of spans,
// for destinations that hold an id: "trip.7.moved" may count as "trip.*.moved". f is called for each
// message from any goroutine, and must not make many names. Without it the first 1,000 destinations that
// are sent to keep theirs and others are "_OTHER"; deliveries count by the pattern of their subscription.
func WithNamer(f func(destination string) string) Option { return func(s *settings) { s.namer = f } }

// WithLinks lets each delivery of a Publish or Gather begin a trace of its own,
// which links to the span that published it, in place of being its child.
func WithLinks() Option { return func(s *settings) { s.links = true } }

// New returns a Middleware, or the error of an instrument that could not be made.
func New(opts ...Option) (*Middleware, error) {
	s := settings{tracing: otel.GetTracerProvider(), metering: otel.GetMeterProvider()}
	for _, opt := range opts {
		opt(&s)
	}
	m := &Middleware{name: s.namer, named: s.namer != nil, links: s.links}
	if m.name == nil {
		m.name = newNames().bounded
	}
	if _, off := s.tracing.(notrace.TracerProvider); s.tracing != nil && !off {
		m.tracer = s.tracing.Tracer(scope, trace.WithSchemaURL(schemaURL))
	}
	if _, off := s.metering.(nometric.MeterProvider); s.metering == nil || off {
		return m, nil
	}
	var err error
	if m.meters, err = newInstruments(s.metering.Meter(scope, metric.WithSchemaURL(schemaURL))); err != nil {
		return nil, fmt.Errorf("oteltrace: %w", err)
	}
	return m, nil
}

// Options are those of [transport.Registry.Open] and of a configuration's Open.
// Where there is more middleware, give these first: what they measure includes it.
func (m *Middleware) Options() []transport.Option {
	return []transport.Option{transport.WithInbound(m.Inbound), transport.WithOutbound(m.Outbound)}
}

// off reports whether there is nobody to tell.
func (m *Middleware) off() bool { return m.tracer == nil && m.meters == nil }
