package attach

import (
	"context"

	"github.com/polywire/polywire/internal/homes"
	"github.com/polywire/polywire/transport"
)

// From is a home as bindings see it: its places are the endpoints of p.
func From[C any](p *homes.Peers[C]) Source { return home[C]{p} }

// OriginOf says where what a binding wants comes from: the topics of all homes whose
// patterns fit, and a queue's one home, which may refuse it.
func OriginOf[C any](t *homes.Table[C], spec *transport.Binding) (from Origin, err error) {
	switch spec.Kind {
	case transport.KindTopic:
		from.Local = t.Local()
		for _, p := range t.Publishers(spec.Pattern) {
			from.Homes = append(from.Homes, From(p))
		}
		return from, nil
	case transport.KindQueue:
		home, err := t.Invited(spec.Pattern)
		if home == nil || err != nil {
			from.Local = err == nil
			return from, err
		}
		from.Homes = []Source{From(home)}
		return from, nil
	}
	return from, transport.CodeUnimplemented.Errorf("binding of %v: requests carry their replies here", spec.Kind)
}

type home[C any] struct{ p *homes.Peers[C] }

func (h home[C]) Wait(ctx context.Context) ([]Place, error) {
	found, err := h.p.Wait(ctx)
	return places(found), err
}

func (h home[C]) Current() []Place { return places(h.p.Current()) }

func places[C any](found []*homes.Endpoint[C]) []Place {
	list := make([]Place, len(found))
	for i, e := range found {
		list[i] = e
	}
	return list
}
