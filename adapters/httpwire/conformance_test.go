package httpwire

import (
	"context"
	"net"
	"testing"

	"github.com/polywire/polywire/conformance/transporttest"
	"github.com/polywire/polywire/internal/wireharness"
	"github.com/polywire/polywire/transport"
)

// TestConformance runs the suite between a node and its client, which also attaches handlers there.
func TestConformance(t *testing.T) {
	reg := transport.NewRegistry(Factory())
	h := wireharness.Node{Registry: reg, Scheme: "http", Listen: "attach"}.HTTP()
	h.Adapter = func(ctx context.Context, server *transport.Conn) (transport.Adapter, error) {
		return openAdapter(ctx, "http://"+server.Addr())
	}
	h.Stub = stub(t, reg)
	transporttest.Run(t, h)
}

// stub opens a client of a listener that answers each request with script and closes.
func stub(t *testing.T, reg *transport.Registry) func(ctx context.Context, script []byte) (*transport.Conn, error) {
	return func(ctx context.Context, script []byte) (*transport.Conn, error) {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		t.Cleanup(func() { _ = l.Close() })
		go func() { // ends with the listener
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_, _ = c.Read(make([]byte, 64<<10))
				_, _ = c.Write(script)
				_ = c.Close()
			}
		}()
		return reg.Open(ctx, "http://"+l.Addr().String())
	}
}
