package kafkawire

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/transport"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var kafka = brokertest.Kafka()

func openConn(t testing.TB, url string, opts ...transport.Option) *transport.Conn {
	t.Helper()
	return brokertest.OpenConn(t, Factory(), url, opts...)
}

func unique() string { return brokertest.Unique() + "-" }

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

// everywhere runs a test on the fake broker and, where there is one, on Kafka itself.
func everywhere(t *testing.T, test func(t *testing.T, url string)) {
	t.Run("kfake", func(t *testing.T) { test(t, fakeURL(fake(t))+"?prefix="+unique()) })
	t.Run("kafka", func(t *testing.T) {
		prefix := unique()
		url := kafka.URL(t)
		t.Cleanup(func() { removeTopics(t, url, prefix) })
		test(t, url+"?prefix="+prefix)
	})
}

// removeTopics deletes what a test left on a shared broker.
func removeTopics(t testing.TB, url, prefix string) {
	a := openAdapter(t, url+"?prefix="+prefix)
	defer brokertest.CloseAdapter(t, a)
	ctx, cancel := context.WithTimeout(context.Background(), brokertest.Patience)
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

func openAdapter(t testing.TB, rawURL string) *adapter {
	t.Helper()
	a, err := tryAdapter(rawURL, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func mustBind(t testing.TB, a *adapter, b transport.Binding, s transport.Sink) *binding {
	t.Helper()
	return brokertest.Bind(t, a, b, s).(*binding)
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
