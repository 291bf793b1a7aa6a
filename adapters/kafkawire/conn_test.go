package kafkawire

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/transport"
)

func tryAdapter(rawURL string, connected func(error)) (*adapter, error) {
	a, err := brokertest.OpenAdapter(Factory(), rawURL, connected)
	if err != nil {
		return nil, err
	}
	return a.(*adapter), nil
}

func TestAllStylesCarryTheirMessages(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		t.Run("a request is answered, and an error is an answer", func(t *testing.T) { requestStyle(t, url) })
		t.Run("a send reaches a handler that comes later", func(t *testing.T) { sendStyle(t, url) })
		t.Run("a publish reaches every subscription and one of each group", func(t *testing.T) { publishStyle(t, url) })
		t.Run("a gather collects an answer of every subscription", func(t *testing.T) { gatherStyle(t, url) })
		t.Run("what cannot be handled is at its dead-letter destination", func(t *testing.T) { deadLetter(t, url) })
	})
}

func requestStyle(t *testing.T, url string) {
	ctx := brokertest.Context(t)
	server, client := openConn(t, url), openConn(t, url)
	_, err := server.Handle(ctx, "account.verify", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		if string(m.Body) == "bad" {
			return nil, transport.CodeNotFound.Errorf("no such account")
		}
		reply := &transport.Message{ContentType: m.ContentType, Body: append([]byte("re: "), m.Body...)}
		reply.Header = m.Header.Clone()
		return reply, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		m := &transport.Message{Destination: "account.verify", ContentType: "text/plain", Body: fmt.Append(nil, i), CorrelationID: "c"}
		m.Header.Add("a", "1")
		m.Header.Add("a", "")
		m.Header.Add("a", "ü")
		start := time.Now()
		reply, err := client.Request(ctx, m)
		if err != nil {
			t.Fatal(err)
		}
		if i%10 == 9 {
			t.Log("request took", time.Since(start))
		}
		if got := string(reply.Body); got != fmt.Sprint("re: ", i) || reply.ContentType != "text/plain" || reply.CorrelationID != "c" {
			t.Errorf("reply is %v with body %q", reply, got)
		}
		if got := strings.Join(reply.Header.Values("a"), "|"); got != "1||ü" {
			t.Errorf("header came back as %q", got)
		}
	}
	_, err = client.Request(ctx, &transport.Message{Destination: "account.verify", Body: []byte("bad")})
	if !errors.Is(err, transport.CodeNotFound) || !strings.Contains(err.Error(), "no such account") {
		t.Errorf("the handler's error came back as %v", err)
	}
}

func sendStyle(t *testing.T, url string) {
	ctx := brokertest.Context(t)
	c := openConn(t, url)
	if err := c.Send(ctx, &transport.Message{Destination: "trip_1.pick--up", Key: "k", Body: []byte("x")}); err != nil {
		t.Fatal(err)
	}
	got := make(chan *transport.Message, 1)
	_, err := c.Handle(ctx, "trip_1.pick--up", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		got <- m.Clone()
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	m := brokertest.Receive(t, got)
	if m.Destination != "trip_1.pick--up" || m.Key != "k" || string(m.Body) != "x" || m.Attempt != 1 {
		t.Errorf("got %+v", m)
	}
}

func publishStyle(t *testing.T, url string) {
	ctx := brokertest.Context(t)
	c := openConn(t, url)
	var mu sync.Mutex
	count := map[string]int{}
	all := make(chan struct{}, 100)
	handler := func(name string) transport.Handler {
		return func(context.Context, *transport.Message) (*transport.Message, error) {
			mu.Lock()
			defer mu.Unlock()
			count[name]++
			all <- struct{}{}
			return nil, nil
		}
	}
	for name, opts := range map[string][]transport.BindOption{
		"one": nil, "two": nil, "group-a": {transport.WithGroup("g")}, "group-b": {transport.WithGroup("g")},
	} {
		pattern := "trip.created"
		if name == "two" {
			pattern = "trip.*"
		}
		if _, err := c.Subscribe(ctx, pattern, handler(name), opts...); err != nil {
			t.Fatal(err)
		}
	}
	for range 10 {
		if err := c.Publish(ctx, &transport.Message{Destination: "trip.created"}); err != nil {
			t.Fatal(err)
		}
	}
	for range 30 {
		brokertest.Receive(t, all)
	}
	mu.Lock()
	defer mu.Unlock()
	if count["one"] != 10 || count["two"] != 10 || count["group-a"]+count["group-b"] != 10 {
		t.Errorf("received %v", count)
	}
}

func gatherStyle(t *testing.T, url string) {
	ctx := brokertest.Context(t)
	c := openConn(t, url)
	for i := range 3 {
		_, err := c.Subscribe(ctx, "who.is", func(context.Context, *transport.Message) (*transport.Message, error) {
			return &transport.Message{Body: fmt.Append(nil, i)}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	g, err := c.Gather(ctx, &transport.Message{Destination: "who.is"}, transport.WithMax(3))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for r := range g.All() {
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		seen[string(r.Message.Body)] = true
	}
	if len(seen) != 3 || g.Reason() != "max" {
		t.Errorf("answers %v, reason %q", seen, g.Reason())
	}
}

func deadLetter(t *testing.T, url string) {
	ctx := brokertest.Context(t)
	c := openConn(t, url)
	_, err := c.Handle(ctx, "poison", func(context.Context, *transport.Message) (*transport.Message, error) {
		return nil, transport.CodeInvalidArgument.Errorf("no")
	})
	if err != nil {
		t.Fatal(err)
	}
	dead := make(chan *transport.Message, 1)
	_, err = c.Handle(ctx, "dead.poison", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		dead <- m.Clone()
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Send(ctx, &transport.Message{Destination: "poison", Body: []byte("b")}); err != nil {
		t.Fatal(err)
	}
	if m := brokertest.Receive(t, dead); string(m.Body) != "b" || m.Header.Get("dead-destination") != "poison" {
		t.Errorf("dead letter is %v", m)
	}
}
