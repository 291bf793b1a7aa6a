package brokertest

import (
	"context"
	"log/slog"
	neturl "net/url"
	"testing"

	"github.com/polywire/polywire/transport"
)

// OpenConn opens a Conn that ends with the test.
func OpenConn(t testing.TB, f transport.Factory, url string, opts ...transport.Option) *transport.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	c, err := transport.NewRegistry(f).Open(ctx, url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// OpenAdapter opens an adapter without a Conn around it.
func OpenAdapter(f transport.Factory, url string, connected func(error)) (transport.Adapter, error) {
	u, err := neturl.Parse(url)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	return f.Open(ctx, transport.Setup{URL: u, Source: "test/1", MaxBody: 4 << 20, Logger: slog.New(slog.DiscardHandler), Connected: connected})
}

// CloseAdapter closes it, within the patience of a test.
func CloseAdapter(t testing.TB, a transport.Adapter) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if err := a.Close(ctx); err != nil {
		t.Error(err)
	}
}

// Bind binds, with a credit of 64 where b has none.
func Bind(t testing.TB, a transport.Adapter, b transport.Binding, s transport.Sink) transport.Bound {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if b.Credit == 0 {
		b.Concurrency, b.Credit = 1, 64
	}
	bound, err := a.Bind(ctx, b, s)
	if err != nil {
		t.Fatal(err)
	}
	return bound
}

// QueueEnvelope is a message on its way to a queue.
func QueueEnvelope(destination, body string) *transport.Envelope {
	return &transport.Envelope{Kind: transport.KindQueue, Message: transport.Message{
		Destination: destination, ID: "id-" + body, Body: []byte(body), Timeout: Patience,
	}}
}

// A Sink collects deliveries, which the test settles. What is lost it does not keep.
type Sink struct {
	C chan transport.Delivery // written by Deliver, read by the test, never closed
}

// NewSink returns a Sink with room for all that a test sends.
func NewSink() *Sink { return &Sink{C: make(chan transport.Delivery, 1<<17)} }

// Deliver makes it a [transport.Sink].
func (s *Sink) Deliver(d transport.Delivery) { s.C <- d }

// Lost makes it a [transport.Sink].
func (s *Sink) Lost(error) {}

// Next is the next delivery; the test fails when none comes.
func (s *Sink) Next(t testing.TB) transport.Delivery {
	t.Helper()
	return Receive(t, s.C)
}
