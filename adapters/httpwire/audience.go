package httpwire

import (
	"context"
	"sync"
	"time"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/transport"
)

// defaultCredit is how many messages wait for a subscriber that settles none.
const defaultCredit = 256

// An audience is a feed for a visitor that settles nothing: a message is done with once it is written.
type audience struct {
	node *node
	wake chan struct{} // room for one; written by Deliver, read by the visit

	mu    sync.Mutex // guards the fields below
	queue []copied
	sent  []copied // taken from queue to be written
	over  bool
}

// A copied message waits to be written, in the words that all readers of it share.
type copied struct {
	d    transport.Delivery
	post *post
}

func newAudience(n *node) *audience { return &audience{node: n, wake: make(chan struct{}, 1)} }

// Wake implements feed.
func (a *audience) Wake() <-chan struct{} { return a.wake }

// Deliver queues a message, which the binding's credit bounds.
func (a *audience) Deliver(d transport.Delivery) {
	a.mu.Lock()
	if a.over {
		a.mu.Unlock()
		attach.GiveBack(d)
		return
	}
	a.queue = append(a.queue, copied{d, a.node.share(d.Envelope())})
	a.mu.Unlock()
	select {
	case a.wake <- struct{}{}:
	default:
	}
}

// Lost is never called by a router.
func (a *audience) Lost(error) {}

// put implements feed: it settles what it has written.
func (a *audience) put(w *eventWriter) (over bool, err error) {
	a.mu.Lock()
	batch := a.queue
	a.queue, a.sent = nil, batch
	a.mu.Unlock()
	for i := range batch {
		if err := w.copy(batch[i].post); err != nil {
			return false, err
		}
	}
	if err := w.flush(); err != nil {
		return false, err
	}
	a.mu.Lock()
	a.sent = nil
	a.mu.Unlock()
	for i := range batch {
		d := batch[i].d
		if d.Envelope().ReplyAddress != "" {
			_ = d.Reply(context.Background(), nil) // stale when its caller is gone
		}
		_ = d.Accept(context.Background()) // settled, or gone already
	}
	return false, nil
}

// End implements feed.
func (a *audience) End() {
	a.mu.Lock()
	a.over = true
	left := append(a.sent, a.queue...)
	a.mu.Unlock()
	for i := range left {
		attach.GiveBack(left[i].d)
	}
}

// together is how long after one write to a subscriber the next is made at the soonest. An
// event after a while is written at once; of many, those of this time are written together.
const together = 500 * time.Microsecond

// A pause keeps writes apart.
type pause struct {
	timer *time.Timer
	until time.Time
}

func newPause() *pause {
	p := &pause{timer: time.NewTimer(0)}
	<-p.timer.C
	return p
}

// slacken waits until p is over, and begins the next; false when the visit has ended.
func (v *visit) slacken(p *pause) bool {
	now := time.Now()
	if left := p.until.Sub(now); left > 0 {
		p.timer.Reset(left)
		select {
		case <-p.timer.C:
		case <-v.r.Context().Done():
			return false
		case <-v.n.closing:
			return false
		}
		now = now.Add(left)
	}
	p.until = now.Add(together)
	return true
}
