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

	"github.com/polywire/polywire/internal/fieldtext"
	"github.com/polywire/polywire/internal/homes"
	"github.com/polywire/polywire/transport"
)

// A call is one unary call: what goes there and what comes back, in one allocation with all
// that gRPC is given for it. gRPC may still read it when it has ended, so it is never used again.
type call struct {
	method   string
	subtype  string // empty for Protobuf
	out, in  payload
	limit    int  // bytes of the answer's message
	native   bool // has the message's fields in metadata
	tellsDue bool // the message tells its time to nodes, so that grpc-timeout need not; a node knows by it that one calls
	header   metadata.MD
	trailer  metadata.MD
	failed   *status.Status // of an answer that is no success
	back     *answer        // for the answer of a native call

	ctx  callCtx
	opts [5]grpc.CallOption
	room [128]byte // for a small body
}

// An answer is what the caller of a request gets, with room for a small body.
type answer struct {
	env  transport.Envelope
	room [128]byte
}

// newCall makes a call of the bus, whose messages say all by themselves.
func newCall(method string, message []byte, limit int) *call {
	return &call{method: method, out: payload{data: message, owned: true}, limit: limit, tellsDue: true}
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

// carry makes body what c sends. gRPC may still read it when the caller has it back, so it is copied.
func (c *call) carry(body []byte) {
	if len(body) > len(c.room) {
		c.out.data = body
		return
	}
	n := copy(c.room[:], body)
	c.out.data, c.out.owned = c.room[:n:n], true
}

// A callCtx is the ctx of a call for gRPC. Where the peer takes the time from the message it has no
// deadline, which would be a field of metadata that is another each time, and two timers there; it ends all the same.
// Its metadata is that of the call alone: what the caller's ctx has for calls of its own does not cross.
type callCtx struct {
	context.Context
	untimed bool
	head    *mapping
}

func (c *callCtx) Value(key any) any {
	if c.head != nil {
		if v := c.head.ctx.Value(key); v != nil {
			return v
		}
	}
	return c.Context.Value(key)
}

func (c *callCtx) Deadline() (time.Time, bool) {
	if c.untimed {
		return time.Time{}, false
	}
	return c.Context.Deadline()
}

// bind lets c end with ctx. Where that is the core's own, what the caller gave does as well, at less cost;
// Close ends what is under way by itself, in pool.cut.
func (c *call) bind(ctx context.Context) context.CancelFunc {
	c.ctx.Context = ctx
	if own, ok := ctx.(interface {
		Caller() (context.Context, bool)
	}); ok {
		caller, timed := own.Caller()
		switch {
		case timed:
			c.ctx.Context = caller
		case caller != nil:
			due, _ := ctx.Deadline()
			bounded, cancel := context.WithDeadline(caller, due)
			c.ctx.Context = bounded
			return cancel
		}
	}
	return func() {}
}

// call gives c to an endpoint of home, and to another as long as it is certain that
// none did anything, or no harm is done by doing it twice.
// It fails when there is no answer; an answer that is an error is in c.
func (a *adapter) call(ctx context.Context, home *peers, c *call, e *transport.Envelope) error {
	defer c.bind(ctx)()
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
		c.header, c.trailer, c.failed, c.in.data = nil, nil, nil, nil
	}
}

// try makes one attempt, and tells what it proves of the peer.
func (a *adapter) try(ctx context.Context, to *target, c *call, e *transport.Envelope) (homes.Outcome, error) {
	m := a.mapping()
	defer a.keep(m)
	shown, err := a.shown(ctx, m.pairs, to)
	if err != nil {
		return homes.GaveUp, err // it was not asked
	}
	for again := true; ; again = false {
		peer, err := a.calls.get(ctx, to)
		if err != nil {
			return unreached(ctx), err
		}
		m.fill(c.pairs(ctx, peer, shown, e))
		c.ctx.head = m
		err = a.invoke(ctx, peer, c)
		c.ctx.head = nil
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

// pairs are the metadata of an attempt, after those that are there.
func (c *call) pairs(ctx context.Context, peer *conn, pairs []string, e *transport.Envelope) []string {
	left := time.Duration(0)
	if c.ctx.untimed = c.tellsDue && e.Timeout > 0 && peer.ours.Load(); c.ctx.untimed {
		due, _ := ctx.Deadline()
		left = min(time.Until(due), maxTimeout)
	}
	switch {
	case c.native:
		return c.putHead(pairs, e, left)
	case c.tellsDue:
		return append(pairs, messageKey, "")
	}
	return pairs
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

// byPassThrough is made once, for every call has it.
var byPassThrough = grpc.ForceCodecV2(passThrough{}) //nolint:gochecknoglobals // never changes

// subtypes are the options of the usual content-subtypes, made once.
var subtypes = map[string]grpc.CallOption{
	"":             grpc.CallContentSubtype(""),
	subtypeProto:   grpc.CallContentSubtype(subtypeProto),
	subtypeUnknown: grpc.CallContentSubtype(subtypeUnknown),
	"json":         grpc.CallContentSubtype("json"),
	"xml":          grpc.CallContentSubtype("xml"),
	"avro":         grpc.CallContentSubtype("avro"),
	"vnd.msgpack":  grpc.CallContentSubtype("vnd.msgpack"),
}

func subtypeOption(sub string) grpc.CallOption {
	if o, ok := subtypes[sub]; ok {
		return o
	}
	return grpc.CallContentSubtype(sub)
}

func (a *adapter) invoke(ctx context.Context, peer *conn, c *call) error {
	limit := a.received
	if c.limit != a.setup.MaxBody {
		limit = received(c.limit)
	}
	c.opts = [5]grpc.CallOption{byPassThrough, subtypeOption(c.subtype), limit, grpc.Header(&c.header), grpc.Trailer(&c.trailer)}
	err := peer.cc.Invoke(&c.ctx, c.method, &c.out, &c.in, c.opts[:]...)
	if !peer.ours.Load() && (len(c.header[messageKey]) > 0 || len(c.trailer[nodeKey]) > 0) {
		peer.ours.Store(true)
	}
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
	if c.back == nil {
		c.back = &answer{}
	}
	e := &c.back.env
	e.Kind = transport.KindReply
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
