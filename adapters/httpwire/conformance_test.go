package httpwire

import (
	"context"
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
	transporttest.Run(t, h)
}
