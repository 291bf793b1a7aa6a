package bench

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The URLs that benchmarks compare: handlers on goroutines of their own, the
// default, and on their callers'.
var handlers = []struct{ name, url string }{
	{"isolated", "inproc://"},
	{"inline", "inproc://?inline"},
}

const small = 128 // bytes of a body

// open makes a Conn that the test closes.
func open(t testing.TB, url string, opts ...transport.Option) *transport.Conn {
	t.Helper()
	conn, err := transport.NewRegistry(inproc.Factory()).Open(t.Context(), url, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// message is what all benchmarks send: a body of size bytes and two header
// fields; id, time and deadline are the Conn's.
func message(to string, size int) *transport.Message {
	m := &transport.Message{Destination: to, ContentType: "application/octet-stream", Body: make([]byte, size)}
	m.Header.Set("tenant", "t1")
	m.Header.Set("region", "eu")
	return m
}

// echo answers with the body that came, in a reply made once: what is counted is the library's.
func echo(size int) transport.Handler {
	reply := &transport.Message{ContentType: "application/octet-stream", Body: make([]byte, size)}
	return func(context.Context, *transport.Message) (*transport.Message, error) { return reply, nil }
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func handle(t testing.TB, conn *transport.Conn, to string, h transport.Handler) {
	t.Helper()
	_, err := conn.Handle(t.Context(), to, h)
	must(t, err)
}

func subscribe(t testing.TB, conn *transport.Conn, pattern string, h transport.Handler) {
	t.Helper()
	_, err := conn.Subscribe(t.Context(), pattern, h)
	must(t, err)
}
