package transport_test

import (
	"context"
	"errors"
	"net/url"
	"testing"

	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/transport"
)

// hasty is an adapter whose connection is lost before its Factory returns.
type hasty struct{ transport.Adapter }

func (hasty) Features() transport.Features {
	return transport.Features{Adapter: "hasty", Send: true, Acceptance: transport.Written}
}
func (hasty) Send(context.Context, *transport.Envelope) error { return nil }
func (hasty) Close(context.Context) error                     { return nil }

// stuck is an adapter whose Send waits for a confirmation that does not come.
type stuck struct {
	hasty
	entered chan struct{} // written by Send, read by the test
}

func (stuck) Features() transport.Features {
	return transport.Features{Adapter: "stuck", Send: true, Request: true, Acceptance: transport.Stored}
}

func (s stuck) Send(ctx context.Context, _ *transport.Envelope) error {
	s.entered <- struct{}{}
	<-ctx.Done()
	return ctx.Err()
}

func (stuck) Bind(context.Context, transport.Binding, transport.Sink) (transport.Bound, error) {
	return address{}, nil
}

type address struct{}

func (address) ReplyAddress() string         { return "here" }
func (address) Unbind(context.Context) error { return nil }

func TestARequestThatIsLostWhileItIsWrittenFailsAtOnce(t *testing.T) {
	var connected func(error)
	s := stuck{entered: make(chan struct{}, 1)}
	factory := transport.Factory{
		Name: "stuck", Schemes: []string{"stuck"},
		Features: func(*url.URL) (transport.Features, error) { return s.Features(), nil },
		Open: func(_ context.Context, setup transport.Setup) (transport.Adapter, error) {
			connected = setup.Connected
			return s, nil
		},
	}
	conn, err := transport.NewRegistry(factory).Open(t.Context(), "stuck://")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	future, err := conn.RequestAsync(t.Context(), &transport.Message{Destination: "x"})
	if err != nil {
		t.Fatal(err)
	}
	<-s.entered
	connected(errors.New("the broker is gone"))
	if _, err := future.Await(t.Context()); !errors.Is(err, transport.CodeUnavailable) {
		t.Errorf("got %v, want unavailable at once", err)
	}
}

func TestALossBeforeOpenReturnsIsNotForgotten(t *testing.T) {
	var connected func(error)
	factory := transport.Factory{
		Name: "hasty", Schemes: []string{"hasty"},
		Features: func(*url.URL) (transport.Features, error) { return hasty{}.Features(), nil },
		Open: func(_ context.Context, s transport.Setup) (transport.Adapter, error) {
			connected = s.Connected
			done := make(chan struct{})
			go func() { // as an adapter's supervisor would; Open waits for it
				defer close(done)
				s.Connected(errors.New("gone"))
			}()
			<-done
			return hasty{}, nil
		},
	}
	conn, err := transport.NewRegistry(factory).Open(t.Context(), "hasty://")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if got := conn.State(); got != "reconnecting" {
		t.Errorf("the state is %s, want reconnecting", got)
	}
	if err := conn.Send(t.Context(), &transport.Message{Destination: "x"}, transport.WithFailFast()); !errors.Is(err, transport.CodeUnavailable) {
		t.Errorf("a call that does not wait: %v, want unavailable", err)
	}
	connected(nil)
	if err := conn.Send(t.Context(), &transport.Message{Destination: "x"}); err != nil || conn.State() != "ready" {
		t.Errorf("once it is back: %v, %s", err, conn.State())
	}
}

func TestOpenRefusesPathsThatNoRequestCanFit(t *testing.T) {
	for what, paths := range map[string]map[string]string{
		"no rule":          {"orders.get": "GET orders"},
		"no destination":   {"orders.*": "GET /orders"},
		"one path for two": {"orders.get": "GET /orders/{id}", "orders.read": "GET /orders/{name}"},
	} {
		_, err := transport.NewRegistry(inproc.Factory()).Open(t.Context(), "inproc://",
			transport.WithService("shop", transport.Service{Name: "shop", Paths: paths}))
		if !errors.Is(err, transport.CodeInvalidArgument) {
			t.Errorf("%s: got error %v, want %v", what, err, transport.CodeInvalidArgument)
		}
	}
	open(t, transport.WithService("shop", transport.Service{Name: "shop", Paths: map[string]string{"orders.get": "GET /orders/{id}?expand"}}))
}
