package amqpwire

import (
	"net/url"
	"strings"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
	"go.uber.org/goleak"

	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var rabbitmq = brokertest.RabbitMQ()

func openConn(t testing.TB, url string, opts ...transport.Option) *transport.Conn {
	t.Helper()
	return brokertest.OpenConn(t, Factory(), url, opts...)
}

func unique() string { return brokertest.Unique() + "." }

// ownURL is that broker with a prefix of the test's own, and what the test leaves expires.
func ownURL(t testing.TB) string {
	t.Helper()
	return rabbitmq.URL(t) + "?expires=1m&prefix=" + unique()
}

func prefixOf(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		panic(err)
	}
	return u.Query().Get("prefix")
}

func tryAdapter(rawURL string, connected func(error)) (*adapter, error) {
	a, err := brokertest.OpenAdapter(Factory(), rawURL, connected)
	if err != nil {
		return nil, err
	}
	return a.(*adapter), nil
}

func openAdapter(t testing.TB, rawURL string) *adapter {
	t.Helper()
	a, err := tryAdapter(rawURL, func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { brokertest.CloseAdapter(t, a) })
	return a
}

func mustBind(t testing.TB, a *adapter, b transport.Binding, s transport.Sink) *binding {
	t.Helper()
	return brokertest.Bind(t, a, b, s).(*binding)
}

// rawChannel is a channel of the client library alone, on the broker of url.
func rawChannel(t testing.TB, url string) *amqp.Channel {
	t.Helper()
	base, _, _ := strings.Cut(url, "?")
	conn, err := amqp.Dial(base)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return ch
}
