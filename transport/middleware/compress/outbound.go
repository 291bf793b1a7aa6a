package compress

import (
	"context"
	"errors"
	"slices"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/internal/hooks"
)

// maxKept bounds the buffer that an outgoing keeps for the next call.
const maxKept = 64 << 10

// An outgoing is a message on its way and its compressed body. Verbs keep nothing
// of a message once they returned, so both serve the next call.
type outgoing struct {
	msg transport.Message
	buf []byte
}

// Outbound compresses what is sent and inflates what comes back, for [transport.WithOutbound].
func (m *Middleware) Outbound(next transport.Outbound) transport.Outbound {
	return func(ctx context.Context, op string, msg *transport.Message) (*transport.Message, error) {
		asks, with := m.asks(ctx, op, msg), m.packs(op, msg)
		if !asks && with == nil || !m.hasRoom(msg.Header) {
			return next(ctx, op, msg)
		}
		out := m.outgoing.Get().(*outgoing)
		out.msg = *msg
		if asks {
			m.offerIn(&out.msg.Header)
		}
		if with != nil {
			out.pack(with)
		}
		reply, err := next(ctx, op, &out.msg)
		m.recycle(out)
		if err != nil {
			if with != nil && errors.Is(err, transport.CodeInvalidArgument) {
				m.peers.forget(msg.Destination)
			}
			return nil, err
		}
		conn, _ := ctx.Value(hooks.Call{}).(bounded)
		return m.answered(msg.Destination, reply, m.most(conn))
	}
}

// asks reports whether msg is to say what its sender reads. The answers to a
// Gather come later, if the core lets us have them.
func (m *Middleware) asks(ctx context.Context, op string, msg *transport.Message) bool {
	switch op {
	case "request":
		return true
	case "gather":
		call, ok := ctx.Value(hooks.Call{}).(interface {
			bounded
			OnAnswer(func(*transport.Message) (*transport.Message, error))
		})
		if ok {
			destination, most := msg.Destination, m.most(call)
			call.OnAnswer(func(reply *transport.Message) (*transport.Message, error) {
				return m.answered(destination, reply, most)
			})
		}
		return ok
	}
	return false
}

// packs is what to compress msg with; nil is not at all. One subscriber that reads says nothing of the next.
func (m *Middleware) packs(op string, msg *transport.Message) encoding {
	switch {
	case !m.compresses(len(msg.Body)) || msg.Header.Has(encodingField):
		return nil
	case op == "request":
		if e := m.peers.of(msg.Destination); e != nil {
			return e
		}
	}
	if m.agreed {
		return m.own
	}
	return nil
}

// offerIn says in h what this side reads.
func (m *Middleware) offerIn(h *transport.Header) {
	if h.Len() == 0 {
		*h = m.plain.Clone()
		return
	}
	*h = h.Clone()
	h.Set(acceptField, m.offer)
}

// pack compresses the body, unless that makes it longer.
func (out *outgoing) pack(with encoding) {
	out.buf = with.compress(slices.Grow(out.buf[:0], len(out.msg.Body)/2), out.msg.Body)
	if len(out.buf) >= len(out.msg.Body) {
		return
	}
	out.msg.Body = out.buf
	out.msg.Header = out.msg.Header.Clone()
	out.msg.Header.Set(encodingField, with.name())
}

func (m *Middleware) recycle(out *outgoing) {
	out.msg = transport.Message{}
	if cap(out.buf) > maxKept {
		out.buf = nil
	}
	m.outgoing.Put(out)
}

// answered inflates a reply, which is the caller's, and learns what its sender reads.
func (m *Middleware) answered(destination string, reply *transport.Message, most int) (*transport.Message, error) {
	if reply == nil {
		return nil, nil
	}
	if reads := reply.Header.Get(acceptField); reads != "" {
		if reads != m.offer {
			m.peers.learn(destination, m.chosen(reads))
		}
		without(&reply.Header, acceptField)
	}
	if err := m.unpack(reply, most); err != nil {
		code := transport.CodeInternal // it is not the caller's argument that is wrong
		if errors.Is(err, transport.CodeResourceExhausted) {
			code = transport.CodeResourceExhausted
		}
		return nil, code.Errorf("the reply: %w", err)
	}
	return reply, nil
}
