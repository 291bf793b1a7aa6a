package attach

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/polywire/polywire/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A spot is a place that stays.
type spot struct{ _ int }

func (*spot) Left() bool { return false }

func TestOneThatGivesUpALinkLeavesItToTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		n := &Node{Dial: func(ctx context.Context, _ Place) (*Link, error) {
			if attempts++; attempts == 1 {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return NewLink(func() {}), nil
		}}
		at := &spot{}
		first, giveUp := context.WithCancel(t.Context())
		errs := make(chan error, 1)
		go func() {
			_, err := n.Link(first, at)
			errs <- err
		}()
		synctest.Wait() // the first makes the attempt, and the second waits for it
		others := make(chan error, 1)
		go func() {
			_, err := n.Link(t.Context(), at)
			others <- err
		}()
		synctest.Wait()
		giveUp()
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up: %v, want its own end", err)
		}
		if err := <-others; err != nil {
			t.Errorf("who waits: %v, want a link", err)
		}
		n.Close(t.Context())
	})
}

// Wait and Current make a spot the one place of a home.
func (s *spot) Wait(context.Context) ([]Place, error) { return []Place{s}, nil }
func (s *spot) Current() []Place                      { return []Place{s} }

// A wire opens streams for a node as a test wants, and keeps them.
type wire struct {
	mu     sync.Mutex // guards the fields below
	refuse error
	asked  int
	links  []*Link
	inlets []*Inlet
}

// newWire makes a node that reaches everything at once.
func newWire(t *testing.T) (*wire, *Node) {
	w := &wire{}
	var work sync.WaitGroup
	opening, shut := context.WithCancel(context.Background())
	n := &Node{
		Patience: time.Second, Opening: opening, Logger: slog.New(slog.DiscardHandler),
		Spawn: func(f func()) bool { work.Go(f); return true },
		Dial: func(context.Context, Place) (*Link, error) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.links = append(w.links, NewLink(func() {}))
			return w.links[len(w.links)-1], nil
		},
		Attach: w.attach,
	}
	t.Cleanup(func() {
		shut()
		n.Close(context.Background())
		work.Wait()
	})
	return w, n
}

func (w *wire) attach(_ context.Context, r *Remote, l *Link) (*Inlet, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.asked++
	if w.refuse != nil {
		return nil, w.refuse
	}
	t := NewInlet(context.Background(), r, l, dumb{})
	w.inlets = append(w.inlets, t)
	return t, nil
}

// says makes the home answer with err from now on, and ends stream and link there are.
func (w *wire) says(err error) {
	w.mu.Lock()
	w.refuse = err
	last := w.inlets[len(w.inlets)-1]
	w.mu.Unlock()
	last.Lose(transport.CodeUnauthenticated.Errorf("the identity has ended"))
}

// opened is how often the home was asked, and how many streams it opened.
func (w *wire) opened() (asked, streams int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.asked, len(w.inlets)
}

// dumb is a line that takes everything.
type dumb struct{}

func (dumb) Settle(context.Context, Settlement) error                  { return nil }
func (dumb) Answer(context.Context, uint64, *transport.Envelope) error { return nil }
func (dumb) End()                                                      {}

// A sink counts how often it was told that it is lost.
type sink struct {
	mu   sync.Mutex
	lost []error // guarded by mu
}

func (*sink) Deliver(transport.Delivery) {}

func (s *sink) Lost(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lost = append(s.lost, err)
}

func (s *sink) losses() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.lost)
}

var news = transport.Binding{Kind: transport.KindTopic, Pattern: "news", Credit: 1, Concurrency: 1}

func bind(t *testing.T, n *Node, to *sink) transport.Bound {
	t.Helper()
	b, err := n.Bind(t.Context(), news, to, Origin{Homes: []Source{&spot{}}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAHomeThatDoesNotKnowThisProcessAnyMoreIsAskedUntilItDoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n := newWire(t)
		to := &sink{}
		bind(t, n, to)
		w.says(transport.CodeUnauthenticated.Errorf("who are you?"))
		time.Sleep(time.Minute) // of a clock that runs by itself
		asked, streams := w.opened()
		if err := n.Trouble(); asked < 10 || streams != 1 || !errors.Is(err, transport.CodeUnauthenticated) || !strings.Contains(err.Error(), "news") {
			t.Errorf("asked %d times, %d streams, trouble %v; want some tens, the first, and the word that news is refused", asked, streams, err)
		}
		w.mu.Lock()
		w.refuse = nil // the credentials are new
		w.mu.Unlock()
		time.Sleep(time.Minute)
		if _, streams := w.opened(); streams != 2 || n.Trouble() != nil || to.losses() != 0 {
			t.Errorf("%d streams, trouble %v, lost %d times; want another stream alone", streams, n.Trouble(), to.losses())
		}
		if links := len(w.links); links != 2 {
			t.Errorf("%d links, want one for each stream: what a home refuses is no failure of a link", links)
		}
		w.says(nil) // and once more
		time.Sleep(time.Minute)
		if _, streams := w.opened(); streams != 3 || n.Trouble() != nil {
			t.Errorf("%d streams after the second end, trouble %v", streams, n.Trouble())
		}
	})
}

func TestABindingThatIsClosedIsNotAskedForAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n := newWire(t)
		b := bind(t, n, &sink{})
		w.says(transport.CodeUnauthenticated.Errorf("who are you?"))
		time.Sleep(10 * time.Second)
		if err := b.Unbind(t.Context()); err != nil || n.Trouble() != nil {
			t.Errorf("got %v, trouble %v", err, n.Trouble())
		}
		before, _ := w.opened()
		time.Sleep(time.Minute)
		if after, _ := w.opened(); after != before {
			t.Errorf("asked %d times more", after-before)
		}
	})
}

func TestABindingThatIsDeniedIsLostOnceAndForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n := newWire(t)
		to := &sink{}
		bind(t, n, to)
		w.says(transport.CodePermissionDenied.Errorf("not you"))
		time.Sleep(time.Minute)
		if asked, _ := w.opened(); asked != 2 || to.losses() != 1 || n.Trouble() != nil {
			t.Errorf("asked %d times, lost %d times, trouble %v; want 2, 1 and none", asked, to.losses(), n.Trouble())
		}
	})
}

// TestAStreamThatOutlivesItsLinkIsMadeNewWhenItEnds holds where streams have connections of their own.
func TestAStreamThatOutlivesItsLinkIsMadeNewWhenItEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, n := newWire(t)
		bind(t, n, &sink{})
		w.links[0].Fail(transport.CodeUnavailable.Errorf("the link alone is lost"))
		time.Sleep(time.Minute)
		if _, streams := w.opened(); streams != 1 || len(w.links) != 2 {
			t.Errorf("%d streams and %d links, want the same stream and another link", streams, len(w.links))
		}
		w.says(nil)
		time.Sleep(time.Minute)
		if _, streams := w.opened(); streams != 2 {
			t.Errorf("%d streams after the end of the first, want another", streams)
		}
	})
}

func TestANodeThatLeavesAnswersUntilItIsQuiet(t *testing.T) {
	for name, c := range map[string]struct {
		comeAt, stay time.Duration // of a connection
		calls        int           // that it makes, one at once, and then one after half of lameDuck each
		want         time.Duration
	}{
		"nobody there":                  {0, 0, 0, lull * look},
		"one goes":                      {0, 40 * time.Millisecond, 1, 40*time.Millisecond + lull*look},
		"one comes while it seems over": {lull / 2 * look, lull / 2 * look, 1, 2 * lull * look},
		"one stays, and does nothing":   {0, time.Hour, 1, lameDuck * look},
		"one stays, and goes on a bit":  {0, time.Hour, 5, 3 * lameDuck * look},
		"one stays, and does not stop":  {0, time.Hour, 1000, longest},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				open := make(chan struct{}, 1)
				var arrivals atomic.Uint64
				var peer sync.WaitGroup
				left := make(chan struct{})
				peer.Go(func() {
					if c.stay == 0 {
						return
					}
					time.Sleep(c.comeAt)
					open <- struct{}{}
					stay := time.After(c.stay)
					for calls := c.calls; ; {
						if calls--; calls >= 0 {
							arrivals.Add(1)
						}
						select {
						case <-time.After(lameDuck / 2 * look):
							continue
						case <-stay:
						case <-left:
						}
						break
					}
					<-open
				})
				began := time.Now()
				Told(t.Context(), open, &arrivals)
				if took := time.Since(began); (took - c.want).Abs() > look { // how often it looks
					t.Errorf("the node was there for %v, want %v", took, c.want)
				}
				close(left)
				peer.Wait()
			})
		})
	}
}
