package kafkawire_test

import (
	"context"
	"log/slog"
	neturl "net/url"
	"regexp"
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
	transporttest.Run(t, harness(url, tick, peer))
}

func harness(url string, tick time.Duration, peer transporttest.Peer) transporttest.Harness {
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
	return h
}

// cutCases are those of connections that a proxy cuts, stops, slices and changes, short of those that take long.
var cutCases = regexp.MustCompile(`^T1(31|39|41|42|44|49)$`)

// fakeCutCases leave T144 out: the fake broker panics at a request that it does not know.
var fakeCutCases = regexp.MustCompile(`^T1(31|39|41|42|49)$`)

// TestConformanceByAProxy runs them. Kafka tells its clients where to dial, so they dial through the proxy whatever they are told: there is one broker.
func TestConformanceByAProxy(t *testing.T) {
	t.Run("kfake", func(t *testing.T) {
		c, err := kfake.NewCluster(kfake.NumBrokers(1))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		conformByAProxy(t, "kafka://"+c.ListenAddrs()[0], 100*time.Millisecond, fakeCutCases, 5)
	})
	t.Run("kafka", func(t *testing.T) {
		conformByAProxy(t, kafkawire.OwnBroker(t).URL(), 200*time.Millisecond, cutCases, 6)
	})
}

func conformByAProxy(t *testing.T, url string, tick time.Duration, cases *regexp.Regexp, passed int) {
	h := harness(url, tick, nil)
	broker := strings.TrimPrefix(url, "kafka://")
	h.Upstream = func(*transport.Conn) string { return broker }
	h.Via = func(ctx context.Context, address string, opts ...transport.Option) (*transport.Conn, error) {
		return transport.NewRegistry(kafkawire.FactoryTo(address)).Open(ctx, url, opts...)
	}
	report := transporttest.Execute(t.Context(), h, transporttest.Options{Run: cases, OnResult: func(r transporttest.Result) {
		if r.Status == transporttest.Failed {
			t.Errorf("%s: %s\n%s", r.ID, r.Rule, r.Reason)
		}
	}})
	if n := report.Counts[transporttest.Passed]; n != passed {
		t.Errorf("%d cases passed, want %d: %s", n, passed, report.Err)
	}
}
