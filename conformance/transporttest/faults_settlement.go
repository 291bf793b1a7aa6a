package transporttest

import (
	"context"
	"strings"
	"sync"

	"github.com/polywire/polywire/transport"
)

// oneWay makes a fault of how a handler of a one-way message ends.
func oneWay(change func(msg *transport.Message, err error) error) func() []transport.Option {
	return inboundFault(func(next transport.Handler) transport.Handler {
		return func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
			reply, err := next(ctx, msg)
			if !msg.ReplyWanted() {
				err = change(msg, err)
			}
			return reply, err
		}
	})
}

func settlementFaults() []Fault {
	isDead := func(e *transport.Envelope) bool { return strings.HasPrefix(e.Destination, "dead.") }
	return []Fault{
		{Name: "does not let a failed message come again", Rules: []string{"5.1"}, options: oneWay(func(*transport.Message, error) error { return nil })},
		{Name: "gives up at the first failure", Rules: []string{"5.1"}, options: oneWay(func(_ *transport.Message, err error) error {
			if err == nil {
				return nil
			}
			return transport.CodeInvalidArgument.Errorf("given up")
		})},
		{Name: "lets what was handled come again", Rules: []string{"5.1", "1.1"}, options: oneWay(func(msg *transport.Message, err error) error {
			if err == nil && msg.Attempt == 1 {
				return transport.CodeUnavailable.Errorf("once more")
			}
			return err
		})},
		{Name: "counts every attempt as the first", Rules: []string{"5.1"}, options: inboundFault(func(next transport.Handler) transport.Handler {
			return func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
				msg.Attempt = 1
				return next(ctx, msg)
			}
		})},
		{Name: "never accepts", Rules: []string{"5.1", "6.3", "5.4"}, adapter: delivering(func(_ transport.Binding, d transport.Delivery) transport.Delivery {
			t := tapDelivery(d)
			t.accept = func(context.Context) error { return nil }
			return t
		})},
		{Name: "loses dead letters", Rules: []string{"5.2"}, adapter: sending(func(ctx context.Context, e *transport.Envelope, next write) error {
			if isDead(e) {
				return nil
			}
			return next(ctx, e)
		})},
		{Name: "does not say why a message is dead", Rules: []string{"5.2"}, adapter: sending(func(ctx context.Context, e *transport.Envelope, next write) error {
			if isDead(e) {
				c := *e
				c.Header = transport.Header{}
				for _, f := range fieldsOf(e.Header) {
					if !strings.HasPrefix(f.key, "dead-") {
						c.Header.Add(f.key, f.value)
					}
				}
				e = &c
			}
			return next(ctx, e)
		})},
		{Name: "runs a request again that failed", Rules: []string{"5.3"}, options: inboundFault(func(next transport.Handler) transport.Handler {
			return func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
				reply, err := next(ctx, msg)
				if err != nil && msg.ReplyWanted() {
					reply, err = next(ctx, msg)
				}
				return reply, err
			}
		})},
		{Name: "calls a second settlement a success", Rules: []string{"5.4"}, Cases: []string{"T088", "T246"}, adapter: delivering(func(_ transport.Binding, d transport.Delivery) transport.Delivery {
			t := tapDelivery(d)
			t.accept = func(ctx context.Context) error {
				_ = d.Accept(ctx)
				return nil
			}
			t.release = func(ctx context.Context) error {
				_ = d.Release(ctx)
				return nil
			}
			return t
		})},
	}
}

func orderFaults() []Fault {
	return []Fault{
		{Name: "swaps two messages", Rules: []string{"6.1"}, Except: "OrderedByKey", adapter: swapTwo},
		{Name: "forgets keys on arrival", Rules: []string{"6.1"}, Except: "OrderedByKey", adapter: changing(func(e *transport.Envelope) { e.Key = "" })},
		{Name: "runs as many handlers as it likes", Rules: []string{"6.2"}, conn: func(c Conn) Conn { return concurrency{c, 1000} }},
		{Name: "runs one handler at a time", Rules: []string{"6.2"}, conn: func(c Conn) Conn { return concurrency{c, 1} }},
		{Name: "queues without bound", Rules: []string{"6.3"}, conn: func(c Conn) Conn { return boundless{c} }},
		{Name: "lets no handler call back", Rules: []string{"6.4"}, conn: func(c Conn) Conn { return &exclusive{Conn: c, turn: make(chan struct{}, 1)} }},
	}
}

// swapTwo lets each second message of a destination overtake the one before it.
func swapTwo() *hooks {
	var mu sync.Mutex
	held := map[string]*transport.Envelope{}
	return &hooks{send: func(ctx context.Context, e *transport.Envelope, next write) error {
		mu.Lock()
		before := held[e.Destination]
		if before == nil {
			c := *e
			c.Message = *e.Message.Clone()
			held[e.Destination] = &c
			mu.Unlock()
			return nil
		}
		delete(held, e.Destination)
		mu.Unlock()
		if err := next(ctx, e); err != nil {
			return err
		}
		return next(ctx, before)
	}}
}

// A concurrency Conn ignores what was asked for.
type concurrency struct {
	Conn
	n int
}

func (c concurrency) Handle(ctx context.Context, destination string, h transport.Handler, opts ...transport.BindOption) (*transport.Subscription, error) {
	return c.Conn.Handle(ctx, destination, h, append(opts, transport.WithConcurrency(c.n))...)
}

func (c concurrency) Subscribe(ctx context.Context, pattern string, h transport.Handler, opts ...transport.BindOption) (*transport.Subscription, error) {
	return c.Conn.Subscribe(ctx, pattern, h, append(opts, transport.WithConcurrency(c.n))...)
}

// A boundless Conn takes everything.
type boundless struct{ Conn }

func (b boundless) Send(ctx context.Context, m *transport.Message, opts ...transport.CallOption) error {
	if ctx == nil || m == nil || ctx.Err() != nil {
		return b.Conn.Send(ctx, m, opts...)
	}
	kept := m.Clone()
	go func() { _ = b.Conn.Send(context.WithoutCancel(ctx), kept, opts...) }() // ends with the library's own deadline
	return nil
}

// An exclusive Conn makes one request at a time.
type exclusive struct {
	Conn
	turn chan struct{} // capacity 1: written by a call that begins, read by the same as it ends
}

func (x *exclusive) Request(ctx context.Context, m *transport.Message, opts ...transport.CallOption) (*transport.Message, error) {
	if ctx == nil {
		return x.Conn.Request(ctx, m, opts...)
	}
	select {
	case x.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, transport.CodeDeadlineExceeded
	}
	defer func() { <-x.turn }()
	return x.Conn.Request(ctx, m, opts...)
}
