package transporttest

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/transport"
)

// Faults lists what [Mutate] seeds. Each rule that has an API is broken by one at least.
func Faults() []Fault {
	var all []Fault
	for _, group := range [][]Fault{styleFaults(), messageFaults(), timeFaults(), failureFaults(), settlementFaults(), orderFaults(), lifecycleFaults(), networkFaults(), strangerFaults(), accessFaults(), tlsFaults()} {
		all = append(all, group...)
	}
	return all
}

// every reports every nth call.
func every(n int64) func() bool {
	var count atomic.Int64
	return func() bool { return count.Add(1)%n == 0 }
}

// sending makes a fault of what happens to Send.
func sending(f func(ctx context.Context, e *transport.Envelope, next write) error) func() *hooks {
	return func() *hooks { return &hooks{send: f} }
}

// delivering makes a fault of what happens to each delivery.
func delivering(f func(b transport.Binding, d transport.Delivery) transport.Delivery) func() *hooks {
	return func() *hooks { return &hooks{deliver: f} }
}

// changing makes a fault of a change to each delivered envelope.
func changing(f func(e *transport.Envelope)) func() *hooks {
	return delivering(func(_ transport.Binding, d transport.Delivery) transport.Delivery {
		t := tapDelivery(d)
		f(t.env)
		return t
	})
}

// replying makes a fault of what happens to replies.
func replying(f func(ctx context.Context, e *transport.Envelope, next write) error) func() *hooks {
	return delivering(func(_ transport.Binding, d transport.Delivery) transport.Delivery {
		t := tapDelivery(d)
		t.reply = func(ctx context.Context, e *transport.Envelope) error {
			if e == nil {
				return d.Reply(ctx, nil)
			}
			c := *e
			return f(ctx, &c, d.Reply)
		}
		return t
	})
}

func styleFaults() []Fault {
	return append(append(acceptanceFaults(), replyFaults()...), []Fault{
		{Name: "also publishes what is sent", Rules: []string{"1.1"}, adapter: func() *hooks {
			var topics write
			return &hooks{
				publish: func(ctx context.Context, e *transport.Envelope, next write) error { return next(ctx, e) },
				bind: func(ctx context.Context, b transport.Binding, sink transport.Sink, next bind) (transport.Bound, error) {
					if b.Kind == transport.KindTopic && topics == nil {
						topics = func(_ context.Context, e *transport.Envelope) error { sink.Deliver(inMemory{e}); return nil }
					}
					return next(ctx, b, sink)
				},
				send: func(ctx context.Context, e *transport.Envelope, next write) error {
					if topics != nil {
						c := *e
						c.Message = *e.Message.Clone()
						_ = topics(ctx, &c)
					}
					return next(ctx, e)
				},
			}
		}},
		{Name: "doubles one message in seven", Rules: []string{"1.1"}, adapter: func() *hooks {
			seventh := every(7)
			return &hooks{send: func(ctx context.Context, e *transport.Envelope, next write) error {
				if seventh() {
					_ = next(ctx, e)
				}
				return next(ctx, e)
			}}
		}},
		{Name: "makes all subscriptions share their messages", Rules: []string{"1.2"}, adapter: func() *hooks {
			return &hooks{bind: func(ctx context.Context, b transport.Binding, sink transport.Sink, next bind) (transport.Bound, error) {
				if b.Kind == transport.KindTopic && b.Group == "" {
					b.Group = "all"
				}
				return next(ctx, b, sink)
			}}
		}},
		{Name: "gives every member of a group a copy", Rules: []string{"1.2"}, Except: "Groups", adapter: func() *hooks {
			return &hooks{bind: func(ctx context.Context, b transport.Binding, sink transport.Sink, next bind) (transport.Bound, error) {
				b.Group = ""
				return next(ctx, b, sink)
			}}
		}},
		{Name: "returns from Bind before it is in effect", Rules: []string{"1.3"}, adapter: func() *hooks {
			return &hooks{bind: bindLater}
		}},
		{Name: "delivers after Unbind", Rules: []string{"1.3"}, Cases: []string{"T243"}, adapter: func() *hooks {
			return &hooks{bind: func(ctx context.Context, b transport.Binding, sink transport.Sink, next bind) (transport.Bound, error) {
				bound, err := next(ctx, b, sink)
				if err != nil {
					return nil, err
				}
				return neverUnbound{bound}, nil
			}}
		}},
	}...)
}

func replyFaults() []Fault {
	return []Fault{
		{Name: "drops empty replies", Rules: []string{"1.4"}, adapter: replying(func(ctx context.Context, e *transport.Envelope, next write) error {
			if len(e.Body) == 0 && e.Err == nil {
				return nil
			}
			return next(ctx, e)
		})},
		{Name: "tells the handler of a Send that a reply is wanted", Rules: []string{"1.4"}, adapter: changing(func(e *transport.Envelope) {
			if e.Kind == transport.KindQueue && e.ReplyAddress == "" {
				e.ReplyAddress = "nowhere"
			}
		})},
		{Name: "gives all answers of a Gather one name", Rules: []string{"1.8"}, adapter: replying(func(ctx context.Context, e *transport.Envelope, next write) error {
			e.Responder = "everybody"
			return next(ctx, e)
		})},
		{Name: "loses errors among the answers of a Gather", Rules: []string{"1.8"}, adapter: delivering(func(b transport.Binding, d transport.Delivery) transport.Delivery {
			t := tapDelivery(d)
			t.reply = func(ctx context.Context, e *transport.Envelope) error {
				if b.Kind == transport.KindTopic && e != nil && e.Err != nil {
					return nil
				}
				return d.Reply(ctx, e)
			}
			return t
		})},
		{Name: "ends a Gather by the bound that it was not given", Rules: []string{"1.8"}, conn: func(c Conn) Conn { return withoutCallOptions{c} }},
		{Name: "keeps the slot of a deferred message", Rules: []string{"1.9"}, options: inboundFault(keepSlot)},
		{Name: "lets ctx of RequestAsync bound nothing", Rules: []string{"1.10"}, conn: func(c Conn) Conn { return unboundedAsync{c} }},
		{Name: "does not hear Future.Cancel", Rules: []string{"1.10"}, Cases: []string{"T218"}, options: outboundFault(deafToCancel)},
	}
}

func acceptanceFaults() []Fault {
	return []Fault{
		{Name: "drops one message in seven and reports success", Rules: []string{"1.5", "1.1"}, adapter: func() *hooks {
			seventh := every(7)
			return &hooks{send: func(ctx context.Context, e *transport.Envelope, next write) error {
				if seventh() {
					return nil
				}
				return next(ctx, e)
			}}
		}},
		{Name: "returns nil after ctx has ended", Rules: []string{"1.5"}, conn: func(c Conn) Conn { return deafToCtx{c} }},
		{Name: "fails a Publish without subscribers", Rules: []string{"1.5"}, Cases: []string{"T007"}, adapter: func() *hooks {
			var bound atomic.Bool
			return &hooks{
				bind: func(ctx context.Context, b transport.Binding, sink transport.Sink, next bind) (transport.Bound, error) {
					bound.Store(true)
					return next(ctx, b, sink)
				},
				publish: func(ctx context.Context, e *transport.Envelope, next write) error {
					if !bound.Load() {
						return transport.ErrNoHandler
					}
					return next(ctx, e)
				},
			}
		}},
		{Name: "calls an acceptance that it lacks granted", Rules: []string{"1.5", "4.1"}, Cases: []string{"T006", "T222"}, conn: func(c Conn) Conn { return withoutCallOptions{c} }},
		{Name: "hides that nobody handles a destination", Rules: []string{"1.6"}, Except: "DetectsNoHandlerOnRequest", adapter: func() *hooks {
			return &hooks{send: hideNobody, request: func(ctx context.Context, e *transport.Envelope, next exchange) (*transport.Envelope, error) {
				reply, err := next(ctx, e)
				if errors.Is(err, transport.ErrNoHandler) {
					<-ctx.Done()
					err = ctx.Err()
				}
				return reply, err
			}}
		}},
		{Name: "calls what it cannot send while away a success", Rules: []string{"1.7"}, conn: func(c Conn) Conn { return optimist{c} }},
		{Name: "ignores WithFailFast", Rules: []string{"1.7"}, Cases: []string{"T136"}, conn: func(c Conn) Conn { return withoutCallOptions{c} }},
		{Name: "does not wait for the connection", Rules: []string{"1.7"}, Cases: []string{"T136"}, conn: func(c Conn) Conn { return impatient{c} }},
	}
}

func hideNobody(ctx context.Context, e *transport.Envelope, next write) error {
	err := next(ctx, e)
	if errors.Is(err, transport.ErrNoHandler) {
		return nil
	}
	return err
}

// An inMemory delivery needs no settlement.
type inMemory struct{ e *transport.Envelope }

func (d inMemory) Envelope() *transport.Envelope                    { return d.e }
func (d inMemory) Reply(context.Context, *transport.Envelope) error { return nil }
func (d inMemory) Extend(context.Context) error                     { return nil }
func (d inMemory) Accept(context.Context) error                     { return nil }
func (d inMemory) Release(context.Context) error                    { return nil }

// bindLater returns at once and binds a little later.
func bindLater(ctx context.Context, b transport.Binding, sink transport.Sink, next bind) (transport.Bound, error) {
	if b.Kind == transport.KindReply {
		return next(ctx, b, sink)
	}
	l := &lateBound{done: make(chan struct{})}
	go func() { // Unbind waits for it
		defer close(l.done)
		t := time.NewTimer(5 * time.Millisecond)
		defer t.Stop()
		<-t.C
		later, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		l.bound, _ = next(later, b, sink)
	}()
	return l, nil
}

type lateBound struct {
	done  chan struct{} // closed once bound is set
	bound transport.Bound
}

func (l *lateBound) ReplyAddress() string { return "" }
func (l *lateBound) Unbind(ctx context.Context) error {
	<-l.done
	if l.bound == nil {
		return nil
	}
	return l.bound.Unbind(ctx)
}

type neverUnbound struct{ transport.Bound }

func (neverUnbound) Unbind(context.Context) error { return nil }

func outboundFault(f func(next transport.Outbound) transport.Outbound) func() []transport.Option {
	return func() []transport.Option { return []transport.Option{transport.WithOutbound(f)} }
}

func inboundFault(f func(next transport.Handler) transport.Handler) func() []transport.Option {
	return func() []transport.Option { return []transport.Option{transport.WithInbound(f)} }
}

// keepSlot returns only when a deferred message is answered.
func keepSlot(next transport.Handler) transport.Handler {
	return func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		reply, err := next(ctx, msg)
		d, deferred := msg.Defer()
		if deferred == nil { // the handler had not deferred: answer in its place
			_ = d.Reply(reply, err)
			return nil, nil
		}
		<-ctx.Done()
		return nil, nil
	}
}

// deafToCancel lets calls run to their deadline.
func deafToCancel(next transport.Outbound) transport.Outbound {
	return func(ctx context.Context, op string, msg *transport.Message) (*transport.Message, error) {
		deadline, _ := ctx.Deadline()
		deaf, cancel := context.WithDeadline(context.WithoutCancel(ctx), deadline)
		defer cancel()
		return next(deaf, op, msg)
	}
}

type withoutCallOptions struct{ Conn }

func (c withoutCallOptions) Send(ctx context.Context, m *transport.Message, _ ...transport.CallOption) error {
	return c.Conn.Send(ctx, m)
}

func (c withoutCallOptions) Request(ctx context.Context, m *transport.Message, _ ...transport.CallOption) (*transport.Message, error) {
	return c.Conn.Request(ctx, m)
}

func (c withoutCallOptions) Gather(ctx context.Context, m *transport.Message, _ ...transport.CallOption) (*transport.Gathering, error) {
	return c.Conn.Gather(ctx, m)
}

type unboundedAsync struct{ Conn }

func (c unboundedAsync) RequestAsync(ctx context.Context, m *transport.Message, opts ...transport.CallOption) (*transport.Future, error) {
	if ctx == nil || ctx.Err() != nil {
		return c.Conn.RequestAsync(ctx, m, opts...)
	}
	return c.Conn.RequestAsync(context.WithoutCancel(ctx), m, opts...)
}

type deafToCtx struct{ Conn }

func (c deafToCtx) Send(ctx context.Context, m *transport.Message, opts ...transport.CallOption) error {
	return c.deaf(ctx, c.Conn.Send(ctx, m, opts...))
}

func (c deafToCtx) Publish(ctx context.Context, m *transport.Message, opts ...transport.CallOption) error {
	return c.deaf(ctx, c.Conn.Publish(ctx, m, opts...))
}

func (c deafToCtx) deaf(ctx context.Context, err error) error {
	if ctx != nil && ctx.Err() != nil {
		return nil
	}
	return err
}

type optimist struct{ Conn }

func (c optimist) away() bool { return c.Conn.State() == "reconnecting" }

func (c optimist) Send(ctx context.Context, m *transport.Message, opts ...transport.CallOption) error {
	if c.away() {
		return nil
	}
	return c.Conn.Send(ctx, m, opts...)
}

func (c optimist) Request(ctx context.Context, m *transport.Message, opts ...transport.CallOption) (*transport.Message, error) {
	if c.away() {
		return &transport.Message{}, nil
	}
	return c.Conn.Request(ctx, m, opts...)
}

type impatient struct{ Conn }

func (c impatient) Request(ctx context.Context, m *transport.Message, opts ...transport.CallOption) (*transport.Message, error) {
	return c.Conn.Request(ctx, m, append(opts, transport.WithFailFast())...)
}

func (c impatient) Send(ctx context.Context, m *transport.Message, opts ...transport.CallOption) error {
	return c.Conn.Send(ctx, m, append(opts, transport.WithFailFast())...)
}
