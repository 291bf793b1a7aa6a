// Package amqpwire carries polywire over RabbitMQ, in AMQP 0-9-1.
//
//	Send ─────▶ default exchange ─▶ pw.q.<destination>, durable ────▶ Handle
//	Request ──▶ default exchange ─▶ pw.r.<destination>, while there are handlers ─▶ Handle
//	   ▲                                                              │
//	   └── pw.reply.<random>, exclusive ◀── default exchange ◀── Reply┘
//	Publish ──▶ pw.topic ─┬─▶ pw.g.<group>.<pattern>, durable ──▶ Subscribe WithGroup
//	                      └─▶ pw.s.<random> ────────────────────▶ Subscribe
//
// A publish is confirmed by the broker before the verb returns, with many on
// their way at once. What a dying consumer had not settled is delivered again.
// Clients in any language take part by the same names: docs/wire/amqp.md.
//
// One supervisor remakes the connections and everything on them. Lock order:
// adapter.mu before binding.mu before attachment.mu; none is held while the
// library or the core is waited for.
package amqpwire

import (
	"context"
	"errors"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/polywire/polywire/internal/reconnect"
	"github.com/polywire/polywire/transport"
)

// Factory opens connections to RabbitMQ by URLs as
// amqp://user:password@host:5672/vhost, or amqps:// for TLS. Options: prefix,
// queue (auto, quorum, classic), single, expires, window, heartbeat,
// connect-timeout, ca, cert, key, servername, insecure; docs/wire/amqp.md explains them.
func Factory() transport.Factory {
	return transport.Factory{
		Name:    "amqp",
		Schemes: []string{"amqp", "amqps"},
		Features: func(u *url.URL) (transport.Features, error) {
			o, err := parseOptions(u)
			if err != nil {
				return transport.Features{}, err
			}
			return o.features(), nil
		},
		Open: open,
	}
}

type adapter struct {
	opts       *options
	names      names
	setup      transport.Setup
	limit      uint64 // the largest body that is read from the wire
	tasks      tasks  // the watch of every session; Close waits for it
	supervisor *reconnect.Supervisor[*session]

	leaving atomic.Bool // set by Close: what is settled afterwards is stale, since the handler was interrupted

	mu       sync.Mutex // guards the fields below
	bindings map[*binding]struct{}
	closed   bool
}

func open(ctx context.Context, setup transport.Setup) (transport.Adapter, error) {
	o, err := parseOptions(setup.URL)
	if err == nil {
		err = o.readFiles()
	}
	if err != nil {
		return nil, err
	}
	a := &adapter{
		opts: o, names: names{o.prefix}, setup: setup,
		limit: uint64(max(maxBody, setup.MaxBody)), bindings: make(map[*binding]struct{}),
	}
	first, err := a.dial(ctx)
	if err != nil {
		return nil, err
	}
	a.supervisor = reconnect.Start(first, reconnect.Config[*session]{Dial: a.dial, Told: setup.Connected})
	return a, nil
}

// Features are those that the URL's options ask for.
func (a *adapter) Features() transport.Features { return a.opts.features() }

// dial makes a session with all bindings in effect.
func (a *adapter) dial(ctx context.Context) (*session, error) {
	s, err := openSession(ctx, a.opts, a.limit)
	if err != nil {
		return nil, err
	}
	if !a.tasks.start(s.watch) {
		s.fail(transport.ErrClosed, time.Now())
		s.end()
		return nil, transport.ErrClosed
	}
	if err := a.restore(ctx, s); err != nil {
		s.fail(err, time.Now().Add(closeGrace))
		return nil, err
	}
	return s, nil
}

// restore brings every binding back, side by side. One that the broker refuses for good is lost, one that gets no
// answer in time, as from a queue without a leader, goes on alone, unless it is for replies: a request whose reply has
// nowhere to go is not written. Any other failure fails the session.
func (a *adapter) restore(ctx context.Context, s *session) error {
	ctx, cancel := context.WithTimeout(ctx, a.opts.connectTimeout)
	defer cancel()
	all := a.allBindings()
	results := make(chan error, len(all)) // written once for each binding
	for _, b := range all {
		go func() { results <- a.restoreOne(ctx, s, b) }() // waited for below
	}
	var failed error
	for range all {
		if err := <-results; err != nil && failed == nil {
			failed = err
			cancel()
		}
	}
	return failed
}

func (a *adapter) restoreOne(ctx context.Context, s *session, b *binding) error {
	err := b.attach(ctx, s)
	switch {
	case err == nil:
		return nil
	case permanent(err):
		b.lose(err)
		return nil
	case errors.Is(ctx.Err(), context.DeadlineExceeded) && b.spec.Kind != transport.KindReply && !ended(s):
		s.tasks.start(func() { b.reattach(s) })
		return nil
	}
	return err
}

func (a *adapter) allBindings() []*binding {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make([]*binding, 0, len(a.bindings))
	for b := range a.bindings {
		all = append(all, b)
	}
	return all
}

// session returns the live session, and waits for one within ctx.
func (a *adapter) session(ctx context.Context) (*session, error) {
	s, err := a.supervisor.Get(ctx)
	if errors.Is(err, reconnect.ErrClosed) {
		err = transport.ErrClosed
	}
	return s, err
}

// inSession runs f in the live session. When that turns out to be lost and l is
// not written, another session can take it: f runs again in the next.
func (a *adapter) inSession(ctx context.Context, l *letter, f func(*session) error) error {
	for {
		s, err := a.session(ctx)
		if err != nil {
			return err
		}
		if err = f(s); err == nil || l.wrote || !lostWith(err) {
			return err
		}
		select {
		case <-s.done: // the library has told, or is about to
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Bind starts consuming. A binding that is made while the connection is remade waits for it.
func (a *adapter) Bind(ctx context.Context, spec transport.Binding, sink transport.Sink) (transport.Bound, error) {
	b := newBinding(a, spec, sink)
	if err := a.register(b); err != nil {
		return nil, err
	}
	for {
		s, err := a.session(ctx)
		if err == nil {
			err = b.attach(ctx, s)
		}
		if err == nil {
			return b, nil
		}
		if s != nil && ctx.Err() == nil && ended(s) {
			continue // the session was lost meanwhile: the next one, or none by Close
		}
		b.stop()
		return nil, err
	}
}

func ended(s *session) bool {
	select {
	case <-s.done:
		return true
	default:
		return false
	}
}

func (a *adapter) register(b *binding) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return transport.ErrClosed
	}
	a.bindings[b] = struct{}{}
	return nil
}

// Ping makes one round trip to the broker.
func (a *adapter) Ping(ctx context.Context) error {
	s, live := a.supervisor.Current()
	if !live {
		return errSessionClosed
	}
	return s.declare(ctx, func(ch *amqp.Channel) error {
		return ch.ExchangeDeclarePassive(a.names.topic(), amqp.ExchangeTopic, true, false, false, false, nil)
	})
}

// Close ends all bindings and both connections; what was delivered and not settled returns to its queue.
func (a *adapter) Close(ctx context.Context) error {
	a.leaving.Store(true)
	a.mu.Lock()
	a.closed = true
	a.mu.Unlock()
	all := a.allBindings()
	for _, b := range all {
		b.stop()
	}
	if s, live := a.supervisor.Close(); live {
		a.takeLeave(ctx, s, all)
		s.fail(transport.ErrClosed, goodbye(ctx))
	}
	return a.tasks.wait(ctx)
}

// takeLeave ends the consumers, and deletes the queues that nobody else needs, so that requests are refused at once.
func (a *adapter) takeLeave(ctx context.Context, s *session, all []*binding) {
	ctx, cancel := context.WithDeadline(ctx, goodbye(ctx))
	defer cancel()
	var wg sync.WaitGroup
	for _, b := range all {
		wg.Go(func() { b.leave(ctx, s) })
	}
	wg.Wait()
}

// goodbye is until when the broker may answer: a part of what ctx leaves, so that Close ends within it.
func goodbye(ctx context.Context) time.Time {
	grace := closeGrace
	if deadline, ok := ctx.Deadline(); ok {
		grace = min(grace, time.Until(deadline)/2)
	}
	return time.Now().Add(grace)
}
