package config_test

import (
	"context"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polywire/polywire/transport"
)

// A store is an adapter that keeps what it is sent, and remembers for how long.
type store struct {
	transport.Adapter // the methods that the test does not reach
	life              time.Duration
	bound             time.Duration
}

func (s *store) Features() transport.Features {
	return transport.Features{Adapter: "store", Send: true, Publish: true, Durable: true, Acceptance: transport.Stored}
}

func (s *store) Send(ctx context.Context, e *transport.Envelope) error {
	deadline, _ := ctx.Deadline()
	s.life, s.bound = e.Timeout, time.Until(deadline)
	return nil
}

func (s *store) Publish(ctx context.Context, e *transport.Envelope) error { return s.Send(ctx, e) }
func (s *store) Close(context.Context) error                              { return nil }

func (s *store) factory() transport.Factory {
	return transport.Factory{
		Name: "store", Schemes: []string{"store"},
		Features: func(*url.URL) (transport.Features, error) { return s.Features(), nil },
		Open:     func(context.Context, transport.Setup) (transport.Adapter, error) { return s, nil },
	}
}

func TestARoutesTimeoutBoundsTheCallAndNotTheLifeOfWhatIsStored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		kept := new(store)
		o := options(t)
		o.Registry = transport.NewRegistry(kept.factory())
		bus := open(t, parse(t, "version: 1\ntransports:\n  bus: {url: \"store://\", codec: json}\ndefaults: {transport: bus, timeout: 5s}\n", o))
		for verb, write := range map[string]func(context.Context, *transport.Message, ...transport.CallOption) error{"send": bus.Send, "publish": bus.Publish} {
			for _, life := range []time.Duration{0, time.Second, time.Minute} {
				m := message("order.paid")
				m.Timeout = life
				if err := write(t.Context(), m); err != nil {
					t.Fatal(err)
				}
				want := 5 * time.Second
				if life > 0 {
					want = min(want, life)
				}
				if kept.life != life || kept.bound != want {
					t.Errorf("%s of a message with Timeout %v: it lives %v and the call %v, want %v and %v", verb, life, kept.life, kept.bound, life, want)
				}
			}
		}
	})
}
