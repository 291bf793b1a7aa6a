package kafkawire

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/polywire/polywire/transport"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var discard = slog.New(slog.DiscardHandler)

// testTime bounds what a test waits for; nothing waits that long when it passes.
const testTime = 30 * time.Second

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	t.Cleanup(cancel)
	return ctx
}

// fake starts a broker in this process.
func fake(t testing.TB, opts ...kfake.Opt) *kfake.Cluster {
	c, err := kfake.NewCluster(append([]kfake.Opt{kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(100 * time.Millisecond)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func fakeURL(c *kfake.Cluster) string { return "kafka://" + strings.Join(c.ListenAddrs(), ",") }

// realURL is a broker of the environment, with a prefix of the test's own.
func realURL(t testing.TB) string {
	url := os.Getenv("POLYWIRE_TEST_KAFKA_URL")
	if url == "" && os.Getenv("CI") == "true" {
		t.Fatal("POLYWIRE_TEST_KAFKA_URL is not set")
	}
	if url == "" {
		t.Skip(`no Kafka: scripts/brokers start /tmp/pw kafka && eval "$(scripts/brokers env /tmp/pw)"`)
	}
	return url
}

// everywhere runs a test on the fake broker and, where there is one, on Kafka itself.
func everywhere(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("kfake", func(t *testing.T) { test(t, fakeURL(fake(t))+"?prefix="+unique()) })
	t.Run("kafka", func(t *testing.T) {
		prefix := unique()
		url := realURL(t)
		t.Cleanup(func() { removeTopics(t, url, prefix) })
		test(t, url+"?prefix="+prefix)
	})
}

func unique() string {
	var b [6]byte
	_, _ = rand.Read(b[:])
	return "t" + hex.EncodeToString(b[:]) + "-"
}

// removeTopics deletes what a test left on a shared broker.
func removeTopics(t testing.TB, url, prefix string) {
	a := openAdapter(t, url+"?prefix="+prefix)
	defer closeAdapter(t, a)
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	all, err := a.admin.ListTopics(ctx)
	if err != nil {
		t.Error(err)
		return
	}
	var mine []string
	for _, topic := range all.Names() {
		if strings.HasPrefix(topic, prefix) {
			mine = append(mine, topic)
		}
	}
	if len(mine) > 0 {
		_, err = a.admin.DeleteTopics(ctx, mine...)
	}
	if err != nil {
		t.Error(err)
	}
}

func openConn(t testing.TB, url string, opts ...transport.Option) *transport.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	c, err := transport.NewRegistry(Factory()).Open(ctx, url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func openAdapter(t testing.TB, rawURL string) *adapter {
	t.Helper()
	a, err := tryAdapter(rawURL, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func closeAdapter(t testing.TB, a *adapter) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	if err := a.Close(ctx); err != nil {
		t.Error(err)
	}
}

// A sink collects deliveries and settles them as the test says.
type sink struct {
	c    chan transport.Delivery // written by Deliver, read by the test, never closed
	mu   sync.Mutex              // guards lost
	lost error
}

func newSink() *sink { return &sink{c: make(chan transport.Delivery, 1<<17)} }

func (s *sink) Deliver(d transport.Delivery) { s.c <- d }

func (s *sink) Lost(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = err
}

func (s *sink) next(t testing.TB) transport.Delivery {
	t.Helper()
	select {
	case d := <-s.c:
		return d
	case <-time.After(testTime):
		t.Fatal("no delivery")
		return nil
	}
}

func mustBind(t testing.TB, a *adapter, b transport.Binding, s transport.Sink) *binding {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	if b.Credit == 0 {
		b.Concurrency, b.Credit = 1, 64
	}
	bound, err := a.Bind(ctx, b, s)
	if err != nil {
		t.Fatal(err)
	}
	return bound.(*binding)
}

func queueEnvelope(destination, body string) *transport.Envelope {
	return &transport.Envelope{Kind: transport.KindQueue, Message: transport.Message{Destination: destination, ID: "id-" + body, Body: []byte(body), Timeout: testTime}}
}

func rawClient(t testing.TB, url string, opts ...kgo.Opt) *kgo.Client {
	seeds := strings.Split(strings.TrimPrefix(strings.SplitN(url, "?", 2)[0], "kafka://"), ",")
	c, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(seeds...), kgo.DisableClientMetrics()}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}
