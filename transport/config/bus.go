package config

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/internal/glob"
)

// A Bus has the verbs of [transport.Conn], and takes each message to the Conn
// that its destination is routed to. It is a contract.Bus. All methods may be
// called concurrently.
//
// A route's timeout bounds every call beside ctx and Message.Timeout. What it
// passes on it passes on unchanged: errors are those of the Conn.
type Bus struct {
	config   *Config
	links    []*link          // each once, in the order of the file
	byName   map[string]*link // by transport; those of one URL share a link
	exact    map[string]*leg  // by destination, for routes without a wildcard
	patterns []*leg           // the narrower before those that include it
	fallback *leg
	registry *codecs.Registry
	timed    sync.Pool // of *transport.Message with the bound of its route, free once the verb returned
}

// A link is one open connection.
type link struct {
	*transport.Conn
	name   string // of the first transport that uses it
	system string // scheme, host and path of its URL: what the other side is
}

// A leg is what applies to the destinations of one route.
type leg struct {
	*link
	pattern string
	codec   codecs.Codec
	timeout time.Duration
}

// table resolves the routes once, for all calls.
func (b *Bus) table(c *Config) {
	resolve := func(r *route) *leg {
		return &leg{link: b.byName[r.wire.name], pattern: r.pattern, codec: c.codecOf(r.codec), timeout: r.timeout}
	}
	b.exact, b.fallback = make(map[string]*leg), resolve(c.fallback)
	for _, r := range c.routes {
		if glob.Wild(r.pattern) {
			b.patterns = append(b.patterns, resolve(r))
		} else {
			b.exact[r.pattern] = resolve(r)
		}
	}
}

// leg finds what applies to destination. What is no destination goes to the default, which refuses it.
func (b *Bus) leg(destination string) *leg {
	destination = undead(destination)
	if l := b.exact[destination]; l != nil {
		return l
	}
	if len(b.patterns) == 0 || transport.CheckDestination(destination) != nil {
		return b.fallback
	}
	for _, l := range b.patterns {
		if transport.Match(l.pattern, destination) {
			return l
		}
	}
	return b.fallback
}

// deadPrefix begins the destinations of dead letters (semantics §5.2), which stay where they are made.
const deadPrefix = "dead."

func undead(destination string) string {
	for strings.HasPrefix(destination, deadPrefix) {
		destination = destination[len(deadPrefix):]
	}
	return destination
}

// outbound finds the way of msg and the message to send on it, which release takes back.
func (b *Bus) outbound(op string, msg *transport.Message) (l *leg, out *transport.Message, err error) {
	if msg == nil {
		return b.fallback, nil, nil // which refuses it
	}
	l = b.leg(msg.Destination)
	if msg.ReplyTo != "" && b.leg(msg.ReplyTo).link != l.link {
		e := transport.CodeInvalidArgument.Errorf("replies go back on transport %q, and reply-to %s is routed to %q: route both to one",
			l.name, clip(msg.ReplyTo, 180), b.leg(msg.ReplyTo).name)
		e.Op, e.Destination, e.Adapter = op, msg.Destination, l.Features().Adapter
		return nil, nil, e
	}
	if l.timeout == 0 || l.keeps(op) || msg.Timeout > 0 && msg.Timeout <= l.timeout {
		return l, msg, nil
	}
	if out, _ = b.timed.Get().(*transport.Message); out == nil {
		out = new(transport.Message)
	}
	*out = *msg
	out.Timeout = l.timeout
	return l, out, nil
}

// keeps reports whether what op writes outlives its call: then a route's timeout bounds the call, and
// must not become Message.Timeout, which lets the message expire (semantics §3.1).
func (l *leg) keeps(op string) bool { return l.Features().Durable && (op == "send" || op == "publish") }

// bound is ctx with the route's timeout, for calls that cannot have it as Message.Timeout.
func (l *leg) bound(ctx context.Context, op string) (context.Context, context.CancelFunc) {
	if l.timeout == 0 || ctx == nil || !l.keeps(op) {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, l.timeout)
}

func (b *Bus) release(msg, out *transport.Message) {
	if out != msg && out != nil {
		*out = transport.Message{}
		b.timed.Put(out)
	}
}

// Send is [transport.Conn.Send] on the transport of the message's destination.
func (b *Bus) Send(ctx context.Context, msg *transport.Message, opts ...transport.CallOption) error {
	l, out, err := b.outbound("send", msg)
	if err != nil {
		return err
	}
	defer b.release(msg, out)
	ctx, cancel := l.bound(ctx, "send")
	defer cancel()
	return l.Send(ctx, out, opts...)
}

// Request is [transport.Conn.Request] on the transport of the message's destination.
func (b *Bus) Request(ctx context.Context, msg *transport.Message, opts ...transport.CallOption) (*transport.Message, error) {
	l, out, err := b.outbound("request", msg)
	if err != nil {
		return nil, err
	}
	defer b.release(msg, out)
	return l.Request(ctx, out, opts...)
}

// RequestAsync is [transport.Conn.RequestAsync] on the transport of the message's destination.
func (b *Bus) RequestAsync(ctx context.Context, msg *transport.Message, opts ...transport.CallOption) (*transport.Future, error) {
	l, out, err := b.outbound("request", msg)
	if err != nil {
		return nil, err
	}
	defer b.release(msg, out)
	return l.RequestAsync(ctx, out, opts...)
}

// Publish is [transport.Conn.Publish] on the transport of the message's destination.
func (b *Bus) Publish(ctx context.Context, msg *transport.Message, opts ...transport.CallOption) error {
	l, out, err := b.outbound("publish", msg)
	if err != nil {
		return err
	}
	defer b.release(msg, out)
	ctx, cancel := l.bound(ctx, "publish")
	defer cancel()
	return l.Publish(ctx, out, opts...)
}

// Gather is [transport.Conn.Gather] on the transport of the message's destination.
func (b *Bus) Gather(ctx context.Context, msg *transport.Message, opts ...transport.CallOption) (*transport.Gathering, error) {
	l, out, err := b.outbound("gather", msg)
	if err != nil {
		return nil, err
	}
	defer b.release(msg, out)
	return l.Gather(ctx, out, opts...)
}

// Handle is [transport.Conn.Handle] on the transport of destination. The dead letters of a group may
// come from more than one transport; they are then handled on each.
func (b *Bus) Handle(ctx context.Context, destination string, h transport.Handler, opts ...transport.BindOption) (*transport.Subscription, error) {
	links := []*link{b.leg(destination).link}
	if rest, dead := strings.CutPrefix(destination, deadPrefix); dead {
		if _, ofGroup, ok := strings.Cut(rest, "."); ok {
			links = distinct(append(links, b.leg(ofGroup).link))
		}
	}
	return receiver(links).Handle(ctx, destination, h, opts...)
}

// Subscribe is [transport.Conn.Subscribe] on every transport that destinations
// of pattern are routed to: one Subscription, with one bound of concurrency for
// all. Order by key holds within each transport.
func (b *Bus) Subscribe(ctx context.Context, pattern string, h transport.Handler, opts ...transport.BindOption) (*transport.Subscription, error) {
	links := b.spanned(pattern)
	if a, other := oneSystem(links); a != nil {
		e := transport.CodeInvalidArgument.Errorf("the transports %q and %q are one system, so messages would come twice: give both the same URL, or subscribe to a pattern that one route covers",
			a.name, other.name)
		e.Op, e.Destination = "subscribe", pattern
		return nil, e
	}
	return receiver(links).Subscribe(ctx, pattern, h, opts...)
}

// spanned lists the links that destinations of pattern are routed to.
func (b *Bus) spanned(pattern string) []*link {
	if !glob.Wild(pattern) || transport.CheckPattern(pattern) != nil {
		return []*link{b.leg(pattern).link}
	}
	var links []*link
	for destination, l := range b.exact {
		if transport.Match(pattern, destination) {
			links = append(links, l.link)
		}
	}
	for _, l := range b.patterns {
		if glob.Overlap(l.pattern, pattern) != "" {
			links = append(links, l.link)
		}
		if glob.Includes(l.pattern, pattern) { // nothing of pattern is left for wider routes
			return b.inOrder(links)
		}
	}
	return b.inOrder(append(links, b.fallback.link))
}

// inOrder sorts links as in the file, each once.
func (b *Bus) inOrder(links []*link) []*link {
	links = distinct(links)
	slices.SortFunc(links, func(x, y *link) int { return slices.Index(b.links, x) - slices.Index(b.links, y) })
	return links
}

func distinct(links []*link) []*link {
	var once []*link
	for _, l := range links {
		if !slices.Contains(once, l) {
			once = append(once, l)
		}
	}
	return once
}

// oneSystem finds two links whose other side is the same.
func oneSystem(links []*link) (a, b *link) {
	for i, l := range links {
		for _, other := range links[:i] {
			if l.system == other.system {
				return other, l
			}
		}
	}
	return nil, nil
}

func receiver(links []*link) transport.Receiver {
	if len(links) == 1 {
		return links[0].Conn
	}
	return links[0].Spanning(conns(links[1:])...)
}

func conns(links []*link) []*transport.Conn {
	all := make([]*transport.Conn, len(links))
	for i, l := range links {
		all[i] = l.Conn
	}
	return all
}
