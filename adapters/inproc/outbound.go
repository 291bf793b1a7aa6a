package inproc

import (
	"context"

	"github.com/polywire/polywire/transport"
)

func (a *adapter) Send(ctx context.Context, e *transport.Envelope) error {
	return a.router.Send(ctx, e)
}

func (a *adapter) Publish(ctx context.Context, e *transport.Envelope) error {
	return a.router.Publish(ctx, e)
}

func (a *adapter) Request(ctx context.Context, e *transport.Envelope) (*transport.Envelope, error) {
	return a.router.Request(ctx, e)
}

func (a *adapter) Gather(ctx context.Context, e *transport.Envelope, reply func(*transport.Envelope)) error {
	return a.router.Gather(ctx, e, reply)
}
