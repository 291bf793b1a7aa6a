package contract

import (
	"context"

	"github.com/polywire/polywire/transport"
)

// A Topic carries events to every subscription, and to one member of each group.
type Topic[T any] struct{ s *spec }

// NewTopic declares a topic. T is what its messages hold, or None.
func NewTopic[T any](destination string, opts ...Option) *Topic[T] {
	return &Topic[T]{newSpec[T, None](styleTopic, destination, opts)}
}

// Destination is where its messages go.
func (t *Topic[T]) Destination() string { return t.s.destination }

func (t *Topic[T]) spec() *spec { return t.s }

// On resolves codec, route and plan once, for calls on bus; see [Method.On].
func (t *Topic[T]) On(bus Bus) *Publisher[T] { return &Publisher[T]{t.s.on(bus)} }

// Subscribe gives h what is published, as [transport.Conn.Subscribe] does. What
// cannot be read goes to the dead letters, and h is not entered.
func (t *Topic[T]) Subscribe(ctx context.Context, bus Bus, h func(context.Context, *T) error,
	opts ...transport.BindOption) (*transport.Subscription, error) {
	p := t.s.on(bus)
	if err := p.ready("subscribe", h != nil); err != nil {
		return nil, err
	}
	return bus.Subscribe(ctx, t.s.destination, serve(p, mute(h)), opts...)
}

// A Publisher publishes on a [Topic] on one bus. It is safe for concurrent use; make it once and keep it.
type Publisher[T any] struct{ p *plan }

// With returns a Publisher whose messages edit may change before they are sent; see [Requester.With].
func (p *Publisher[T]) With(edit func(*transport.Message)) *Publisher[T] {
	return &Publisher[T]{p.p.with(edit)}
}

// Publish gives in to every subscription, as [transport.Conn.Publish] does.
func (p *Publisher[T]) Publish(ctx context.Context, in *T, opts ...transport.CallOption) error {
	out, err := p.p.write("publish", in, in == nil)
	if err != nil {
		return err
	}
	err = p.p.bus.Publish(ctx, &out.msg, p.p.callOptions(opts)...)
	p.p.recycle(out)
	return err
}
