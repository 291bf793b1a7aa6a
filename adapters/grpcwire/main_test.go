package grpcwire

import (
	"context"
	"testing"

	"go.uber.org/goleak"
	"google.golang.org/grpc/mem"

	"github.com/polywire/polywire/internal/peertest"
	"github.com/polywire/polywire/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// testTime bounds what a test waits for; nothing waits that long when it passes.
const testTime = peertest.Patience

// openConn opens a Conn for the length of the test.
func openConn(t testing.TB, url string, opts ...transport.Option) *transport.Conn {
	t.Helper()
	return peertest.Open(t, Factory(), url, opts...)
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
	peertest.Handle(t, c, name, h, opts...)
}

func echo(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
	return peertest.Echo(ctx, msg)
}

// openAdapter opens an adapter without a Conn around it.
func openAdapter(ctx context.Context, rawURL string) (transport.Adapter, error) {
	return peertest.OpenAdapter(ctx, Factory(), rawURL)
}

func bufferOf(b []byte) mem.BufferSlice { return mem.BufferSlice{mem.SliceBuffer(b)} }
