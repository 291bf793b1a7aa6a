package kafkawire

import (
	"context"
	"time"

	"github.com/polywire/polywire/transport"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A delivery is one record with a handler.
type delivery struct {
	b      *binding
	record *kgo.Record // until open, which makes env of it
	env    *transport.Envelope
	until  time.Time // when the message's time is up; zero for never
	win    *window   // of a group's partition, else nil
	entry  *entry    // in win

	settled bool // guarded by binding.mu
}

// open reads the record; it reports false when it is not for this binding.
func (d *delivery) open() bool {
	r := d.record
	e, known := d.b.a.names.decode(r)
	if !known && d.b.bind.Kind != transport.KindReply && !wildcard(d.b.bind.Pattern) {
		e.Kind, e.Destination = d.b.bind.Kind, d.b.bind.Pattern // a foreign producer to a hashed topic: only ours is read
		known = true
	}
	if !known || !d.b.wanted(e) || !d.b.mine(e) {
		return false
	}
	d.env, d.until, d.record = e, lifetime(e, r), nil
	d.refresh()
	return true
}

// refresh sets what changes from one delivery to the next. A message whose time is
// up keeps a nanosecond, because none at all means no limit; the core drops and counts it.
func (d *delivery) refresh() {
	d.env.Attempt = 1
	if d.entry != nil {
		d.env.Attempt = d.entry.tries
	}
	d.env.Timeout = 0
	if !d.until.IsZero() {
		d.env.Timeout = max(time.Until(d.until), 1)
	}
}

// Envelope is the message.
func (d *delivery) Envelope() *transport.Envelope { return d.env }

// Reply writes to the reply topic's partition at which the caller reads.
func (d *delivery) Reply(ctx context.Context, e *transport.Envelope) error {
	if d.env.ReplyAddress == "" {
		return d.b.a.failure(ctx, errNoReply)
	}
	answer := *e
	answer.Kind, answer.ReplyAddress = transport.KindReply, d.env.ReplyAddress
	return d.b.a.reply(ctx, &answer)
}

// Extend has nothing to do: the client tells the group that it lives, however long a handler takes.
func (d *delivery) Extend(context.Context) error { return nil }

// Accept marks the message as done and returns; a commit follows. Only for what
// must not run twice, a request that is not idempotent, it returns after the commit.
func (d *delivery) Accept(ctx context.Context) error {
	if err := d.settle(entryAccepted); err != nil || d.win == nil {
		return err
	}
	if d.env.ReplyAddress == "" || d.env.Idempotent || d.env.Gather {
		return nil
	}
	return d.b.group.committed(ctx, d)
}

// Release gives the message back. Kafka hands it to somebody else only together
// with its partition: after Unbind and Close, nothing from the first
// released message on is committed as done. While the binding runs the message comes again here.
func (d *delivery) Release(context.Context) error { return d.settle(entryReleased) }

func (d *delivery) settle(state entryState) error {
	b := d.b
	b.mu.Lock()
	defer b.mu.Unlock()
	if d.settled {
		return transport.ErrStale
	}
	d.settled = true
	b.unsettled--
	defer b.signal()
	switch {
	case d.win != nil && state == entryAccepted:
		return b.group.accept(d)
	case b.closed:
		b.park(d)
		return transport.ErrStale
	case state == entryReleased:
		b.release(d)
	}
	return nil
}

// park leaves a released message to whoever gets its partition next; b.mu is held.
func (b *binding) park(d *delivery) {
	if d.entry != nil {
		d.entry.state = entryReleased
	}
}

// release makes a message come again here, if anything does; b.mu is held.
func (b *binding) release(d *delivery) {
	if b.unbound || d.win != nil && !d.win.owned {
		b.park(d)
		return
	}
	next := &delivery{b: b, env: d.env, until: d.until, win: d.win, entry: d.entry}
	next.refresh()
	b.unsettled++
	b.again = append(b.again, next)
	if b.kick != nil {
		b.kick()
	}
}
