package peertest

import (
	"context"
	"log/slog"
	"net"
	"net/url"
	"testing"
	"time"

	"github.com/polywire/polywire/internal/wireharness"
	"github.com/polywire/polywire/transport"
)

// Patience bounds what a test waits for; nothing waits that long when it passes.
const Patience = 20 * time.Second

// Open opens a Conn for the length of the test.
func Open(t testing.TB, f transport.Factory, url string, opts ...transport.Option) *transport.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	c, err := transport.NewRegistry(f).Open(ctx, url, opts...)
	if err != nil {
		t.Fatalf("open %s: %v", url, err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close %s: %v", url, err)
		}
	})
	return c
}

// OpenAdapter opens an adapter without a Conn around it.
func OpenAdapter(ctx context.Context, f transport.Factory, rawURL string) (transport.Adapter, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	return f.Open(ctx, transport.Setup{
		URL: u, Source: "raw/1", MaxBody: 4 << 20, Logger: slog.New(slog.DiscardHandler), Connected: func(error) {},
	})
}

// Handle makes c handle name for as long as it is open.
func Handle(t testing.TB, c *transport.Conn, name string, h transport.Handler, opts ...transport.BindOption) {
	t.Helper()
	if _, err := c.Handle(t.Context(), name, h, opts...); err != nil {
		t.Fatal(err)
	}
}

// Echo is a handler that replies with what came.
func Echo(_ context.Context, msg *transport.Message) (*transport.Message, error) {
	return &transport.Message{Body: msg.Body, Header: msg.Header, ContentType: msg.ContentType}, nil
}

// ClientOfAll opens a client of service s, which owns s.> and has these addresses.
func ClientOfAll(t testing.TB, f transport.Factory, url string, addresses ...string) *transport.Conn {
	t.Helper()
	return Open(t, f, url, transport.WithService("client", transport.Service{Name: "s", Owns: []string{"s.>"}, Endpoints: addresses}))
}

// RefusedStreamsAreAskedElsewhere holds for clients that speak HTTP/2, which client opens for these addresses; node listens.
func RefusedStreamsAreAskedElsewhere(t *testing.T, node *transport.Conn, client func(addresses ...string) *transport.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refuser := wireharness.NewRefuser(l)
	defer refuser.Close()
	Handle(t, node, "s.x", Echo)
	c := client(refuser.Addr(), node.Addr())
	for i := range 4 { // not idempotent: what was refused has not run
		reply, err := c.Request(t.Context(), &transport.Message{Destination: "s.x", Body: []byte("body")})
		if err != nil || string(reply.Body) != "body" {
			t.Errorf("request %d: got %v, %v", i, reply, err)
		}
	}
	if refuser.Refused() == 0 {
		t.Error("the server that refuses was never asked")
	}
}
