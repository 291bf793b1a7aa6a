package kafkawire_test

import (
	"context"
	"log/slog"
	neturl "net/url"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/adapters/kafkawire"
	"github.com/polywire/polywire/conformance/transporttest"
	"github.com/polywire/polywire/transport"
	"github.com/twmb/franz-go/pkg/kfake"
)

func TestConformance(t *testing.T) {
	t.Run("kfake", func(t *testing.T) {
		c, err := kfake.NewCluster(kfake.NumBrokers(1))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		conform(t, "kafka://"+strings.Join(c.ListenAddrs(), ","), 100*time.Millisecond, nil)
	})
	t.Run("kafka", func(t *testing.T) {
		b := kafkawire.OwnBroker(t)
		conform(t, b.URL()+"?partitions=3", 200*time.Millisecond, b) // one for each member of a group; each more makes a restart slower
	})
}

func conform(t *testing.T, url string, tick time.Duration, peer transporttest.Peer) {
	h := transporttest.FromURL(transport.NewRegistry(kafkawire.Factory()), url, url)
	h.Share, h.Scale, h.Peer = true, 0.2, peer
	h.Tick = tick
	h.Adapter = func(ctx context.Context, _ *transport.Conn) (transport.Adapter, error) {
		u, err := neturl.Parse(url)
		if err != nil {
			return nil, err
		}
		return kafkawire.Factory().Open(ctx, transport.Setup{URL: u, Source: "raw/1", MaxBody: 4 << 20, Logger: slog.New(slog.DiscardHandler), Connected: func(error) {}})
	}
	// The fake broker's own goroutines come and go with the connections that it serves.
	// So do the goroutines that the client makes for each fetch and each answer; descriptors are counted.
	h.Ignore = []string{"franz-go/pkg/kfake", "kgo.(*brokerCxn).handleResps", "kgo.(*broker).handleReqs", "kgo.(*source).", "kgo.(*Client).PollRecords"}
	transporttest.Run(t, h)
}
