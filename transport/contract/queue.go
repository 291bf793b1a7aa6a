package contract

import (
	"context"

	"github.com/polywire/polywire/transport"
)

// A Queue carries one-way notifications, each to one handler.
type Queue[T any] struct{ s *spec }

// NewQueue declares a queue. T is what its messages hold, or None.
func NewQueue[T any](destination string, opts ...Option) *Queue[T] {
	return &Queue[T]{newSpec[T, None](styleQueue, destination, opts)}
}

// Destination is where its messages go.
func (q *Queue[T]) Destination() string { return q.s.destination }

func (q *Queue[T]) spec() *spec { return q.s }

// On resolves codec, route and plan once, for calls on bus; see [Method.On].
func (q *Queue[T]) On(bus Bus) *Sender[T] { return &Sender[T]{q.s.on(bus)} }

// Handle serves the queue with h, as [transport.Conn.Handle] does. What cannot
// be read goes to the dead letters, and h is not entered; its own errors settle
// the message by their code.
func (q *Queue[T]) Handle(ctx context.Context, bus Bus, h func(context.Context, *T) error,
	opts ...transport.BindOption) (*transport.Subscription, error) {
	p := q.s.on(bus)
	if err := p.ready("handle", h != nil); err != nil {
		return nil, err
	}
	return bus.Handle(ctx, q.s.destination, serve(p, mute(h)), opts...)
}

// mute makes a handler that never answers.
func mute[T any](h func(context.Context, *T) error) func(context.Context, *T) (*None, error) {
	return func(ctx context.Context, in *T) (*None, error) { return nil, h(ctx, in) }
}

// A Sender sends to a [Queue] on one bus. It is safe for concurrent use; make it once and keep it.
type Sender[T any] struct{ p *plan }

// With returns a Sender whose messages edit may change before they are sent; see [Requester.With].
func (s *Sender[T]) With(edit func(*transport.Message)) *Sender[T] {
	return &Sender[T]{s.p.with(edit)}
}

// Send sends in to one handler, as [transport.Conn.Send] does.
func (s *Sender[T]) Send(ctx context.Context, in *T, opts ...transport.CallOption) error {
	out, err := s.p.write("send", in, in == nil)
	if err != nil {
		return err
	}
	err = s.p.bus.Send(ctx, &out.msg, s.p.callOptions(opts)...)
	s.p.recycle(out)
	return err
}
