package oteltrace_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/goleak"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/middleware/oteltrace"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what a test waits for; nothing waits that long when it passes.
const patience = 30 * time.Second

// A lab is a real SDK that keeps what it is told.
type lab struct {
	tracing  *sdktrace.TracerProvider
	metering *sdkmetric.MeterProvider
	reader   *sdkmetric.ManualReader
	exporter *tracetest.InMemoryExporter

	mu    sync.Mutex // guards ended
	ended int
	more  chan struct{} // capacity 1: written by OnEnd, read by await
}

func newLab(t testing.TB) *lab {
	l := &lab{exporter: tracetest.NewInMemoryExporter(), reader: sdkmetric.NewManualReader(), more: make(chan struct{}, 1)}
	l.tracing = sdktrace.NewTracerProvider(sdktrace.WithSyncer(l.exporter), sdktrace.WithSpanProcessor(l))
	l.metering = sdkmetric.NewMeterProvider(sdkmetric.WithReader(l.reader))
	t.Cleanup(func() {
		ctx := context.Background()
		if err := l.tracing.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		if err := l.metering.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return l
}

func (l *lab) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (l *lab) Shutdown(context.Context) error                  { return nil }
func (l *lab) ForceFlush(context.Context) error                { return nil }

// OnEnd comes after the exporter's.
func (l *lab) OnEnd(sdktrace.ReadOnlySpan) {
	l.mu.Lock()
	l.ended++
	l.mu.Unlock()
	select {
	case l.more <- struct{}{}:
	default:
	}
}

// spans waits until n have ended, and returns them.
func (l *lab) spans(t testing.TB, n int) tracetest.SpanStubs {
	t.Helper()
	late := time.After(patience)
	for {
		l.mu.Lock()
		ended := l.ended
		l.mu.Unlock()
		if ended >= n {
			return l.exporter.GetSpans()
		}
		select {
		case <-l.more:
		case <-late:
			t.Fatalf("%d spans ended, want %d: %v", ended, n, titles(l.exporter.GetSpans()))
		}
	}
}

func (l *lab) middleware(t testing.TB, opts ...oteltrace.Option) *oteltrace.Middleware {
	t.Helper()
	m, err := oteltrace.New(append([]oteltrace.Option{oteltrace.WithTracerProvider(l.tracing), oteltrace.WithMeterProvider(l.metering)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// root starts a span of the application's, which end ends.
func (l *lab) root(t testing.TB) (ctx context.Context, end func()) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	ctx, span := l.tracing.Tracer("test").Start(ctx, "root")
	return ctx, func() { span.End() }
}

// metrics reads all that was measured, by name.
func (l *lab) metrics(t testing.TB) map[string]metricdata.Metrics {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := l.reader.Collect(context.Background(), &all); err != nil {
		t.Fatal(err)
	}
	out := map[string]metricdata.Metrics{}
	for _, scope := range all.ScopeMetrics {
		for _, m := range scope.Metrics {
			out[m.Name] = m
		}
	}
	return out
}

func titles(spans tracetest.SpanStubs) []string {
	var out []string
	for _, s := range spans {
		out = append(out, s.Name)
	}
	return out
}

// find returns the only span of a kind and name.
func find(t testing.TB, spans tracetest.SpanStubs, kind trace.SpanKind, name string) tracetest.SpanStub {
	t.Helper()
	var found []tracetest.SpanStub
	for _, s := range spans {
		if s.SpanKind == kind && s.Name == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		t.Fatalf("%d spans are %v %q, want 1 of %v", len(found), kind, name, titles(spans))
	}
	return found[0]
}

func value(s tracetest.SpanStub, key string) string { return valueOf(s.Attributes, key) }

func valueOf(all []attribute.KeyValue, key string) string {
	for _, a := range all {
		if string(a.Key) == key {
			return a.Value.String()
		}
	}
	return ""
}

// isChild checks that child is in the trace of parent, right below it.
func isChild(t testing.TB, child, parent tracetest.SpanStub) {
	t.Helper()
	if child.Parent.SpanID() != parent.SpanContext.SpanID() || child.SpanContext.TraceID() != parent.SpanContext.TraceID() {
		t.Errorf("%s %q is a child of %v in %v, want of %s %q: %v in %v", child.SpanKind, child.Name, child.Parent.SpanID(), child.SpanContext.TraceID(),
			parent.SpanKind, parent.Name, parent.SpanContext.SpanID(), parent.SpanContext.TraceID())
	}
}

func handle(t testing.TB, c *transport.Conn, name string, h transport.Handler, opts ...transport.BindOption) {
	t.Helper()
	if _, err := c.Handle(t.Context(), name, h, opts...); err != nil {
		t.Fatal(err)
	}
}

func subscribe(t testing.TB, c *transport.Conn, name string, h transport.Handler, opts ...transport.BindOption) {
	t.Helper()
	if _, err := c.Subscribe(t.Context(), name, h, opts...); err != nil {
		t.Fatal(err)
	}
}

func echo(_ context.Context, m *transport.Message) (*transport.Message, error) {
	return &transport.Message{Body: m.Body}, nil
}
