package transporttest

import (
	"context"
	"errors"
	"sync"

	"github.com/polywire/polywire/transport"
)

// Outage wraps a Factory so that the connections of its adapters can be cut, and
// returns the Peer that cuts them. It stands for the other side where there is none,
// as in process: the core is told of the loss, calls fail, and bindings
// stay as they are. What a broker does to its own state it does not show.
func Outage(f transport.Factory) (transport.Factory, Peer) {
	o := &outage{adapters: make(map[*severed]struct{})}
	open := f.Open
	f.Open = func(ctx context.Context, s transport.Setup) (transport.Adapter, error) { return o.open(ctx, open, s) }
	return f, o
}

type outage struct {
	mu       sync.Mutex // guards the fields below
	down     bool
	adapters map[*severed]struct{}
}

var errCut = errors.New("the other side is gone")

// A severed adapter fails while its outage lasts, and calls in flight with it.
type severed struct {
	through
	o         *outage
	connected func(error)

	mu    sync.Mutex    // guards gone
	alive chan struct{} // closed by Kill, replaced by Restart
}

func (o *outage) open(ctx context.Context, open func(context.Context, transport.Setup) (transport.Adapter, error), s transport.Setup) (transport.Adapter, error) {
	o.mu.Lock()
	down := o.down
	o.mu.Unlock()
	if down {
		return nil, transport.CodeUnavailable.Errorf("%w", errCut)
	}
	a, err := open(ctx, s)
	if err != nil {
		return nil, err
	}
	v := &severed{through: through{a}, o: o, connected: s.Connected, alive: make(chan struct{})}
	o.mu.Lock()
	o.adapters[v] = struct{}{}
	o.mu.Unlock()
	if x, ok := a.(transport.Exchange); ok {
		return &severedExchange{v, x}, nil
	}
	return v, nil
}

func (o *outage) all(down bool) []*severed {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.down = down
	all := make([]*severed, 0, len(o.adapters))
	for v := range o.adapters {
		all = append(all, v)
	}
	return all
}

func (o *outage) Kill(context.Context) error {
	for _, v := range o.all(true) {
		v.mu.Lock()
		close(v.alive)
		v.mu.Unlock()
		v.connected(errCut)
	}
	return nil
}

func (o *outage) Restart(context.Context) error {
	for _, v := range o.all(false) {
		v.mu.Lock()
		v.alive = make(chan struct{})
		v.mu.Unlock()
		v.connected(nil)
	}
	return nil
}

// during runs call with a ctx that ends with the connection.
func (v *severed) during(ctx context.Context, call func(ctx context.Context) error) error {
	v.mu.Lock()
	alive := v.alive
	v.mu.Unlock()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	finished := make(chan struct{})
	defer close(finished)
	go func() { // ends with the call
		select {
		case <-alive:
			cancel()
		case <-finished:
		}
	}()
	err := call(ctx)
	select {
	case <-alive: // what came back at that moment did not come over the wire
		return transport.CodeUnavailable.Errorf("%w", errCut)
	default:
		return err
	}
}

func (v *severed) Send(ctx context.Context, e *transport.Envelope) error {
	return v.during(ctx, func(ctx context.Context) error { return v.Adapter.Send(ctx, e) })
}

func (v *severed) Publish(ctx context.Context, e *transport.Envelope) error {
	return v.during(ctx, func(ctx context.Context) error { return v.Adapter.Publish(ctx, e) })
}

func (v *severed) Close(ctx context.Context) error {
	v.o.mu.Lock()
	delete(v.o.adapters, v)
	v.o.mu.Unlock()
	return v.Adapter.Close(ctx)
}

type severedExchange struct {
	*severed
	x transport.Exchange
}

func (v *severedExchange) Request(ctx context.Context, e *transport.Envelope) (reply *transport.Envelope, err error) {
	err = v.during(ctx, func(ctx context.Context) error {
		reply, err = v.x.Request(ctx, e)
		return err
	})
	return reply, err
}

func (v *severedExchange) Gather(ctx context.Context, e *transport.Envelope, reply func(*transport.Envelope)) error {
	return v.x.Gather(ctx, e, reply)
}
