package oteltrace_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/codes"
	nometric "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/trace"
	notrace "go.opentelemetry.io/otel/trace/noop"

	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/middleware/oteltrace"
)

func open(t testing.TB, m *oteltrace.Middleware) *transport.Conn {
	t.Helper()
	return brokertest.OpenConn(t, inproc.Factory(), "inproc://x", m.Options()...)
}

func TestWithLinksASubscriberBeginsATraceThatLinksToThePublisher(t *testing.T) {
	l := newLab(t)
	c := open(t, l.middleware(t, oteltrace.WithLinks()))
	subscribe(t, c, "news", echo)
	handle(t, c, "log", echo)
	ctx, end := l.root(t)
	check(t, c.Publish(ctx, &transport.Message{Destination: "news"}))
	check(t, c.Send(ctx, &transport.Message{Destination: "log"}))
	end()
	spans := l.spans(t, 5)
	published, processed := find(t, spans, trace.SpanKindProducer, "publish news"), find(t, spans, trace.SpanKindConsumer, "process news")
	if processed.Parent.IsValid() || processed.SpanContext.TraceID() == published.SpanContext.TraceID() {
		t.Errorf("got parent %v in the publisher's trace, want a trace of its own", processed.Parent)
	}
	if len(processed.Links) != 1 || processed.Links[0].SpanContext.SpanID() != published.SpanContext.SpanID() {
		t.Errorf("got links %v, want one to %v", processed.Links, published.SpanContext)
	}
	isChild(t, find(t, spans, trace.SpanKindConsumer, "process log"), find(t, spans, trace.SpanKindProducer, "send log"))
}

func TestEachAttemptIsASpanWithItsNumberAndItsFailure(t *testing.T) {
	l := newLab(t)
	c := open(t, l.middleware(t))
	handle(t, c, "flaky", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		if m.Attempt < 3 {
			return nil, errors.New("not yet")
		}
		return nil, nil
	}, transport.WithRetry(3, time.Millisecond, time.Millisecond))
	ctx, end := l.root(t)
	check(t, c.Send(ctx, &transport.Message{Destination: "flaky"}))
	end()
	spans := l.spans(t, 5)
	sent := find(t, spans, trace.SpanKindProducer, "send flaky")
	got := map[string]string{}
	for _, s := range spans {
		if s.Name == "process flaky" {
			isChild(t, s, sent)
			got[value(s, "polywire.attempt")] = value(s, "error.type") + " " + s.Status.Code.String()
		}
	}
	if want := map[string]string{"": "UNKNOWN Error", "2": "UNKNOWN Error", "3": " Unset"}; fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got attempts %v, want %v", got, want)
	}
}

func TestAServerThatRefusesIsNotInErrorAndItsCallerIs(t *testing.T) {
	for _, c := range []struct {
		fail           error
		code           string
		server, client codes.Code
	}{
		{transport.CodeNotFound, "NOT_FOUND", codes.Unset, codes.Error},
		{transport.CodeCanceled, "CANCELLED", codes.Unset, codes.Error},
		{transport.CodeInternal.Errorf("broken"), "INTERNAL", codes.Error, codes.Error},
		{errors.New("secret of the handler"), "UNKNOWN", codes.Error, codes.Error},
		{nil, "OK", codes.Unset, codes.Unset},
	} {
		l := newLab(t)
		conn := open(t, l.middleware(t))
		handle(t, conn, "quote", func(context.Context, *transport.Message) (*transport.Message, error) { return nil, c.fail })
		_, _ = conn.Request(t.Context(), &transport.Message{Destination: "quote"})
		spans := l.spans(t, 2)
		for kind, want := range map[trace.SpanKind]codes.Code{trace.SpanKindServer: c.server, trace.SpanKindClient: c.client} {
			s := find(t, spans, kind, "quote")
			if got := value(s, "rpc.response.status_code"); got != c.code || s.Status.Code != want {
				t.Errorf("%v %v: got %s %v, want %s %v", kind, c.fail, got, s.Status.Code, c.code, want)
			}
			if strings.Contains(s.Status.Description, "secret") {
				t.Errorf("%v tells what the handler kept: %q", kind, s.Status.Description)
			}
		}
	}
}

func TestASpanEndsWhenItsHandlerPanicsOrDefersInVain(t *testing.T) {
	l := newLab(t)
	c := open(t, l.middleware(t))
	handle(t, c, "panics", func(context.Context, *transport.Message) (*transport.Message, error) { panic("boom") })
	handle(t, c, "never", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		_, err := m.Defer()
		return nil, err
	})
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	if _, err := c.Request(ctx, &transport.Message{Destination: "panics"}); !errors.Is(err, transport.CodeInternal) {
		t.Errorf("got %v, want %v", err, transport.CodeInternal)
	}
	if _, err := c.Request(ctx, &transport.Message{Destination: "never", Timeout: 20 * time.Millisecond}); !errors.Is(err, transport.CodeDeadlineExceeded) {
		t.Errorf("got %v, want %v", err, transport.CodeDeadlineExceeded)
	}
	spans := l.spans(t, 4)
	never := find(t, spans, trace.SpanKindServer, "never")
	if got := value(never, "error.type"); got != "DEADLINE_EXCEEDED" || len(never.Events) != 1 || never.Events[0].Name != "deferred" {
		t.Errorf("got %s, %v; want DEADLINE_EXCEEDED and the event deferred", got, never.Events)
	}
	if got := value(find(t, spans, trace.SpanKindServer, "panics"), "error.type"); got != "INTERNAL" {
		t.Errorf("got error.type %s of a panic, want INTERNAL", got)
	}
}

func TestAGatherHasAnEventForEachAnswerAndTellsWhyItEnded(t *testing.T) {
	l := newLab(t)
	c := open(t, l.middleware(t))
	subscribe(t, c, "bids", echo)
	subscribe(t, c, "bids", func(context.Context, *transport.Message) (*transport.Message, error) {
		return nil, transport.CodeNotFound
	})
	g, err := c.Gather(t.Context(), &transport.Message{Destination: "bids"})
	check(t, err)
	answers := 0
	for range g.All() {
		answers++
	}
	s := find(t, l.spans(t, 3), trace.SpanKindProducer, "gather bids")
	failed := 0
	for _, e := range s.Events {
		if valueOf(e.Attributes, "error.type") == "NOT_FOUND" {
			failed++
		}
	}
	if len(s.Events) != 2 || failed != 1 || answers != 2 {
		t.Errorf("got %d events, %d of them failed, for %d answers; want 2, 1, 2", len(s.Events), failed, answers)
	}
	if n, why := value(s, "polywire.gather.answers"), value(s, "polywire.gather.reason"); n != "2" || why != "complete" {
		t.Errorf("got %s answers, ended by %s; want 2, complete", n, why)
	}
}

func TestWhatAStrangerCallsATraceIsLeftAlone(t *testing.T) {
	l := newLab(t)
	c := open(t, l.middleware(t))
	handle(t, c, "log", echo)
	long := "a=" + strings.Repeat("x", 200) + ",b=" + strings.Repeat("y", 200) + ",c=" + strings.Repeat("z", 104)
	for _, parent := range []string{"no trace", "00-00000000000000000000000000000000-0000000000000000-01", "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"} {
		msg := &transport.Message{Destination: "log"}
		msg.SetTrace(parent, "")
		l.exporter.Reset()
		before := l.ended
		check(t, c.Send(t.Context(), msg))
		if sent := find(t, l.spans(t, before+2), trace.SpanKindProducer, "send log"); sent.Parent.IsValid() {
			t.Errorf("%q: got parent %v, want none", parent, sent.Parent)
		}
	}
	msg := &transport.Message{Destination: "log"}
	msg.SetTrace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", long)
	l.exporter.Reset()
	check(t, c.Send(t.Context(), msg))
	for _, s := range l.spans(t, 8) {
		if got := s.SpanContext.TraceID().String(); got != "4bf92f3577b34da6a3ce929d0e0e4736" {
			t.Errorf("%s is in trace %s, want in the one that the message was given", s.Name, got)
		}
		if got := s.SpanContext.TraceState().String(); got != long {
			t.Errorf("%s has a tracestate of %d bytes, want %d", s.Name, len(got), len(long))
		}
	}
}

func TestDestinationsBeyondTheBoundCountAsOne(t *testing.T) {
	l := newLab(t)
	c := open(t, l.middleware(t))
	subscribe(t, c, ">", echo)
	for i := range 1010 {
		check(t, c.Publish(t.Context(), &transport.Message{Destination: fmt.Sprintf("trip.%d", i)}))
	}
	l.spans(t, 2020)
	sent := l.metrics(t)["messaging.client.sent.messages"].Data.(metricdata.Sum[int64])
	other := int64(0)
	for _, p := range sent.DataPoints {
		if valueOf(p.Attributes.ToSlice(), "messaging.destination.name") == "_OTHER" {
			other = p.Value
		}
	}
	if len(sent.DataPoints) != 1001 || other != 10 {
		t.Errorf("got %d series and %d messages to _OTHER, want 1001 and 10", len(sent.DataPoints), other)
	}
	got := l.metrics(t)["messaging.client.consumed.messages"].Data.(metricdata.Sum[int64])
	if len(got.DataPoints) != 1 || got.DataPoints[0].Value != 1010 {
		t.Errorf("got %d series of deliveries, want 1 of 1010, as there is one pattern", len(got.DataPoints))
	}
}

func TestANamerNamesBothSides(t *testing.T) {
	l := newLab(t)
	c := open(t, l.middleware(t, oteltrace.WithNamer(func(string) string { return "trip.{id}" })))
	handle(t, c, "trip.7", echo)
	_, err := c.Request(t.Context(), &transport.Message{Destination: "trip.7"})
	check(t, err)
	for _, kind := range []trace.SpanKind{trace.SpanKindClient, trace.SpanKindServer} {
		s := find(t, l.spans(t, 2), kind, "trip.{id}")
		if got := value(s, "rpc.method_original"); got != "trip.7" {
			t.Errorf("%v: got rpc.method_original %q, want trip.7", kind, got)
		}
	}
}

// TestMetricsCountWhatHappened calls in each style once and compares every metric.
func TestMetricsCountWhatHappened(t *testing.T) {
	l := newLab(t)
	c := open(t, l.middleware(t))
	handle(t, c, "quote", func(context.Context, *transport.Message) (*transport.Message, error) {
		return &transport.Message{Body: make([]byte, 30)}, nil
	})
	handle(t, c, "log", echo)
	subscribe(t, c, "news", echo, transport.WithGroup("readers"))
	ctx, body := t.Context(), make([]byte, 10)
	_, err := c.Request(ctx, &transport.Message{Destination: "quote", Body: body})
	check(t, err)
	_, err = c.Request(ctx, &transport.Message{Destination: "nobody", Body: body})
	if err == nil {
		t.Error("a request to nobody succeeded")
	}
	check(t, c.Send(ctx, &transport.Message{Destination: "log", Body: body}))
	check(t, c.Publish(ctx, &transport.Message{Destination: "news", Body: body}))
	l.spans(t, 7)
	all := l.metrics(t)
	for name, want := range map[string]string{
		"rpc.client.call.duration":            "nobody UNAVAILABLE:1 quote OK:1",
		"rpc.server.call.duration":            "quote OK:1",
		"messaging.client.operation.duration": "log :1 news :1",
		"messaging.process.duration":          "log :1 news :1",
		"messaging.client.sent.messages":      "log :1 news :1",
		"messaging.client.consumed.messages":  "log :1 news :1",
		"polywire.calls.active":               " :0", // each of them
		"polywire.message.body.size":          "sum 130",
	} {
		if got := summary(all[name]); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if unit := all["rpc.server.call.duration"].Unit; unit != "s" {
		t.Errorf("durations are in %q, want seconds", unit)
	}
}

func summary(m metricdata.Metrics) string {
	series := map[string]int64{}
	sum := int64(0)
	switch d := m.Data.(type) {
	case metricdata.Sum[int64]:
		for _, p := range d.DataPoints {
			a := p.Attributes.ToSlice()
			series[valueOf(a, "messaging.destination.name")+" "+valueOf(a, "error.type")] += p.Value
		}
	case metricdata.Histogram[float64]:
		for _, p := range d.DataPoints {
			a := p.Attributes.ToSlice()
			series[valueOf(a, "rpc.method")+valueOf(a, "messaging.destination.name")+" "+valueOf(a, "rpc.response.status_code")] += int64(p.Count)
		}
	case metricdata.Histogram[int64]:
		for _, p := range d.DataPoints {
			sum += p.Sum
		}
		return fmt.Sprintf("sum %d", sum)
	}
	return strings.TrimSuffix(strings.TrimPrefix(fmt.Sprint(series), "map["), "]")
}

// off is a middleware whose providers do nothing.
func off(t testing.TB) *oteltrace.Middleware {
	t.Helper()
	m, err := oteltrace.New(oteltrace.WithTracerProvider(notrace.NewTracerProvider()), oteltrace.WithMeterProvider(nometric.NewMeterProvider()))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestATracePassesThroughAServiceThatTracesNothing(t *testing.T) {
	l := newLab(t)
	f := inproc.Factory()
	traced := brokertest.OpenConn(t, f, "inproc://x", l.middleware(t).Options()...)
	silent := brokertest.OpenConn(t, f, "inproc://x", off(t).Options()...)
	handle(t, silent, "middle", func(ctx context.Context, m *transport.Message) (*transport.Message, error) {
		return nil, silent.Send(ctx, &transport.Message{Destination: "last"})
	})
	handle(t, traced, "last", echo)
	_, err := traced.Request(t.Context(), &transport.Message{Destination: "middle"})
	check(t, err)
	spans := l.spans(t, 2)
	isChild(t, find(t, spans, trace.SpanKindConsumer, "process last"), find(t, spans, trace.SpanKindClient, "middle"))
}
