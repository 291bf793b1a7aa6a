package httpwire

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
)

// defaultCredit is how many messages wait for a subscriber that settles none.
const defaultCredit = 256

// A stream is a binding of the router whose messages go to a visitor. It
// implements [transport.Sink].
//
// A visitor that asked for credit settles each message by POST /stream/TOKEN and
// answers it by POST /stream/TOKEN/N; for any other a message is done with once it is written.
type stream struct {
	token string
	node  *node
	owner *access.Identity // who opened it, and alone settles
	auto  bool
	bound transport.Bound // set before the visitor learns token

	mu    sync.Mutex // guards the fields below
	last  uint64
	open  map[uint64]*held
	queue []queued
	sent  []queued      // taken from queue to be written; of a visitor that settles nothing
	wake  chan struct{} // room for one; written by signal, read by the visit
	stop  bool          // the visitor wants no more; over once nothing is open
	over  bool
}

// A held delivery is one that the visitor has not settled and answered.
type held struct {
	d       transport.Delivery
	wanted  bool // an answer is
	settled bool
	unwatch func() bool
}

// A queued event waits to be written: a message, or the word that its caller gave up.
type queued struct {
	n      uint64
	d      transport.Delivery // nil for a cancellation
	post   *post              // of d, where the visitor settles nothing
	cancel bool
}

func (v *visit) subscribe(pattern string) error {
	group := v.r.URL.Query().Get("group")
	if group != "" && (len(group) > 48 || strings.Contains(group, ".") || transport.CheckDestination(group) != nil) {
		return invalid("group %.64q: use 1 to 48 of [A-Za-z0-9_-]", group)
	}
	if err := transport.CheckPattern(pattern); err != nil {
		return err
	}
	if err := v.admit(access.Subscribe, pattern); err != nil {
		return err
	}
	return v.stream(transport.Binding{Kind: transport.KindTopic, Pattern: pattern, Group: group})
}

// handle attaches a handler of another process, where the node's options let it.
func (v *visit) handle(destination string) error {
	if err := transport.CheckDestination(destination); err != nil {
		return err
	}
	if err := v.attaches(destination); err != nil {
		return err
	}
	return v.stream(transport.Binding{Kind: transport.KindQueue, Pattern: destination})
}

func (v *visit) stream(b transport.Binding) error {
	life, end := v.life()
	defer end()
	s := &stream{token: rand.Text(), node: v.n, owner: v.peer, open: map[uint64]*held{}, wake: make(chan struct{}, 1)}
	if err := s.credit(&b, v.r.URL.Query(), v.n.a.limits.credit); err != nil {
		return err
	}
	if s.auto && b.Kind == transport.KindQueue {
		return invalid("handling takes ?credit=N: a message that is not settled is lost with the connection")
	}
	if s.auto {
		v.n.readers.Add(1)
		defer v.n.readers.Add(-1)
	}
	var err error
	if s.bound, err = v.n.a.router.Bind(v.r.Context(), b, s); err != nil {
		return err
	}
	defer s.end()
	if !s.auto {
		if !v.n.register(s) {
			return transport.ErrClosed
		}
		defer v.n.unregister(s)
		v.w.Header()[streamField] = []string{s.token}
	}
	v.w.Header()[nodeField] = []string{"1"}
	w := v.begin()
	defer w.discard()
	_ = w.hello() // programs that show the head with the first bytes show it now; a visitor that is gone is noticed below
	v.run(life, s, w)
	v.expired(life, w)
	return nil
}

func (s *stream) credit(b *transport.Binding, q url.Values, most int) error {
	s.auto = !q.Has("credit")
	if s.auto {
		b.Credit = defaultCredit
		return nil
	}
	n, err := strconv.ParseUint(q.Get("credit"), 10, 31)
	if err != nil || n == 0 {
		return invalid("credit=%.32q: use how many messages may be unsettled at once", q.Get("credit"))
	}
	b.Credit = int(min(n, uint64(most)))
	return nil
}

// run writes events until the visitor is gone, its identity has ended, or it is too slow or wants no more.
func (v *visit) run(life context.Context, s *stream, w *eventWriter) {
	tick, pause := time.NewTicker(v.n.a.limits.ping), newPause()
	defer tick.Stop()
	defer pause.timer.Stop()
	for {
		batch, over := s.take()
		for i := range batch {
			if s.put(w, &batch[i]) != nil {
				return
			}
		}
		if w.flush() != nil {
			return
		}
		s.written(batch)
		if over {
			return
		}
		select {
		case <-s.wake:
			if s.auto && !v.slacken(pause) {
				return
			}
		case <-tick.C:
			if w.ping() != nil {
				return
			}
		case <-life.Done():
			return
		case <-v.n.closing:
			return
		}
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

func (s *stream) take() ([]queued, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := s.queue
	s.queue = nil
	if s.auto {
		s.sent = batch
	}
	return batch, s.over || s.stop && len(s.open) == 0
}

func (s *stream) put(w *eventWriter, q *queued) error {
	switch {
	case q.cancel:
		return w.cancel(q.n)
	case s.auto:
		return w.copy(q.post)
	}
	return w.message(q.n, q.d.Envelope())
}

// written settles what a visitor got that settles nothing itself.
func (s *stream) written(batch []queued) {
	if !s.auto || len(batch) == 0 {
		return
	}
	s.mu.Lock()
	s.sent = nil
	s.mu.Unlock()
	for i := range batch {
		d := batch[i].d
		if d.Envelope().ReplyAddress != "" {
			_ = d.Reply(context.Background(), nil) // stale when its caller is gone
		}
		_ = d.Accept(context.Background()) // settled, or gone already
	}
}

// Deliver queues a message for the visitor, which the binding's credit bounds.
func (s *stream) Deliver(d transport.Delivery) {
	h := held{d: d, wanted: d.Envelope().ReplyAddress != ""}
	s.mu.Lock()
	switch {
	case s.over:
		s.mu.Unlock()
		giveBack(&h)
		return
	case s.auto:
		s.queue = append(s.queue, queued{d: d, post: s.node.share(d.Envelope())})
	default:
		s.hold(h)
	}
	s.mu.Unlock()
	s.signal()
}

// hold numbers a message, to be settled by the visitor. mu is held.
func (s *stream) hold(h held) {
	s.last++
	n := s.last
	s.queue = append(s.queue, queued{n: n, d: h.d})
	if c, ok := h.d.(interface{ Context() context.Context }); ok && h.wanted {
		h.unwatch = context.AfterFunc(c.Context(), func() { s.cancelled(n) })
	}
	s.open[n] = &h
}

// Lost is never called by a router.
func (s *stream) Lost(error) {}

func (s *stream) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// cancelled tells the visitor that nobody waits for its answer any more.
func (s *stream) cancelled(n uint64) {
	s.mu.Lock()
	h := s.open[n]
	if h != nil {
		h.wanted = false
		if h.settled {
			delete(s.open, n)
		}
		s.queue = append(s.queue, queued{n: n, cancel: true})
	}
	s.mu.Unlock()
	s.signal()
}

// done settles a message; ErrStale when it was before.
func (s *stream) done(n uint64, release bool) error {
	s.mu.Lock()
	h := s.open[n]
	if h == nil || h.settled {
		s.mu.Unlock()
		return transport.ErrStale
	}
	h.settled = true
	if release {
		h.wanted = false // whoever gets it next answers
	}
	s.forget(n, h)
	s.mu.Unlock()
	s.signal()
	if release {
		return h.d.Release(context.Background())
	}
	return h.d.Accept(context.Background())
}

// forget drops what is settled and answered. mu is held.
func (s *stream) forget(n uint64, h *held) {
	if !h.settled || h.wanted {
		return
	}
	delete(s.open, n)
	if h.unwatch != nil {
		h.unwatch()
	}
}

// answer gives the one answer to a message; nil says that there will be none.
func (s *stream) answer(n uint64, e *transport.Envelope) error {
	s.mu.Lock()
	h := s.open[n]
	if h == nil || !h.wanted {
		s.mu.Unlock()
		return transport.ErrStale
	}
	h.wanted = false
	s.forget(n, h)
	s.mu.Unlock()
	s.signal()
	return h.d.Reply(context.Background(), e)
}

func (s *stream) silent(n uint64) { _ = s.answer(n, nil) } // none was wanted, then

// end gives back what the visitor left. A request may have run, so it fails; nobody else gets it.
func (s *stream) end() {
	_ = s.bound.Unbind(context.Background()) // waits for Deliver alone, which does not block
	s.mu.Lock()
	s.over = true
	open, left := s.open, append(s.sent, s.queue...)
	s.open = nil
	s.mu.Unlock()
	if s.auto {
		for _, q := range left {
			giveBack(&held{d: q.d, wanted: q.d.Envelope().ReplyAddress != ""})
		}
		return
	}
	for _, h := range open {
		if h.unwatch != nil {
			h.unwatch()
		}
		giveBack(h)
	}
}

func giveBack(h *held) {
	ctx := context.Background()
	e := h.d.Envelope()
	if h.wanted {
		var lost *transport.Envelope
		if !e.Gather {
			lost = &transport.Envelope{Err: transport.CodeUnavailable.Errorf("the handler's connection was lost before it answered")}
		}
		_ = h.d.Reply(ctx, lost) // stale when its caller is gone
	}
	switch {
	case h.settled:
	case e.ReplyAddress != "":
		_ = h.d.Accept(ctx)
	default:
		_ = h.d.Release(ctx)
	}
}

func (n *node) register(s *stream) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	n.streams[s.token] = s
	return true
}

func (n *node) unregister(s *stream) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.streams, s.token)
}

// settle takes settlements of a stream, or with a number the answer to a message of it.
func (v *visit) settle(path string) error {
	token, number, answer := strings.Cut(path, "/")
	if err := v.authenticate(); err != nil {
		return err
	}
	s := v.n.stream(token)
	if s == nil || s.owner.Name != v.peer.Name {
		return transport.CodeNotFound.Errorf("no such stream: it ended, and what was not settled went back")
	}
	if answer {
		return v.answer(s, number)
	}
	body, err := v.body(v.n.a.limits.settle)
	if err != nil {
		return err
	}
	var told settlement
	if err := json.Unmarshal(body, &told); err != nil {
		return invalid("a settlement is JSON as {\"accept\":[1,2],\"release\":[3]}: %w", err)
	}
	s.apply(&told)
	if told.Stop {
		if err := s.bound.Unbind(v.r.Context()); err != nil {
			return err
		}
		s.mu.Lock()
		s.stop = true
		s.mu.Unlock()
		s.signal()
	}
	v.write(204, nil)
	return nil
}

func (s *stream) apply(told *settlement) {
	for _, n := range told.Silent {
		s.silent(n)
	}
	for _, n := range told.Accept {
		_ = s.done(n, false) // stale is harmless
	}
	for _, n := range told.Release {
		_ = s.done(n, true)
	}
}

func (v *visit) answer(s *stream, number string) error {
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil {
		return invalid("%.32q: use the number of a message of the stream", number)
	}
	body, err := v.body(max(v.n.a.setup.MaxBody, maxProblem))
	if err != nil {
		return err
	}
	e, err := decodeReply(v.r.Header, 0, body)
	if err != nil {
		return err
	}
	if len(e.Body) > v.n.a.setup.MaxBody {
		return tooLarge(v.n.a.setup.MaxBody)
	}
	if err := s.answer(n, e); err != nil {
		return transport.CodeNotFound.Errorf("message %d of the stream is answered, or nobody waits for it", n)
	}
	v.write(204, nil)
	return nil
}
