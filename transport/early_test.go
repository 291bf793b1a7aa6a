package transport_test

import (
	"context"
	"errors"
	"net/url"
	"testing"

	"github.com/polywire/polywire/transport"
)

// hasty is an adapter whose connection is lost before its Factory returns.
type hasty struct{ transport.Adapter }

func (hasty) Features() transport.Features {
	return transport.Features{Adapter: "hasty", Send: true, Acceptance: transport.Written}
}
func (hasty) Send(context.Context, *transport.Envelope) error { return nil }
func (hasty) Close(context.Context) error                     { return nil }

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
