package grpcwire

import (
	"context"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/transport"
)

func (a *adapter) Bind(ctx context.Context, spec transport.Binding, sink transport.Sink) (transport.Bound, error) {
	if spec.Kind == transport.KindQueue && taken(spec.Pattern) {
		return nil, takenError(spec.Pattern)
	}
	from, err := attach.OriginOf(a.homes, &spec)
	if err != nil {
		return nil, err
	}
	if a.node == nil || !from.Local || spec.Kind != transport.KindQueue {
		return a.attached.Bind(ctx, spec, sink, from)
	}
	b, err := a.attached.Bind(ctx, spec, sink, from)
	if err != nil {
		return nil, err
	}
	return &counted{b, a.node.health.bound(spec.Pattern)}, nil
}
