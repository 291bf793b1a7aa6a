package attach

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
)

// defaultTimeout is that of a message that came without one.
const defaultTimeout = 30 * time.Second

// A Line is the way back of one life of a stream.
type Line interface {
	// Settle tells the home. It is called by one goroutine at a time, in order.
	Settle(ctx context.Context, s Settlement) error
	// Answer gives the answer to message n, and copies of e what it needs later. e.Err may be set.
	Answer(ctx context.Context, n uint64, e *transport.Envelope) error
	// End ends the stream. It may be called again.
	End()
}

// An Inlet is one life of a stream from a home. Its owner takes messages in by
// Take, in order, and calls Lose when the stream has ended; Settling posts settlements until then.
type Inlet struct {
	remote *Remote
	line   Line
	home   *access.Identity // Peer of what comes: the home asked who may
	life   context.Context
	end    context.CancelFunc
	wake   chan struct{} // room for one; written by tell, read by Settling

	posting sync.Mutex // held while a settlement is posted, so that they arrive in order

	mu      sync.Mutex // guards the fields below
	link    *Link
	open    map[uint64]*delivery
	told    Settlement // not posted yet
	dead    bool
	leaving bool // stop was posted: the end of the stream is none of the connection
}

// NewInlet makes the inlet of a stream that r has opened by l. It ends with base at the latest.
func NewInlet(base context.Context, r *Remote, l *Link, line Line) *Inlet {
	home := &access.Identity{Proof: access.ProofHome}
	t := &Inlet{remote: r, link: l, line: line, home: home, wake: make(chan struct{}, 1), open: map[uint64]*delivery{}}
	t.life, t.end = context.WithCancel(base)
	return t
}

// Take delivers message n. A caller waits for its answer where reply is set. e then belongs to the Inlet.
func (t *Inlet) Take(n uint64, e *transport.Envelope, reply bool) error {
	spec := &t.remote.b.spec
	if e.Kind = spec.Kind; e.Kind == transport.KindQueue && e.Destination != spec.Pattern {
		return errors.New("the peer delivers another destination than was asked for")
	}
	if e.Timeout <= 0 {
		e.Timeout = defaultTimeout
	}
	e.Peer = t.home
	d := &delivery{t: t, n: n, env: e, ctx: context.Background()}
	if reply {
		e.ReplyAddress = "attached/" + strconv.FormatUint(n, 10)
		d.ctx, d.cancel = context.WithCancel(t.life)
	}
	t.mu.Lock()
	t.open[n] = d
	t.mu.Unlock()
	if !t.remote.b.deliver(d) {
		_ = d.Release(t.life) // the first settlement of it
	}
	return nil
}

// Refuse settles a message that no handler may see, and tells its caller why.
func (t *Inlet) Refuse(n uint64, reply bool, why *transport.Error) {
	d := &delivery{t: t, n: n, env: &transport.Envelope{}, ctx: t.life}
	_ = d.Accept(t.life) // the first settlement of it
	if !reply {
		return
	}
	d.env.ReplyAddress = "attached"
	t.remote.b.node.Spawn(func() {
		ctx, cancel := context.WithTimeout(t.life, t.remote.b.node.Patience)
		defer cancel()
		_ = d.Reply(ctx, &transport.Envelope{Err: why}) // its caller has a deadline of its own
	})
}

// Cancelled tells the handler of message n that nobody waits for its answer.
func (t *Inlet) Cancelled(n uint64) {
	t.mu.Lock()
	d := t.open[n]
	t.mu.Unlock()
	if d != nil && d.cancel != nil {
		d.cancel()
	}
}

func (t *Inlet) isDead() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dead
}

// Lose ends the inlet, and the link when nobody wanted that end, so that both are made new.
func (t *Inlet) Lose(err error) {
	t.mu.Lock()
	first := !t.dead
	t.dead = true
	wanted := t.leaving || errors.Is(err, transport.ErrClosed)
	t.open = map[uint64]*delivery{}
	link := t.link
	t.mu.Unlock()
	t.end()
	t.line.End()
	if first && !wanted {
		link.Fail(err)
	}
}

// follow ties a stream that outlived its link to the next one, whose business its end is from now on; false when it has ended.
func (t *Inlet) follow(l *Link) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.dead {
		return false
	}
	t.link = l
	return true
}

// tell notes a settlement for the next post.
func (t *Inlet) tell(note func(*Settlement)) {
	t.mu.Lock()
	note(&t.told)
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// Settling posts settlements, as many together as came while the last post took, until the stream ends.
func (t *Inlet) Settling() {
	for {
		select {
		case <-t.wake:
			t.flush(t.life)
		case <-t.life.Done():
			return
		}
	}
}

// flush posts what is noted.
func (t *Inlet) flush(ctx context.Context) {
	t.posting.Lock()
	defer t.posting.Unlock()
	t.mu.Lock()
	told := t.told
	t.told = Settlement{}
	dead := t.dead
	t.mu.Unlock()
	if dead || told.Empty() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, t.remote.b.node.Patience)
	defer cancel()
	if err := t.line.Settle(ctx, told); err != nil {
		t.Lose(err) // the other node gives back what it does not know the fate of
	}
}

// stop ends deliveries from the other node, which ends the stream once all is settled.
func (t *Inlet) stop(ctx context.Context) {
	t.mu.Lock()
	t.leaving = true
	t.told.Stop = true
	t.mu.Unlock()
	t.flush(ctx)
}

// A delivery is a message of a stream. It implements [transport.Delivery].
type delivery struct {
	t       *Inlet
	n       uint64
	env     *transport.Envelope
	ctx     context.Context
	cancel  context.CancelFunc // of ctx; nil for one-way messages
	settled atomic.Bool
	replied atomic.Bool
}

func (d *delivery) Envelope() *transport.Envelope { return d.env }

// Context ends when the caller gave up, or the stream is lost.
func (d *delivery) Context() context.Context { return d.ctx }

func (d *delivery) Extend(context.Context) error { return nil }

func (d *delivery) Accept(context.Context) error {
	return d.settle(func(s *Settlement) { s.Accept = append(s.Accept, d.n) })
}

// Release gives the message to another member at its home, if there is one.
func (d *delivery) Release(context.Context) error {
	return d.settle(func(s *Settlement) { s.Release = append(s.Release, d.n) })
}

func (d *delivery) settle(note func(*Settlement)) error {
	if d.settled.Swap(true) || d.t.isDead() {
		return transport.ErrStale
	}
	d.t.tell(note)
	d.forget()
	return nil
}

// Reply gives the answer to the line.
func (d *delivery) Reply(ctx context.Context, e *transport.Envelope) error {
	switch {
	case d.env.ReplyAddress == "":
		return transport.CodeFailedPrecondition.Errorf("nobody waits for a reply: answer only where Envelope.ReplyAddress is set")
	case d.replied.Swap(true) || d.t.isDead():
		return transport.ErrStale
	}
	defer d.forget()
	if e == nil {
		d.t.tell(func(s *Settlement) { s.Silent = append(s.Silent, d.n) })
		return nil
	}
	return d.t.line.Answer(ctx, d.n, e)
}

// forget ends what is kept for a message that is settled and answered.
func (d *delivery) forget() {
	if !d.settled.Load() || d.cancel != nil && !d.replied.Load() && d.ctx.Err() == nil {
		return
	}
	d.t.mu.Lock()
	delete(d.t.open, d.n)
	d.t.mu.Unlock()
	if d.cancel != nil {
		d.cancel()
	}
}
