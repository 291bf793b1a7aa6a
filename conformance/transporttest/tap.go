package transporttest

import (
	"context"

	"github.com/polywire/polywire/transport"
)

// through passes on the optional methods that a Conn looks for on an Adapter.
type through struct{ transport.Adapter }

func (t through) Ping(ctx context.Context) error {
	if p, ok := t.Adapter.(interface{ Ping(context.Context) error }); ok {
		return p.Ping(ctx)
	}
	return nil
}

func (t through) Addr() string {
	if a, ok := t.Adapter.(interface{ Addr() string }); ok {
		return a.Addr()
	}
	return ""
}

func (t through) Leave() func(context.Context) {
	if l, ok := t.Adapter.(interface{ Leave() func(context.Context) }); ok {
		return l.Leave()
	}
	return func(context.Context) {}
}

// WithoutExchange wraps a Factory whose adapters carry requests and gathers
// themselves, so that they do not: the core's correlator then makes both of Send, Publish and a reply
// binding. It is the second adapter to run the suite on, for nothing.
func WithoutExchange(f transport.Factory) transport.Factory {
	open := f.Open
	f.Open = func(ctx context.Context, s transport.Setup) (transport.Adapter, error) {
		a, err := open(ctx, s)
		if err != nil {
			return nil, err
		}
		return plain{through{a}}, nil
	}
	return f
}

type plain struct{ through }

func (p plain) Features() transport.Features {
	f := p.Adapter.Features()
	f.CountsResponders, f.CancelsRemotely = false, false // the correlator can do neither
	f.DetectsNoHandlerOnRequest = f.DetectsNoHandler || f.DetectsNoHandlerOnRequest
	return f
}

func (p plain) Bind(ctx context.Context, b transport.Binding, sink transport.Sink) (transport.Bound, error) {
	return p.Adapter.Bind(ctx, b, tapSink{sink, func(d transport.Delivery) transport.Delivery { return plainDelivery{d} }})
}

// A plainDelivery has no Context, and answers no Gather with nothing.
type plainDelivery struct{ transport.Delivery }

// A tapSink changes deliveries on their way. One that becomes nil is not delivered.
type tapSink struct {
	transport.Sink
	change func(transport.Delivery) transport.Delivery
}

func (s tapSink) Deliver(d transport.Delivery) {
	if d = s.change(d); d != nil {
		s.Sink.Deliver(d)
	}
}

// hooks are the places where a seeded fault takes hold of an adapter. Each gets
// what it stands in front of as next, and may be nil.
type hooks struct {
	out     func(e *transport.Envelope) // changes a copy of all that goes out: Send, Publish, Request, Gather
	send    func(ctx context.Context, e *transport.Envelope, next write) error
	publish func(ctx context.Context, e *transport.Envelope, next write) error
	request func(ctx context.Context, e *transport.Envelope, next exchange) (*transport.Envelope, error)
	bind    func(ctx context.Context, b transport.Binding, sink transport.Sink, next bind) (transport.Bound, error)
	deliver func(b transport.Binding, d transport.Delivery) transport.Delivery
	close   func(ctx context.Context, next func(context.Context) error) error
	silent  bool // Leave is not passed on
}

type (
	write    func(ctx context.Context, e *transport.Envelope) error
	exchange func(ctx context.Context, e *transport.Envelope) (*transport.Envelope, error)
	bind     func(ctx context.Context, b transport.Binding, sink transport.Sink) (transport.Bound, error)
)

// A tap is an adapter with hooks.
type tap struct {
	through
	h *hooks
}

func (t *tap) Leave() func(context.Context) {
	if t.h.silent {
		return func(context.Context) {}
	}
	return t.through.Leave()
}

// newTap keeps what a can do: it is an Exchange if a is.
func newTap(a transport.Adapter, h *hooks) transport.Adapter {
	t := &tap{through{a}, h}
	if x, ok := a.(transport.Exchange); ok {
		return &tapExchange{t, x}
	}
	return t
}

func (t *tap) outgoing(e *transport.Envelope) *transport.Envelope {
	if t.h.out == nil {
		return e
	}
	c := *e
	c.Header = e.Header.Clone()
	t.h.out(&c)
	return &c
}

func (t *tap) Send(ctx context.Context, e *transport.Envelope) error {
	e = t.outgoing(e)
	if t.h.send != nil {
		return t.h.send(ctx, e, t.Adapter.Send)
	}
	return t.Adapter.Send(ctx, e)
}

func (t *tap) Publish(ctx context.Context, e *transport.Envelope) error {
	e = t.outgoing(e)
	if t.h.publish != nil {
		return t.h.publish(ctx, e, t.Adapter.Publish)
	}
	return t.Adapter.Publish(ctx, e)
}

func (t *tap) Bind(ctx context.Context, b transport.Binding, sink transport.Sink) (transport.Bound, error) {
	if t.h.deliver != nil {
		sink = tapSink{sink, func(d transport.Delivery) transport.Delivery { return t.h.deliver(b, d) }}
	}
	if t.h.bind != nil {
		return t.h.bind(ctx, b, sink, t.Adapter.Bind)
	}
	return t.Adapter.Bind(ctx, b, sink)
}

func (t *tap) Close(ctx context.Context) error {
	if t.h.close != nil {
		return t.h.close(ctx, t.Adapter.Close)
	}
	return t.Adapter.Close(ctx)
}

type tapExchange struct {
	*tap
	x transport.Exchange
}

func (t *tapExchange) Request(ctx context.Context, e *transport.Envelope) (*transport.Envelope, error) {
	e = t.outgoing(e)
	if t.h.request != nil {
		return t.h.request(ctx, e, t.x.Request)
	}
	return t.x.Request(ctx, e)
}

func (t *tapExchange) Gather(ctx context.Context, e *transport.Envelope, reply func(*transport.Envelope)) error {
	return t.x.Gather(ctx, t.outgoing(e), reply)
}

// A tapped delivery has some of its methods replaced.
type tapped struct {
	transport.Delivery
	env     *transport.Envelope
	accept  func(context.Context) error
	release func(context.Context) error
	reply   func(context.Context, *transport.Envelope) error
}

// tapDelivery returns d with an Envelope of its own and nothing replaced yet.
func tapDelivery(d transport.Delivery) *tapped {
	e := *d.Envelope()
	return &tapped{Delivery: d, env: &e, accept: d.Accept, release: d.Release, reply: d.Reply}
}

func (t *tapped) Envelope() *transport.Envelope                          { return t.env }
func (t *tapped) Accept(ctx context.Context) error                       { return t.accept(ctx) }
func (t *tapped) Release(ctx context.Context) error                      { return t.release(ctx) }
func (t *tapped) Reply(ctx context.Context, e *transport.Envelope) error { return t.reply(ctx, e) }

// Context passes on what the delivery below has; nil is never ended.
func (t *tapped) Context() context.Context {
	if c, ok := t.Delivery.(interface{ Context() context.Context }); ok {
		return c.Context()
	}
	return nil
}
