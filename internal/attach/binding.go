package attach

import (
	"context"
	"slices"
	"sync"

	"github.com/polywire/polywire/internal/router"
	"github.com/polywire/polywire/transport"
)

// A Binding delivers from the own router and from streams of other nodes to one
// sink. It implements [transport.Bound].
type Binding struct {
	node *Node
	spec transport.Binding
	sink transport.Sink
	from []Source // whose places it is attached to

	mu      sync.Mutex      // guards the fields below, and is held while a remote delivers
	local   transport.Bound // nil where this process is home of nothing that matches
	remotes []*Remote
	opened  bool // places that come now are attached to as they come
	stopped bool
	lost    bool // the sink was told
}

// An Origin is where what a binding wants comes from.
type Origin struct {
	Local bool     // this process's own router
	Homes []Source // and all places of these
}

// Bind puts a binding into effect wherever it is wanted. Homes that are away are waited for within ctx.
func (n *Node) Bind(ctx context.Context, spec transport.Binding, sink transport.Sink, from Origin) (transport.Bound, error) {
	b := &Binding{node: n, spec: spec, sink: sink, from: from.Homes}
	if !n.register(b) {
		return nil, transport.ErrClosed
	}
	if err := b.open(ctx, from.Local); err != nil {
		b.abandon(context.WithoutCancel(ctx), err)
		n.forget(b)
		return nil, err
	}
	for _, s := range from.Homes {
		b.follow(s) // what came meanwhile
	}
	return b, nil
}

func (b *Binding) open(ctx context.Context, local bool) error {
	ctx, cancel := context.WithTimeout(ctx, defaultTimeout)
	defer cancel()
	var found []Place
	for _, p := range b.from {
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
		bound, err := b.node.Router.Bind(ctx, spec, b.sink)
		if err != nil {
			return err
		}
		b.mu.Lock()
		b.local = bound
		b.mu.Unlock()
	}
	b.mu.Lock()
	for _, e := range found {
		b.remotes = append(b.remotes, &Remote{Place: e, Credit: credit, b: b})
	}
	remotes := slices.Clone(b.remotes)
	b.opened = true
	b.mu.Unlock()
	return openAll(ctx, remotes)
}

func openAll(ctx context.Context, remotes []*Remote) error {
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
func (b *Binding) share(n int) int {
	return max(max(b.spec.Credit, b.spec.Concurrency)/max(n, 1), 1)
}

// all lists the remotes of now.
func (b *Binding) all() []*Remote {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.remotes)
}

// follow attaches to the places of s that are new, and leaves those that are gone.
func (b *Binding) follow(s Source) {
	if !slices.Contains(b.from, s) {
		return
	}
	var joined, left []*Remote
	b.mu.Lock()
	if b.stopped || !b.opened {
		b.mu.Unlock()
		return
	}
	b.remotes = slices.DeleteFunc(b.remotes, func(r *Remote) bool {
		gone := r.Place.Left()
		if gone {
			left = append(left, r)
		}
		return gone
	})
	for _, e := range s.Current() {
		if !e.Left() && !slices.ContainsFunc(b.remotes, func(r *Remote) bool { return r.Place == e }) {
			r := &Remote{Place: e, Credit: b.share(len(b.remotes) + 1), b: b}
			b.remotes = append(b.remotes, r)
			joined = append(joined, r)
		}
	}
	b.mu.Unlock()
	for _, r := range joined {
		b.node.Spawn(func() { r.join(b.node.Opening) })
	}
	for _, r := range left {
		b.node.Spawn(func() { r.stop(context.Background()) }) // which takes Patience at most
	}
}

// ReplyAddress is empty: requests carry their replies.
func (b *Binding) ReplyAddress() string { return "" }

// Unbind ends deliveries; streams stay open until what they brought is settled.
func (b *Binding) Unbind(ctx context.Context) error {
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
	b.node.forget(b)
	return err
}

// abandon ends deliveries at once, and gives up what is unsettled: why is what callers of this process are told.
func (b *Binding) abandon(ctx context.Context, why error) {
	b.mu.Lock()
	b.stopped = true
	local := b.local
	b.mu.Unlock()
	if l, ok := local.(router.Abandoner); ok {
		_ = l.Abandon(ctx, why) // fails with ctx alone
	}
	for _, r := range b.all() {
		r.abandon(ctx)
	}
}

// lose ends the binding for good: a home refused it, and no new attempt would change that.
func (b *Binding) lose(err error) {
	b.mu.Lock()
	over := b.stopped || b.lost
	b.lost = true
	b.mu.Unlock()
	if over {
		return
	}
	b.sink.Lost(err)
	b.node.Spawn(func() { _ = b.Unbind(b.node.Opening) }) // else Close ends it
}

// deliver hands a message of a stream to the sink, unless the binding has ended.
func (b *Binding) deliver(d *delivery) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return false
	}
	b.sink.Deliver(d)
	return true
}
