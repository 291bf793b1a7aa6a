package transport

import (
	"context"
	"log/slog"
	"net/url"

	"github.com/polywire/polywire/transport/access"
)

// An Adapter connects a [Conn] to one messaging system.
//
// Conn calls every method concurrently, with a ctx that has a deadline. An
// Adapter must not read an Envelope after the call returned, also when ctx ended
// first: what it still needs it copies. It must honour ctx, must not retry, and
// must not log: Conn decides that. Errors it returns carry a [Code] where it
// knows better than Unavailable, and wrap ErrNoHandler where it knows that.
//
// It may also implement [Exchange] (request and gather of its own),
// Ping(ctx context.Context) error, one round trip for Conn.Health, and
// KeepsNothing() bool: true promises that once Send, Publish or a method of a Delivery
// returned nothing reads its ctx either, so that Conn spares allocations by using both again.
type Adapter interface {
	// Features never change after the Adapter was opened.
	Features() Features

	// Send writes one message of KindQueue, or of KindReply to e.ReplyAddress where
	// Features.DetachedReply. It returns nil once the message is accepted at the level of
	// e.Acceptance, never nil after ctx ended.
	Send(ctx context.Context, e *Envelope) error

	// Publish writes one message of KindTopic, likewise. No subscriber is success.
	Publish(ctx context.Context, e *Envelope) error

	// Bind starts deliveries to sink and returns when they are in effect: what is
	// sent afterwards arrives. It outlives ctx, and reconnects by itself.
	Bind(ctx context.Context, b Binding, sink Sink) (Bound, error)

	// Close ends all connections and goroutines, and waits for them within ctx.
	// Unsettled deliveries return to the system. Sinks are not called afterwards.
	Close(ctx context.Context) error
}

// An Exchange is an Adapter that carries requests and replies itself. For one
// that does not, the core makes both of Send, Publish and a KindReply binding.
type Exchange interface {
	// Request delivers e to one handler and returns its reply, in which Err may be
	// set. When ctx ends first it returns ctx's error and drops the reply. It may write to e
	// and keep it, though not what its slices and maps hold.
	Request(ctx context.Context, e *Envelope) (*Envelope, error)

	// Gather delivers e to every subscription and returns once they have it. It
	// calls reply for each answer, from any goroutine, until ctx ends, and, where
	// Features.CountsResponders, reply(nil) when no more can come.
	Gather(ctx context.Context, e *Envelope, reply func(*Envelope)) error
}

// A Kind tells what a binding listens to and an envelope is meant for.
type Kind uint8

// The kinds of bindings and of the envelopes meant for them.
const (
	KindQueue Kind = iota + 1 // point to point: one handler gets it
	KindTopic                 // publish and subscribe
	KindReply                 // the address at which one Conn collects its replies
)

func (k Kind) String() string {
	switch k {
	case KindQueue:
		return "queue"
	case KindTopic:
		return "topic"
	case KindReply:
		return "reply"
	}
	return "kind?"
}

// A Binding says what to deliver.
type Binding struct {
	Kind        Kind
	Pattern     string // a destination, or for KindTopic a pattern; empty for KindReply
	Group       string // for KindTopic: members share; empty is a copy of its own
	Concurrency int    // handlers that will run at once
	Credit      int    // unsettled deliveries at most; at least Concurrency
}

// A Sink takes what an Adapter delivers.
type Sink interface {
	// Deliver hands over one delivery. It never blocks: the Adapter keeps at most
	// Binding.Credit unsettled. Order of calls is order of delivery. Where
	// Features.Inline it runs the handler before it returns.
	Deliver(d Delivery)

	// Lost tells that the binding ended for good and why, as when access was
	// revoked. A connection that will be remade is no loss.
	Lost(err error)
}

// A Delivery is one message on its way to a handler. Conn settles each exactly
// once, by Accept or Release; retries and dead letters are made by the core from
// those two, so that they mean the same everywhere. Methods are called from any goroutine.
//
// It may also implement Context() context.Context, which ends when the caller
// gives up, where Features.CancelsRemotely.
type Delivery interface {
	// Envelope is the message; it and its bytes stay valid until the delivery is settled and replied to.
	Envelope() *Envelope

	// Reply answers it; called when Envelope().ReplyAddress is set, before or after
	// Accept, at most once. Conn has set ReplyAddress, CallID, and Err for an error. Where
	// Features.CountsResponders, e is nil when a subscription does not answer a Gather.
	Reply(ctx context.Context, e *Envelope) error

	// Extend tells the system that the handler still works, where it would redeliver otherwise.
	Extend(ctx context.Context) error

	// Accept tells the system that it is done with the message.
	Accept(ctx context.Context) error

	// Release gives the message back: where Features.Redelivers it goes to
	// somebody else, or comes again. It counts as no attempt where the system can tell.
	Release(ctx context.Context) error
}

// A Bound is a binding in effect.
type Bound interface {
	// ReplyAddress is where replies reach a KindReply binding, for Envelope.ReplyAddress; else empty.
	ReplyAddress() string

	// Unbind ends new deliveries. After it returned Deliver is not called again;
	// deliveries made before may still be settled.
	Unbind(ctx context.Context) error
}

// An Envelope is a [Message] with what the core adds to it for the way.
// Timeout is the remaining time; zero, on one-way messages and from foreign peers, is a message that does not expire.
type Envelope struct {
	Message
	Kind         Kind
	ReplyAddress string     // where the sender waits; empty when no reply is wanted. On KindReply: where it goes
	CallID       string     // 128 unguessable bits that the reply must bring back
	Gather       bool       // many replies are welcome
	Idempotent   bool       // handling it twice does no harm
	Responder    string     // on replies: which subscription answered
	Err          *Error     // on replies: the handler's error; Message then has header and details alone
	Acceptance   Acceptance // level wanted; 0 is the adapter's default

	// Peer is whom an adapter's own face let in, by Setup.Access, with this message. Outbound the core sets it to this process
	// itself, for what stays in it. It never travels: nil, as it is on what a wire brings, the core asks for itself, as for a stranger.
	Peer *access.Identity
}

// A Setup is what a [Factory] opens an Adapter from.
type Setup struct {
	URL      *url.URL     // scheme, host, user, path and query, which holds the adapter's options
	Source   string       // "service/instance" of this Conn
	Service  string       // name of this process among Services; may be empty
	Services []Service    // who owns what, for wires without a broker
	MaxBody  int          // bytes; larger inbound bodies may be refused before they are read
	Logger   *slog.Logger // never nil
	Access   *access.Gate // who may do what, for an adapter that listens, and what to show to those it calls; nil lets all in

	// Connected is told of every change of the connection: an error when it was
	// lost, nil when it is back. An opened Adapter counts as connected.
	Connected func(err error)
}

// A Service is one row of the table of who owns which destinations.
type Service struct {
	Name      string
	Owns      []string // patterns; the most specific one wins
	Listen    string   // address that its process serves at, as ":8081"
	Endpoints []string // addresses at which others reach it, as "localhost:8081"

	// Paths are verb and path of destinations that the service answers as REST, as
	// "orders.get": "GET /orders/{id}?expand", where the wire is HTTP; docs/wire/rest.md
	// specifies the rules. Variables and names of the query are Message.Params.
	Paths map[string]string
}

// A Factory opens Adapters. It is a value: registering is passing it to [NewRegistry].
type Factory struct {
	Name    string   // as in Features.Adapter
	Schemes []string // URL schemes that it serves

	// Features are what an adapter opened from u, with its options, will declare.
	// It needs no connection: configuration is checked with it.
	Features func(u *url.URL) (Features, error)

	// Open makes the first connection within ctx and fails when it cannot:
	// Unavailable when nobody answers, InvalidArgument for a bad option, which it names.
	Open func(ctx context.Context, s Setup) (Adapter, error)
}
