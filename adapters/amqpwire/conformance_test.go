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
	t.Run("amqp", func(t *testing.T) { conform(t, b, b.URL()) })
	t.Run("single", func(t *testing.T) { conform(t, b, b.URL()+"?single=1&prefix=single.") })
}

func conform(t *testing.T, b transporttest.Peer, rawURL string) {
	factory := amqpwire.Factory()
	h := transporttest.FromURL(transport.NewRegistry(factory), rawURL, rawURL)
	h.Share, h.Scale, h.Peer = true, 0.2, b
	h.Tick = 200 * time.Millisecond
	h.Adapter = func(ctx context.Context, _ *transport.Conn) (transport.Adapter, error) {
		u, err := url.Parse(rawURL)
		if err != nil {
			return nil, err
		}
		return factory.Open(ctx, transport.Setup{URL: u, Source: "raw/1", Logger: slog.New(slog.DiscardHandler), Connected: func(error) {}})
	}
	transporttest.Run(t, h)
}
