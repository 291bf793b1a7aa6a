package transport

import (
	"context"
	"log/slog"
	"time"

	"github.com/polywire/polywire/transport/internal/hooks"
)

// An inbound is one delivery on its way through the core:
//
//	waiting ─▶ serve ─▶ handler ─▶ conclude ─┬▶ accept
//	   ▲                                     ├▶ reply, for requests and gathers (accepted before the handler, or after it if idempotent)
//	   └──────────── retry ◀─────────────────┼▶ wait for the next attempt, unsettled
//	                                         ├▶ dead letter, then accept
//	                                         └▶ open, until Deferred.Reply
//
// One goroutine at a time owns it: the worker, then the timer or the Deferred.
type inbound struct {
	b        *binding
	d        Delivery
	env      *Envelope
	msg      Message // the handler's copy, which it may write to
	ctx      handlerCtx
	key      string // in progress in b.queue until freeKey; empty when it is not
	attempt  int
	excused  int // of attempt, those that failed while the connection was lost
	reply    *Message
	err      error
	deferred *Deferred // set while the handler runs, by Message.Defer
	change   changer   // of OnDeferred, for a deferred reply; or nil
	later    *laters
}

// A changer is what an inbound middleware does to a reply that is given after it has returned.
type changer = interface {
	Deferred(msg, reply *Message) (*Message, error)
}

// changers do it one after the other.
type changers [2]changer

func (c changers) Deferred(msg, reply *Message) (*Message, error) {
	reply, err := c[0].Deferred(msg, reply)
	if err != nil {
		return nil, err
	}
	return c[1].Deferred(msg, reply)
}

// A handlerCtx is the ctx of one attempt's handler.
type handlerCtx struct {
	callCtx
	in *inbound
}

type inboundKey struct{}

func (c *handlerCtx) Value(key any) any {
	switch key.(type) {
	case inboundKey, hooks.Handling:
		return c.in
	}
	return c.callCtx.Value(key)
}

// MaxBody is the limit of the Conn. See [hooks.Handling].
func (in *inbound) MaxBody() int { return in.b.conn.maxBody }

// OnDeferred lets an inbound middleware change a reply that is given after it has returned. See [hooks.Handling].
func (in *inbound) OnDeferred(c changer) {
	if in.change != nil {
		c = changers{c, in.change}
	}
	in.change = c
}

// Inbound returns the message that the handler of ctx is handling, or nil
// outside of handlers; typed handlers read headers, attempt and sender from it.
func Inbound(ctx context.Context) *Message {
	if in := handling(ctx); in != nil {
		return &in.msg
	}
	return nil
}

func handling(ctx context.Context) *inbound {
	in, _ := ctx.Value(inboundKey{}).(*inbound)
	return in
}

func newInbound(b *binding, d Delivery) *inbound {
	e := d.Envelope()
	in := &inbound{b: b, d: d, env: e, key: e.Key, attempt: max(e.Attempt, 1)}
	in.prepare()
	return in
}

// prepare makes the message and the ctx of one attempt.
func (in *inbound) prepare() {
	in.msg = in.env.Message
	in.msg.Header = in.msg.Header.Clone() // what one attempt adds, the next must not write over
	in.msg.in, in.msg.Attempt = in, in.attempt
	if in.lasts() {
		in.msg.Timeout = defaultTimeout
	}
	in.ctx.deadline = time.Now().Add(in.msg.Timeout)
	in.ctx.parent, in.ctx.in = in.b.conn.base, in
	if c, ok := in.d.(interface{ Context() context.Context }); ok {
		in.ctx.also = c.Context()
	}
}

// lasts reports whether the message does not expire; its handler then has the default time for each attempt.
func (in *inbound) lasts() bool { return in.env.Timeout <= 0 }

// retried reports whether this is not the first time that the handler of this process sees the message.
func (in *inbound) retried() bool { return in.attempt > max(in.env.Attempt, 1) }

// wantsReply reports whether a caller waits at a reply address.
func (in *inbound) wantsReply() bool { return in.env.ReplyAddress != "" }

// acceptsFirst: a request that must not run twice, and every gather, is settled before its handler (semantics §5.3).
func (in *inbound) acceptsFirst() bool {
	return in.wantsReply() && (in.env.Gather || !in.env.Idempotent)
}

var errPanicked = CodeInternal.Errorf("the handler panicked")

// serve runs one attempt on the worker's goroutine.
func (in *inbound) serve() {
	if !in.begin() {
		in.b.starting.Done()
		in.leave()
		return
	}
	in.reply, in.err = nil, errPanicked
	defer in.conclude() // also when the handler calls runtime.Goexit
	err := in.b.conn.checkReceived(&in.env.Message)
	if err == nil {
		err = in.b.conn.admits(&in.ctx, in.env)
	}
	in.b.starting.Done()
	if err != nil {
		in.err = err
		return
	}
	in.run()
}

// checkReceived applies the rules of checkPayload to what came in, of which those of
// the sender's Conn that hold here too need no second look where that was in this process.
func (c *Conn) checkReceived(m *Message) error {
	if c.features.InProcess {
		return checkBody(m.Body, c.maxBody)
	}
	return m.checkPayload(c.maxBody)
}

// begin reports whether the handler is to run.
func (in *inbound) begin() bool {
	now := time.Now()
	if in.lasts() {
		in.ctx.deadline = now.Add(defaultTimeout) // the wait for a worker took none of it
	}
	if in.expired(now) {
		in.b.conn.counts.expired.Add(1)
		in.accept(now)
		return false
	}
	// A stale one the system gives to somebody else, so it must not run here.
	return !in.acceptsFirst() || in.accept(now)
}

func (in *inbound) run() {
	returned := false
	defer func() {
		if v := recover(); v != nil || !returned {
			in.b.conn.panicked(&in.ctx, in.env.Destination, v)
		}
	}()
	reply, err := in.b.handler(&in.ctx, &in.msg)
	returned = true
	if in.deferred == nil {
		in.reply, in.err = reply, err
	}
}

// expired reports whether the message's time is up. Messages without a reply
// wanted that are being retried live on: their sender was told that they are accepted.
func (in *inbound) expired(now time.Time) bool {
	return !in.retried() && !now.Before(in.ctx.deadline)
}

// conclude settles after the handler, unless the handler deferred its answer.
func (in *inbound) conclude() {
	if d := in.deferred; d != nil {
		if d.handlerReturned() {
			context.AfterFunc(&in.ctx, func() { _ = d.Reply(nil, CodeDeadlineExceeded.Errorf("the deferred answer did not come in time")) })
		}
		return
	}
	in.settle()
}

func (in *inbound) freeKey() {
	key := in.key
	in.key = ""
	in.b.freeKey(key)
}

// deferReply is Message.Defer.
func (in *inbound) deferReply() (*Deferred, error) {
	if in.deferred != nil {
		return nil, CodeFailedPrecondition.Errorf("defer: deferred already")
	}
	in.deferred = &Deferred{in: in}
	return in.deferred, nil
}

// answerLater is Deferred.Reply.
func (in *inbound) answerLater(reply *Message, err error) error {
	late := in.wantsReply() && in.ctx.Err() != nil
	if in.change != nil && err == nil && reply != nil && len(reply.Body) <= in.MaxBody() {
		reply, err = in.change.Deferred(&in.env.Message, reply)
	}
	in.reply, in.err = reply, err
	in.answeredLater(err)
	in.settle()
	if late {
		return in.b.conn.fail("reply", in.env.Destination, CodeDeadlineExceeded.Errorf("the caller's time is up"))
	}
	return nil
}

func (in *inbound) sendReply() {
	c := in.b.conn
	now := time.Now()
	out := c.settlement(now)
	defer c.settled(out)
	if in.env.Gather && in.reply == nil && in.err == nil {
		if c.features.CountsResponders {
			_ = in.d.Reply(&out.ctx, nil) // so that the Gather need not wait for this one
		}
		return
	}
	e := &out.env
	c.fillReply(e, in.reply, in.err, now)
	e.ReplyAddress, e.CallID, e.Responder = in.env.ReplyAddress, in.env.CallID, in.b.responder
	e.Destination, e.CorrelationID = in.env.Destination, in.env.CorrelationID
	if e.Timeout = in.ctx.deadline.Sub(now); e.Timeout <= 0 {
		e.Timeout = time.Millisecond // the caller is gone; the wire still wants to be told
	}
	if err := in.d.Reply(&out.ctx, e); err != nil {
		c.logger.Debug("reply not delivered", slog.String("destination", in.env.Destination), slog.String("error", printable(clip(err.Error(), 256))))
	}
}

// fillReply makes e a reply of what a handler returned; an error wins.
func (c *Conn) fillReply(e *Envelope, reply *Message, err error, now time.Time) {
	*e = Envelope{Kind: KindReply}
	if err == nil && reply != nil {
		if bad := reply.checkPayload(c.maxBody); bad != nil {
			err = codeOf(bad).Errorf("the handler's reply is refused: %w", bad)
		}
	}
	switch {
	case err != nil:
		e.Err = outward(err)
	case reply != nil:
		e.Message = *reply
	}
	e.in, e.Attempt, e.ReplyTo, e.Accept = nil, 0, "", ""
	e.ID, e.Source, e.Time = c.ids.ID(), c.source, now
}

// forwardReply sends a handler's answer to the destination in ReplyTo. It
// reports false when that failed and the message is to come again.
func (in *inbound) forwardReply() bool {
	if in.env.ReplyTo == "" || in.reply == nil {
		return true
	}
	c := in.b.conn
	answer := *in.reply
	answer.Destination, answer.ReplyTo = in.env.ReplyTo, ""
	answer.CorrelationID = in.env.CorrelationID
	if answer.CorrelationID == "" {
		answer.CorrelationID = in.env.ID
	}
	ctx := handlerCtx{in: in} // counts as the handler's, which passes while draining
	ctx.outlive(time.Now(), defaultTimeout)
	defer ctx.end(context.Canceled)
	err := c.Send(&ctx, &answer)
	if err == nil {
		return true
	}
	in.err = err
	return false
}
