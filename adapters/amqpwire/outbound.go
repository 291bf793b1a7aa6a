package amqpwire

import (
	"context"
	"errors"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/polywire/polywire/transport"
)

// Send writes to the destination's durable queue; with a reply wanted, to the
// queue of requests, which is there while a handler is; and a reply to where it is waited for.
func (a *adapter) Send(ctx context.Context, e *transport.Envelope) error {
	switch {
	case e.Kind == transport.KindReply:
		return a.reply(ctx, e)
	case e.ReplyAddress != "":
		err := a.write(ctx, e, &letter{key: a.names.requests(e.Destination), mandatory: true})
		if errors.Is(err, errReturned) {
			return transport.ErrNoHandler
		}
		return err
	}
	return a.sendDurable(ctx, e)
}

// sendDurable declares the queue on first use. A return tells that somebody
// deleted it since: nothing was kept, so it is declared and written once more.
func (a *adapter) sendDurable(ctx context.Context, e *transport.Envelope) error {
	queue := a.names.sends(e.Destination)
	for try := 0; ; try++ {
		l := &letter{key: queue, mandatory: e.Acceptance != transport.Written}
		err := a.inSession(ctx, l, func(s *session) error {
			if err := s.ensureQueue(ctx, queue); err != nil {
				return err
			}
			err := s.write(ctx, e, l)
			if errors.Is(err, errReturned) {
				s.forget(queue)
			}
			return err
		})
		if !errors.Is(err, errReturned) {
			return err
		}
		if try > 0 {
			return transport.CodeUnavailable.Errorf("queue %q is deleted as fast as it is declared", queue)
		}
	}
}

// Publish writes to the topic exchange, under the destination. The broker
// confirms when every queue bound to it has the message.
func (a *adapter) Publish(ctx context.Context, e *transport.Envelope) error {
	return a.write(ctx, e, &letter{exchange: a.names.topic(), key: e.Destination})
}

// reply writes to the queue that the requester named, and that is the requester's own to name.
func (a *adapter) reply(ctx context.Context, e *transport.Envelope) error {
	if !a.names.replyable(e.ReplyAddress) {
		return transport.CodeInvalidArgument.Errorf("reply address %q is no queue for replies", clip(e.ReplyAddress, 64))
	}
	err := a.write(ctx, e, &letter{key: e.ReplyAddress, mandatory: true})
	if errors.Is(err, errReturned) {
		return transport.CodeUnavailable.Errorf("nobody waits for the reply any more")
	}
	return err
}

func (a *adapter) write(ctx context.Context, e *transport.Envelope, l *letter) error {
	return a.inSession(ctx, l, func(s *session) error { return s.write(ctx, e, l) })
}

func (s *session) write(ctx context.Context, e *transport.Envelope, l *letter) error {
	msg, err := publishing(e)
	if err != nil {
		return err
	}
	if err := s.welcome(ctx); err != nil {
		return err
	}
	l.msg, l.written = msg, e.Acceptance == transport.Written
	p := s.durable
	if msg.DeliveryMode == amqp.Transient {
		p = s.transient
	}
	return p.publish(ctx, l)
}
