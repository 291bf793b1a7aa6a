package amqpwire

import (
	"context"
	"reflect"
	"strings"
	"testing"

	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/transport"
)

// startPeer starts testdata/amqp_peer.py.
func startPeer(ctx context.Context, t *testing.T, url string, args ...string) *brokertest.Peer {
	t.Helper()
	broker, _, _ := strings.Cut(url, "?")
	return brokertest.StartPeer(ctx, t, brokertest.Python(t, "pika"), append([]string{"testdata/amqp_peer.py", broker, prefixOf(url)}, args...)...)
}

type foreign struct {
	Routing, Body, ID, Type, Correlation, Source string
	Headers                                      map[string]any
	Unroutable                                   bool
}

func message(t *testing.T, p *brokertest.Peer) (f foreign) {
	t.Helper()
	p.Decode(t, &f)
	return f
}

func TestAPythonProgramRequestsAndIsRequested(t *testing.T) {
	url := ownURL(t)
	brokertest.Python(t, "pika")
	ctx := brokertest.Context(t)
	c := openConn(t, url)
	t.Run("our handler answers it", func(t *testing.T) { pythonCalls(ctx, t, c, url) })
	t.Run("it answers our request", func(t *testing.T) { pythonServes(ctx, t, c, url) })
	t.Run("our handler gets what it sends", func(t *testing.T) { pythonSends(ctx, t, c, url) })
	t.Run("it takes what we send", func(t *testing.T) { pythonTakes(ctx, t, c, url) })
	t.Run("our subscription gets what it publishes", func(t *testing.T) { pythonPublishes(ctx, t, c, url) })
	t.Run("it gets what we publish", func(t *testing.T) { pythonListens(ctx, t, c, url) })
}

func pythonCalls(ctx context.Context, t *testing.T, c *transport.Conn, url string) {
	sub, err := c.Handle(ctx, "go.service", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		if string(m.Body) == "bad" {
			return nil, transport.CodeNotFound.Errorf("no such thing: 100%%")
		}
		if m.Source != "python/1" || m.Time.IsZero() || m.Timeout <= 0 {
			t.Errorf("it came from %q at %v with %v left", m.Source, m.Time, m.Timeout)
		}
		return &transport.Message{Body: []byte("go: " + string(m.Body)), ContentType: m.ContentType, Header: m.Header.Clone()}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p := startPeer(ctx, t, url, "call", "go.service", "good", "bad")
	good, bad := message(t, p), message(t, p)
	want := map[string]any{"x-umlaut": "ü", "x-many": []any{"1", ""}, "x-number": "7"}
	for key, value := range want {
		if !reflect.DeepEqual(good.Headers[key], value) {
			t.Errorf("header %s came back as %v, want %v", key, good.Headers[key], value)
		}
	}
	if good.Body != "go: good" || good.Type != "text/plain" || good.Source == "" {
		t.Errorf("it got %+v", good)
	}
	if bad.Headers["polywire-code"] != "not_found" || bad.Headers["polywire-error"] != "no such thing: 100%25" {
		t.Errorf("it got the error as %+v", bad)
	}
	p.Wait(t)
	if err := sub.Close(ctx); err != nil {
		t.Fatal(err)
	}
	p = startPeer(ctx, t, url, "call", "go.service", "anybody there?")
	if !message(t, p).Unroutable {
		t.Error("a request that nobody handles was taken")
	}
	p.Wait(t)
}

func pythonServes(ctx context.Context, t *testing.T, c *transport.Conn, url string) {
	p := startPeer(ctx, t, url, "serve", "python.service", "2")
	brokertest.Ask(ctx, t, c, "python.service")
	p.Wait(t)
}

// collect handles, or subscribes, and returns what comes.
func collect(got chan *transport.Message) transport.Handler {
	return func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		got <- m.Clone()
		return nil, nil
	}
}

func pythonSends(ctx context.Context, t *testing.T, c *transport.Conn, url string) {
	got := make(chan *transport.Message, 1)
	if _, err := c.Handle(ctx, "sent", collect(got)); err != nil {
		t.Fatal(err)
	}
	p := startPeer(ctx, t, url, "send", "sent", "text")
	if m := brokertest.Receive(t, got); m.Key != "a key" || string(m.Body) != "text" || m.ContentType != "text/plain" || m.Header.Get("content-encoding") != "identity" {
		t.Errorf("got %v with key %q, body %q", m, m.Key, m.Body)
	}
	p.Wait(t)
}

func pythonTakes(ctx context.Context, t *testing.T, c *transport.Conn, url string) {
	m := &transport.Message{Destination: "work", Key: "k", ContentType: "text/plain", Body: []byte("to do"), CorrelationID: "c"}
	m.Header.Set("x-zero", "0")
	if err := c.Send(ctx, m); err != nil {
		t.Fatal(err)
	}
	p := startPeer(ctx, t, url, "take", "work", "1")
	f := message(t, p)
	if f.Body != "to do" || f.Type != "text/plain" || f.Correlation != "c" || f.ID == "" || f.Headers["polywire-key"] != "k" || f.Headers["x-zero"] != "0" {
		t.Errorf("it got %+v", f)
	}
	p.Wait(t)
}

func pythonPublishes(ctx context.Context, t *testing.T, c *transport.Conn, url string) {
	got := make(chan *transport.Message, 1)
	if _, err := c.Subscribe(ctx, "news.>", collect(got), transport.WithGroup("readers")); err != nil {
		t.Fatal(err)
	}
	p := startPeer(ctx, t, url, "publish", "news.python.now", "fresh")
	if m := brokertest.Receive(t, got); m.Destination != "news.python.now" || string(m.Body) != "fresh" {
		t.Errorf("got %v with body %q", m, m.Body)
	}
	p.Wait(t)
}

func pythonListens(ctx context.Context, t *testing.T, c *transport.Conn, url string) {
	p := startPeer(ctx, t, url, "listen", "weather.#", "1")
	m := &transport.Message{Destination: "weather.today", ContentType: "text/plain", Body: []byte("rain")}
	m.SetTrace("00-11111111111111111111111111111111-2222222222222222-01", "")
	if err := c.Publish(ctx, m); err != nil {
		t.Fatal(err)
	}
	f := message(t, p)
	if f.Routing != "weather.today" || f.Body != "rain" || f.Type != "text/plain" || f.Headers["traceparent"] == nil {
		t.Errorf("it got %+v", f)
	}
	p.Wait(t)
}
