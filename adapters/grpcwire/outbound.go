package grpcwire

import (
	"context"
	"errors"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/internal/fieldtext"
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

// sendTo calls the home, and again while the queue there is full, which the home
// tells before it takes anything. So a caller that gives up knows that its message is not accepted.
func (a *adapter) sendTo(ctx context.Context, home *peers, e *transport.Envelope) error {
	due, own := time.Now().Add(e.Timeout), *e
	for wait := time.Millisecond; ; wait = min(2*wait, 50*time.Millisecond) {
		c := &call{method: busSend, out: payload{data: appendMessage(nil, &own), owned: true}, limit: a.limits.around}
		err := a.call(ctx, home, c, e)
		if err != nil || first(c.trailer, reasonKey) != queueFull {
			return c.outcome(ctx, err)
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
	c := &call{method: busPublish, out: payload{data: appendMessage(nil, e), owned: true}, limit: a.limits.around}
	return c.outcome(ctx, a.call(ctx, home, c, e))
}

// Gather returns once all subscriptions have the message. The answers follow.
func (a *adapter) Gather(ctx context.Context, e *transport.Envelope, reply func(*transport.Envelope)) error {
	home := a.homes.Of(e.Destination)
	if home == nil {
		return a.router.Gather(ctx, e, reply)
	}
	return a.gatherFrom(ctx, home, e, reply)
}

// Request calls the method that the destination stands for and takes its answer for the handler's.
func (a *adapter) Request(ctx context.Context, e *transport.Envelope) (*transport.Envelope, error) {
	home := a.homes.Of(e.Destination)
	if home == nil {
		return a.router.Request(ctx, e)
	}
	method := methodOf(e.Destination)
	if method == "" {
		return a.requestByBus(ctx, home, e)
	}
	sub, exact := subtypeOf(e.ContentType)
	h := head{before: make([]string, 0, 16)}
	h.put(e)
	if !exact {
		h.before = append(h.before, typeKey, fieldtext.Escape(e.ContentType))
	}
	c := &call{method: method, subtype: sub, out: payload{data: e.Body}, limit: a.setup.MaxBody}
	if err := a.call(withMetadata(ctx, h.before...), home, c, e); err != nil {
		return nil, err
	}
	return c.reply(typeOf(sub))
}

func (a *adapter) requestByBus(ctx context.Context, home *peers, e *transport.Envelope) (*transport.Envelope, error) {
	c := &call{method: busRequest, out: payload{data: appendMessage(nil, e), owned: true}, limit: a.setup.MaxBody + a.limits.around}
	if err := a.call(ctx, home, c, e); err != nil {
		return nil, err
	}
	if c.failed != nil {
		return c.reply("")
	}
	reply, err := readMessage(c.in.data)
	if err != nil {
		return nil, transport.CodeInternal.Errorf("the answer cannot be read: %w", errProto)
	}
	reply.Kind, reply.Destination = transport.KindReply, ""
	return reply, nil
}

// A call is one unary call: what goes there and what comes back.
type call struct {
	method  string
	subtype string // empty for Protobuf
	out, in payload
	limit   int // bytes of the answer's message
	header  metadata.MD
	trailer metadata.MD
	failed  *status.Status // of an answer that is no success
}

// call gives c to an endpoint of home, and to another as long as it is certain that
// none did anything, or no harm is done by doing it twice.
// It fails when there is no answer; an answer that is an error is in c.
func (a *adapter) call(ctx context.Context, home *peers, c *call, e *transport.Envelope) error {
	if strings.HasPrefix(c.method, busPrefix) {
		ctx = withMetadata(ctx, messageKey, "")
	}
	tries := home.Tries(e.Key, e.Idempotent)
	for {
		l, err := tries.Next(ctx)
		if err != nil {
			return err
		}
		outcome, err := a.try(ctx, l.Conn, c)
		if err != nil && outcome != homes.GaveUp {
			a.attached.Suspect(l.Endpoint, err)
		}
		if !tries.Again(ctx, l, outcome) {
			if ctx.Err() != nil && err != nil {
				return ctx.Err()
			}
			return err
		}
		c.header, c.trailer, c.failed, c.in = nil, nil, nil, payload{borrow: c.in.borrow}
	}
}

// try makes one attempt, and tells what it proves of the peer.
func (a *adapter) try(ctx context.Context, to *target, c *call) (homes.Outcome, error) {
	shown, err := a.shown(ctx, to.name())
	if err != nil {
		return homes.GaveUp, err // it was not asked
	}
	for again := true; ; again = false {
		peer, err := a.calls.get(ctx, to)
		if err != nil {
			return unreached(ctx), err
		}
		err = a.invoke(shown, peer, c)
		unsent := errors.Is(err, errOutOfUse)
		if unsent {
			peer.retire()
		}
		peer.done()
		switch {
		case ctx.Err() != nil:
			return homes.GaveUp, err
		case unsent && again: // the peer wanted no more calls as this one began: a new connection may serve it
		case unsent:
			return homes.Refused, err
		case errors.Is(err, errUnprocessed):
			return homes.Declined, err
		case err != nil:
			return homes.Lost, err
		default:
			return c.verdict(), nil
		}
	}
}

// errUnprocessed is a peer's word that it did nothing with a call.
var errUnprocessed = errors.New("the peer refused the stream, and did nothing with the call")

// unreached is what it proves of a peer that ctx brought no connection to it.
func unreached(ctx context.Context) homes.Outcome {
	if ctx.Err() != nil {
		return homes.GaveUp
	}
	return homes.Refused
}

// verdict is what a peer says of its part in a message: that it did nothing, since it
// handles no such destination, or none any more; that it closed meanwhile, so nobody knows; or that it answers.
func (c *call) verdict() homes.Outcome {
	switch first(c.trailer, reasonKey) {
	case noHandler:
		if first(c.trailer, leavingKey) != "" {
			return homes.Leaving
		}
		return homes.Declined
	case closing:
		return homes.Lost
	}
	return homes.Answered
}

// withMetadata gives a call this metadata alone: what the caller's ctx has for calls of its own does not cross.
func withMetadata(ctx context.Context, kv ...string) context.Context {
	if _, ok := metadata.FromOutgoingContext(ctx); ok {
		ctx = metadata.NewOutgoingContext(ctx, nil)
	}
	return metadata.AppendToOutgoingContext(ctx, kv...)
}

// byPassThrough is made once, for every call has it.
var byPassThrough = grpc.ForceCodecV2(passThrough{}) //nolint:gochecknoglobals // never changes

func (a *adapter) invoke(ctx context.Context, peer *conn, c *call) error {
	opts := []grpc.CallOption{
		byPassThrough, grpc.CallContentSubtype(c.subtype), received(c.limit),
		grpc.Header(&c.header), grpc.Trailer(&c.trailer),
	}
	err := peer.cc.Invoke(ctx, c.method, &c.out, &c.in, opts...)
	if err == nil {
		return nil
	}
	s, _ := status.FromError(err)
	answered := len(c.header) > 0 || len(c.trailer) > 0
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case a.isClosed():
		return transport.ErrClosed
	case !answered && strings.Contains(s.Message(), errOutOfUse.Error()):
		return transport.CodeUnavailable.Errorf("%s: %w", peer.host, errOutOfUse)
	case !answered && s.Code() == codes.Unavailable && strings.HasSuffix(s.Message(), "RST_STREAM with error code: REFUSED_STREAM"):
		return transport.CodeUnavailable.Errorf("%s: %w", peer.host, errUnprocessed)
	case !answered && (s.Code() == codes.Unavailable || s.Code() == codes.Canceled):
		return transport.CodeUnavailable.Errorf("%s gave no answer: %s", peer.host, s.Message())
	}
	c.failed = s
	return nil
}

// outcome is that of a message that nobody answers.
func (c *call) outcome(ctx context.Context, err error) error {
	switch {
	case err != nil:
		return err
	case c.failed != nil:
		return errorOf(c.failed, c.trailer)
	}
	return ctx.Err()
}

// reply is the answer to a request, whose body has fallback for its type when the answer says none.
func (c *call) reply(fallback string) (*transport.Envelope, error) {
	e := &transport.Envelope{Kind: transport.KindReply}
	if c.failed != nil {
		err := errorOf(c.failed, c.trailer)
		if errors.Is(err, transport.ErrNoHandler) {
			return nil, err
		}
		e.Err = err
		return e, nil
	}
	e.Body = c.in.data
	e.SetField(typeKey, mediaType(c.header, fallback))
	return e, takeFields(c.header, c.trailer, e)
}
