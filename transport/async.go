package transport

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"sync"
	"time"
)

// A Future is the answer to a RequestAsync, once it comes. Methods may be called concurrently.
type Future struct {
	conn  *Conn
	call  *call
	done  chan struct{} // closed by the call's goroutine once reply and err are set
	reply *Message
	err   error
}

// RequestAsync is Request that does not wait: ctx, or 30 s, bounds the exchange
// itself. msg is copied before it returns. An error means that nothing was sent.
func (c *Conn) RequestAsync(ctx context.Context, msg *Message, opts ...CallOption) (*Future, error) {
	call, err := c.begin(ctx, opRequest, msg, opts)
	if err != nil {
		return nil, err
	}
	msg = msg.Clone()
	call.Done() // Cancel ends the call from another goroutine
	f := &Future{conn: c, call: call, done: make(chan struct{})}
	c.calls.Add()
	go func() { // Close waits for it by c.calls
		defer c.calls.Done()
		defer close(f.done)
		defer call.end(context.Canceled)
		f.reply, f.err = c.finish(call, opRequest, msg)
	}()
	return f, nil
}

// Await returns the reply, which the caller owns, or the request's error. Its
// ctx bounds this wait alone: when it ends first the request goes on.
func (f *Future) Await(ctx context.Context) (*Message, error) {
	select {
	case <-f.done:
		return f.reply, f.err
	default:
	}
	select {
	case <-f.done:
		return f.reply, f.err
	case <-ctx.Done():
		return nil, f.conn.fail("await", "", ctx.Err())
	}
}

// Done is closed once Await would not wait.
func (f *Future) Done() <-chan struct{} { return f.done }

// Cancel gives up: Await returns CodeCanceled, unless the answer was there first.
func (f *Future) Cancel() { f.call.end(context.Canceled) }

// A Deferred is a reply that its handler will give later. Its delivery stays
// unsettled, counts in Drain, and ends with the message's time, after which Reply
// fails.
type Deferred struct {
	in   *inbound
	mu   sync.Mutex // orders the handler's return and the answer, either of which may come first
	used bool       // by the one Reply or Token that counts; from then on the inbound is that caller's
}

// use reports whether the caller is the first, to whom the inbound belongs now.
func (d *Deferred) use() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	first := !d.used
	d.used = true
	return first
}

// handlerReturned lets the next message of the key begin, unless the answer is being given already.
func (d *Deferred) handlerReturned() (open bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.used {
		d.in.freeKey()
	}
	return !d.used
}

// Reply answers, from any goroutine, as a handler's return would: with reply,
// or with err, which wins. The second call fails with CodeFailedPrecondition.
func (d *Deferred) Reply(reply *Message, err error) error {
	if !d.use() {
		return CodeFailedPrecondition.Errorf("deferred reply to %s: answered already", quoteName(d.in.env.Destination))
	}
	return d.in.answerLater(reply, err)
}

// Token gives the right to answer away, as bytes that another process, on the
// same system, turns back with [Conn.Resume]; this Deferred is then used up and
// its message accepted. It needs Features.DetachedReply, and a caller that waits for a reply.
func (d *Deferred) Token() ([]byte, error) {
	in := d.in
	switch {
	case !in.b.conn.features.DetachedReply:
		return nil, missing("DetachedReply")
	case in.env.ReplyAddress == "":
		return nil, CodeFailedPrecondition.Errorf("token: nobody waits for a reply to this message")
	case !d.use():
		return nil, CodeFailedPrecondition.Errorf("token: answered already")
	}
	deadline, _ := in.ctx.Deadline()
	token, err := json.Marshal(replyToken{
		Address: in.env.ReplyAddress, Call: in.env.CallID, Correlation: in.env.CorrelationID,
		Responder: in.b.responder, Until: deadline,
	})
	in.answeredLater(nil)
	in.leave()
	return []byte(base64.RawURLEncoding.EncodeToString(token)), err
}

// replyToken is the serialised right to answer one call.
type replyToken struct {
	Address     string    `json:"address"`
	Call        string    `json:"call"`
	Correlation string    `json:"correlation,omitempty"`
	Responder   string    `json:"responder,omitempty"`
	Until       time.Time `json:"until"`
}

// Resume answers a request that was deferred elsewhere, with what
// [Deferred.Token] gave. Treat tokens as secrets: who has one can answer.
func (c *Conn) Resume(ctx context.Context, token []byte, reply *Message, failure error) error {
	if !c.features.DetachedReply {
		return c.fail("resume", "", missing("DetachedReply"))
	}
	var t replyToken
	raw, err := base64.RawURLEncoding.DecodeString(string(token))
	if err == nil {
		err = json.Unmarshal(raw, &t)
	}
	if err != nil || t.Address == "" || t.Call == "" {
		return c.fail("resume", "", invalid("this is no token of Deferred.Token"))
	}
	now, e := time.Now(), &Envelope{}
	c.fillReply(e, reply, failure, now)
	e.ReplyAddress, e.CallID, e.Responder, e.CorrelationID = t.Address, t.Call, t.Responder, t.Correlation
	if e.Timeout = t.Until.Sub(now); e.Timeout <= 0 {
		return c.fail("resume", "", context.DeadlineExceeded)
	}
	return c.fail("resume", "", c.adapter.Send(ctx, e))
}
