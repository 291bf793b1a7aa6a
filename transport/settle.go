package transport

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// settle answers or settles by the handler's outcome (semantics §5.1, §5.3).
func (in *inbound) settle() {
	switch {
	case in.err != nil && in.b.stoppedByClose() && in.comesAgain():
		in.release()
	case in.wantsReply():
		in.sendReply()
		if !in.acceptsFirst() {
			in.accept(time.Now())
		}
	case in.err == nil && !in.forwardReply():
		in.retry()
		return
	case in.err == nil:
		in.accept(time.Now())
	case codeOf(in.err).permanent():
		in.giveUp()
		return
	default:
		in.retry()
		return
	}
	in.leave()
}

// stoppedByClose: the Conn was closed under the handler, whose failure says nothing about the message.
func (b *binding) stoppedByClose() bool { return b.conn.state.Load() >= stateClosed }

// comesAgain reports whether somebody else handles the message once it is released: always where nobody waits for an
// answer, and a request that may run twice, where the system redelivers. Callers of others are told at once.
func (in *inbound) comesAgain() bool {
	return !in.wantsReply() || !in.acceptsFirst() && in.b.conn.features.Redelivers
}

// leave ends the delivery's time in the core.
func (in *inbound) leave() {
	in.ctx.end(context.Canceled)
	in.freeKey()
	in.b.conn.working.Done()
}

// accept reports whether the system took it; a stale delivery comes again, where the system redelivers.
func (in *inbound) accept(now time.Time) bool {
	c := in.b.conn
	s := c.settlement(now)
	defer c.settled(s)
	return in.d.Accept(&s.ctx) == nil
}

func (in *inbound) release() {
	c := in.b.conn
	s := c.settlement(time.Now())
	defer c.settled(s)
	_ = in.d.Release(&s.ctx) // stale: it is released already
	in.ctx.end(context.Canceled)
}

// A settlement is what one call of a Delivery's method needs, in one allocation:
// a ctx that outlives the handler's, and for Reply what is sent.
type settlement struct {
	ctx callCtx
	env Envelope
}

func (c *Conn) settlement(now time.Time) *settlement {
	s, ok := c.settlements.Get().(*settlement)
	if !ok {
		s = &settlement{}
	}
	s.ctx.outlive(now, settleTime)
	return s
}

// settled ends s after the call.
func (c *Conn) settled(s *settlement) {
	if watched := s.ctx.end(context.Canceled); c.reuses && !watched {
		s.ctx = callCtx{}
		c.settlements.Put(s)
	}
}

// outlive makes c a ctx that outlives the handler's and Close, as settling does.
func (c *callCtx) outlive(now time.Time, d time.Duration) {
	c.parent, c.deadline = context.Background(), now.Add(d)
}

// retry lets the message wait, unsettled, for its next attempt, or gives it up.
// Its key stays in progress, so that nothing of the same key overtakes it. What
// fails while the connection is lost, as every call of the handler does, says
// nothing about the message: it comes again without using up an attempt.
func (in *inbound) retry() {
	if !in.b.conn.gate.IsOpen() {
		in.excused++
	}
	delay, again := in.b.opts.retry.Next(in.attempt - in.excused)
	if !again && !in.isDeadLetter() {
		in.giveUp()
		return
	}
	in.comeAgain(delay, in.nextAttempt)
}

// comeAgain runs next after delay, or releases when the binding stops first.
func (in *inbound) comeAgain(delay time.Duration, next func()) {
	b := in.b
	in.ctx.end(context.Canceled)
	b.mu.Lock()
	if b.stopped && !b.keepsRetrying() {
		b.mu.Unlock()
		in.release()
		in.leave()
		return
	}
	timer := time.AfterFunc(delay, func() {
		b.mu.Lock()
		delete(b.retrying, in)
		b.mu.Unlock()
		next()
	})
	b.retrying[in] = timer.Stop
	b.mu.Unlock()
}

// nextAttempt is a new inbound, as the old one's ctx and message may still be held by what its handler left behind.
func (in *inbound) nextAttempt() {
	b := in.b
	b.conn.counts.retries.Add(1)
	again := &inbound{b: b, d: in.d, env: in.env, key: in.key, attempt: in.attempt + 1, excused: in.excused}
	again.prepare()
	b.mu.Lock()
	b.queue.Again(again)
	b.startWorker()
}

func (in *inbound) isDeadLetter() bool { return strings.HasPrefix(in.env.Destination, deadPrefix) }

const (
	deadPrefix       = "dead."
	deadLetterFields = 4 // header fields that a dead letter may have beyond the application's
)

// giveUp keeps the message at its dead-letter destination, then accepts it.
func (in *inbound) giveUp() {
	c := in.b.conn
	if in.isDeadLetter() {
		in.comeAgain(in.b.opts.retry.Delay(in.attempt), in.nextAttempt) // a dead letter is never lost to a failing reader
		return
	}
	s := c.settlement(time.Now())
	defer c.settled(s)
	dead := in.deadLetter()
	err := c.adapter.Send(&s.ctx, dead)
	switch {
	case err == nil:
		c.counts.dead.Add(1)
	case codeOf(err) == CodeUnavailable && !errors.Is(err, ErrNoHandler), codeOf(err) == CodeDeadlineExceeded:
		in.comeAgain(in.b.opts.retry.Delay(in.attempt), in.giveUp)
		return
	default:
		c.counts.dropped.Add(1)
		c.logger.Error("message dropped", slog.String("destination", in.env.Destination), slog.String("dead-letter", dead.Destination),
			slog.String("id", in.env.ID), slog.String("reason", dead.Header.Get("dead-reason")), slog.String("error", printable(clip(err.Error(), 256))))
	}
	in.accept(time.Now())
	in.leave()
}

// deadLetter is the message as it came, with why and after how many attempts it was given up.
func (in *inbound) deadLetter() *Envelope {
	e := &Envelope{Kind: KindQueue, Message: *in.env.Message.Clone()}
	e.Destination = deadPrefix + in.env.Destination
	if in.b.opts.group != "" {
		e.Destination = deadPrefix + in.b.opts.group + "." + in.env.Destination
	}
	why := outward(in.err)
	e.Attempt, e.Timeout = 0, 0 // it waits until somebody reads it
	e.Header.Set("dead-reason", clip(why.Code.String()+": "+printable(why.Message), 512))
	e.Header.Set("dead-attempts", strconv.Itoa(in.attempt))
	e.Header.Set("dead-destination", in.env.Destination)
	if in.b.opts.group != "" {
		e.Header.Set("dead-group", in.b.opts.group)
	}
	return e
}
