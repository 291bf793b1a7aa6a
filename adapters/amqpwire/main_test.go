package amqpwire

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"github.com/polywire/polywire/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var discard = slog.New(slog.DiscardHandler)

// testTime bounds what a test waits for; nothing waits that long when it passes.
const testTime = 30 * time.Second

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	t.Cleanup(cancel)
	return ctx
}

// realURL is the broker of the environment.
func realURL(t testing.TB) string {
	t.Helper()
	u := os.Getenv("POLYWIRE_TEST_AMQP_URL")
	if u == "" && os.Getenv("CI") == "true" {
		t.Fatal("POLYWIRE_TEST_AMQP_URL is not set")
	}
	if u == "" {
		t.Skip(`no RabbitMQ: scripts/brokers start .brokers rabbitmq && eval "$(scripts/brokers env .brokers)"`)
	}
	return u
}

// ownURL is that broker with a prefix of the test's own, and what the test leaves expires.
func ownURL(t testing.TB) string {
	t.Helper()
	return realURL(t) + "?expires=1m&prefix=" + unique()
}

func unique() string {
	var b [6]byte
	_, _ = rand.Read(b[:])
	return "t" + hex.EncodeToString(b[:]) + "."
}

func prefixOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		panic(err)
	}
	return u.Query().Get("prefix")
}

func openConn(t testing.TB, url string, opts ...transport.Option) *transport.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	c, err := transport.NewRegistry(Factory()).Open(ctx, url, opts...)
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

func tryAdapter(rawURL string, connected func(error)) (*adapter, error) {
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	a, err := open(ctx, transport.Setup{URL: u, Source: "test/1", MaxBody: 1 << 20, Logger: discard, Connected: connected})
	if err != nil {
		return nil, err
	}
	return a.(*adapter), nil
}

func openAdapter(t testing.TB, rawURL string) *adapter {
	t.Helper()
	a, err := tryAdapter(rawURL, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeAdapter(t, a) })
	return a
}

func closeAdapter(t testing.TB, a *adapter) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	if err := a.Close(ctx); err != nil {
		t.Error(err)
	}
}

// A sink collects deliveries and settles them as the test says.
type sink struct {
	c    chan transport.Delivery // written by Deliver, read by the test, never closed
	gone chan struct{}           // closed by Lost
	once sync.Once
	lost error // written before gone is closed
}

func newSink() *sink {
	return &sink{c: make(chan transport.Delivery, 1<<17), gone: make(chan struct{})}
}

func (s *sink) Deliver(d transport.Delivery) { s.c <- d }

func (s *sink) Lost(err error) {
	s.once.Do(func() {
		s.lost = err
		close(s.gone)
	})
}

func (s *sink) next(t testing.TB) transport.Delivery {
	t.Helper()
	return receive(t, s.c)
}

// receive takes one value, and fails the test when none comes.
func receive[T any](t testing.TB, c <-chan T) (v T) {
	t.Helper()
	select {
	case v = <-c:
	case <-time.After(testTime):
		t.Fatal("nothing came")
	}
	return v
}

func waitUntil(t testing.TB, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatal("it did not come about")
		}
		<-tick.C
	}
}

func mustBind(t testing.TB, a *adapter, b transport.Binding, s transport.Sink) *binding {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	if b.Credit == 0 {
		b.Concurrency, b.Credit = 1, 64
	}
	bound, err := a.Bind(ctx, b, s)
	if err != nil {
		t.Fatal(err)
	}
	return bound.(*binding)
}

func queueEnvelope(destination, body string) *transport.Envelope {
	return &transport.Envelope{Kind: transport.KindQueue, Message: transport.Message{Destination: destination, ID: "id-" + body, Body: []byte(body), Timeout: testTime}}
}

// rawChannel is a channel of the client library alone, on the broker of url.
func rawChannel(t testing.TB, url string) *amqp.Channel {
	t.Helper()
	base, _, _ := strings.Cut(url, "?")
	conn, err := amqp.Dial(base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return ch
}
