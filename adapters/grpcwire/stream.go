package grpcwire

import (
	"context"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
)

// attach serves polywire.v1.Bus/Attach: a subscription, or a handler of another process where the node's options let it.
//
// Three goroutines serve it, as a message that the visitor does not take blocks its writer until this one returns.
func (v *visit) attach() error {
	b, err := v.opening()
	if err != nil {
		return err
	}
	verb := access.Subscribe
	if b.Kind == transport.KindQueue {
		verb = access.Handle
	}
	defer v.live(verb, b.Pattern)()
	out := attach.NewOutlet()
	bound, err := v.n.a.router.Bind(v.ctx, b, out)
	if err != nil {
		return err
	}
	if b.Kind == transport.KindQueue {
		defer v.n.health.bound(b.Pattern)()
	}
	s := &stream{v: v, out: out, bound: bound, wrote: make(chan struct{}, 1), ended: make(chan error, 2), over: make(chan struct{})}
	defer s.end()
	if err := s.send(nil); err != nil { // the word that the binding is in effect
		return err
	}
	v.n.serving.Add(2) // of this visit, which has entered
	go func() { defer v.n.serving.Done(); s.ended <- s.write() }()
	go func() { defer v.n.serving.Done(); s.ended <- s.read() }()
	return s.watch()
}

// opening reads what the visitor wants, which is its first message.
func (v *visit) opening() (transport.Binding, error) {
	var in payload
	if err := v.stream.RecvMsg(&in); err != nil {
		return transport.Binding{}, err
	}
	b, err := readOpening(in.data)
	switch {
	case err != nil:
		return b, err
	case b.Credit <= 0:
		return b, invalid("credit: say how many messages may be unsettled at once")
	case b.Group != "" && (len(b.Group) > 48 || strings.Contains(b.Group, ".") || transport.CheckDestination(b.Group) != nil):
		return b, invalid("group %.64q: use 1 to 48 of [A-Za-z0-9_-]", b.Group)
	case b.Kind == transport.KindQueue && taken(b.Pattern):
		return b, takenError(b.Pattern)
	}
	b.Credit = min(b.Credit, v.n.a.limits.credit)
	return b, v.attaches(&b)
}

// A stream is one attachment of a visitor.
type stream struct {
	v     *visit
	out   *attach.Outlet
	bound transport.Bound
	wrote chan struct{} // room for one; written by write for each batch, read by watch
	ended chan error    // room for both goroutines
	over  chan struct{} // closed by end
}

var errSlow = errors.New("the visitor does not take what it is sent")

// watch returns when the visitor is gone, is too slow, or wants no more.
func (s *stream) watch() error {
	slow := time.NewTimer(s.v.n.a.limits.ping + s.v.n.a.limits.write)
	defer slow.Stop()
	for {
		select {
		case <-s.wrote:
			slow.Reset(s.v.n.a.limits.ping + s.v.n.a.limits.write)
		case <-slow.C:
			return transport.CodeUnavailable.Errorf("%w", errSlow)
		case err := <-s.ended:
			return err
		case <-s.v.ctx.Done():
			return s.v.ended()
		case <-s.v.n.closing:
			return transport.ErrClosed
		}
	}
}

// end ends deliveries before what is left goes back.
func (s *stream) end() {
	close(s.over)
	_ = s.bound.Unbind(context.Background()) // waits for Deliver alone, which does not block
	s.out.End()
}

// write sends batches until the visitor wants no more.
func (s *stream) write() error {
	tick := time.NewTicker(s.v.n.a.limits.ping)
	defer tick.Stop()
	for {
		items, over := s.out.Take()
		for len(items) > 0 {
			b, n := appendItems(nil, items, s.v.n.a.limits.batch)
			if err := s.send(b); err != nil {
				return err
			}
			items = items[n:]
		}
		if over {
			return nil
		}
		select {
		case <-s.out.Wake():
		case <-tick.C:
			if err := s.send(nil); err != nil {
				return err
			}
		case <-s.over:
			return nil
		}
	}
}

func (s *stream) send(b []byte) error {
	err := s.v.stream.SendMsg(&payload{data: b, owned: true})
	select {
	case s.wrote <- struct{}{}:
	default:
	}
	return err
}

// read takes settlements and answers until the visitor sends no more.
func (s *stream) read() error {
	for {
		var in payload
		if err := s.v.stream.RecvMsg(&in); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		if err := s.take(in.data); err != nil {
			return err
		}
	}
}

func (s *stream) take(b []byte) error {
	told, answers, err := readTold(b)
	if err != nil {
		return err
	}
	for _, a := range answers {
		reply, err := readMessage(a.message)
		if err != nil {
			reply = &transport.Envelope{Err: asError(err)}
		}
		if len(reply.Body) > s.v.n.a.setup.MaxBody {
			reply = &transport.Envelope{Err: asError(tooLarge(s.v.n.a.setup.MaxBody))}
		}
		_ = s.out.Answer(a.number, reply) // nobody waits any more, then
	}
	if told.Stop {
		if err := s.bound.Unbind(s.v.ctx); err != nil {
			return err
		}
	}
	s.out.Apply(told)
	return nil
}

// link serves polywire.v1.Bus/Link: signs of life as long as the node lives.
func (v *visit) link() error {
	if err := v.receive(&payload{}); err != nil {
		return err
	}
	tick := time.NewTicker(v.n.a.limits.ping)
	defer tick.Stop()
	for {
		if err := v.stream.SendMsg(&payload{}); err != nil {
			return nil // the visitor is gone
		}
		select {
		case <-tick.C:
		case <-v.ctx.Done():
			return nil
		case <-v.n.closing:
			return transport.ErrClosed
		}
	}
}
