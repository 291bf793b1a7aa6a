package httpwire

import (
	"context"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/transport"
)

func (a *adapter) Bind(ctx context.Context, spec transport.Binding, sink transport.Sink) (transport.Bound, error) {
	from, err := attach.OriginOf(a.homes, &spec)
	if err != nil {
		return nil, err
	}
	return a.attached.Bind(ctx, spec, sink, from)
}
