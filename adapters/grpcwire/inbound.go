package grpcwire

import (
	"context"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/transport"
)

func (a *adapter) Bind(ctx context.Context, spec transport.Binding, sink transport.Sink) (transport.Bound, error) {
	local, from, err := a.sources(&spec)
	if err != nil {
		return nil, err
	}
	if a.node == nil || !local || spec.Kind != transport.KindQueue {
		return a.attached.Bind(ctx, spec, sink, local, from)
	}
	b, err := a.attached.Bind(ctx, spec, sink, local, from)
	if err != nil {
		return nil, err
	}
	return &counted{b, a.node.health.bound(spec.Pattern)}, nil
}

// sources says where what a binding wants comes from.
func (a *adapter) sources(spec *transport.Binding) (local bool, from []attach.Source, err error) {
	switch spec.Kind {
	case transport.KindTopic:
		for _, p := range a.homes.Publishers(spec.Pattern) {
			from = append(from, attach.From(p))
		}
		return a.homes.Local(), from, nil
	case transport.KindQueue:
		if taken(spec.Pattern) {
			return false, nil, takenError(spec.Pattern)
		}
		home, err := a.homes.Invited(spec.Pattern)
		if home == nil || err != nil {
			return err == nil, nil, err
		}
		return false, []attach.Source{attach.From(home)}, nil
	}
	return false, nil, transport.CodeUnimplemented.Errorf("binding of %v: requests carry their replies here", spec.Kind)
}
