package inproc

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"go.uber.org/goleak"

	"github.com/polywire/polywire/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// dial opens Conns of one Factory value and closes them at the end of the test.
func dial(t testing.TB, f transport.Factory) func(url string) *transport.Conn {
	reg := transport.NewRegistry(f)
	return func(url string) *transport.Conn {
		t.Helper()
		c, err := reg.Open(context.Background(), url)
		if err != nil {
			t.Fatalf("open %s: %v", url, err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
}

func echo(_ context.Context, msg *transport.Message) (*transport.Message, error) {
	return &transport.Message{Body: msg.Body, Header: msg.Header}, nil
}

func handle(t testing.TB, c *transport.Conn, name string, h transport.Handler, opts ...transport.BindOption) *transport.Subscription {
	t.Helper()
	s, err := c.Handle(context.Background(), name, h, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func subscribe(t testing.TB, c *transport.Conn, pattern string, h transport.Handler, opts ...transport.BindOption) *transport.Subscription {
	t.Helper()
	s, err := c.Subscribe(context.Background(), pattern, h, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func msg(to, body string) *transport.Message {
	return &transport.Message{Destination: to, Body: []byte(body)}
}

func TestConnsOfOneNameReachEachOther(t *testing.T) {
	for _, query := range []string{"", "?inline"} {
		open := dial(t, Factory())
		server, client, stranger := open("inproc://a"+query), open("inproc://a"+query), open("inproc://b")
		handle(t, server, "echo", echo)
		got, err := client.Request(t.Context(), msg("echo", "hello"))
		if err != nil || string(got.Body) != "hello" {
			t.Fatalf("request: %v, %v; want hello", got, err)
		}
		if _, err := stranger.Request(t.Context(), msg("echo", "")); !errors.Is(err, transport.ErrNoHandler) {
			t.Errorf("request from another name: %v; want ErrNoHandler", err)
		}
	}
}

func TestGatherCollectsEverySubscription(t *testing.T) {
	open := dial(t, Factory())
	c := open("inproc://")
	for i := range 5 {
		subscribe(t, c, "ask", func(context.Context, *transport.Message) (*transport.Message, error) {
			if i == 4 {
				return nil, nil // this one has nothing to say
			}
			return &transport.Message{Body: fmt.Append(nil, i)}, nil
		})
	}
	g, err := c.Gather(t.Context(), msg("ask", ""))
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for r := range g.All() {
		seen[string(r.Message.Body)] = true
	}
	if len(seen) != 4 {
		t.Errorf("answers %v; want 4 different ones", seen)
	}
	if got := g.Reason(); got != "complete" {
		t.Errorf("reason %q; want complete", got)
	}
}

func TestSendReachesOneOfTheHandlers(t *testing.T) {
	open := dial(t, Factory())
	c := open("inproc://")
	var each [3]atomic.Int64
	done := make(chan struct{}, 3000)
	for i := range each {
		handle(t, c, "work", func(context.Context, *transport.Message) (*transport.Message, error) {
			each[i].Add(1)
			done <- struct{}{}
			return nil, nil
		})
	}
	for range 3000 {
		if err := c.Send(t.Context(), msg("work", "")); err != nil {
			t.Fatal(err)
		}
	}
	for range 3000 {
		<-done
	}
	for i := range each {
		if each[i].Load() == 0 {
			t.Errorf("handler %d got nothing", i)
		}
	}
}
