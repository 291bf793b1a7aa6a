package grpcwire

import (
	"context"
	"testing"

	"github.com/polywire/polywire/conformance/transporttest"
	"github.com/polywire/polywire/internal/tlsfiles/tlstest"
	"github.com/polywire/polywire/internal/wireharness"
	"github.com/polywire/polywire/transport"
)

// TestConformance runs the suite between a node and its client, which also attaches handlers there.
func TestConformance(t *testing.T) {
	reg := transport.NewRegistry(Factory())
	h := harness(wireharness.Node{Registry: reg, Scheme: "grpc", Listen: "attach"})
	transporttest.Run(t, h)
}

// TestConformanceWithTLS runs it with a certificate on both sides. What strangers say to a listener it has said above.
func TestConformanceWithTLS(t *testing.T) {
	ca := tlstest.NewAuthority(t)
	cert, key := ca.Issue(t, "node")
	files := "ca=" + ca.File + "&clientca=" + ca.File + "&cert=" + cert + "&key=" + key
	reg := transport.NewRegistry(Factory())
	h := harness(wireharness.Node{Registry: reg, Scheme: "grpcs", Listen: "attach&" + files, Dial: files})
	h.Sealed, h.Request, h.HTTP2, h.Crowded = true, nil, nil, nil
	transporttest.Run(t, h)
}

func harness(n wireharness.Node) transporttest.Harness {
	h := n.GRPC()
	h.Adapter = func(ctx context.Context, server *transport.Conn) (transport.Adapter, error) {
		return openAdapter(ctx, n.Scheme+"://"+server.Addr()+"?"+n.Dial)
	}
	return h
}
