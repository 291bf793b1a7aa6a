package access

import (
	"context"
	"errors"
	"sync"
	"time"
)

// lookEvery is how often a gate with streams looks whether its policy has changed.
const lookEvery = time.Second

// Revised is what an Authenticator or an Authorizer also implements whose answers change, so that streams
// do not outlive what let them in. [Tokens] do, and what Either makes of them.
//
// Revision returns another number once an answer may be another. It is asked once a second by each Conn that has streams, so
// it returns at once. All streams are then asked about anew, one after the other, and those end that are refused twice,
// a second apart: what is being written just then ends none.
type Revised interface {
	Revision() uint64
}

// A Claim is what a stream was let in by and for. It holds what the peer showed, to show it again.
type Claim struct {
	Evidence    Evidence
	Peer        *Identity // as Enter gave it
	Verb        Verb      // as Admit was asked
	Destination string
}

// Life returns a ctx for the stream that c opened. It ends with c's identity, and once a policy that
// is [Revised] no longer lets c in; Ended then tells why. The caller calls the func when the stream has ended. That of
// a gate's last stream waits until nobody is asked about it any more.
func (g *Gate) Life(ctx context.Context, c Claim) (context.Context, context.CancelFunc) {
	if !g.Bounds(c.Peer) {
		return context.WithCancel(ctx)
	}
	stop := context.CancelFunc(func() {})
	if c.Peer != nil && !c.Peer.Expires.IsZero() {
		ctx, stop = context.WithDeadlineCause(ctx, c.Peer.Expires, errExpired)
	}
	if len(g.watch.revised) == 0 {
		return ctx, stop
	}
	s := &stay{claim: c}
	s.ctx, s.end = context.WithCancelCause(ctx)
	g.watch.enter(s)
	return s.ctx, func() {
		s.end(nil) // also what is asked about s now
		g.watch.leave(s)
		stop()
	}
}

// Bounds reports whether Life can end a stream of id before the ctx that it is given ends.
func (g *Gate) Bounds(id *Identity) bool {
	return g.Guards() && (id != nil && !id.Expires.IsZero() || len(g.watch.revised) > 0)
}

var errExpired = &failure{ErrUnauthenticated, "the credentials have expired", nil}

// An ended error is the cause of a life that the gate has ended, as the peer is told it.
type ended struct{ error }

func (e *ended) Unwrap() error { return e.error }

// Ended returns the error to end a stream with, whose ctx, made by Life, was ended by the gate; else nil.
func (g *Gate) Ended(ctx context.Context) error {
	cause := context.Cause(ctx)
	if errors.Is(cause, errExpired) {
		return g.fail(errExpired)
	}
	var e *ended
	if errors.As(cause, &e) {
		return e.error
	}
	return nil
}

// A watch ends streams that a changed policy no longer lets in. One timer serves all of a gate's
// streams, while there are some; whoever leaves last stops it, or waits for the look that it began.
type watch struct {
	g       *Gate
	revised []Revised // what of the policy tells that it has changed

	mu     sync.Mutex // guards the fields below
	stays  map[*stay]struct{}
	due    map[*stay]struct{} // those to ask about
	timer  *time.Timer        // begins the next look
	looked chan struct{}      // closed at the end of that; nil while the timer is not set and look does not run
	seen   uint64             // the sum of revisions at the last look
}

// A stay is a stream that was let in.
type stay struct {
	claim   Claim
	ctx     context.Context //nolint:containedctx // the life of the stream, which the questions about it share
	end     context.CancelCauseFunc
	refused bool // at the last look, which alone writes it
}

// enter makes s one to ask about once more at the next look, since the policy may have changed after it was let in.
func (w *watch) enter(s *stay) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stays == nil {
		w.stays, w.due = map[*stay]struct{}{}, map[*stay]struct{}{}
	}
	w.stays[s], w.due[s] = struct{}{}, struct{}{}
	if w.looked == nil {
		w.lookLater()
	}
}

func (w *watch) leave(s *stay) {
	w.mu.Lock()
	delete(w.stays, s)
	delete(w.due, s)
	var looked <-chan struct{}
	switch {
	case len(w.stays) > 0 || w.looked == nil:
	case w.timer.Stop():
		w.looked = nil
	default:
		looked = w.looked
	}
	w.mu.Unlock()
	if looked != nil {
		<-looked
	}
}

// lookLater sets the timer. mu is held.
func (w *watch) lookLater() {
	looked := make(chan struct{})
	w.looked = looked
	w.timer = time.AfterFunc(lookEvery, func() {
		defer close(looked)
		w.look()
	})
}

// look asks about those that are due, for no longer than askTime, and comes back until no stream is left.
func (w *watch) look() {
	due := w.dues(w.revision())
	until := time.Now().Add(askTime)
	for _, s := range due {
		if time.Now().After(until) {
			break // the others are asked about at the next look
		}
		if w.g.asksAgain(s) {
			continue
		}
		w.mu.Lock()
		delete(w.due, s)
		w.mu.Unlock()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.looked = nil; len(w.stays) > 0 {
		w.lookLater()
	}
}

// dues are those to ask about now, in any order, so that none always stands behind others that take long.
func (w *watch) dues(revision uint64) []*stay {
	w.mu.Lock()
	defer w.mu.Unlock()
	if revision != w.seen {
		w.seen = revision
		for s := range w.stays {
			w.due[s] = struct{}{}
		}
	}
	due := make([]*stay, 0, len(w.due))
	for s := range w.due {
		due = append(due, s)
	}
	return due
}

// revision is another number once any part of the policy has another. One that panics has changed every time.
func (w *watch) revision() (sum uint64) {
	defer func() {
		if recover() != nil {
			w.mu.Lock()
			defer w.mu.Unlock()
			sum = w.seen + 1
		}
	}()
	for _, r := range w.revised {
		sum += r.Revision()
	}
	return sum
}

// asksAgain asks whether s is still let in, and ends it if it is refused twice; true when it has to be asked about at the next look too.
func (g *Gate) asksAgain(s *stay) bool {
	ctx, cancel := context.WithTimeout(s.ctx, askTime)
	defer cancel()
	err := g.confirm(ctx, s)
	if err == nil || s.ctx.Err() != nil {
		s.refused = false
		return false
	}
	if !s.refused {
		s.refused = true
		return true
	}
	err = g.fail(err)
	var now interface{ Untold() }
	if errors.As(err, &now) {
		return true
	}
	s.end(&ended{err})
	return false
}

// confirm asks all that was asked when s was let in.
func (g *Gate) confirm(ctx context.Context, s *stay) error {
	id, err := g.enter(ctx, s.claim.Evidence)
	if err != nil {
		return err
	}
	if was := s.claim.Peer; was != nil && was.Name != id.Name {
		return &failure{ErrUnauthenticated, "the credentials are those of another by now", nil}
	}
	if err := g.admit(ctx, id, s.claim.Verb, s.claim.Destination); err != nil {
		return err
	}
	if at, ok := s.ctx.Deadline(); !id.Expires.IsZero() && (!ok || id.Expires.Before(at)) {
		brief := time.AfterFunc(time.Until(id.Expires), func() { s.end(errExpired) })
		context.AfterFunc(s.ctx, func() { brief.Stop() })
	}
	return nil
}

// revisedOf lists what of an Authenticator or Authorizer tells that it has changed.
func revisedOf(parts ...any) []Revised {
	var all []Revised
	for _, p := range parts {
		switch p := p.(type) {
		case either:
			for _, a := range p {
				all = append(all, revisedOf(a)...)
			}
		case *Tokens:
			if p.path != "" { // those of a text stay as they are
				all = append(all, p)
			}
		case Revised:
			all = append(all, p)
		}
	}
	return all
}
