package transport

import (
	"context"
	"slices"
	"strconv"
	"sync"

	"github.com/polywire/polywire/transport/internal/glob"
	"github.com/polywire/polywire/transport/internal/limit"
	"github.com/polywire/polywire/transport/internal/shard"
)

// A Subscription is a handler in effect, of Handle or of Subscribe.
type Subscription struct {
	b    *binding
	also []*binding // on other Conns, see Conn.Spanning
}

// Handle serves a destination, in competition with all others that do, in
// this process or elsewhere. It returns when it is in effect. The handler may call back into c.
func (c *Conn) Handle(ctx context.Context, destination string, h Handler, opts ...BindOption) (*Subscription, error) {
	sub, err := c.bind(ctx, KindQueue, destination, h, opts)
	return sub, c.fail("handle", destination, err)
}

// Subscribe gets a copy of all that is published to the destinations of
// pattern, or with WithGroup shares them with the group's other members. It returns when it is in effect.
// A handler that returns a reply answers a Gather.
func (c *Conn) Subscribe(ctx context.Context, pattern string, h Handler, opts ...BindOption) (*Subscription, error) {
	sub, err := c.bind(ctx, KindTopic, pattern, h, opts)
	return sub, c.fail("subscribe", pattern, err)
}

// Close ends the Subscription: once it returned the handler is not entered
// again. Handlers that run finish; what was waiting goes back to the system.
func (s *Subscription) Close(ctx context.Context) error {
	err := s.b.conn.fail("unsubscribe", s.b.pattern, s.b.unbind(ctx))
	for _, b := range s.also {
		if other := b.conn.fail("unsubscribe", b.pattern, b.unbind(ctx)); err == nil {
			err = other
		}
	}
	return err
}

// A binding is one handler's queue and its workers.
//
// Deliver puts what the adapter hands over into queue, which keeps the order of
// each key, and starts a worker while fewer than concurrency run; a worker ends
// when it finds nothing to do, so an idle binding costs no goroutine. The adapter keeps at most credit
// deliveries unsettled, which bounds the queue.
type binding struct {
	conn      *Conn
	kind      Kind
	pattern   string
	responder string  // names this subscription among all that may answer a Gather
	handler   Handler // with all middleware
	opts      bindOptions
	inline    bool // the adapter wants handlers on its own goroutine
	bound     Bound

	serve    func()         // crew.serve of this binding, made once: a go statement with it allocates nothing
	starting limit.Inflight // taken from queue, and the handler not entered yet; unbind waits for them

	mu       sync.Mutex // guards the fields below
	queue    shard.Queue[*inbound]
	workers  int
	retrying map[*inbound]func() bool // messages that wait for their next attempt; the func stops the timer
	leaving  bool                     // nothing more is started: unbind is under way, and stop then gives back what waits
	stopped  bool                     // nothing is handled any more; set once
}

func (c *Conn) bind(ctx context.Context, kind Kind, pattern string, h Handler, opts []BindOption) (*Subscription, error) {
	b := &binding{conn: c, kind: kind, pattern: pattern, retrying: make(map[*inbound]func() bool)}
	b.serve = func() { c.crew.serve(b) }
	if err := b.configure(ctx, h, opts); err != nil {
		return nil, err
	}
	if err := c.register(b); err != nil {
		return nil, err
	}
	if err := c.connected(ctx, 0, true); err != nil {
		c.forget(b)
		return nil, err
	}
	credit := max(2*b.opts.concurrency, minCredit)
	bound, err := c.adapter.Bind(ctx, Binding{
		Kind: kind, Pattern: pattern, Group: b.opts.group, Concurrency: b.opts.concurrency, Credit: credit,
	}, b)
	if err != nil {
		c.forget(b)
		return nil, err
	}
	b.mu.Lock()
	b.bound = bound
	stopped := b.stopped
	b.mu.Unlock()
	if stopped { // Close came between, or Lost
		c.forget(b)
		return nil, ErrClosed
	}
	return &Subscription{b: b}, nil
}

func (b *binding) configure(ctx context.Context, h Handler, opts []BindOption) error {
	c := b.conn
	b.opts = defaultBindOptions(b.kind)
	for _, opt := range opts {
		opt(&b.opts)
	}
	check, feature, has := CheckDestination, "Request", c.features.Send || c.features.Request
	if b.kind == KindTopic {
		check, feature, has = CheckPattern, "Publish", c.features.Publish
	}
	switch {
	case ctx == nil:
		return invalid("ctx is nil: pass context.Background() at least")
	case h == nil:
		return invalid("the handler is nil")
	case !has:
		return missing(feature)
	}
	if err := check(b.pattern); err != nil {
		return err
	}
	if b.kind == KindTopic && glob.Wild(b.pattern) && !c.features.Wildcards {
		return missing("Wildcards")
	}
	b.handler = h
	for _, wrap := range slices.Backward(c.inbound) {
		b.handler = wrap(b.handler)
	}
	b.inline = c.features.Inline
	return b.opts.check(b.kind, &c.features)
}

func (c *Conn) register(b *binding) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch c.state.Load() {
	case stateClosed:
		return ErrClosed
	case stateDraining:
		return CodeUnavailable.Errorf("the connection is draining")
	}
	c.nextBind++
	b.responder = c.source + "/" + strconv.Itoa(c.nextBind)
	c.bindings[b] = struct{}{}
	return nil
}

func (c *Conn) forget(b *binding) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.bindings, b)
	delete(c.lost, b)
}

// mourn keeps a binding that ended for good, for Health, until its Subscription is closed.
func (c *Conn) mourn(b *binding, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, registered := c.bindings[b]; !registered {
		return // closed already
	}
	delete(c.bindings, b)
	if c.lost == nil {
		c.lost = map[*binding]error{}
	}
	c.lost[b] = err
}

// missed is why one of the subscriptions is lost that nobody has closed; nil where none is.
func (c *Conn) missed() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for b, err := range c.lost {
		return codeOf(err).Errorf("the subscription to %s is lost, close it and subscribe again: %w", b.pattern, err)
	}
	return nil
}

// Deliver takes a message from the adapter. It never blocks.
func (b *binding) Deliver(d Delivery) {
	e := d.Envelope()
	if b.kind == KindTopic && b.pattern != e.Destination && !Match(b.pattern, e.Destination) {
		_ = d.Accept(b.conn.base) // the wire's pattern was wider than ours
		return
	}
	in := newInbound(b, d)
	b.mu.Lock()
	if b.stopped {
		b.mu.Unlock()
		in.release()
		return
	}
	b.conn.working.Add()
	b.queue.Push(e.Key, in)
	b.startWorker()
}

// startWorker is called with b.mu held and unlocks it.
func (b *binding) startWorker() {
	if b.workers >= b.opts.concurrency {
		b.mu.Unlock()
		return
	}
	b.workers++
	b.mu.Unlock()
	if b.inline {
		b.work()
		return
	}
	b.conn.crew.work(b)
}

// work handles what is in the queue until there is nothing left.
func (b *binding) work() {
	exiting := true
	defer func() {
		if exiting { // the handler called runtime.Goexit: another goroutine goes on
			b.conn.crew.work(b)
		}
	}()
	for {
		in, ok := b.next()
		if !ok {
			exiting = false
			return
		}
		in.serve()
	}
}

func (b *binding) next() (*inbound, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.leaving {
		b.workers--
		return nil, false
	}
	in, ok := b.queue.Pop()
	if ok {
		b.starting.Add()
	} else {
		b.workers--
	}
	return in, ok
}

// freeKey lets the next message of a key start.
func (b *binding) freeKey(key string) {
	if key == "" {
		return
	}
	b.mu.Lock()
	b.queue.Done(key)
	if b.queue.Len() == 0 {
		b.mu.Unlock()
		return
	}
	b.startWorker()
}

// unbind ends deliveries and gives back what no handler has started.
func (b *binding) unbind(ctx context.Context) error {
	b.conn.forget(b)
	b.mu.Lock()
	bound := b.bound
	b.leaving = true
	b.mu.Unlock()
	var err error
	if bound != nil {
		err = bound.Unbind(ctx)
	}
	b.stop()
	if late := b.starting.Wait(ctx); err == nil {
		err = late
	}
	return err
}

// stop releases all that waits, for a worker or for its next attempt.
func (b *binding) stop() {
	b.mu.Lock()
	b.stopped, b.leaving = true, false
	waiting := b.queue.TakeAll()
	for in, cancel := range b.retrying {
		if !b.keepsRetrying() && cancel() {
			waiting = append(waiting, in)
			delete(b.retrying, in)
		}
	}
	b.mu.Unlock()
	for _, in := range waiting {
		in.release()
		b.conn.working.Done()
	}
}

// keepsRetrying reports whether a message that failed lives in memory alone, so
// that Drain must wait for its attempts.
func (b *binding) keepsRetrying() bool {
	return !b.conn.features.Redelivers && b.conn.state.Load() == stateDraining
}

// Lost is the adapter's word that the binding ended for good.
func (b *binding) Lost(err error) {
	b.conn.logger.Error("subscription lost", "adapter", b.conn.features.Adapter, "destination", b.pattern, "error", printable(clip(err.Error(), 512)))
	b.conn.mourn(b, err)
	b.stop()
}

// selfRequest refuses, in process, a request that only its own busy handler could serve (semantics §6.4).
func (c *Conn) selfRequest(ctx context.Context, op string, msg *Message) error {
	if op != opRequest || !c.features.InProcess {
		return nil
	}
	in := handling(ctx)
	if in == nil || in.b.conn != c || in.b.kind != KindQueue || in.b.pattern != msg.Destination || in.b.opts.concurrency > 1 {
		return nil
	}
	for _, b := range c.allBindings() {
		if b != in.b && b.kind == KindQueue && b.pattern == msg.Destination {
			return nil
		}
	}
	return CodeFailedPrecondition.Errorf("the handler requests its own destination and serves one message at a time: raise WithConcurrency, or answer by Defer")
}
