package grpcwire

import (
	"context"
	"log/slog"
	"net/url"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/grpc/mem"

	"github.com/polywire/polywire/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testTime bounds what a test waits for; nothing waits that long when it passes.
const testTime = 20 * time.Second

// openConn opens a Conn for the length of the test.
func openConn(t testing.TB, url string, opts ...transport.Option) *transport.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	c, err := transport.NewRegistry(Factory()).Open(ctx, url, opts...)
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

// serve opens a node that listens and is the home of everything.
func serve(t testing.TB, options string) *transport.Conn {
	t.Helper()
	return openConn(t, "grpc://?listen=127.0.0.1:0"+options)
}

// clientOf opens a Conn whose home is node.
func clientOf(t testing.TB, node *transport.Conn) *transport.Conn {
	t.Helper()
	return openConn(t, "grpc://"+node.Addr())
}

func handle(t testing.TB, c *transport.Conn, name string, h transport.Handler, opts ...transport.BindOption) {
	t.Helper()
	if _, err := c.Handle(t.Context(), name, h, opts...); err != nil {
		t.Fatal(err)
	}
}

func echo(_ context.Context, msg *transport.Message) (*transport.Message, error) {
	return &transport.Message{Body: msg.Body, Header: msg.Header, ContentType: msg.ContentType}, nil
}

// openAdapter opens an adapter without a Conn around it.
func openAdapter(ctx context.Context, rawURL string) (transport.Adapter, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, err
	}
	return Factory().Open(ctx, transport.Setup{
		URL: u, Source: "raw/1", MaxBody: 4 << 20, Logger: slog.New(slog.DiscardHandler), Connected: func(error) {},
	})
}

func bufferOf(b []byte) mem.BufferSlice { return mem.BufferSlice{mem.SliceBuffer(b)} }
