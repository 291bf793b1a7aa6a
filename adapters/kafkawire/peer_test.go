package kafkawire

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/transport"
)

// startPeer starts testdata/kafka_peer.py.
func startPeer(ctx context.Context, t *testing.T, url string, args ...string) *brokertest.Peer {
	t.Helper()
	broker, prefix, _ := strings.Cut(strings.TrimPrefix(url, "kafka://"), "?prefix=")
	return brokertest.StartPeer(ctx, t, brokertest.Python(t, "confluent_kafka"), append([]string{"testdata/kafka_peer.py", broker, prefix}, args...)...)
}

type foreign struct {
	Key, Body string
	Headers   [][2]string
}

func message(t *testing.T, p *brokertest.Peer) (f foreign) {
	t.Helper()
	p.Decode(t, &f)
	return f
}

func (f foreign) values(key string) (all []string) {
	for _, h := range f.Headers {
		if h[0] == key {
			all = append(all, h[1])
		}
	}
	return all
}

func TestAPythonProgramRequestsAndIsRequested(t *testing.T) {
	prefix := unique()
	url := kafka.URL(t) + "?prefix=" + prefix
	brokertest.Python(t, "confluent_kafka")
	t.Cleanup(func() { removeTopics(t, kafka.URL(t), prefix) })
	ctx := brokertest.Context(t)
	c := openConn(t, url)
	t.Run("our handler answers it", func(t *testing.T) { pythonCalls(ctx, t, c, url) })
	t.Run("it answers our request", func(t *testing.T) { pythonServes(ctx, t, c, url) })
	t.Run("our handler gets what it sends", func(t *testing.T) { pythonSends(ctx, t, c, url) })
	t.Run("it gets what we publish", func(t *testing.T) { pythonListens(ctx, t, c, url) })
}

func pythonCalls(ctx context.Context, t *testing.T, c *transport.Conn, url string) {
	_, err := c.Handle(ctx, "go.service", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		if string(m.Body) == "bad" {
			return nil, transport.CodeNotFound.Errorf("no such thing: 100%%")
		}
		return &transport.Message{Body: []byte("go: " + string(m.Body)), ContentType: m.ContentType, Header: m.Header.Clone()}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Request(ctx, &transport.Message{Destination: "go.service"}); err != nil { // makes the reply topic
		t.Fatal(err)
	}
	p := startPeer(ctx, t, url, "call", "go.service", "good", "bad")
	good, bad := message(t, p), message(t, p)
	if good.Body != "go: good" || !slices.Equal(good.values("content-type"), []string{"text/plain"}) ||
		!slices.Equal(good.values("x-many"), []string{"1", ""}) || !slices.Equal(good.values("x-umlaut"), []string{"ü"}) {
		t.Errorf("it got %+v", good)
	}
	if !slices.Equal(bad.values("polywire-code"), []string{"not_found"}) || !slices.Equal(bad.values("polywire-error"), []string{"no such thing: 100%25"}) {
		t.Errorf("it got the error as %+v", bad)
	}
	p.Wait(t)
}

func pythonServes(ctx context.Context, t *testing.T, c *transport.Conn, url string) {
	// A request that nobody handles makes the topic, and is kept for the peer.
	first := make(chan error, 1)
	go func() {
		_, err := c.Request(ctx, &transport.Message{Destination: "python.service", Body: []byte("first")})
		first <- err
	}()
	waitTopic(t, url, "python.service")
	p := startPeer(ctx, t, url, "serve", "python.service", "3")
	if err := brokertest.Receive(t, first); err != nil {
		t.Fatal(err)
	}
	brokertest.Ask(ctx, t, c, "python.service")
	p.Wait(t)
}

func waitTopic(t *testing.T, url, topic string) {
	a := openAdapter(t, url)
	defer brokertest.CloseAdapter(t, a)
	brokertest.WaitUntil(t, func() bool {
		found, err := a.admin.ListTopics(t.Context(), a.names.prefix+topic)
		return err == nil && found[a.names.prefix+topic].Err == nil && len(found) == 1
	})
}

func pythonSends(ctx context.Context, t *testing.T, c *transport.Conn, url string) {
	got := make(chan *transport.Message, 1)
	_, err := c.Handle(ctx, "sent", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		got <- m.Clone()
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p := startPeer(ctx, t, url, "send", "sent", "a key", "text")
	if m := brokertest.Receive(t, got); m.Key != "a key" || string(m.Body) != "text" || m.ContentType != "text/plain" || m.Time.IsZero() {
		t.Errorf("got %v with key %q, body %q, time %v", m, m.Key, m.Body, m.Time)
	}
	p.Wait(t)
}

func pythonListens(ctx context.Context, t *testing.T, c *transport.Conn, url string) {
	m := &transport.Message{Destination: "news", Key: "k", ContentType: "text/plain", Body: []byte("fresh"), CorrelationID: "c"}
	m.SetTrace("00-11111111111111111111111111111111-2222222222222222-01", "")
	if err := c.Publish(ctx, m); err != nil { // makes the topic
		t.Fatal(err)
	}
	p := startPeer(ctx, t, url, "listen", "news", "1")
	if err := c.Publish(ctx, m); err != nil {
		t.Fatal(err)
	}
	f := message(t, p)
	if f.Key != "k" || f.Body != "fresh" || !slices.Equal(f.values("content-type"), []string{"text/plain"}) ||
		!slices.Equal(f.values("polywire-correlation-id"), []string{"c"}) || len(f.values("traceparent")) != 1 {
		t.Errorf("it got %+v", f)
	}
	p.Wait(t)
}
