package transport

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// A State is where a Conn is in its life: "connecting" → "ready" →
// ("reconnecting" → "ready")* → "draining" → "closed".
type State string

const (
	stateConnecting int32 = iota
	stateReady
	stateReconnecting
	stateDraining
	stateClosed
)

// State tells where c is in its life.
func (c *Conn) State() State {
	return [...]State{"connecting", "ready", "reconnecting", "draining", "closed"}[c.state.Load()]
}

// Health makes one round trip to the other side, where the adapter can, and
// returns nil when c can carry calls and every subscription is in effect. One that was refused for good counts until
// it is closed. Unlike the verbs Health does not wait for the connection.
func (c *Conn) Health(ctx context.Context) error {
	switch {
	case ctx == nil:
		return c.fail("health", "", invalid("ctx is nil: pass context.Background() at least"))
	case c.state.Load() >= stateClosed:
		return c.fail("health", "", ErrClosed)
	case !c.gate.IsOpen():
		return c.fail("health", "", CodeUnavailable.Errorf("the connection is lost; reconnecting"))
	}
	if p, ok := c.adapter.(interface{ Ping(context.Context) error }); ok {
		if err := p.Ping(ctx); err != nil {
			return c.fail("health", "", err)
		}
	}
	return c.fail("health", "", c.missed())
}

// connectedChanged is the adapter's report of Setup.Connected.
func (c *Conn) connectedChanged(err error) {
	if err == nil {
		c.state.CompareAndSwap(stateReconnecting, stateReady)
		c.gate.Open()
		c.logger.Info("connected", slog.String("adapter", c.name))
		return
	}
	c.gate.Shut()
	if !c.state.CompareAndSwap(stateConnecting, stateReconnecting) { // lost before attach, which then leaves it so
		c.state.CompareAndSwap(stateReady, stateReconnecting)
	}
	c.logger.Warn("connection lost", slog.String("adapter", c.name), slog.String("error", printable(clip(err.Error(), 512))))
	c.replies.lost(err)
}

// Drain ends the work of c in order and then closes it: new inbound messages
// and calls from outside are refused, running handlers finish, with their calls,
// replies and settlements; what never started goes back to the system. It returns nil when nothing
// was left; at ctx's end, or after 30 s without one, it cancels what still runs and
// returns CodeDeadlineExceeded.
func (c *Conn) Drain(ctx context.Context) error {
	if ctx == nil {
		return c.fail("drain", "", invalid("ctx is nil: pass context.Background() at least"))
	}
	ctx, cancel := drainTime(ctx)
	defer cancel()
	if !c.startDraining() {
		return c.fail("drain", "", ErrClosed)
	}
	told := c.leave()
	c.unbindAll(ctx)
	waitErr := c.working.Wait(ctx)
	if waitErr == nil {
		told(ctx)
	}
	closeErr := c.Close()
	if waitErr != nil {
		return c.undrained()
	}
	return closeErr
}

// drainTime bounds a drain that its caller does not.
func drainTime(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, defaultDrain)
}

// leave lets the adapter tell its peers that this process goes away, where it can. The func gives them time to hear it.
func (c *Conn) leave() (told func(context.Context)) {
	l, ok := c.adapter.(interface{ Leave() func(context.Context) })
	if !ok {
		return func(context.Context) {}
	}
	return l.Leave()
}

// unbindAll ends new deliveries.
func (c *Conn) unbindAll(ctx context.Context) {
	for _, b := range c.allBindings() {
		if err := b.unbind(ctx); err != nil {
			c.logger.Warn("unbind while draining", slog.String("destination", b.pattern), slog.String("error", printable(err.Error())))
		}
	}
}

// undrained is the error of a drain whose time was up.
func (c *Conn) undrained() error {
	return c.fail("drain", "", CodeDeadlineExceeded.Errorf("%d deliveries were still being handled, and were cancelled", c.working.Len()))
}

func (c *Conn) startDraining() bool {
	for {
		s := c.state.Load()
		if s >= stateDraining {
			return false
		}
		if c.state.CompareAndSwap(s, stateDraining) {
			return true
		}
	}
}

// Close ends c at once: calls in flight fail, handlers are cancelled and not
// waited for, unsettled messages return to the system. It is idempotent, and
// may be called from a handler.
func (c *Conn) Close() error {
	c.mu.Lock()
	first := c.closed == nil
	if first {
		c.closed = make(chan struct{})
	}
	closed := c.closed
	c.mu.Unlock()
	if !first {
		<-closed
		return c.closeErr
	}
	c.state.Store(stateClosed)
	c.cancel(ErrClosed)
	c.gate.Open()
	c.replies.lost(ErrClosed)
	for _, b := range c.allBindings() {
		b.stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := c.adapter.Close(ctx)
	_ = c.calls.Wait(ctx)
	c.crew.close()
	c.closeErr = c.fail("close", "", err)
	close(closed)
	return c.closeErr
}

func (c *Conn) allBindings() []*binding {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := make([]*binding, 0, len(c.bindings))
	for b := range c.bindings {
		all = append(all, b)
	}
	return all
}

// Stats count what happened out of any caller's sight since the Conn was opened.
type Stats struct {
	LateReplies  uint64 // replies that no call waited for any more, dropped
	Expired      uint64 // inbound messages whose time was up before their handler, dropped
	Retries      uint64 // inbound messages that were handled again
	DeadLettered uint64 // inbound messages given up, kept at their dead-letter destination
	Dropped      uint64 // inbound messages given up that no dead-letter destination took
	Denied       uint64 // peers, and messages, that the policy of WithAccess did not let in
	Panics       uint64 // handlers, middleware and policies that panicked or called runtime.Goexit
	Handling     int    // deliveries being handled now
	Waiting      int    // requests and gathers that wait for a reply now
}

type counters struct {
	late, expired, retries, dead, dropped, denied, panics atomic.Uint64
}

// Stats returns the counts so far.
func (c *Conn) Stats() Stats {
	return Stats{
		LateReplies: c.counts.late.Load(), Expired: c.counts.expired.Load(), Retries: c.counts.retries.Load(),
		DeadLettered: c.counts.dead.Load(), Dropped: c.counts.dropped.Load(), Denied: c.counts.denied.Load(), Panics: c.counts.panics.Load(),
		Handling: c.working.Len(), Waiting: c.replies.table.Len(),
	}
}
