package attach

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/polywire/polywire/internal/reconnect"
	"github.com/polywire/polywire/transport"
)

// A Remote is a binding's part at one other node. Its inlet is replaced when the connection is lost.
//
//	attached ─ stream lost ─▶ the link is made new ─┬─ taken ─▶ attached
//	                                                ├─ Unauthenticated ─▶ asked again and again: credentials are renewed
//	                                                └─ another refusal ─▶ the binding is lost
type Remote struct {
	Place  Place
	Credit int // unsettled deliveries at most
	b      *Binding

	attaching sync.Mutex // held while a stream is opened

	mu      sync.Mutex // guards the fields below
	current *Inlet
	ended   bool               // no inlet is wanted any more
	refusal error              // the home's word that it does not know this process; nil once it does
	quit    context.CancelFunc // ends insist; nil where that does not run
}

// Spec is what the binding wants; its Credit is shared among remotes.
func (r *Remote) Spec() transport.Binding { return r.b.spec }

// join attaches to a place that came later.
func (r *Remote) join(ctx context.Context) {
	if err := r.open(ctx); err != nil && ctx.Err() == nil {
		r.refused(err)
	}
}

// over reports whether no inlet is wanted.
func (r *Remote) over() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ended || r.Place.Left()
}

// open attaches for the first time, within ctx. A place that leaves meanwhile is none to wait for.
func (r *Remote) open(ctx context.Context) error {
	for {
		err := r.try(ctx)
		if err == nil || ctx.Err() != nil || !errors.Is(err, transport.CodeUnavailable) {
			return err
		}
		if err := pause(ctx); err != nil {
			return transport.CodeUnavailable.Errorf("%w, and not for as long as could be waited", err)
		}
	}
}

// try attaches once there is a link.
func (r *Remote) try(ctx context.Context) error {
	if r.over() {
		return nil
	}
	sup, err := r.b.node.Link(ctx, r.Place)
	if err != nil {
		return err
	}
	l, err := sup.Get(ctx)
	if err != nil {
		return err
	}
	return r.attach(ctx, l)
}

// attach opens the stream if none is open. With l it shares its end: one lost stream makes the link new, and with it every stream.
func (r *Remote) attach(ctx context.Context, l *Link) error {
	r.attaching.Lock()
	defer r.attaching.Unlock()
	if r.over() || r.keeps(l) {
		return nil
	}
	t, err := r.b.node.Attach(ctx, r, l)
	if err != nil {
		return err
	}
	r.mu.Lock()
	r.current, r.refusal = t, nil
	ended := r.ended
	r.mu.Unlock()
	if ended { // Unbind came between
		t.Lose(transport.ErrClosed)
	}
	return nil
}

// keeps reports whether the stream that there was outlived its link, and ties it to the new one.
func (r *Remote) keeps(l *Link) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.current != nil && r.current.follow(l)
}

// refused hears why an attempt failed that was not the first, and reports whether that is the
// home's word, which a new connection would not change.
func (r *Remote) refused(err error) bool {
	var e *transport.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code {
	case transport.CodeUnauthenticated:
		r.insist(err)
	case transport.CodePermissionDenied, transport.CodeInvalidArgument:
		r.b.lose(err)
	default:
		return false
	}
	return true
}

// insist asks again until the home knows this process: each attempt shows the credentials of then. The link lives meanwhile,
// and with it all else that it carries.
func (r *Remote) insist(why error) {
	r.mu.Lock()
	if r.ended {
		r.mu.Unlock()
		return
	}
	r.refusal = why
	if r.quit != nil {
		r.mu.Unlock()
		return
	}
	ctx, quit := context.WithCancel(r.b.node.Opening)
	r.quit = quit
	r.mu.Unlock()
	r.b.node.Logger.Warn("subscription refused: it is asked for again, with the credentials of then",
		slog.String("destination", r.b.spec.Pattern), slog.String("error", why.Error()))
	if !r.b.node.Spawn(func() { r.insisting(ctx) }) { // ends with Unbind, or as the adapter begins to close
		quit()
	}
}

func (r *Remote) insisting(ctx context.Context) {
	var backoff reconnect.Backoff
	for Sleep(ctx, backoff.Next()) == nil {
		attempt, cancel := context.WithTimeout(ctx, defaultTimeout)
		err := r.try(attempt)
		cancel()
		switch {
		case err != nil && ctx.Err() == nil:
			r.refused(err) // an end of the link, which is made new, ends nothing here
		case r.insisted():
			r.b.node.Logger.Info("subscription taken again", slog.String("destination", r.b.spec.Pattern))
			return
		}
	}
}

// insisted ends insist unless the home has refused once more.
func (r *Remote) insisted() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refusal != nil || r.quit == nil {
		return false
	}
	r.quit()
	r.quit = nil
	return true
}

// trouble is why the binding is not in effect at a home that is there.
func (r *Remote) trouble() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return nil
	}
	return r.refusal
}

// take ends what is wanted, and returns the inlet that there was.
func (r *Remote) take() *Inlet {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	if r.quit != nil {
		r.quit()
		r.quit = nil
	}
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
