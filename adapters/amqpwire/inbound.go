package amqpwire

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/polywire/polywire/transport"
)

// An attachment is a binding's channel and consumers in one session.
//
//	library ─▶ first, second ─▶ held ─(credit)─▶ sink
//
// The broker sends Credit messages per consumer and there may be two, so what
// exceeds the binding's credit is held here, with the time of its arrival. The
// channel outlives the consumers until all that was handed over is settled.
type attachment struct {
	binding       *binding
	session       *session
	channel       *amqp.Channel
	tags          []string
	first, second <-chan amqp.Delivery // written and closed by the library; nil where there is no such consumer
	held          []arrival            // of run alone
	ended         chan struct{}        // closed by run: the consumers are gone and nothing is held

	mu        sync.Mutex // guards the fields below
	unsettled int
	closing   bool // the consumers are gone; the channel is to be closed as soon as nothing is unsettled
}

type arrival struct {
	d  amqp.Delivery
	at time.Time
}

// run hands deliveries over until the consumers have ended. The library closes
// their channels after a cancel, by us or by the broker, and with the connection.
func (at *attachment) run() {
	defer close(at.ended)
	first, second, stopped := at.first, at.second, at.binding.stopped
	for first != nil || second != nil {
		var credit chan<- struct{}
		if len(at.held) > 0 {
			credit = at.binding.credit
		}
		var d amqp.Delivery
		var ok bool
		select {
		case credit <- struct{}{}:
			at.handOver(at.pop())
			continue
		case <-stopped:
			stopped = nil
			at.giveBack()
			continue
		case d, ok = <-first:
			if !ok {
				first = nil
			}
		case d, ok = <-second:
			if !ok {
				second = nil
			}
		}
		if ok {
			at.take(arrival{d, time.Now()}, stopped == nil)
		} else {
			at.broken()
		}
	}
	at.giveBack()
	at.follow()
}

// take hands one over when there is credit, and else holds it.
func (at *attachment) take(a arrival, stopped bool) {
	if !stopped && len(at.held) == 0 {
		select {
		case at.binding.credit <- struct{}{}:
			at.handOver(a)
			return
		default:
		}
	}
	at.held = append(at.held, a)
	if stopped {
		at.giveBack()
	}
}

func (at *attachment) pop() arrival {
	a := at.held[0]
	at.held[0] = arrival{}
	at.held = at.held[1:]
	return a
}

// giveBack returns to the broker what the core has not seen.
func (at *attachment) giveBack() {
	for len(at.held) > 0 {
		_ = at.channel.Nack(at.pop().d.DeliveryTag, false, true) // fails when the channel is gone: then the broker has them back
	}
}

// handOver is called with a token of credit taken.
func (at *attachment) handOver(a arrival) {
	at.mu.Lock()
	at.unsettled++
	at.mu.Unlock()
	d := &delivery{at: at, tag: a.d.DeliveryTag, env: at.binding.envelope(&a)}
	if d.env == nil {
		_ = d.Accept(context.Background()) // stale is harmless
		return
	}
	if !at.binding.deliver(d) {
		_ = d.Release(context.Background())
	}
}

// envelope maps a delivery; nil for one that no destination of ours names.
func (b *binding) envelope(a *arrival) *transport.Envelope {
	e := envelope(&a.d, b.spec.Kind)
	switch b.spec.Kind {
	case transport.KindQueue:
		e.Destination, e.Gather = b.spec.Pattern, false
	case transport.KindTopic:
		if transport.CheckDestination(a.d.RoutingKey) != nil {
			return nil
		}
		e.Destination = a.d.RoutingKey
	}
	if b.spec.Kind != transport.KindReply && b.a.names.replyable(a.d.ReplyTo) {
		e.ReplyAddress = a.d.ReplyTo
		e.Gather = b.spec.Kind == transport.KindTopic
	}
	if e.Timeout > 0 {
		e.Timeout = max(e.Timeout-time.Since(a.at), time.Nanosecond) // what was held too long, the core drops
	}
	return e
}

// broken ends the other consumer too when the broker cancelled one by itself, so that both are made anew.
func (at *attachment) broken() {
	select {
	case <-at.binding.stopped:
	default:
		at.session.tasks.start(func() { _ = at.channel.Close() })
	}
}

// follow sees to what comes after the consumers' end.
func (at *attachment) follow() {
	b, s := at.binding, at.session
	select {
	case <-b.stopped:
		at.closeWhenSettled()
	case <-s.done:
	default:
		if b.spec.Kind == transport.KindReply && !s.in.conn.IsClosed() { // else watch tells why
			s.fail(errRepliesLost, time.Now().Add(closeGrace))
			return
		}
		s.tasks.start(func() { b.reattach(s) })
	}
}

// over reports whether the consumers have ended.
func (at *attachment) over() bool {
	select {
	case <-at.ended:
		return true
	default:
		return false
	}
}

// cancel ends the consumers and returns when run has given back what was on its way.
func (at *attachment) cancel(ctx context.Context) error {
	at.session.tasks.start(func() { // not waited for: run ends when it has worked, or with the connection
		for _, tag := range at.tags {
			_ = at.channel.Cancel(tag, false)
		}
	})
	select {
	case <-at.ended:
		return nil
	case <-at.session.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// idle reports whether all that was handed over is settled.
func (at *attachment) idle() bool {
	at.mu.Lock()
	defer at.mu.Unlock()
	return at.unsettled == 0
}

// closeWhenSettled is called when the consumers have ended for good.
func (at *attachment) closeWhenSettled() {
	at.mu.Lock()
	defer at.mu.Unlock()
	at.closing = at.unsettled > 0
	if !at.closing {
		at.session.tasks.start(func() { _ = at.channel.Close() })
	}
}

// settled returns the token of one delivery. The last one of a binding that was
// unbound closes the channel.
func (at *attachment) settled() {
	<-at.binding.credit
	at.mu.Lock()
	defer at.mu.Unlock()
	at.unsettled--
	if !at.closing || at.unsettled > 0 {
		return
	}
	at.closing = false
	at.session.tasks.start(func() {
		_ = at.channel.Close() // first, as acks on another channel are not yet seen by a deletion on the next
		ctx, cancel := context.WithTimeout(context.Background(), at.session.opts.connectTimeout)
		defer cancel()
		at.binding.removeQueue(ctx, at.session)
	})
}

// A delivery is one message that the core holds.
type delivery struct {
	at   *attachment
	tag  uint64
	env  *transport.Envelope
	done atomic.Bool
}

// Envelope is the message.
func (d *delivery) Envelope() *transport.Envelope { return d.env }

// Reply goes to the queue that the requester named, also when the connection is another by now.
func (d *delivery) Reply(ctx context.Context, e *transport.Envelope) error {
	if e == nil {
		return nil
	}
	return d.at.binding.a.reply(ctx, e)
}

// Extend does nothing: RabbitMQ waits consumer_timeout, half an hour by default, and cannot be asked for more.
func (d *delivery) Extend(context.Context) error { return nil }

// Accept acknowledges. AMQP does not confirm an ack: one that is lost with its connection makes the message come again.
func (d *delivery) Accept(context.Context) error {
	return d.settle(func(ch *amqp.Channel) error { return ch.Ack(d.tag, false) })
}

// Release makes the broker deliver the message again, to whoever is there.
func (d *delivery) Release(context.Context) error {
	return d.settle(func(ch *amqp.Channel) error { return ch.Nack(d.tag, false, true) })
}

func (d *delivery) settle(tell func(*amqp.Channel) error) error {
	if !d.done.CompareAndSwap(false, true) {
		return transport.ErrStale
	}
	defer d.at.settled()
	if d.at.binding.a.leaving.Load() || tell(d.at.channel) != nil {
		return transport.ErrStale
	}
	return nil
}
