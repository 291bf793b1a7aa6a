package homes

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/endpoints"
)

// Peers are the processes of one home: each is an instance of the same service.
// Methods may be called concurrently.
type Peers[C any] struct {
	name    string // the service's, or the host:port of the URL
	pool    *pool[C]
	sources []*source
	watch   sync.Once // starts what asks the resolvers
	set     atomic.Pointer[set[C]]
	turn    atomic.Uint32
	unwell  atomic.Bool // some endpoint may be set aside
	budget  budget

	mu      sync.Mutex    // guards the fields below, answers and errors of sources, and replacing set
	changed chan struct{} // closed and replaced when a source had an answer or an error
	telling sync.Mutex    // held while Config.Changed runs; taken before mu
}

// A set is the endpoints of a home at a time, by priority. It never changes.
type set[C any] struct {
	all    []*Endpoint[C]
	groups []group[C]
}

// A group is the endpoints of one priority.
type group[C any] struct {
	all   []*Endpoint[C]
	heavy []int // weights, where they differ
}

// peers reads the entries of one row.
func (p *pool[C]) peers(name string, entries []string) (*Peers[C], error) {
	h := &Peers[C]{name: name, pool: p, changed: make(chan struct{})}
	for _, entry := range entries {
		s, err := p.config.source(entry)
		if err != nil {
			return nil, err
		}
		h.sources = append(h.sources, s)
	}
	h.merge()
	return h, nil
}

// Fixed is the endpoint of a home that has one, and never another.
func (p *Peers[C]) Fixed() (*Endpoint[C], bool) {
	if len(p.sources) != 1 || p.sources[0].resolver != nil {
		return nil, false
	}
	return p.set.Load().all[0], true
}

// Current lists the endpoints that are known now. The caller must not change it.
func (p *Peers[C]) Current() []*Endpoint[C] {
	p.start()
	return p.set.Load().all
}

// Wait returns the endpoints, and waits within ctx until there are some, also when resolvers fail.
func (p *Peers[C]) Wait(ctx context.Context) ([]*Endpoint[C], error) {
	return p.wait(ctx, true)
}

// wait is Wait; without patience it ends when every resolver has failed.
func (p *Peers[C]) wait(ctx context.Context, patient bool) ([]*Endpoint[C], error) {
	p.start()
	for {
		if all := p.set.Load().all; len(all) > 0 {
			return all, nil
		}
		p.mu.Lock()
		failed, changed := p.failed(), p.changed
		if !patient && failed != nil && len(p.set.Load().all) == 0 {
			p.mu.Unlock()
			return nil, failed
		}
		p.mu.Unlock()
		select {
		case <-changed:
		case <-p.pool.life.Done():
			return nil, transport.ErrClosed
		case <-ctx.Done():
			if failed != nil {
				return nil, failed
			}
			return nil, ctx.Err()
		}
	}
}

// failed is why no source has an endpoint; nil as long as one has not been heard. Called with mu held.
func (p *Peers[C]) failed() error {
	var all []error
	for _, s := range p.sources {
		if s.err == nil {
			return nil
		}
		all = append(all, s.err)
	}
	return transport.CodeUnavailable.Errorf("%s has no endpoint that is known: %w", p.name, errors.Join(all...))
}

// start begins to watch the sources that have resolvers.
func (p *Peers[C]) start() {
	p.watch.Do(func() {
		for _, s := range p.sources {
			if s.resolver != nil {
				p.pool.start(func() { s.watch(p.pool.life, func(a []endpoints.Endpoint, err error) { p.heard(s, a, err) }) })
			}
		}
	})
}

// heard takes what a resolver said, which is checked here.
func (p *Peers[C]) heard(s *source, answer []endpoints.Endpoint, err error) {
	var checked []endpoints.Endpoint
	if err == nil {
		checked, err = p.checked(answer)
	}
	p.telling.Lock()
	defer p.telling.Unlock()
	p.mu.Lock()
	if err != nil {
		s.err = transport.CodeUnavailable.Errorf("%.256s: %w", s.target, err)
	} else {
		s.fixed, s.err = checked, nil
	}
	left, changed := p.merge()
	close(p.changed)
	p.changed = make(chan struct{})
	p.mu.Unlock()
	for _, e := range left {
		e.leave()
	}
	if changed && p.pool.config.Changed != nil {
		p.pool.config.Changed(p)
	}
}

// checked is an answer whose addresses are as the adapter writes them.
func (p *Peers[C]) checked(answer []endpoints.Endpoint) ([]endpoints.Endpoint, error) {
	if len(answer) == 0 {
		return nil, errors.New("the answer is empty")
	}
	list := slices.Clone(answer)
	for i := range list {
		e := &list[i]
		var err error
		if e.Address, err = p.pool.config.Address(e.Address); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// merge makes the set of what the sources say. Endpoints stay the same as long as they
// are named the same. Called with mu held.
func (p *Peers[C]) merge() (left []*Endpoint[C], changed bool) {
	known := map[[2]string]*Endpoint[C]{}
	old := p.set.Load()
	if old != nil {
		for _, e := range old.all {
			known[[2]string{e.Address, e.Name}] = e
		}
	}
	var members []member[C]
	seen := map[[2]string]bool{}
	for _, s := range p.sources {
		for _, f := range s.fixed {
			id := [2]string{f.Address, f.Name}
			if seen[id] {
				continue
			}
			seen[id] = true
			e := known[id]
			if e == nil {
				e = &Endpoint[C]{Endpoint: f, pool: p.pool, home: p, hash: hashOf(f.Address)}
				changed = true
			}
			delete(known, id)
			members = append(members, member[C]{e, f.Priority, max(f.Weight, 1)})
		}
	}
	p.set.Store(newSet(members))
	for _, e := range known {
		left = append(left, e)
	}
	return left, changed || len(left) > 0
}

// A member is an endpoint with what its source says of it now.
type member[C any] struct {
	e                *Endpoint[C]
	priority, weight int
}

func newSet[C any](members []member[C]) *set[C] {
	slices.SortStableFunc(members, func(a, b member[C]) int { return cmp.Compare(a.priority, b.priority) })
	s := &set[C]{}
	for i, m := range members {
		s.all = append(s.all, m.e)
		if i == 0 || members[i-1].priority != m.priority {
			s.groups = append(s.groups, group[C]{})
		}
		g := &s.groups[len(s.groups)-1]
		g.all = append(g.all, m.e)
		g.heavy = append(g.heavy, m.weight)
	}
	for i := range s.groups {
		if g := &s.groups[i]; slices.Min(g.heavy) == slices.Max(g.heavy) {
			g.heavy = nil // all alike
		}
	}
	return s
}
