package compress

import (
	"context"
	"errors"
	"slices"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/internal/hooks"
)

// Inbound inflates what arrives and compresses what is answered, for [transport.WithInbound].
func (m *Middleware) Inbound(next transport.Handler) transport.Handler {
	return func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		in, _ := ctx.Value(hooks.Handling{}).(handling)
		most := m.most(in)
		var wanted wish
		if msg.ReplyWanted() {
			wanted = m.wanted(msg)
			without(&msg.Header, acceptField)
		}
		if err := m.unpack(msg, most); err != nil {
			return nil, err
		}
		if wanted.with == nil {
			return next(ctx, msg)
		}
		if in != nil {
			in.OnDeferred(m)
		}
		reply, err := next(ctx, msg)
		if err != nil || reply == nil || len(reply.Body) > most {
			return reply, err // the core refuses what is too large
		}
		return m.answer(wanted, reply), nil
	}
}

// A handling is what the core tells of the message that is being handled.
type handling interface {
	bounded
	OnDeferred(interface {
		Deferred(msg, reply *transport.Message) (*transport.Message, error)
	})
}

// A bounded is what has the limit of a Conn.
type bounded interface{ MaxBody() int }

// most is what a body may be once it is inflated: the limit here or of the Conn, the lower one.
func (m *Middleware) most(conn bounded) int {
	if conn == nil {
		return m.limit
	}
	return min(m.limit, conn.MaxBody())
}

// without takes key out of h, without an allocation where nothing else is in it, as most often.
func without(h *transport.Header, key string) {
	if h.Len() == 1 && h.Has(key) {
		*h = transport.Header{}
		return
	}
	h.Del(key)
}

// Deferred compresses a reply to msg, as it came, that is given after its handler has returned. The core calls it.
func (m *Middleware) Deferred(msg, reply *transport.Message) (*transport.Message, error) {
	if wanted := m.wanted(msg); wanted.with != nil {
		return m.answer(wanted, reply), nil
	}
	return reply, nil
}

// A wish is what the sender of a request reads.
type wish struct {
	with  encoding // nil is nothing that is known here
	tells bool     // he sent plainly what he could have compressed, so he is told that he may
}

func (m *Middleware) wanted(msg *transport.Message) wish {
	accept := msg.Header.Get(acceptField)
	if accept == "" {
		return wish{}
	}
	return wish{m.chosen(accept), m.compresses(len(msg.Body)) && !msg.Header.Has(encodingField)}
}

// answer returns a copy of reply that is compressed, or that tells the caller
// what is read here, or reply itself where neither is worth it.
func (m *Middleware) answer(w wish, reply *transport.Message) *transport.Message {
	packs := m.compresses(len(reply.Body)) && !reply.Header.Has(encodingField)
	if !packs && !w.tells || !m.hasRoom(reply.Header) {
		return reply
	}
	out := *reply
	out.Header = reply.Header.Clone()
	out.Header.Set(acceptField, m.told)
	if packs {
		m.packReply(w.with, &out)
	}
	return &out
}

// packReply compresses into a buffer that is used again, and copies: nobody tells when the reply has been written.
func (m *Middleware) packReply(with encoding, reply *transport.Message) {
	scratch := m.outgoing.Get().(*outgoing)
	defer m.recycle(scratch)
	scratch.buf = with.compress(slices.Grow(scratch.buf[:0], len(reply.Body)/2), reply.Body)
	if len(scratch.buf) >= len(reply.Body) {
		return
	}
	reply.Body = append(make([]byte, 0, len(scratch.buf)), scratch.buf...)
	reply.Header.Set(encodingField, with.name())
}

// unpack inflates the body of msg, which is written to, into memory of its own.
func (m *Middleware) unpack(msg *transport.Message, most int) error {
	name := msg.Header.Get(encodingField)
	if isPlain(name) {
		return nil
	}
	if len(msg.Header.Values(encodingField)) > 1 {
		return transport.CodeInvalidArgument.Errorf("the body is compressed more than once: compress it once, with one of %s", m.names())
	}
	with := m.find(name)
	if with == nil {
		return transport.CodeInvalidArgument.Errorf("unknown content-encoding %.64q (known: %s, one alone)", name, m.names())
	}
	body, err := with.inflate(msg.Body, most)
	switch {
	case errors.Is(err, errTooLarge):
		return transport.CodeResourceExhausted.Errorf("the body inflates to more than %d bytes, or may: send less at once, or raise the limit", most)
	case err != nil:
		return transport.CodeInvalidArgument.Errorf("the body is no %s: %w", name, err)
	}
	msg.Body = body
	without(&msg.Header, encodingField)
	return nil
}
