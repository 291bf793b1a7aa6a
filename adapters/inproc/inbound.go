package inproc

import (
	"context"

	"github.com/polywire/polywire/transport"
)

func (a *adapter) Bind(ctx context.Context, b transport.Binding, sink transport.Sink) (transport.Bound, error) {
	bind := a.router.Bind
	if a.inline {
		bind = a.router.BindInline
	}
	inner, err := bind(ctx, b, sink)
	if err != nil {
		return nil, err
	}
	out := &bound{inner, a}
	a.mu.Lock()
	closed := a.closed
	if !closed {
		a.bounds[out] = struct{}{}
	}
	a.mu.Unlock()
	if closed {
		_ = inner.Unbind(ctx)
		return nil, transport.ErrClosed
	}
	return out, nil
}

// Unbind ends new deliveries; those made may still be settled.
func (b *bound) Unbind(ctx context.Context) error {
	b.a.mu.Lock()
	delete(b.a.bounds, b)
	b.a.mu.Unlock()
	return b.Bound.Unbind(ctx)
}
