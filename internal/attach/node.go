package attach

import (
	"context"
	"maps"
	"slices"
	"sync"
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

	// Spawn starts a goroutine that the adapter's Close waits for; false when Close came first.
	Spawn func(func()) bool
	// Dial makes one attempt to link to host. What it starts ends with the link or with the adapter.
	Dial func(ctx context.Context, host string) (*Link, error)
	// Attach opens a stream for r and returns once the home delivers to it.
	Attach func(ctx context.Context, r *Remote, l *Link) (*Inlet, error)
	// Told hears when a link is lost and when it is back; may be nil.
	Told func(error)

	mu       sync.Mutex // guards the fields below
	bindings map[*Binding]struct{}
	links    map[string]*peerLink // by host
	closed   bool
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

// Link returns the supervised link to host, and makes it when it is the first to ask.
func (n *Node) Link(ctx context.Context, host string) (*reconnect.Supervisor[*Link], error) {
	n.mu.Lock()
	if n.closed {
		n.mu.Unlock()
		return nil, transport.ErrClosed
	}
	p := n.links[host]
	mine := p == nil
	if mine {
		p = &peerLink{ready: make(chan struct{})}
		if n.links == nil {
			n.links = map[string]*peerLink{}
		}
		n.links[host] = p
	}
	n.mu.Unlock()
	if mine {
		n.first(ctx, host, p)
	}
	select {
	case <-p.ready:
		return p.sup, p.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// first makes the first attempt. When that fails, the next who asks makes another.
func (n *Node) first(ctx context.Context, host string, p *peerLink) {
	defer close(p.ready)
	link, err := n.Dial(ctx, host)
	if err != nil {
		p.err = err
		n.mu.Lock()
		delete(n.links, host)
		n.mu.Unlock()
		return
	}
	p.sup = reconnect.Start(link, reconnect.Config[*Link]{
		Dial: func(ctx context.Context) (*Link, error) { return n.again(ctx, host) },
		Told: n.Told,
	})
}

// again is Dial with all bindings in effect again.
func (n *Node) again(ctx context.Context, host string) (*Link, error) {
	l, err := n.Dial(ctx, host)
	if err != nil {
		return nil, err
	}
	for _, r := range n.remotes(host) {
		if err := r.attach(ctx, l); err != nil && !r.Refused(err) {
			l.Fail(err)
			return nil, err
		}
	}
	return l, nil
}

// Suspect tells the link to host that a call could not reach it.
func (n *Node) Suspect(host string, err error) {
	n.mu.Lock()
	p := n.links[host]
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

func (n *Node) remotes(host string) []*Remote {
	n.mu.Lock()
	defer n.mu.Unlock()
	var found []*Remote
	for b := range n.bindings {
		for _, r := range b.remotes {
			if r.Host == host {
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
		b.abandon(ctx)
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
