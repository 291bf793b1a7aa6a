package config_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polywire/polywire/transport"
)

func message(destination string) *transport.Message {
	return &transport.Message{Destination: destination, Body: []byte("body of " + destination)}
}

// mark is a handler that tells on which message it was entered.
func mark(seen chan string) transport.Handler {
	return func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		seen <- m.Destination
		return &transport.Message{Body: m.Body}, nil
	}
}

func TestEachVerbGoesToTheTransportOfItsDestination(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := open(t, parse(t, two, options(t)))
		for transportName, destination := range map[string]string{"net": "account.verify", "bus": "trip.created"} {
			seen := make(chan string, 10)
			conn := bus.Conn(transportName)
			must(t)(conn.Handle(t.Context(), destination, mark(seen)))
			must(t)(conn.Subscribe(t.Context(), destination, mark(seen)))
			if err := bus.Send(t.Context(), message(destination)); err != nil {
				t.Error(err)
			}
			reply, err := bus.Request(t.Context(), message(destination))
			if err != nil || string(reply.Body) != "body of "+destination {
				t.Errorf("request: got %v, %v", reply, err)
			}
			future, err := bus.RequestAsync(t.Context(), message(destination))
			if err == nil {
				_, err = future.Await(t.Context())
			}
			if err != nil {
				t.Error(err)
			}
			if err := bus.Publish(t.Context(), message(destination)); err != nil {
				t.Error(err)
			}
			g, err := bus.Gather(t.Context(), message(destination))
			if err != nil {
				t.Fatal(err)
			}
			for r := range g.All() {
				if r.Err != nil {
					t.Error(r.Err)
				}
			}
			synctest.Wait()
			if len(seen) != 5 {
				t.Errorf("%s: %d of 5 messages came by transport %s", destination, len(seen), transportName)
			}
		}
	})
}

func TestAPatternThatSpansTransportsSubscribesOnEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := open(t, parse(t, two, options(t)))
		seen := make(chan string, 10)
		sub := must(t)(bus.Subscribe(t.Context(), ">", mark(seen)))
		for _, destination := range []string{"account.verify", "trip.created"} {
			if err := bus.Publish(t.Context(), message(destination)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		if len(seen) != 2 {
			t.Errorf("%d messages came, want one of each transport", len(seen))
		}
		if err := sub.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := bus.Publish(t.Context(), message("account.verify")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(seen) != 2 {
			t.Error("a message came after Close")
		}
		must(t)(bus.Subscribe(t.Context(), "trip.*", mark(seen))) // covered by one route
		if err := bus.Conn("net").Publish(t.Context(), message("trip.created")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(seen) != 2 {
			t.Error("trip.* subscribed on the transport net, to which none of it is routed")
		}
	})
}

func TestAPatternOverOneSystemUnderTwoURLsIsRefused(t *testing.T) {
	c := parse(t, `version: 1
transports: {a: {url: "inproc://x"}, b: {url: "inproc://x?inline"}}
defaults: {transport: a}
routes: {"k.*": {transport: b}}
`, options(t))
	_, err := open(t, c).Subscribe(t.Context(), ">", mark(nil))
	want := `subscribe >: invalid_argument: the transports "a" and "b" are one system, so messages would come twice: give both the same URL, or subscribe to a pattern that one route covers`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestARoutesTimeoutBoundsEveryCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := open(t, parse(t, two, options(t)))
		must(t)(bus.Handle(t.Context(), "trip.slow", func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}))
		hour, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		short := message("trip.slow")
		short.Timeout = time.Second
		for want, msg := range map[time.Duration]*transport.Message{2 * time.Second: message("trip.slow"), time.Second: short} {
			before := *msg
			start := time.Now()
			_, err := bus.Request(hour, msg)
			if took := time.Since(start); took != want || !errors.Is(err, transport.CodeDeadlineExceeded) {
				t.Errorf("got %v after %v, want deadline_exceeded after %v", err, took, want)
			}
			if msg.Timeout != before.Timeout {
				t.Error("the caller's message was written to")
			}
		}
		start := time.Now()
		g, err := bus.Gather(hour, message("trip.bids"))
		if err != nil {
			t.Fatal(err)
		}
		for range g.All() {
		}
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("the gather took %v, want at most the route's 2s", took)
		}
	})
}

func TestARepliesDestinationOnAnotherTransportIsRefused(t *testing.T) {
	bus := open(t, parse(t, two, options(t)))
	msg := message("account.verify")
	msg.ReplyTo = "trip.verified"
	err := bus.Send(t.Context(), msg)
	want := `inproc: send account.verify: invalid_argument: replies go back on transport "net", and reply-to trip.verified is routed to "bus": route both to one`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestDeadLettersOfAGroupAreHandledWhereTheyAreMade(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bus := open(t, parse(t, two, options(t)))
		refuse := func(context.Context, *transport.Message) (*transport.Message, error) {
			return nil, transport.CodeInvalidArgument.Errorf("no")
		}
		must(t)(bus.Subscribe(t.Context(), "account.verify", refuse, transport.WithGroup("billing")))
		seen := make(chan string, 10)
		must(t)(bus.Handle(t.Context(), "dead.billing.account.verify", mark(seen)))
		if err := bus.Publish(t.Context(), message("account.verify")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if len(seen) != 1 {
			t.Errorf("%d dead letters came, want 1", len(seen))
		}
	})
}

func TestWhatIsNoMessageIsRefusedByTheDefaultTransport(t *testing.T) {
	bus := open(t, parse(t, two, options(t)))
	for _, msg := range []*transport.Message{nil, {}, {Destination: "a b"}} {
		if err := bus.Send(t.Context(), msg); !errors.Is(err, transport.CodeInvalidArgument) {
			t.Errorf("%v: got %v, want invalid_argument", msg, err)
		}
	}
}

func TestHealthDrainAndCloseReachEveryConn(t *testing.T) {
	bus := open(t, parse(t, two, options(t)))
	if err := bus.Health(t.Context()); err != nil {
		t.Error(err)
	}
	if err := bus.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"net", "bus"} {
		if state := bus.Conn(name).State(); state != "closed" {
			t.Errorf("%s is %s after Drain, want closed", name, state)
		}
	}
	if err := bus.Health(t.Context()); !errors.Is(err, transport.ErrClosed) || !strings.Contains(err.Error(), `transport "bus": `) {
		t.Errorf("got %v, want ErrClosed of each transport by name", err)
	}
}

func TestOpenClosesAllWhenOneFails(t *testing.T) {
	o := options(t)
	c := parse(t, `version: 1
transports: {a: {url: "inproc://a"}, b: {url: "direct://nobody:1"}, unused: {url: "direct://nobody:2"}}
defaults: {transport: a}
routes: {x: {transport: b}}
`, o)
	bus, err := c.Open(t.Context())
	want := `taxi.yaml:2:38: transports.b: direct://nobody:1: direct: open: unavailable: nobody is there`
	if bus != nil || err == nil || err.Error() != want || !errors.Is(err, transport.CodeUnavailable) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestOnlyTransportsThatARouteNamesAreOpened(t *testing.T) {
	c := parse(t, `version: 1
transports: {a: {url: "inproc://a"}, unused: {url: "direct://nobody:2"}}
defaults: {transport: a}
`, options(t))
	if conn := open(t, c).Conn("unused"); conn != nil {
		t.Errorf("got %v, want nil", conn)
	}
}

// must returns a function that ends t for what could not be bound.
func must(t *testing.T) func(*transport.Subscription, error) *transport.Subscription {
	return func(sub *transport.Subscription, err error) *transport.Subscription {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return sub
	}
}
