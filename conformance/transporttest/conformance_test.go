package transporttest_test

import (
	"context"
	"testing"

	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/conformance/transporttest"
	"github.com/polywire/polywire/transport"
)

func TestInproc(t *testing.T) {
	transporttest.Run(t, inprocHarness())
}

func inprocHarness() transporttest.Harness {
	var reg *transport.Registry
	return transporttest.Harness{
		Name: "inproc",
		New: func(ctx context.Context, o transporttest.ConnOptions) (server, client *transport.Conn, err error) {
			reg = transport.NewRegistry(inproc.Factory())
			if server, err = reg.Open(ctx, "inproc://", o.Server...); err != nil {
				return nil, nil, err
			}
			client, err = reg.Open(ctx, "inproc://", o.Client...)
			return server, client, err
		},
		Another: func(ctx context.Context, _ *transport.Conn, opts ...transport.Option) (*transport.Conn, error) {
			return reg.Open(ctx, "inproc://", opts...)
		},
		Synctest: true,
	}
}
