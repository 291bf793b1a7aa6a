package attach

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/internal/reconnect"
	"github.com/polywire/polywire/internal/router"
	"github.com/polywire/polywire/transport"
)

// A Node keeps the links and bindings of one adapter. All but Told must be set before
// it is used.
//
// Lock order: Remote.attaching before Node.mu, Binding.mu before Inlet.mu; none
// of them but attaching is held during I/O.
type Node struct {
	Router   *router.Router
	Patience time.Duration // for a settlement to be taken by the peer

	// Opening ends as the adapter begins to close: nobody attaches to places that come then.
	Opening context.Context
	// Spawn starts a goroutine that the adapter's Close waits for; false when Close came first.
	Spawn func(func()) bool
	// Dial makes one attempt to link to a place. What it starts ends with the link or with the adapter.
	Dial func(ctx context.Context, at Place) (*Link, error)
	// Attach opens a stream for r and returns once the home delivers to it.
	Attach func(ctx context.Context, r *Remote, l *Link) (*Inlet, error)
	// Logger hears of bindings that a home refuses.
	Logger *slog.Logger
	// Told hears when a link is lost and when it is back; may be nil.
	Told func(error)

	mu       sync.Mutex // guards the fields below
	bindings map[*Binding]struct{}
	links    map[Place]*peerLink
	closed   bool
}

// A Place is one process that bindings attach to, as long as it is one of its home; a pointer.
type Place interface {
	// Left reports whether it is none any more; then it never is one again.
	Left() bool
}

// A Source is a home whose places come and go. Two of one home are equal.
type Source interface {
	// Wait returns the places, and waits within ctx until there are some.
	Wait(ctx context.Context) ([]Place, error)
	// Current returns those of now.
	Current() []Place
}

// A Link is a connection that a peer holds open while it lives, so that its end
// is noticed at once. It implements [reconnect.Session].
type Link struct {
	cancel context.CancelFunc
	once   sync.Once
	done   chan struct{} // closed by Fail
	err    error         // written before done is closed
}

// NewLink makes a live link, which cancel ends.
func NewLink(cancel context.CancelFunc) *Link {
	return &Link{cancel: cancel, done: make(chan struct{})}
}

// Done is closed when the link is lost.
func (l *Link) Done() <-chan struct{} { return l.done }

// Err tells why, once Done is closed.
func (l *Link) Err() error { return l.err }

// Fail ends the link.
func (l *Link) Fail(err error) {
	l.once.Do(func() {
		l.err = err
		close(l.done)
		l.cancel()
	})
}

// A peerLink keeps one link to a peer alive.
type peerLink struct {
	ready chan struct{} // closed by who made it, once sup or err is set
	sup   *reconnect.Supervisor[*Link]
	err   error
}

func (p *peerLink) close() {
	<-p.ready
	if p.sup == nil {
		return
	}
	if last, live := p.sup.Close(); live {
		last.Fail(transport.ErrClosed)
	}
}

// Link returns the supervised link to a place, and makes it when it is the first to ask.
func (n *Node) Link(ctx context.Context, at Place) (*reconnect.Supervisor[*Link], error) {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return nil, transport.ErrClosed
	}
	p := n.links[at]
	mine := p == nil
	if mine {
		p = &peerLink{ready: make(chan struct{})}
		if n.links == nil {
			n.links = map[Place]*peerLink{}
		}
		n.links[at] = p
	}
	n.mu.Unlock()
	if mine {
		n.first(ctx, at, p)
	}
	select {
	case <-p.ready:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if !mine && (errors.Is(p.err, context.Canceled) || errors.Is(p.err, context.DeadlineExceeded)) {
		return n.Link(ctx, at) // who made the attempt gave up, which says nothing of the place
	}
	return p.sup, p.err
}

// first makes the first attempt. When that fails, the next who asks makes another.
func (n *Node) first(ctx context.Context, at Place, p *peerLink) {
	defer close(p.ready)
	link, err := n.Dial(ctx, at)
	if err != nil {
		p.err = err
		n.mu.Lock()
		delete(n.links, at)
		n.mu.Unlock()
		return
	}
	p.sup = reconnect.Start(link, reconnect.Config[*Link]{
		Dial: func(ctx context.Context) (*Link, error) { return n.again(ctx, at) },
		Told: n.Told,
	})
}

// again is Dial with all bindings in effect again.
func (n *Node) again(ctx context.Context, at Place) (*Link, error) {
	l, err := n.Dial(ctx, at)
	if err != nil {
		return nil, err
	}
	for _, r := range n.remotes(at) {
		if err := r.attach(ctx, l); err != nil && !r.refused(err) {
			l.Fail(err)
			return nil, err
		}
	}
	return l, nil
}

// Trouble is why some binding is not in effect although its home is there; nil where all are.
func (n *Node) Trouble() error {
	n.mu.Lock()
	bindings := maps.Clone(n.bindings)
	n.mu.Unlock()
	for b := range bindings {
		for _, r := range b.all() {
			if err := r.trouble(); err != nil {
				return transport.CodeUnauthenticated.Errorf("the subscription to %s is refused, and asked for again: %w", b.spec.Pattern, err)
			}
		}
	}
	return nil
}

// Suspect tells the link to a place that a call could not reach it.
func (n *Node) Suspect(at Place, err error) {
	n.mu.Lock()
	p := n.links[at]
	n.mu.Unlock()
	if p == nil {
		return
	}
	select {
	case <-p.ready:
	default:
		return
	}
	if p.sup == nil {
		return
	}
	if l, live := p.sup.Current(); live {
		l.Fail(err)
	}
}

func (n *Node) remotes(at Place) []*Remote {
	n.mu.Lock()
	bindings := maps.Clone(n.bindings)
	n.mu.Unlock()
	var found []*Remote
	for b := range bindings {
		for _, r := range b.all() {
			if r.Place == at {
				found = append(found, r)
			}
		}
	}
	return found
}

func (n *Node) register(b *Binding) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	if n.bindings == nil {
		n.bindings = map[*Binding]struct{}{}
	}
	n.bindings[b] = struct{}{}
	return true
}

func (n *Node) forget(b *Binding) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.bindings, b)
}

// Close ends all links, and abandons all bindings.
func (n *Node) Close(ctx context.Context) {
	n.mu.Lock()
	n.closed = true
	bindings, links := n.bindings, slices.Collect(maps.Values(n.links)) // a link that is being made may yet leave the map
	n.bindings = nil
	n.mu.Unlock()
	for _, l := range links {
		l.close()
	}
	for b := range bindings {
		b.abandon(ctx, transport.ErrClosed)
	}
}

// Follow attaches bindings to places of a home that have come, and leaves those that have left.
func (n *Node) Follow(s Source) {
	var gone []*peerLink
	n.mu.Lock()
	bindings := maps.Clone(n.bindings)
	for at, l := range n.links {
		if at.Left() {
			gone = append(gone, l)
			delete(n.links, at)
		}
	}
	n.mu.Unlock()
	for _, l := range gone {
		n.Spawn(l.close) // else Close ends it
	}
	for b := range bindings {
		b.follow(s)
	}
}

// Sleep waits for d, or fails with ctx.
func Sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Wait waits for w within ctx.
func Wait(ctx context.Context, w *sync.WaitGroup) error {
	done := make(chan struct{})
	go func() { // ends with what it waits for, whose context has ended
		w.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A node that leaves answers those who have not heard of it yet: until it had no connection for lull, which is
// longer than the system takes to hand over one that it has accepted, or, as connections may stay that nobody
// uses, nothing new for lameDuck. Both are counted in looks, as a process that the machine kept from running
// has heard nobody meanwhile. It does so no longer than longest.
const (
	look     = 5 * time.Millisecond
	lull     = 10 // looks
	lameDuck = 50
	longest  = 5 * time.Second
)

// Told gives peers the time to hear that a node leaves, within ctx. open holds one for each connection, and
// arrivals grows with each connection and call.
func Told(ctx context.Context, open chan struct{}, arrivals *atomic.Uint64) {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	known := arrivals.Load()
	for empty, unused := 0, 0; empty < lull && unused < lameDuck && Sleep(ctx, look) == nil; {
		empty, unused = empty+1, unused+1
		if len(open) > 0 {
			empty = 0
		}
		if n := arrivals.Load(); n != known {
			unused, known = 0, n
		}
	}
}
