package amqpwire_test

import (
	"context"
	"log/slog"
	"net/url"
	"testing"
	"time"

	"github.com/polywire/polywire/adapters/amqpwire"
	"github.com/polywire/polywire/conformance/transporttest"
	"github.com/polywire/polywire/transport"
)

func TestConformance(t *testing.T) {
	b := amqpwire.OwnBroker(t)
	t.Run("amqp", func(t *testing.T) { conform(t, b, b.URL(), nil) })
	// Outages: as above.
	t.Run("classic", func(t *testing.T) { conform(t, nil, b.URL()+"?queue=classic&prefix=classic.", nil) })
	t.Run("single", func(t *testing.T) { conform(t, nil, b.URL()+"?single=1&prefix=single.", lonely) })
}

// lonely is what a single active consumer cannot do, for the sake of order.
var lonely = map[string]string{
	"T009": "with ?single=1 one handler at a time gets all, the others stand by",
	"T081": "with ?single=1 one member of a group gets all, the others stand by",
}

func conform(t *testing.T, b transporttest.Peer, rawURL string, known map[string]string) {
	factory := amqpwire.Factory()
	h := transporttest.FromURL(transport.NewRegistry(factory), rawURL, rawURL)
	h.Share, h.Scale, h.Peer = true, 0.2, b
	h.Tick, h.Known = 200*time.Millisecond, known
	h.Adapter = func(ctx context.Context, _ *transport.Conn) (transport.Adapter, error) {
		u, err := url.Parse(rawURL)
		if err != nil {
			return nil, err
		}
		return factory.Open(ctx, transport.Setup{URL: u, Source: "raw/1", Logger: slog.New(slog.DiscardHandler), Connected: func(error) {}})
	}
	transporttest.Run(t, h)
}
