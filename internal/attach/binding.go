package attach

import (
	"context"
	"errors"
	"sync"

	"github.com/polywire/polywire/internal/reconnect"
	"github.com/polywire/polywire/transport"
)

// A Binding delivers from the own router and from streams of other nodes to one
// sink. It implements [transport.Bound].
type Binding struct {
	node    *Node
	spec    transport.Binding
	sink    transport.Sink
	local   transport.Bound // nil where this process is home of nothing that matches
	remotes []*Remote       // never changes

	mu      sync.Mutex // guards stopped and local, and is held while a remote delivers
	stopped bool
}

// Bind puts a binding into effect at this process's router, where local says so,
// and at all hosts. Homes that are away are waited for within ctx.
func (n *Node) Bind(ctx context.Context, spec transport.Binding, sink transport.Sink, local bool, hosts []string) (*Binding, error) {
	b := &Binding{node: n, spec: spec, sink: sink}
	sources := len(hosts)
	if local {
		sources++
	}
	// The sources share the credit; each has some, so that none is shut out.
	credit := max(max(spec.Credit, spec.Concurrency)/max(sources, 1), 1)
	for _, host := range hosts {
		b.remotes = append(b.remotes, &Remote{Host: host, Credit: credit, b: b})
	}
	if !n.register(b) {
		return nil, transport.ErrClosed
	}
	if err := b.open(ctx, local, credit); err != nil {
		b.abandon(context.WithoutCancel(ctx))
		n.forget(b)
		return nil, err
	}
	return b, nil
}

func (b *Binding) open(ctx context.Context, local bool, credit int) error {
	ctx, cancel := context.WithTimeout(ctx, defaultTimeout)
	defer cancel()
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
	failed := make(chan error, len(b.remotes)) // one from each goroutine below
	for _, r := range b.remotes {
		go func() { failed <- r.open(ctx) }() // ends within ctx; waited for here
	}
	var first error
	for range b.remotes {
		if err := <-failed; err != nil && first == nil {
			first = err
			cancel()
		}
	}
	return first
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
	for _, r := range b.remotes {
		r.stop(ctx)
	}
	b.node.forget(b)
	return err
}

// abandon ends deliveries at once, and gives up what is unsettled.
func (b *Binding) abandon(ctx context.Context) {
	b.mu.Lock()
	b.stopped = true
	local := b.local
	b.mu.Unlock()
	if l, ok := local.(interface{ Abandon(context.Context) error }); ok {
		_ = l.Abandon(ctx) // fails with ctx alone
	}
	for _, r := range b.remotes {
		r.abandon(ctx)
	}
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

// A Remote is a binding's part at one other node. Its inlet is replaced when the connection is lost.
type Remote struct {
	Host   string
	Credit int // unsettled deliveries at most
	b      *Binding

	attaching sync.Mutex // held while a stream is opened

	mu      sync.Mutex // guards the fields below
	current *Inlet
	ended   bool // no inlet is wanted any more
}

// Spec is what the binding wants; its Credit is shared among remotes.
func (r *Remote) Spec() transport.Binding { return r.b.spec }

// open attaches for the first time, within ctx.
func (r *Remote) open(ctx context.Context) error {
	for {
		sup, err := r.b.node.Link(ctx, r.Host)
		if err == nil {
			var l *Link
			if l, err = sup.Get(ctx); err == nil {
				err = r.attach(ctx, l)
			}
		}
		if err == nil || ctx.Err() != nil || !errors.Is(err, transport.CodeUnavailable) {
			return err
		}
		if err := pause(ctx); err != nil {
			return transport.CodeUnavailable.Errorf("%w, and not for as long as could be waited", err)
		}
	}
}

// live returns the inlet in effect, if there is one.
func (r *Remote) live() *Inlet {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.current == nil || r.current.isDead() {
		return nil
	}
	return r.current
}

// attach opens the stream if none is open. With l it shares its end: one lost stream makes the link new, and with it every stream.
func (r *Remote) attach(ctx context.Context, l *Link) error {
	r.attaching.Lock()
	defer r.attaching.Unlock()
	r.mu.Lock()
	ended := r.ended
	r.mu.Unlock()
	if ended || r.live() != nil {
		return nil
	}
	t, err := r.b.node.Attach(ctx, r, l)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.current = t
	ended = r.ended
	r.mu.Unlock()
	if ended { // Unbind came between
		t.Lose(transport.ErrClosed)
	}
	return nil
}

// Refused loses the binding for good when err is the peer's word that it does not want it, and reports whether it is.
func (r *Remote) Refused(err error) bool {
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

func (r *Remote) take() *Inlet {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	return r.current
}

func (r *Remote) stop(ctx context.Context) {
	if t := r.take(); t != nil {
		t.stop(ctx)
	}
}

func (r *Remote) abandon(ctx context.Context) {
	if t := r.take(); t != nil {
		t.flush(ctx)
		t.Lose(transport.ErrClosed)
	}
}

// pause waits as long as attempts to reach a peer are apart.
func pause(ctx context.Context) error { return Sleep(ctx, new(reconnect.Backoff).Next()) }
