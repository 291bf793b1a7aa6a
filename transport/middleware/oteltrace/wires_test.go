package oteltrace_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.opentelemetry.io/otel/trace"

	"github.com/polywire/polywire/adapters/amqpwire"
	"github.com/polywire/polywire/adapters/grpcwire"
	"github.com/polywire/polywire/adapters/httpwire"
	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/adapters/kafkawire"
	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/transport"
)

// A wire opens the two ends of a connection with the same options.
type wire struct {
	name string
	pair func(t testing.TB, opts []transport.Option) (server, client *transport.Conn)
}

func wires() []wire {
	return []wire{
		{"inproc", same(inproc.Factory(), func(testing.TB) string { return "inproc://x" })},
		{"inline", same(inproc.Factory(), func(testing.TB) string { return "inproc://x?inline" })},
		{"http", node(httpwire.Factory(), "http")},
		{"grpc", node(grpcwire.Factory(), "grpc")},
		{"kfake", same(kafkawire.Factory(), func(t testing.TB) string {
			c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(100*time.Millisecond))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(c.Close)
			return "kafka://" + strings.Join(c.ListenAddrs(), ",")
		})},
		{"amqp", same(amqpwire.Factory(), func(t testing.TB) string {
			return brokertest.RabbitMQ().URL(t) + "?expires=1m&prefix=" + url.QueryEscape(brokertest.Unique()+".")
		})},
	}
}

// node is one that listens, and a client of it.
func node(f transport.Factory, scheme string) func(testing.TB, []transport.Option) (server, client *transport.Conn) {
	return func(t testing.TB, opts []transport.Option) (server, client *transport.Conn) {
		server = brokertest.OpenConn(t, f, scheme+"://?listen=127.0.0.1:0", opts...)
		return server, brokertest.OpenConn(t, f, scheme+"://"+server.Addr(), opts...)
	}
}

func same(f transport.Factory, at func(testing.TB) string) func(testing.TB, []transport.Option) (server, client *transport.Conn) {
	return func(t testing.TB, opts []transport.Option) (server, client *transport.Conn) {
		u := at(t)
		return brokertest.OpenConn(t, f, u, opts...), brokertest.OpenConn(t, f, u, opts...)
	}
}

// A journey is one call, and the spans that it must leave below the caller's, from the top.
type journey struct {
	name string
	call func(t *testing.T, ctx context.Context, c *transport.Conn)
	want []step
}

type step struct {
	kind trace.SpanKind
	name string
	code string // error.type
}

func journeys() []journey {
	msg := func(to string) *transport.Message { return &transport.Message{Destination: to, Body: []byte("x")} }
	return []journey{
		{"Send", func(t *testing.T, ctx context.Context, c *transport.Conn) {
			check(t, c.Send(ctx, msg("log")))
		}, []step{{trace.SpanKindProducer, "send log", ""}, {trace.SpanKindConsumer, "process log", ""}}},
		{"Request", func(t *testing.T, ctx context.Context, c *transport.Conn) {
			_, err := c.Request(ctx, msg("quote"))
			check(t, err)
		}, []step{
			{trace.SpanKindClient, "quote", ""}, {trace.SpanKindServer, "quote", ""},
			{trace.SpanKindProducer, "send log", ""}, {trace.SpanKindConsumer, "process log", ""}, // which its handler sends
		}},
		{"a Request that fails", func(t *testing.T, ctx context.Context, c *transport.Conn) {
			if _, err := c.Request(ctx, msg("broken")); !errors.Is(err, transport.CodeDataLoss) {
				t.Errorf("got %v, want %v", err, transport.CodeDataLoss)
			}
		}, []step{{trace.SpanKindClient, "broken", "DATA_LOSS"}, {trace.SpanKindServer, "broken", "DATA_LOSS"}}},
		{"RequestAsync", func(t *testing.T, ctx context.Context, c *transport.Conn) {
			f, err := c.RequestAsync(ctx, msg("slow"))
			check(t, err)
			_, err = f.Await(ctx)
			check(t, err)
		}, []step{{trace.SpanKindClient, "slow", ""}, {trace.SpanKindServer, "slow", ""}}},
		{"a deferred reply", func(t *testing.T, ctx context.Context, c *transport.Conn) {
			_, err := c.Request(ctx, msg("later"))
			check(t, err)
		}, []step{{trace.SpanKindClient, "later", ""}, {trace.SpanKindServer, "later", ""}}},
		{"Publish", func(t *testing.T, ctx context.Context, c *transport.Conn) {
			check(t, c.Publish(ctx, msg("trip.created")))
		}, []step{{trace.SpanKindProducer, "publish trip.created", ""}, {trace.SpanKindConsumer, "process trip.*", ""}}},
		{"Gather", func(t *testing.T, ctx context.Context, c *transport.Conn) {
			g, err := c.Gather(ctx, msg("bids"), transport.WithMax(1))
			check(t, err)
			for r := range g.All() {
				check(t, r.Err)
			}
		}, []step{{trace.SpanKindProducer, "gather bids", ""}, {trace.SpanKindConsumer, "process bids", ""}}},
		{"Send with ReplyTo", func(t *testing.T, ctx context.Context, c *transport.Conn) {
			m := msg("ask")
			m.ReplyTo = "told"
			check(t, c.Send(ctx, m))
		}, []step{
			{trace.SpanKindProducer, "send ask", ""}, {trace.SpanKindConsumer, "process ask", ""},
			{trace.SpanKindProducer, "send told", ""}, {trace.SpanKindConsumer, "process told", ""}, // the answer
		}},
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// serve handles what the journeys call.
func serve(t *testing.T, c *transport.Conn) {
	nothing := func(context.Context, *transport.Message) (*transport.Message, error) { return nil, nil }
	handle(t, c, "log", nothing)
	handle(t, c, "told", nothing)
	handle(t, c, "slow", echo)
	handle(t, c, "ask", echo)
	handle(t, c, "broken", func(context.Context, *transport.Message) (*transport.Message, error) {
		return nil, transport.CodeDataLoss.Errorf("gone")
	})
	handle(t, c, "quote", func(ctx context.Context, m *transport.Message) (*transport.Message, error) {
		return &transport.Message{Body: m.Body}, c.Send(ctx, &transport.Message{Destination: "log"})
	})
	handle(t, c, "later", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		d, err := m.Defer()
		if err != nil {
			return nil, err
		}
		go func() { _ = d.Reply(&transport.Message{Body: []byte("late")}, nil) }() // ends at once; the caller waits for it
		return nil, nil
	})
	subscribe(t, c, "trip.*", nothing)
	subscribe(t, c, "bids", echo)
}

// TestATraceGoesOnOverEveryAdapter calls in all styles and looks at what a real SDK was told:
// one trace, each step the child of the one before, up to the caller's own span.
func TestATraceGoesOnOverEveryAdapter(t *testing.T) {
	for _, w := range wires() {
		t.Run(w.name, func(t *testing.T) {
			l := newLab(t)
			server, client := w.pair(t, l.middleware(t).Options())
			serve(t, server)
			ended := 0
			for _, j := range journeys() {
				l.exporter.Reset()
				ctx, end := l.root(t)
				j.call(t, ctx, client)
				end()
				ended += len(j.want) + 1
				spans := l.spans(t, ended)
				above := find(t, spans, trace.SpanKindInternal, "root")
				for _, s := range j.want {
					span := find(t, spans, s.kind, s.name)
					isChild(t, span, above)
					if got := value(span, "error.type"); got != s.code {
						t.Errorf("%s: %s %q has error.type %q, want %q", j.name, s.kind, s.name, got, s.code)
					}
					if got := value(span, "polywire.transport"); got != server.Features().Adapter {
						t.Errorf("%s: polywire.transport of %q is %q, want %q", j.name, s.name, got, server.Features().Adapter)
					}
					above = span
				}
			}
		})
	}
}
