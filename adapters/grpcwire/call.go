package grpcwire

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/polywire/polywire/internal/fieldtext"
	"github.com/polywire/polywire/internal/homes"
	"github.com/polywire/polywire/internal/unary"
	"github.com/polywire/polywire/transport"
)

// A call is one unary call: what goes there and what comes back, in one allocation.
type call struct {
	method   string
	subtype  string // empty for Protobuf
	message  []byte
	native   bool            // has the message's fields in metadata
	tellsDue bool            // the message tells its time to nodes, so that grpc-timeout need not; a node knows by it that one calls
	caller   context.Context // ends the call, beside its deadline
	asked    unary.Request
	got      unary.Reply
	back     *answer // for the answer of a native call
}

// An answer is what the caller of a request gets, with room for a small body.
type answer struct {
	env  transport.Envelope
	room [128]byte
}

// newCall makes a call of the bus, whose messages say all by themselves.
func newCall(method string, message []byte, limit int) *call {
	return &call{method: method, message: message, got: unary.Reply{Limit: limit}, tellsDue: true}
}

// putHead adds to pairs what a native call has for e in metadata.
func (c *call) putHead(pairs []string, e *transport.Envelope, left time.Duration) []string {
	h := head{before: pairs}
	h.put(e)
	if _, exact := subtypeOf(e.ContentType); !exact {
		h.add(typeKey, fieldtext.Escape(e.ContentType))
	}
	if h.ours {
		h.add(messageKey, h.message(e, left))
	}
	return h.before
}

// callerOf is what ends a call beside its deadline, which the connection has itself. Where ctx is the core's own, it
// is the caller's, whose Done costs nothing; Close ends what is under way by itself, in pool.cut.
func callerOf(ctx context.Context) context.Context {
	if own, ok := ctx.(interface {
		Caller() (context.Context, bool)
	}); ok {
		if caller, _ := own.Caller(); caller != nil {
			return caller
		}
	}
	return ctx
}

// call gives c to an endpoint of home, and to another as long as it is certain that
// none did anything, or no harm is done by doing it twice.
// It fails when there is no answer; an answer that is an error is in c.
func (a *adapter) call(ctx context.Context, home *peers, c *call, e *transport.Envelope) error {
	c.caller = callerOf(ctx)
	tries := home.Tries(e.Key, e.Idempotent)
	for {
		l, err := tries.Next(ctx)
		if err != nil {
			return err
		}
		outcome, err := a.try(ctx, l.Conn, c, e)
		if err != nil && outcome != homes.GaveUp {
			a.attached.Suspect(l.Endpoint, err)
		}
		if !tries.Again(ctx, l, outcome) {
			if ctx.Err() != nil && err != nil {
				return ctx.Err()
			}
			return err
		}
		c.got = unary.Reply{Limit: c.got.Limit, Room: c.got.Room}
	}
}

// try makes one attempt, and tells what it proves of the peer.
func (a *adapter) try(ctx context.Context, to *target, c *call, e *transport.Envelope) (homes.Outcome, error) {
	room := a.pairs()
	defer a.keep(room)
	shown, err := a.shown(ctx, *room, to)
	if err != nil {
		return homes.GaveUp, err // it was not asked
	}
	for again := true; ; again = false {
		peer, err := a.calls.get(ctx, to)
		if err != nil {
			return unreached(ctx), err
		}
		c.ask(ctx, peer, shown, e)
		err = a.invoke(ctx, peer, c)
		unsent := errors.Is(err, unary.ErrUnsent)
		if unsent {
			peer.retire()
		}
		peer.done()
		refused := errors.Is(err, unary.ErrRefused)
		switch {
		case ctx.Err() != nil:
			return homes.GaveUp, err
		case (unsent || refused) && again: // a new connection may serve what the old one takes no more, and another moment what one refused
		case unsent:
			return homes.Refused, err
		case refused:
			return homes.Declined, err
		case err != nil:
			return homes.Lost, err
		default:
			return c.verdict(), nil
		}
	}
}

// ask makes the request of an attempt, whose metadata comes after what is in pairs.
func (c *call) ask(ctx context.Context, peer *conn, pairs []string, e *transport.Envelope) {
	c.asked = unary.Request{Path: c.method, ContentType: contentType(c.subtype), Message: c.message}
	left, told := time.Duration(0), time.Duration(0)
	if due, ok := ctx.Deadline(); ok {
		c.asked.Due = due
		left = max(min(time.Until(due), maxTimeout), time.Microsecond)
	}
	if c.tellsDue && e.Timeout > 0 && peer.ours.Load() { // what is a field that is another each time costs both ends most
		left, told = 0, left
	}
	c.asked.Timeout = left
	switch {
	case c.native:
		pairs = c.putHead(pairs, e, told)
	case c.tellsDue:
		pairs = append(pairs, messageKey, "")
	}
	c.asked.Fields = pairs
}

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
	switch first(c.got.Trailer, reasonKey) {
	case noHandler:
		if first(c.got.Trailer, leavingKey) != "" {
			return homes.Leaving
		}
		return homes.Declined
	case closing:
		return homes.Lost
	}
	return homes.Answered
}

// contentType is that of gRPC for a content-subtype; the usual ones need not be made each time.
func contentType(subtype string) string {
	switch subtype {
	case "":
		return wireType
	case subtypeProto:
		return wireType + "+" + subtypeProto
	case subtypeUnknown:
		return wireType + "+" + subtypeUnknown
	case "json":
		return wireType + "+json"
	}
	return wireType + "+" + subtype
}

func (a *adapter) invoke(ctx context.Context, peer *conn, c *call) error {
	err := peer.calls.Call(c.caller, &c.asked, &c.got)
	if !peer.ours.Load() && (len(c.got.Header[messageKey]) > 0 || len(c.got.Trailer[nodeKey]) > 0) {
		peer.ours.Store(true)
	}
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		<-ctx.Done() // whose timer is not the connection's, and just about to fire
	}
	s := c.got.Status
	switch answered := len(c.got.Header) > 0 || len(c.got.Trailer) > 0; {
	case err == nil && s == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case a.isClosed():
		return transport.ErrClosed
	case errors.Is(err, unary.ErrUnsent) || errors.Is(err, unary.ErrRefused):
		return transport.CodeUnavailable.Errorf("%s: %w", peer.host, err)
	case err != nil:
		return transport.CodeUnavailable.Errorf("%s gave no answer: the connection was lost: %w", peer.host, err)
	case !answered && (s.Code() == codes.Unavailable || s.Code() == codes.Canceled):
		return transport.CodeUnavailable.Errorf("%s gave no answer: %s", peer.host, s.Message())
	}
	return nil
}

// outcome is that of a message that nobody answers.
func (c *call) outcome(ctx context.Context, err error) error {
	switch {
	case err != nil:
		return err
	case c.got.Status != nil:
		return errorOf(c.got.Status, c.got.Trailer)
	}
	return ctx.Err()
}

// reply is the answer to a request, whose body has fallback for its type when the answer says none.
func (c *call) reply(fallback string) (*transport.Envelope, error) {
	if c.back == nil {
		c.back = &answer{}
	}
	e := &c.back.env
	e.Kind = transport.KindReply
	if c.got.Status != nil {
		err := errorOf(c.got.Status, c.got.Trailer)
		if errors.Is(err, transport.ErrNoHandler) {
			return nil, err
		}
		e.Err = err
		return e, nil
	}
	e.Body = c.got.Message
	e.SetField(typeKey, mediaType(c.got.Header, fallback))
	return e, takeFields(c.got.Header, c.got.Trailer, e)
}
