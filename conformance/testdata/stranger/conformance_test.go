package stranger

import (
	"context"
	"log/slog"
	"net/url"
	"testing"

	"github.com/polywire/polywire/conformance/transporttest"
	"github.com/polywire/polywire/transport"
)

// A restarter is the hub as a peer that can be killed; it comes back at the same address.
type restarter struct {
	hub  *Hub
	addr string
}

func (r *restarter) Kill(context.Context) error {
	r.hub.Close()
	return nil
}

func (r *restarter) Restart(context.Context) (err error) {
	r.hub, err = Listen(r.addr)
	return err
}

func TestConformance(t *testing.T) {
	hub, err := Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	peer := &restarter{hub: hub, addr: hub.Addr()}
	defer func() { peer.hub.Close() }()
	at := "hub://" + peer.addr
	h := transporttest.FromURL(transport.NewRegistry(Factory()), at, at)
	h.Name = "stranger"
	h.Peer = peer
	h.Adapter = func(ctx context.Context, _ *transport.Conn) (transport.Adapter, error) {
		u, err := url.Parse(at)
		if err != nil {
			return nil, err
		}
		return Factory().Open(ctx, transport.Setup{URL: u, Logger: slog.New(slog.DiscardHandler), Connected: func(error) {}})
	}
	h.Ignore = []string{"stranger.(*Hub)"} // the system outlives each case
	h.Scale = 0.2                          // every message takes a round trip; floods still exceed maxQueued
	transporttest.Run(t, h)
}

func TestFactoryRefusesWhatItDoesNotKnow(t *testing.T) {
	for _, bad := range []string{"hub://localhost", "hub://localhost:1/path", "hub://localhost:1?speed=9", "hub://u@localhost:1"} {
		u, err := url.Parse(bad)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Factory().Features(u); err == nil {
			t.Errorf("%s was taken, want an error", bad)
		}
	}
}
