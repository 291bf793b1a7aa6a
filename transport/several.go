package transport

import (
	"context"
	"errors"
)

// Spanning returns a Receiver whose handlers and subscriptions are in effect on
// c and on all others: one Subscription, one bound of concurrency. Nothing tells apart what
// comes twice when two of them reach one system.
func (c *Conn) Spanning(others ...*Conn) Receiver {
	return spanning(append([]*Conn{c}, others...))
}

type spanning []*Conn

func (s spanning) Handle(ctx context.Context, destination string, h Handler, opts ...BindOption) (*Subscription, error) {
	return s.bind(KindQueue, h, opts, func(c *Conn, h Handler) (*Subscription, error) {
		return c.Handle(ctx, destination, h, opts...)
	})
}

func (s spanning) Subscribe(ctx context.Context, pattern string, h Handler, opts ...BindOption) (*Subscription, error) {
	return s.bind(KindTopic, h, opts, func(c *Conn, h Handler) (*Subscription, error) {
		return c.Subscribe(ctx, pattern, h, opts...)
	})
}

// bind makes one binding a Conn; when one fails it ends those before.
func (s spanning) bind(kind Kind, h Handler, opts []BindOption, one func(*Conn, Handler) (*Subscription, error)) (*Subscription, error) {
	h = sharing(kind, h, opts)
	var all *Subscription
	for _, c := range s {
		sub, err := one(c, h)
		switch {
		case err != nil && all != nil:
			ctx, cancel := context.WithTimeout(context.Background(), settleTime)
			defer cancel()
			_ = all.Close(ctx)
			return nil, err
		case err != nil:
			return nil, err
		case all == nil:
			all = sub
		default:
			all.also = append(all.also, sub.b)
		}
	}
	return all, nil
}

// sharing lets as many calls of h run at once, over all Conns, as one binding lets run.
func sharing(kind Kind, h Handler, opts []BindOption) Handler {
	o := defaultBindOptions(kind)
	for _, opt := range opts {
		opt(&o)
	}
	if h == nil || o.concurrency < 1 || o.concurrency > maxConcurrency {
		return h // bind refuses it
	}
	slots := make(chan struct{}, o.concurrency) // written by a call that begins, read by the same as it ends
	return func(ctx context.Context, msg *Message) (*Message, error) {
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		defer func() { <-slots }()
		return h(ctx, msg)
	}
}

// DrainWith drains c and others together, as Drain does each: none closes while a
// handler of another runs, which may still call through it.
func (c *Conn) DrainWith(ctx context.Context, others ...*Conn) error {
	if ctx == nil {
		return c.fail("drain", "", invalid("ctx is nil: pass context.Background() at least"))
	}
	ctx, cancel := drainTime(ctx)
	defer cancel()
	var draining []*Conn
	var errs []error
	for _, conn := range append([]*Conn{c}, others...) {
		if conn.startDraining() {
			draining = append(draining, conn)
		} else {
			errs = append(errs, conn.fail("drain", "", ErrClosed))
		}
	}
	for _, conn := range draining {
		conn.unbindAll(ctx)
	}
	for _, conn := range draining {
		if conn.working.Wait(ctx) != nil {
			errs = append(errs, conn.undrained())
		}
	}
	for _, conn := range draining {
		errs = append(errs, conn.Close())
	}
	return errors.Join(errs...)
}
