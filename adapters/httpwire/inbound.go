package httpwire

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/polywire/polywire/transport"
)

// A binding delivers from the own router and from streams of other nodes to one
// sink. It implements [transport.Bound].
type binding struct {
	a     *adapter
	spec  transport.Binding
	sink  transport.Sink
	homes []*peers // whose endpoints it is attached to

	mu      sync.Mutex      // guards the fields below, and is held while a remote delivers
	local   transport.Bound // nil where this process is home of nothing that matches
	remotes []*remote
	opened  bool // endpoints that come now are attached to as they come
	stopped bool
}

func (a *adapter) Bind(ctx context.Context, spec transport.Binding, sink transport.Sink) (transport.Bound, error) {
	b := &binding{a: a, spec: spec, sink: sink}
	local, homes, err := a.sources(&spec)
	if err != nil {
		return nil, err
	}
	b.homes = homes
	if !a.register(b) {
		return nil, transport.ErrClosed
	}
	if err := b.open(ctx, local); err != nil {
		b.abandon(context.WithoutCancel(ctx))
		a.forget(b)
		return nil, err
	}
	for _, p := range b.homes {
		b.follow(p) // what came meanwhile
	}
	return b, nil
}

// sources says where what a binding wants comes from.
func (a *adapter) sources(spec *transport.Binding) (local bool, homes []*peers, err error) {
	switch spec.Kind {
	case transport.KindTopic:
		return a.homes.Local(), a.homes.Publishers(spec.Pattern), nil
	case transport.KindQueue:
		home, err := a.homes.Invited(spec.Pattern)
		if home == nil {
			return err == nil, nil, err
		}
		return false, []*peers{home}, nil
	}
	return false, nil, transport.CodeUnimplemented.Errorf("binding of %v: requests carry their replies here", spec.Kind)
}

func (a *adapter) register(b *binding) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return false
	}
	a.bindings[b] = struct{}{}
	return true
}

func (a *adapter) forget(b *binding) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.bindings, b)
}

// open puts b into effect everywhere. Homes that are away are waited for within ctx.
func (b *binding) open(ctx context.Context, local bool) error {
	ctx, cancel := context.WithTimeout(ctx, defaultTimeout)
	defer cancel()
	var found []*endpoint
	for _, p := range b.homes {
		all, err := p.Wait(ctx)
		if err != nil {
			return err
		}
		found = append(found, all...)
	}
	n := len(found)
	if local {
		n++
	}
	credit := b.share(n)
	if local {
		spec := b.spec
		spec.Credit, spec.Concurrency = credit, min(spec.Concurrency, credit)
		bound, err := b.a.router.Bind(ctx, spec, b.sink)
		if err != nil {
			return err
		}
		b.mu.Lock()
		b.local = bound
		b.mu.Unlock()
	}
	b.mu.Lock()
	for _, e := range found {
		b.remotes = append(b.remotes, &remote{b: b, e: e, credit: credit})
	}
	remotes := slices.Clone(b.remotes)
	b.opened = true
	b.mu.Unlock()
	return openAll(ctx, remotes)
}

func openAll(ctx context.Context, remotes []*remote) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	failed := make(chan error, len(remotes)) // one from each goroutine below
	for _, r := range remotes {
		go func() { failed <- r.open(ctx) }() // ends within ctx; waited for here
	}
	var first error
	for range remotes {
		if err := <-failed; err != nil && first == nil {
			first = err
			cancel()
		}
	}
	return first
}

// share is the credit of one of n sources, which share that of the binding; each has
// some, so that none is shut out. One that comes later gets as much as if it had been the last of the first.
func (b *binding) share(n int) int {
	return max(max(b.spec.Credit, b.spec.Concurrency)/max(n, 1), 1)
}

// all lists the remotes of now.
func (b *binding) all() []*remote {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.remotes)
}

// follow attaches to the endpoints of p that are new, and leaves those that are gone.
func (b *binding) follow(p *peers) {
	if !slices.Contains(b.homes, p) {
		return
	}
	var joined, left []*remote
	b.mu.Lock()
	if b.stopped || !b.opened {
		b.mu.Unlock()
		return
	}
	b.remotes = slices.DeleteFunc(b.remotes, func(r *remote) bool {
		gone := r.e.Left()
		if gone {
			left = append(left, r)
		}
		return gone
	})
	for _, e := range p.Current() {
		if !e.Left() && !slices.ContainsFunc(b.remotes, func(r *remote) bool { return r.e == e }) {
			r := &remote{b: b, e: e, credit: b.share(len(b.remotes) + 1)}
			b.remotes = append(b.remotes, r)
			joined = append(joined, r)
		}
	}
	b.mu.Unlock()
	for _, r := range joined {
		b.a.spawn(func() { r.join(b.a.opening) })
	}
	for _, r := range left {
		b.a.spawn(func() { r.stop(b.a.base) })
	}
}

func (b *binding) ReplyAddress() string { return "" }

// Unbind ends deliveries; streams stay open until what they brought is settled.
func (b *binding) Unbind(ctx context.Context) error {
	b.mu.Lock()
	b.stopped = true
	local := b.local
	b.mu.Unlock()
	var err error
	if local != nil {
		err = local.Unbind(ctx)
	}
	for _, r := range b.all() {
		r.stop(ctx)
	}
	b.a.forget(b)
	return err
}

// abandon ends deliveries at once, and gives up what is unsettled.
func (b *binding) abandon(ctx context.Context) {
	b.mu.Lock()
	b.stopped = true
	local := b.local
	b.mu.Unlock()
	if l, ok := local.(interface{ Abandon(context.Context) error }); ok {
		_ = l.Abandon(ctx) // fails with ctx alone
	}
	for _, r := range b.all() {
		r.abandon(ctx)
	}
}

// deliver hands a message of a stream to the sink, unless the binding has ended.
func (b *binding) deliver(d *delivery) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return false
	}
	b.sink.Deliver(d)
	return true
}

// A remote is a binding's part at one other node. Its attachment is replaced when the connection is lost.
type remote struct {
	b      *binding
	e      *endpoint
	credit int

	attaching sync.Mutex // held while a stream is opened

	mu      sync.Mutex // guards the fields below
	current *attachment
	ended   bool // no attachment is wanted any more
}

// join attaches to an endpoint that came later.
func (r *remote) join(ctx context.Context) {
	if err := r.open(ctx); err != nil && ctx.Err() == nil {
		r.refused(err)
	}
}

// open attaches for the first time, within ctx. An endpoint that leaves meanwhile is none to wait for.
func (r *remote) open(ctx context.Context) error {
	for {
		if r.over() {
			return nil
		}
		sup, err := r.b.a.link(ctx, r.e)
		if err == nil {
			var l *link
			if l, err = sup.Get(ctx); err == nil {
				err = r.attach(ctx, l)
			}
		}
		if err == nil || ctx.Err() != nil || !errors.Is(err, transport.CodeUnavailable) {
			return err
		}
		if err := backOff(ctx); err != nil {
			return transport.CodeUnavailable.Errorf("%w, and not for as long as could be waited", err)
		}
	}
}

// over reports whether no attachment is wanted.
func (r *remote) over() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended || r.e.Left()
}

// live returns the attachment in effect, if there is one.
func (r *remote) live() *attachment {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current == nil || r.current.isDead() {
		return nil
	}
	return r.current
}

// attach opens the stream if none is open. With l it shares its end: one lost stream makes the link new, and with it every stream.
func (r *remote) attach(ctx context.Context, l *link) error {
	r.attaching.Lock()
	defer r.attaching.Unlock()
	if r.over() || r.live() != nil {
		return nil
	}
	t, err := r.dial(ctx, l)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.current = t
	ended := r.ended
	r.mu.Unlock()
	if ended { // Unbind came between
		t.lose(transport.ErrClosed)
	}
	return nil
}

// refused reports whether err is the peer's word that it does not want this binding; then it is lost for good.
func (r *remote) refused(err error) bool {
	var e *transport.Error
	if !errors.As(err, &e) || e.Code != transport.CodePermissionDenied && e.Code != transport.CodeUnauthenticated && e.Code != transport.CodeInvalidArgument {
		return false
	}
	r.mu.Lock()
	ended := r.ended
	r.ended = true
	r.mu.Unlock()
	if !ended {
		r.b.sink.Lost(err)
	}
	return true
}

func (r *remote) take() *attachment {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	return r.current
}

func (r *remote) stop(ctx context.Context) {
	if t := r.take(); t != nil {
		t.stop(ctx)
	}
}

func (r *remote) abandon(ctx context.Context) {
	if t := r.take(); t != nil {
		t.flush(ctx)
		t.lose(transport.ErrClosed)
	}
}
