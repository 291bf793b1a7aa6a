package router

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/polywire/polywire/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A keeper is a sink that keeps what it gets for the test to settle.
type keeper struct {
	mu  sync.Mutex
	got []transport.Delivery
	on  func(d transport.Delivery) // runs in Deliver, when set
}

func (k *keeper) Deliver(d transport.Delivery) {
	k.mu.Lock()
	k.got = append(k.got, d)
	k.mu.Unlock()
	if k.on != nil {
		k.on(d)
	}
}

func (k *keeper) Lost(error) {}

func (k *keeper) all() []transport.Delivery {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]transport.Delivery(nil), k.got...)
}

func (k *keeper) len() int { return len(k.all()) }

func (k *keeper) bodies() []string {
	var s []string
	for _, d := range k.all() {
		s = append(s, string(d.Envelope().Body))
	}
	return s
}

// accept settles the delivery at once.
func accept(d transport.Delivery) { _ = d.Accept(context.Background()) }

func mail(to, body string) *transport.Envelope {
	e := &transport.Envelope{}
	e.Destination, e.Body, e.Timeout, e.Attempt = to, []byte(body), time.Minute, 1
	return e
}

func keyed(to, key, body string) *transport.Envelope {
	e := mail(to, body)
	e.Key = key
	return e
}

func start(t testing.TB, o Options) *Router {
	r := New(o)
	t.Cleanup(func() {
		if err := r.Close(context.Background()); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return r
}

func queueOf(name string, credit int) transport.Binding {
	return transport.Binding{Kind: transport.KindQueue, Pattern: name, Concurrency: 1, Credit: credit}
}

func topicOf(pattern, group string, credit int) transport.Binding {
	return transport.Binding{Kind: transport.KindTopic, Pattern: pattern, Group: group, Concurrency: 1, Credit: credit}
}

func bind(t testing.TB, r *Router, b transport.Binding, s transport.Sink) transport.Bound {
	t.Helper()
	out, err := r.Bind(context.Background(), b, s)
	if err != nil {
		t.Fatalf("bind %v %q: %v", b.Kind, b.Pattern, err)
	}
	return out
}

func TestAMessageWithoutABindingIsRefused(t *testing.T) {
	r := start(t, Options{})
	err := r.Send(t.Context(), mail("a", ""))
	if !errors.Is(err, transport.ErrNoHandler) || !errors.Is(err, transport.CodeUnavailable) {
		t.Errorf("send: %v; want ErrNoHandler with code Unavailable", err)
	}
	if _, err := r.Request(t.Context(), mail("a", "")); !errors.Is(err, transport.ErrNoHandler) {
		t.Errorf("request: %v; want ErrNoHandler", err)
	}
	if err := r.Publish(t.Context(), mail("a", "")); err != nil {
		t.Errorf("publish without a subscription: %v; want success", err)
	}
}

func TestARequestGetsTheReplyOfItsHandler(t *testing.T) {
	r := start(t, Options{})
	k := &keeper{on: func(d transport.Delivery) {
		accept(d)
		go func() {
			answer := mail("", "re: "+string(d.Envelope().Body))
			if err := d.Reply(context.Background(), answer); err != nil {
				t.Errorf("reply: %v", err)
			}
			if err := d.Reply(context.Background(), answer); !errors.Is(err, transport.ErrStale) {
				t.Errorf("second reply: %v; want ErrStale", err)
			}
		}()
	}}
	bind(t, r, queueOf("a", 4), k)
	var wait sync.WaitGroup
	for i := range 64 {
		wait.Go(func() {
			want := fmt.Sprint("re: ", i)
			got, err := r.Request(t.Context(), mail("a", fmt.Sprint(i)))
			if err != nil {
				t.Errorf("request %d: %v", i, err)
			} else if string(got.Body) != want {
				t.Errorf("request %d got %q, want %q", i, got.Body, want)
			}
		})
	}
	wait.Wait()
}

func TestPublishReachesEverySubscriptionAndOneOfEachGroup(t *testing.T) {
	r := start(t, Options{})
	lone, wide, one, two := &keeper{on: accept}, &keeper{on: accept}, &keeper{on: accept}, &keeper{on: accept}
	bind(t, r, topicOf("trip.created", "", 4), lone)
	bind(t, r, topicOf("trip.*", "", 4), wide)
	bind(t, r, topicOf("trip.created", "g", 4), one)
	bind(t, r, topicOf(">", "g", 4), two)
	for i := range 10 {
		if err := r.Publish(t.Context(), mail("trip.created", fmt.Sprint(i))); err != nil {
			t.Fatal(err)
		}
	}
	if lone.len() != 10 || wide.len() != 10 {
		t.Errorf("lone subscriptions got %d and %d, want 10 each", lone.len(), wide.len())
	}
	if one.len()+two.len() != 10 || one.len() == 0 || two.len() == 0 {
		t.Errorf("members of the group got %d and %d, want some each and 10 together", one.len(), two.len())
	}
}
