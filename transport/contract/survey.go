package contract

import (
	"context"
	"iter"

	"github.com/polywire/polywire/transport"
)

// A Survey asks every subscription and collects what they answer.
type Survey[Req, Resp any] struct{ s *spec }

// NewSurvey declares a survey. Req and Resp are what messages hold, or None.
func NewSurvey[Req, Resp any](destination string, opts ...Option) *Survey[Req, Resp] {
	return &Survey[Req, Resp]{newSpec[Req, Resp](styleSurvey, destination, opts)}
}

// Destination is where its messages go.
func (s *Survey[Req, Resp]) Destination() string { return s.s.destination }

func (s *Survey[Req, Resp]) spec() *spec { return s.s }

// On resolves codec, route and plan once, for calls on bus; see [Method.On].
func (s *Survey[Req, Resp]) On(bus Bus) *Gatherer[Req, Resp] {
	return &Gatherer[Req, Resp]{s.s.on(bus)}
}

// Subscribe answers the survey with h, as [transport.Conn.Subscribe] does. A
// reply of nil is no answer.
func (s *Survey[Req, Resp]) Subscribe(ctx context.Context, bus Bus, h func(context.Context, *Req) (*Resp, error),
	opts ...transport.BindOption) (*transport.Subscription, error) {
	p := s.s.on(bus)
	if err := p.ready("subscribe", h != nil); err != nil {
		return nil, err
	}
	return bus.Subscribe(ctx, s.s.destination, serve(p, h), opts...)
}

// A Gatherer asks a [Survey] on one bus. It is safe for concurrent use; make it once and keep it.
type Gatherer[Req, Resp any] struct{ p *plan }

// With returns a Gatherer whose messages edit may change before they are sent; see [Requester.With].
func (g *Gatherer[Req, Resp]) With(edit func(*transport.Message)) *Gatherer[Req, Resp] {
	return &Gatherer[Req, Resp]{g.p.with(edit)}
}

// Gather publishes in and returns a handle that collects the answers, as [transport.Conn.Gather] does.
func (g *Gatherer[Req, Resp]) Gather(ctx context.Context, in *Req, opts ...transport.CallOption) (*Gathering[Resp], error) {
	out, err := g.p.write("gather", in, in == nil)
	if err != nil {
		return nil, err
	}
	gathering, err := g.p.bus.Gather(ctx, &out.msg, g.p.callOptions(opts)...)
	g.p.recycle(out)
	if err != nil {
		return nil, err
	}
	return &Gathering[Resp]{gathering, g.p}, nil
}

// A Gathering collects the answers to one Gather; see [transport.Gathering].
type Gathering[Resp any] struct {
	gathering *transport.Gathering
	p         *plan
}

// A Result is one answer to a Gather.
type Result[Resp any] struct {
	From  string // which subscription answered; unique in one Gather
	Value *Resp  // the answer; nil when Err is set
	Err   error  // what the handler failed with, or CodeInternal for an answer that cannot be read
}

// All yields the answers as they come, until the Gathering has ended and all are given.
func (g *Gathering[Resp]) All() iter.Seq[Result[Resp]] {
	return func(yield func(Result[Resp]) bool) {
		for r := range g.gathering.All() {
			value, err := receive[Resp](g.p, "gather", r.Message, r.Err)
			if !yield(Result[Resp]{r.From, value, err}) {
				return
			}
		}
	}
}

// Reason tells why the Gathering ended; "" while it goes on.
func (g *Gathering[Resp]) Reason() string { return g.gathering.Reason() }

// Close ends the Gathering; answers that came already can still be ranged over.
func (g *Gathering[Resp]) Close() { g.gathering.Close() }
