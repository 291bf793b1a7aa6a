package transporttest_test

import (
	"context"
	"log/slog"
	"net/url"
	"testing"

	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/conformance/transporttest"
	"github.com/polywire/polywire/transport"
)

func TestInproc(t *testing.T) {
	transporttest.Run(t, inprocHarness())
}

// TestInprocWithoutExchange runs the core's own requests and gathers, which wires without native ones rely on.
func TestInprocWithoutExchange(t *testing.T) {
	h := inprocWith("inproc://", transporttest.WithoutExchange)
	h.Name = "inproc without exchange"
	transporttest.Run(t, h)
}

func TestInprocInline(t *testing.T) {
	h := inprocWith("inproc://?inline", unchanged)
	h.Name = "inproc inline"
	transporttest.Run(t, h)
}

func inprocHarness() transporttest.Harness { return inprocWith("inproc://", unchanged) }

func unchanged(f transport.Factory) transport.Factory { return f }

// inprocWith is the harness of inproc at rawURL whose factory wrap changes.
func inprocWith(rawURL string, wrap func(transport.Factory) transport.Factory) transporttest.Harness {
	var reg *transport.Registry
	var factory transport.Factory
	var peer transporttest.Peer
	return transporttest.Harness{
		Peer: lazyPeer{&peer},
		Name: "inproc",
		New: func(ctx context.Context, o transporttest.ConnOptions) (server, client *transport.Conn, err error) {
			factory, peer = transporttest.Outage(inproc.Factory())
			factory = wrap(factory)
			reg = transport.NewRegistry(factory)
			if server, err = reg.Open(ctx, rawURL, o.Server...); err != nil {
				return nil, nil, err
			}
			client, err = reg.Open(ctx, rawURL, o.Client...)
			return server, client, err
		},
		Another: func(ctx context.Context, _ *transport.Conn, opts ...transport.Option) (*transport.Conn, error) {
			return reg.Open(ctx, rawURL, opts...)
		},
		Adapter: func(ctx context.Context, _ *transport.Conn) (transport.Adapter, error) {
			u, err := url.Parse(rawURL)
			if err != nil {
				return nil, err
			}
			return factory.Open(ctx, transport.Setup{
				URL: u, Source: "raw/1", MaxBody: 4 << 20, Logger: slog.New(slog.DiscardHandler), Connected: func(error) {},
			})
		},
		Synctest: true,
	}
}

// A lazyPeer is the Peer of the pair opened last.
type lazyPeer struct{ p *transporttest.Peer }

func (l lazyPeer) Kill(ctx context.Context) error    { return (*l.p).Kill(ctx) }
func (l lazyPeer) Restart(ctx context.Context) error { return (*l.p).Restart(ctx) }
