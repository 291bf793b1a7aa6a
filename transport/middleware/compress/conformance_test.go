package compress_test

import (
	"context"
	"testing"

	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/conformance/transporttest"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/middleware/compress"
)

// TestEveryVerbMeansTheSameCompressed runs the suite in process with both sides
// compressing every body that gets shorter.
func TestEveryVerbMeansTheSameCompressed(t *testing.T) {
	small := func(opts []transport.Option) []transport.Option {
		m := middleware(t, compress.WithThreshold(1), compress.WithAgreement())
		all := append([]transport.Option{transport.WithInbound(m.Inbound)}, opts...)
		return append(all, transport.WithOutbound(m.Outbound))
	}
	reg := transport.NewRegistry(inproc.Factory())
	h := transporttest.FromURL(reg, "inproc://", "inproc://")
	open := h.New
	h.New = func(ctx context.Context, o transporttest.ConnOptions) (server, client *transport.Conn, err error) {
		return open(ctx, transporttest.ConnOptions{Server: small(o.Server), Client: small(o.Client)})
	}
	h.Another = func(ctx context.Context, _ *transport.Conn, opts ...transport.Option) (*transport.Conn, error) {
		return reg.Open(ctx, "inproc://", small(opts)...)
	}
	h.Synctest, h.Scale = true, 0.1
	h.Known = map[string]string{"T028": "content-encoding and accept-encoding are this middleware's, and a value that it does not know is refused"}
	transporttest.Run(t, h)
}
