package attach

import (
	"context"

	"github.com/polywire/polywire/internal/homes"
)

// From is a home as bindings see it: its places are the endpoints of p.
func From[C any](p *homes.Peers[C]) Source { return home[C]{p} }

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
