package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/transport/access"
	"github.com/polywire/polywire/transport/internal/correlate"
	"github.com/polywire/polywire/transport/internal/hooks"
	"github.com/polywire/polywire/transport/internal/limit"
)

// Names of the outbound operations, in errors and for middleware.
const (
	opSend    = "send"
	opRequest = "request"
	opPublish = "publish"
	opGather  = "gather"
)

// A Conn speaks the five styles over one adapter. [Registry.Open] makes one.
// All methods may be called concurrently. Every error that they return is an
// [*Error] with a [Code].
//
//	Send, Request, Publish, Gather ─▶ begin: checks, limits, deadline
//	                                  └▶ outbound middleware ─▶ exchange ─▶ Adapter
//	Adapter ─▶ binding.Deliver ─▶ queue by key ─▶ worker ─▶ inbound middleware ─▶ Handler ─▶ settle
//
// Lock order: Conn.mu before binding.mu; neither is held while an Adapter, a
// handler or a middleware runs.
type Conn struct {
	adapter  Adapter
	exchange Exchange // adapter's own, or nil: then replies does it
	features Features
	name     string // of the adapter; unlike features it is there while the Factory opens
	source   string
	maxBody  int
	logger   *slog.Logger
	outbound Outbound // the middleware around transmit
	inbound  []func(Handler) Handler
	steps    int              // of outbound middleware
	server   string           // host and port of the URL
	reuses   bool             // the adapter keeps nothing of a call that returned
	access   *access.Gate     // nil lets all in
	self     *access.Identity // this process, to itself

	familiar familiar
	ids      correlate.Source
	replies  correlator
	gate     *limit.Gate    // shut while the connection is lost
	calls    limit.Inflight // asynchronous calls; Close waits for them
	working  limit.Inflight // deliveries that Drain waits for
	crew     crew           // runs handlers
	timers   sync.Pool      // of *time.Timer, stopped, for call.Await

	settlements sync.Pool // of *settlement, where reuses
	spare       sync.Pool // of *call, where reuses and nobody could have kept it
	base        context.Context
	cancel      context.CancelCauseFunc // ends base, and with it every call and handler
	counts      counters

	state atomic.Int32 // one of the state… constants

	mu       sync.Mutex // guards the fields below
	bindings map[*binding]struct{}
	lost     map[*binding]error // those that ended for good and whose Subscription nobody has closed, and why
	nextBind int
	closed   chan struct{} // closed by Close once the adapter is; made by the first Close
	closeErr error
}

// Sender, Requester, Publisher and Receiver name the verbs, for code that needs
// some of them. *Conn satisfies all, as does the Bus of package config.
type (
	// A Sender sends one-way notifications.
	Sender interface {
		Send(ctx context.Context, msg *Message, opts ...CallOption) error
	}
	// A Requester sends requests.
	Requester interface {
		Request(ctx context.Context, msg *Message, opts ...CallOption) (*Message, error)
		RequestAsync(ctx context.Context, msg *Message, opts ...CallOption) (*Future, error)
	}
	// A Publisher publishes.
	Publisher interface {
		Publish(ctx context.Context, msg *Message, opts ...CallOption) error
		Gather(ctx context.Context, msg *Message, opts ...CallOption) (*Gathering, error)
	}
	// A Receiver registers handlers.
	Receiver interface {
		Handle(ctx context.Context, destination string, h Handler, opts ...BindOption) (*Subscription, error)
		Subscribe(ctx context.Context, pattern string, h Handler, opts ...BindOption) (*Subscription, error)
	}
)

// Send delivers msg to one handler of its destination. Nil means accepted at
// the level of Features.Acceptance, or of WithAcceptance; ErrNoHandler that nobody
// handles the destination, where the adapter detects it. With msg.ReplyTo set,
// the handler's answer is sent to that destination.
// Without a deadline in ctx, 30 s bound the call. They bound the message's life
// too, except where Features.Durable: what is stored waits until it is handled, or Message.Timeout is up.
func (c *Conn) Send(ctx context.Context, msg *Message, opts ...CallOption) error {
	_, err := c.invoke(ctx, opSend, msg, opts)
	return err
}

// Request delivers msg to one handler and returns its reply, which the caller
// owns. It returns at the deadline of ctx, 30 s without one, whatever the handler
// does. The handler's error comes back with its code, text and details.
func (c *Conn) Request(ctx context.Context, msg *Message, opts ...CallOption) (*Message, error) {
	return c.invoke(ctx, opRequest, msg, opts)
}

// Publish delivers msg to every subscription of its destination, and to one
// member of each group. No subscriber is success.
func (c *Conn) Publish(ctx context.Context, msg *Message, opts ...CallOption) error {
	_, err := c.invoke(ctx, opPublish, msg, opts)
	return err
}

// Features are those of the adapter.
func (c *Conn) Features() Features { return c.features }

// Addr is where the adapter listens, as "127.0.0.1:8081"; empty for one that does not.
func (c *Conn) Addr() string {
	if a, ok := c.adapter.(interface{ Addr() string }); ok {
		return a.Addr()
	}
	return ""
}

// A call is one outbound operation on its way: its context, what it was called with and what it sends.
type call struct {
	callCtx
	conn  *Conn
	began time.Time
	opts  callOptions
	env   Envelope
	sent  atomic.Bool // env is in use
	lent  bool        // the adapter has asked for Caller
	// bounded tells that the deadline is that of the verb's ctx.
	bounded bool
	// replies takes what a Gather collects; nil for the other operations.
	replies func(*Envelope)
	answers []func(*Message) (*Message, error) // of OnAnswer
	watched observers
}

func newCall(c *Conn) *call { return &call{conn: c} }

// reset makes c good for another call, which overwrites all that is left.
func (c *call) reset() {
	c.callCtx, c.opts, c.watched, c.lent = callCtx{}, callOptions{}, observers{}, false
	c.sent.Store(false)
}

// Await returns nil once it received from done, or c's error when c ends first.
// An adapter in the same process finds it by assertion: it spares the timer, the
// channel and the callbacks that Done costs, as most calls end by their answer.
func (c *call) Await(done <-chan struct{}) error {
	c.mu.Lock()
	watch := c.watch // made when somebody asked for Done, as RequestAsync does for Cancel
	c.mu.Unlock()
	if watch != nil {
		select {
		case <-done:
			return nil
		case <-watch.done:
			return c.Err()
		}
	}
	timer := c.conn.timer(time.Until(c.deadline))
	defer c.conn.timers.Put(timer)
	defer timer.Stop()
	select {
	case <-done:
		return nil
	case <-c.parent.Done():
	case <-c.also.Done():
	case <-timer.C:
		c.end(context.DeadlineExceeded)
	}
	return c.Err()
}

// Caller returns the ctx that the verb was called with, and whether that ends at
// c's deadline too. An adapter over a library that derives a context for each call finds it by assertion: those of
// package context end what is derived from them at far less cost than c. Who uses it ends the call at
// the deadline and at Close, and keeps neither c nor the envelope, as Adapter has it of KeepsNothing.
// It is nil where c may end otherwise, as by Future.Cancel.
func (c *call) Caller() (ctx context.Context, timed bool) {
	c.mu.Lock()
	watched := c.watch != nil
	c.mu.Unlock()
	if watched {
		return nil, false
	}
	c.lent = true
	return c.parent, c.bounded
}

// timer returns a timer that fires after d, and goes back to timers.
func (c *Conn) timer(d time.Duration) *time.Timer {
	t, ok := c.timers.Get().(*time.Timer)
	if !ok {
		return time.NewTimer(d)
	}
	t.Reset(d)
	return t
}

// expired is the error of a call whose caller has no time left. An answer that came
// before Close counts, so the end of the Conn is none.
func (c *call) expired() error {
	if err := c.parent.Err(); err != nil {
		return err
	}
	if time.Until(c.deadline) <= 0 { // also where it is the parent's, whose timer may be late
		return context.DeadlineExceeded
	}
	return nil
}

type callKey struct{}

func (c *call) Value(key any) any {
	switch key.(type) {
	case callKey, hooks.Call:
		return c
	}
	return c.callCtx.Value(key)
}

// MaxBody is the limit of the Conn. See [hooks.Call].
func (c *call) MaxBody() int { return c.conn.maxBody }

// OnAnswer lets an outbound step change the answers to a Gather, which come after it has returned. See [hooks.Call].
func (c *call) OnAnswer(change func(*Message) (*Message, error)) {
	c.answers = append(c.answers, change)
}

func (c *Conn) invoke(ctx context.Context, op string, msg *Message, opts []CallOption) (*Message, error) {
	call, err := c.begin(ctx, op, msg, opts)
	if err != nil {
		return nil, err
	}
	defer c.done(call, op)
	return c.finish(call, op, msg)
}

// done ends a call whose verb returns.
func (c *Conn) done(call *call, op string) {
	watched := call.end(context.Canceled)
	if c.reuses && call.passedOn() && (op == opSend || op == opPublish || call.lent) && !watched {
		call.reset()
		c.spare.Put(call)
	}
}

// begin refuses what must not reach the wire and fixes the deadline.
func (c *Conn) begin(ctx context.Context, op string, msg *Message, opts []CallOption) (*call, error) {
	if ctx == nil {
		return nil, c.fail(op, "", invalid("ctx is nil: pass context.Background() at least"))
	}
	if msg == nil {
		return nil, c.fail(op, "", invalid("the message is nil"))
	}
	call, ok := c.spare.Get().(*call)
	if !ok {
		call = newCall(c)
	}
	for _, opt := range opts {
		opt(&call.opts)
	}
	if err := c.admit(ctx, op, msg, &call.opts); err != nil {
		return nil, c.fail(op, msg.Destination, err)
	}
	timeout := defaultTimeout
	if op == opGather {
		timeout = defaultGather
	}
	now := time.Now()
	deadline, bounded := ctx.Deadline()
	if !bounded {
		deadline = now.Add(timeout)
	}
	if msg.Timeout > 0 {
		if due := now.Add(msg.Timeout); due.Before(deadline) {
			deadline, bounded = due, false
		}
	}
	call.began, call.bounded = now, bounded
	call.parent, call.also, call.deadline = ctx, c.base, deadline
	if err := call.ending(now); err != nil { // nobody else has the call yet
		return nil, c.fail(op, msg.Destination, err)
	}
	return call, nil
}

func (c *Conn) admit(ctx context.Context, op string, msg *Message, opts *callOptions) error {
	switch s := c.state.Load(); {
	case s >= stateClosed:
		return ErrClosed
	case s == stateDraining && handling(ctx) == nil:
		return CodeUnavailable.Errorf("the connection is draining: only handlers may still call")
	}
	if err := c.offers(op); err != nil {
		return err
	}
	if err := opts.check(op, &c.features); err != nil {
		return err
	}
	if err := c.selfRequest(ctx, op, msg); err != nil {
		return err
	}
	return c.familiar.check(msg, c.maxBody)
}

func (c *Conn) offers(op string) error {
	switch {
	case op == opSend && !c.features.Send:
		return missing("Send")
	case op == opRequest && !c.features.Request:
		return missing("Request")
	case op == opPublish && !c.features.Publish:
		return missing("Publish")
	case op == opGather && !c.features.Gather:
		return missing("Gather")
	}
	return nil
}

// finish runs the middleware and the exchange, and maps every error at one seam.
func (c *Conn) finish(call *call, op string, msg *Message) (*Message, error) {
	var reply *Message
	var err error
	if c.steps > 0 {
		reply, err = c.guarded(call, op, msg)
	} else {
		reply, err = c.transmit(call, op, msg)
	}
	if err == nil {
		err = call.expired() // a verb never returns nil after its ctx ended
	}
	if err == nil {
		return reply, nil
	}
	if c.state.Load() >= stateClosed && call.parent.Err() == nil && codeOf(err) == CodeCanceled {
		err = ErrClosed
	}
	return nil, c.fail(op, msg.Destination, err)
}

// guarded isolates panics of outbound middleware.
func (c *Conn) guarded(ctx context.Context, op string, msg *Message) (reply *Message, err error) {
	defer func() {
		if v := recover(); v != nil {
			c.panicked(ctx, msg.Destination, v)
			reply, err = nil, CodeInternal.Errorf("outbound middleware panicked")
		}
	}()
	return c.outbound(ctx, op, msg)
}

func (c *Conn) panicked(ctx context.Context, destination string, value any) {
	c.counts.panics.Add(1)
	c.logger.ErrorContext(ctx, "panic", slog.String("adapter", c.features.Adapter), slog.String("destination", quoteName(destination)),
		slog.String("value", printable(fmt.Sprint(value))), slog.String("stack", string(debug.Stack())))
}

// transmit is the innermost outbound step: it makes the envelope and gives it to the adapter.
func (c *Conn) transmit(ctx context.Context, op string, msg *Message) (*Message, error) {
	call, ok := ctx.Value(callKey{}).(*call)
	if !ok || call.conn != c {
		return nil, CodeInternal.Errorf("outbound middleware lost the context it was given")
	}
	direct := call.passedOn()
	if !direct {
		if err := msg.check(c.maxBody); err != nil {
			return nil, err
		}
	}
	now := call.began
	if !direct || !c.gate.IsOpen() {
		if err := c.connected(ctx, len(msg.Body), !call.opts.failFast); err != nil {
			return nil, err
		}
		now = time.Now()
	}
	e := &call.env
	if call.sent.Swap(true) {
		e = &Envelope{} // middleware calls again, maybe side by side
	}
	c.fill(e, msg, now)
	deadline, _ := ctx.Deadline()
	left := deadline.Sub(now)
	if left <= 0 {
		return nil, context.DeadlineExceeded
	}
	if !c.lives(op) {
		e.Timeout = left
	}
	e.Idempotent, e.Acceptance = call.opts.idempotent, call.opts.acceptance
	return c.hand(ctx, op, call, e)
}

// hand gives e to the adapter, as op wants.
func (c *Conn) hand(ctx context.Context, op string, call *call, e *Envelope) (*Message, error) {
	switch op {
	case opSend:
		e.Kind = KindQueue
		return nil, c.adapter.Send(ctx, e)
	case opPublish:
		e.Kind = KindTopic
		return nil, c.adapter.Publish(ctx, e)
	case opGather:
		e.Kind, e.Gather = KindTopic, true
		return nil, c.gatherVia(ctx, e, call)
	default:
		e.Kind = KindQueue
		return c.requestVia(ctx, e)
	}
}

func (c *Conn) requestVia(ctx context.Context, e *Envelope) (*Message, error) {
	var reply *Envelope
	var err error
	if c.exchange != nil {
		reply, err = c.exchange.Request(ctx, e)
	} else {
		reply, err = c.replies.request(ctx, e)
	}
	if err != nil {
		return nil, err
	}
	return c.received(reply)
}

// received checks a reply as inbound messages are checked, and turns an error reply into the error.
func (c *Conn) received(reply *Envelope) (*Message, error) {
	if reply.Err != nil {
		e := reply.Err.clone()
		e.received = true
		if !e.Code.Valid() {
			e.Code = CodeUnknown
		}
		return nil, e
	}
	if len(reply.Body) > c.maxBody {
		return nil, CodeResourceExhausted.Errorf("reply of %d bytes: at most %d", len(reply.Body), c.maxBody)
	}
	if reply.ID == "" { // which a wire need not carry, as nobody there has seen it, nor the time
		reply.ID = c.ids.ID()
	}
	if reply.Time.IsZero() {
		reply.Time = time.Now()
	}
	return &reply.Message, nil
}

// fill puts msg into e with what travels with it. Slices are still the caller's: adapters copy what they keep.
func (c *Conn) fill(e *Envelope, msg *Message, now time.Time) {
	e.Message = *msg
	e.in, e.Attempt, e.Source, e.Peer = nil, 0, c.source, c.self
	if e.ID == "" {
		e.ID = c.ids.ID()
	}
	if e.Time.IsZero() {
		e.Time = now
	}
}

// lives reports whether a message of op outlives its call, so that Message.Timeout alone lets it expire.
func (c *Conn) lives(op string) bool {
	return c.features.Durable && (op == opSend || op == opPublish)
}

// connected waits for the connection within ctx.
func (c *Conn) connected(ctx context.Context, size int, patient bool) error {
	err := c.gate.Wait(ctx, size, patient)
	switch {
	case err == nil && c.state.Load() >= stateClosed: // Close let us through
		return ErrClosed
	case errors.Is(err, limit.ErrFull):
		return CodeResourceExhausted.Errorf("%w: %d calls, %d bytes at most", err, maxWaiters, maxWaitingBytes)
	case errors.Is(err, limit.ErrShut):
		return CodeUnavailable.Errorf("%w, and WithFailFast does not wait", err)
	default:
		return err
	}
}
