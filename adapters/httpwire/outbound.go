package httpwire

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/internal/homes"
	"github.com/polywire/polywire/transport"
)

func (a *adapter) Send(ctx context.Context, e *transport.Envelope) error {
	home := a.homes.Of(e.Destination)
	if home == nil {
		return a.router.Send(ctx, e)
	}
	return a.sendTo(ctx, home, e)
}

// sendTo posts to the home, and again while the queue there is full, which the home
// tells before it takes anything. So a caller that gives up knows that its message is not accepted.
func (a *adapter) sendTo(ctx context.Context, home *peers, e *transport.Envelope) error {
	due, own := time.Now().Add(e.Timeout), *e
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		resp, err := a.post(ctx, home, "/send/", &own)
		if err != nil {
			return err
		}
		full := resp.Header.Get(reasonField) == queueFull
		reply, err := a.answer(ctx, resp)
		resp.close()
		if err != nil || !full {
			return outcome(ctx, reply, err)
		}
		if err := attach.Sleep(ctx, wait); err != nil {
			return err
		}
		if own.Timeout = time.Until(due); own.Timeout <= 0 {
			return context.DeadlineExceeded
		}
	}
}

func (a *adapter) Publish(ctx context.Context, e *transport.Envelope) error {
	home := a.homes.Of(e.Destination)
	if home == nil {
		return a.router.Publish(ctx, e)
	}
	return a.oneWay(ctx, home, "/publish/", e)
}

func (a *adapter) oneWay(ctx context.Context, home *peers, path string, e *transport.Envelope) error {
	reply, err := a.exchange(ctx, home, path, e)
	return outcome(ctx, reply, err)
}

// outcome is that of a message that nobody answers.
func outcome(ctx context.Context, reply *transport.Envelope, err error) error {
	switch {
	case err != nil:
		return err
	case reply.Err != nil:
		return reply.Err
	}
	return ctx.Err()
}

// Request posts to the home and takes its answer for the handler's.
func (a *adapter) Request(ctx context.Context, e *transport.Envelope) (*transport.Envelope, error) {
	home := a.homes.Of(e.Destination)
	if home == nil {
		return a.router.Request(ctx, e)
	}
	reply, err := a.exchange(ctx, home, "/request/", e)
	if err == nil && reply.Err != nil && errors.Is(reply.Err, transport.ErrNoHandler) {
		return nil, reply.Err
	}
	return reply, err
}

// exchange posts e and reads the whole answer.
func (a *adapter) exchange(ctx context.Context, home *peers, path string, e *transport.Envelope) (*transport.Envelope, error) {
	resp, err := a.post(ctx, home, path, e)
	if err != nil {
		return nil, err
	}
	defer resp.close()
	return a.answer(ctx, resp)
}

// answer reads the whole of a response.
func (a *adapter) answer(ctx context.Context, resp *response) (*transport.Envelope, error) {
	limit := a.setup.MaxBody
	if resp.StatusCode/100 != 2 {
		limit = maxProblem
	}
	body, err := readBody(resp.Body, resp.ContentLength, limit)
	decode := decodeReply
	if resp.rest {
		decode = decodeREST
	}
	switch {
	case err == nil:
		return decode(resp.Header, resp.StatusCode, body)
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case errors.Is(err, transport.CodeResourceExhausted) && resp.StatusCode/100 != 2:
		return decode(resp.Header, resp.StatusCode, nil)
	case errors.Is(err, transport.CodeResourceExhausted):
		return nil, err
	}
	return nil, unavailable(resp.from, err)
}

// post gives e to an endpoint of home, and to another as long as it is certain that
// none did anything, or no harm is done by doing it twice.
func (a *adapter) post(ctx context.Context, home *peers, path string, e *transport.Envelope) (*response, error) {
	out, err := a.outgoing(path, e)
	if err != nil {
		return nil, err
	}
	tries := home.Tries(e.Key, e.Idempotent)
	for {
		l, err := tries.Next(ctx)
		if err != nil {
			return nil, err
		}
		got, err := l.Conn.do(ctx, l.Conn.calls, out) //nolint:bodyclose // response.close does
		if err == nil {
			resp := &response{Response: got, from: l.Conn.address, rest: out.rest}
			outcome := verdict(got)
			if outcome == homes.Answered {
				resp.under(l)
				return resp, nil
			}
			if outcome == homes.Leaving {
				l.Conn.closeIdle() // no request is to cross with the end of its connection
			}
			if tries.Again(ctx, l, outcome) {
				resp.close() // another endpoint is asked
				continue
			}
			return resp, nil // the lease has ended
		}
		if coded := new(transport.Error); errors.As(err, &coded) { // it was not asked
			l.Release()
			return nil, coded
		}
		outcome := outcomeOf(ctx, err)
		failed := error(unavailable(l.Conn.address, err))
		if outcome == homes.GaveUp {
			failed = ctx.Err()
		} else {
			a.attached.Suspect(l.Endpoint, failed)
		}
		if !tries.Again(ctx, l, outcome) {
			return nil, failed
		}
	}
}

// verdict is what a peer says of its part in a message: that it did nothing, since it
// handles no such destination, or none any more; that it closed meanwhile, so nobody knows; or that it answers.
func verdict(resp *http.Response) homes.Outcome {
	if resp.StatusCode == http.StatusServiceUnavailable {
		switch resp.Header.Get(reasonField) {
		case noHandler:
			if resp.Close {
				return homes.Leaving
			}
			return homes.Declined
		case closing:
			return homes.Lost
		}
	}
	return homes.Answered
}

// Gather returns once the home has given the message to its subscriptions, which it
// tells by the head of its answer. The answers follow as lines.
func (a *adapter) Gather(ctx context.Context, e *transport.Envelope, reply func(*transport.Envelope)) error {
	home := a.homes.Of(e.Destination)
	if home == nil {
		return a.router.Gather(ctx, e, reply)
	}
	resp, err := a.post(ctx, home, "/gather/", e)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get(contentType), ndjson) {
		defer resp.close()
		return a.noGather(ctx, resp)
	}
	collect := func() {
		defer resp.close()
		a.collect(ctx, resp.Body, reply)
	}
	if !a.spawn(collect) {
		resp.close()
		return transport.ErrClosed
	}
	return nil
}

func (a *adapter) noGather(ctx context.Context, resp *response) error {
	answer, err := a.answer(ctx, resp)
	switch {
	case err != nil:
		return err
	case answer.Err != nil:
		return answer.Err
	}
	return transport.CodeUnknown.Errorf("the peer answered a gather with status %d and no %s", resp.StatusCode, ndjson)
}

// collect hands over answers until they end; the end of the connection alone ends nothing, since more may have been on the way.
func (a *adapter) collect(ctx context.Context, body io.Reader, reply func(*transport.Envelope)) {
	r := &eventReader{from: bufio.NewReader(body), limit: maxLine(a.setup.MaxBody), alive: func() {}}
	for ctx.Err() == nil {
		v, err := r.next()
		if err != nil {
			return
		}
		if v.End != "" {
			if v.End == "complete" {
				reply(nil)
			}
			return
		}
		e, err := v.envelope(a.setup.MaxBody)
		if err != nil {
			e = &transport.Envelope{Err: asError(err)}
		}
		e.Kind = transport.KindReply
		reply(e)
	}
}
