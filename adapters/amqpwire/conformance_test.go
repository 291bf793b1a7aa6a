package amqpwire_test

import (
	"context"
	"log/slog"
	"net/url"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/polywire/polywire/adapters/amqpwire"
	"github.com/polywire/polywire/conformance/transporttest"
	"github.com/polywire/polywire/transport"
)

func TestConformance(t *testing.T) {
	b := amqpwire.OwnBroker(t)
	t.Run("amqp", func(t *testing.T) { conform(t, b, b.URL(), nil) })
	t.Run("proxy", func(t *testing.T) { cut(t, b.URL()) })
	t.Run("classic", func(t *testing.T) { vary(t, b.URL()+"?queue=classic&prefix=classic.", nil) })
	t.Run("single", func(t *testing.T) { vary(t, b.URL()+"?single=1&prefix=single.", lonely) })
}

// queueCases are those that another kind of queue could decide: order, groups, settlement, room, and what of these came later.
var queueCases = regexp.MustCompile(`^T(0[5-9]|15|2[234])`)

// vary runs, with other queues than the default ones, the cases that these could decide; the nightly tier runs all, but for outages.
func vary(t *testing.T, rawURL string, known map[string]string) {
	if os.Getenv(transporttest.TierEnv) == string(transporttest.Nightly) {
		conform(t, nil, rawURL, known)
		return
	}
	report := transporttest.Execute(t.Context(), harness(nil, rawURL, known), transporttest.Options{Run: queueCases, OnResult: func(r transporttest.Result) {
		if r.Status == transporttest.Failed {
			t.Errorf("%s: %s\n%s", r.ID, r.Rule, r.Reason)
		}
	}})
	if n := report.Counts[transporttest.Passed]; !report.OK() || n < 50 {
		t.Errorf("%d cases passed, want 50 at least: %s", n, report.Err)
	}
}

// cutCases are those of connections that a proxy cuts, stops and slices, short of those that take long.
var cutCases = regexp.MustCompile(`^T1(31|39|41|42|44|49)$`)

// cut runs them. RabbitMQ does not tell its clients where to dial, so a proxy before it is not passed by.
func cut(t *testing.T, rawURL string) {
	at, err := url.Parse(rawURL)
	if err != nil {
		t.Fatal(err)
	}
	h := harness(nil, rawURL, nil)
	h.Upstream = func(*transport.Conn) string { return at.Host }
	h.Via = func(ctx context.Context, address string, opts ...transport.Option) (*transport.Conn, error) {
		by := *at
		by.Host = address
		return transport.NewRegistry(amqpwire.Factory()).Open(ctx, by.String(), opts...)
	}
	report := transporttest.Execute(t.Context(), h, transporttest.Options{Run: cutCases, OnResult: func(r transporttest.Result) {
		if r.Status == transporttest.Failed {
			t.Errorf("%s: %s\n%s", r.ID, r.Rule, r.Reason)
		}
	}})
	if n := report.Counts[transporttest.Passed]; n != 6 {
		t.Errorf("%d cases passed, want 6: %s", n, report.Err)
	}
}

// lonely is what a single active consumer cannot do, for the sake of order.
var lonely = map[string]string{
	"T009": "with ?single=1 one handler at a time gets all, the others stand by",
	"T081": "with ?single=1 one member of a group gets all, the others stand by",
}

func conform(t *testing.T, b transporttest.Peer, rawURL string, known map[string]string) {
	transporttest.Run(t, harness(b, rawURL, known))
}

func harness(b transporttest.Peer, rawURL string, known map[string]string) transporttest.Harness {
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
	return h
}
