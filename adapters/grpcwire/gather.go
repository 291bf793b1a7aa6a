package grpcwire

import (
	"context"
	"sync"

	"github.com/polywire/polywire/internal/homes"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
)

// Why a gather has ended, on the wire.
const (
	endComplete = 1 // every subscription has answered, or will not
	endDeadline = 2
)

// answers collects what subscriptions reply until the caller's stream has room.
type answers struct {
	mu   sync.Mutex
	list []*transport.Envelope
	all  bool          // no more can come
	wake chan struct{} // room for one; written by take, read by the visit
}

func (g *answers) take(e *transport.Envelope) {
	g.mu.Lock()
	if e == nil {
		g.all = true
	} else {
		g.list = append(g.list, e)
	}
	g.mu.Unlock()
	select {
	case g.wake <- struct{}{}:
	default:
	}
}

func (g *answers) next() ([]*transport.Envelope, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	list := g.list
	g.list = nil
	return list, g.all
}

// gather serves polywire.v1.Bus/Gather: an empty message once all subscriptions have it, then answers, many together under load, then why it ended.
func (v *visit) gather() error {
	e, in, err := v.message(access.Gather)
	if err != nil {
		in.free()
		return err
	}
	defer v.live(access.Gather, e.Destination)()
	ctx, cancel := v.timed(e)
	defer cancel()
	g := &answers{wake: make(chan struct{}, 1)}
	err = v.n.a.router.Gather(ctx, e, g.take)
	in.free() // the router took its copy
	if err != nil {
		return err
	}
	if err := v.stream.SendMsg(&payload{}); err != nil {
		return err
	}
	for {
		list, all := g.next()
		if err := v.sendAnswers(list); err != nil {
			return err
		}
		if all {
			return v.stream.SendMsg(&payload{data: appendNumber(nil, answersEnd, endComplete), owned: true})
		}
		select {
		case <-g.wake:
		case <-ctx.Done():
			if err := v.ended(); err != nil {
				return err
			}
			_ = v.stream.SendMsg(&payload{data: appendNumber(nil, answersEnd, endDeadline), owned: true}) // a caller that is gone needs no end
			return nil
		case <-v.n.closing:
			return transport.ErrClosed
		}
	}
}

func (v *visit) sendAnswers(list []*transport.Envelope) error {
	for len(list) > 0 {
		var b []byte
		n := 0
		for ; n < len(list) && len(b) < v.n.a.limits.batch; n++ {
			b = appendBytes(b, answersMessage, appendMessage(nil, list[n]))
		}
		if err := v.stream.SendMsg(&payload{data: b, owned: true}); err != nil {
			return err
		}
		list = list[n:]
	}
	return nil
}

// gatherFrom returns once the home has given the message to its subscriptions; the answers follow.
func (a *adapter) gatherFrom(ctx context.Context, home *peers, e *transport.Envelope, reply func(*transport.Envelope)) error {
	s, err := a.openGather(ctx, home, e)
	if err != nil {
		return err
	}
	if err := s.receive(&payload{}); err != nil { // the word that all subscriptions have it
		s.done()
		return err
	}
	if !a.spawn(func() { defer s.done(); a.collect(ctx, s, reply) }) {
		s.done()
		return transport.ErrClosed
	}
	return nil
}

// openGather opens the stream with e as its first message, at the first endpoint that can be reached.
func (a *adapter) openGather(ctx context.Context, home *peers, e *transport.Envelope) (*clientStream, error) {
	tries := home.Tries(e.Key, e.Idempotent)
	for {
		l, err := tries.Next(ctx)
		if err != nil {
			return nil, err
		}
		c, err := a.gathers.get(ctx, l.Conn)
		if err == nil {
			l.Done(homes.Answered)
			return a.newStream(ctx, c, busGather, appendMessage(nil, e))
		}
		if !tries.Again(ctx, l, unreached(ctx)) {
			return nil, err
		}
	}
}

// collect hands over answers until they end; the end of the connection alone ends nothing, since more may have been on the way.
func (a *adapter) collect(ctx context.Context, s *clientStream, reply func(*transport.Envelope)) {
	for ctx.Err() == nil {
		var in payload
		if s.receive(&in) != nil {
			return
		}
		if a.take(in.data, reply) {
			return
		}
	}
}

// take hands over the answers of one message, and reports whether it is the last.
func (a *adapter) take(b []byte, reply func(*transport.Envelope)) bool {
	for f := range fieldsOf(b) {
		switch f.number {
		case answersMessage:
			reply(a.gathered(f.bytes))
		case answersEnd:
			if f.value == endComplete {
				reply(nil)
			}
			return true
		}
	}
	return false
}

func (a *adapter) gathered(b []byte) *transport.Envelope {
	e, err := readMessage(b)
	if err == nil && len(e.Body) > a.setup.MaxBody {
		err = tooLarge(a.setup.MaxBody)
	}
	if err != nil {
		e = &transport.Envelope{Err: asError(err)}
	}
	e.Kind, e.Destination = transport.KindReply, ""
	return e
}
