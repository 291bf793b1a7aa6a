package amqpwire

import (
	"context"
	"errors"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"
	"golang.org/x/sync/semaphore"

	"github.com/polywire/polywire/transport"
)

// slotBytes is what one message takes of the window at least, so that one
// weighted semaphore bounds both how many messages and how many bytes are unconfirmed.
const slotBytes = 16 << 10

// errReturned says that a mandatory message found no queue.
var errReturned = errors.New("amqp: no queue took the message")

// A publisher writes to one channel in confirm mode, with up to window messages unconfirmed.
//
//	publish ─ window ─ order ─▶ pending ─▶ channel ─▶ broker
//	   ▲                           ▲                    │ return?, ack
//	   └────────── done ───────────┴────── watch ◀──────┘
//
// The broker sends the return of a message before its ack, and both reach watch
// over channels that keep this order: returns are unbuffered, so the library's
// reader comes to the ack when watch has the return. So whoever sees done closed
// knows whether the message was returned. The library holds locks that
// publishing needs while it hands a confirm to watch: watch must never wait for order.
type publisher struct {
	conn   *amqp.Connection
	pipe   *pipe
	tasks  *tasks // of the session, for watch and open
	limit  int64
	window *semaphore.Weighted // unconfirmed bytes; whoever takes a message from pending frees its weight

	order   chan struct{} // a mutex that a ctx can give up: guards the three below, held while publishing
	channel *amqp.Channel // nil until opened; replaced when it was lost
	line    *line         // of channel
	openErr error         // of the last open, for the one who wanted it
}

// A line is the messages that await their confirm on one channel.
type line struct {
	mu      sync.Mutex          // guards the fields below; nothing is waited for while it is held
	next    uint64              // number of the next message, as the library counts
	pending map[uint64]*pending // nil when the channel has ended
}

// A pending message is settled once: by its confirm, or by the loss of the channel.
type pending struct {
	weight   int64
	returned bool          // written by watch before done is closed
	err      error         // likewise
	done     chan struct{} // closed by watch
}

// A letter is one message with its address.
type letter struct {
	exchange, key string
	mandatory     bool
	written       bool // the level asked for is Written: do not wait for the confirm
	msg           amqp.Publishing
	wrote         bool // the wire may have it, or a part of it
}

func newPublisher(s *session, window int) *publisher {
	limit := int64(window) * slotBytes
	return &publisher{
		conn: s.out.conn, pipe: s.out.pipe, tasks: &s.tasks,
		limit: limit, window: semaphore.NewWeighted(limit), order: make(chan struct{}, 1),
	}
}

// publish returns nil when l is confirmed, and errReturned when no queue took it.
// It does not read l.msg.Body after it returned.
func (p *publisher) publish(ctx context.Context, l *letter) error {
	if size := headerBytes(&l.msg); p.conn.Config.FrameSize > 0 && size > p.conn.Config.FrameSize {
		return transport.CodeResourceExhausted.Errorf("header of about %d bytes: this broker takes frames of %d", size, p.conn.Config.FrameSize)
	}
	x := &pending{weight: min(max(int64(len(l.msg.Body)), slotBytes), p.limit), done: make(chan struct{})}
	if err := p.window.Acquire(ctx, x.weight); err != nil {
		return err
	}
	if err := p.write(ctx, l, x); err != nil {
		p.window.Release(x.weight)
		return err
	}
	if l.written && !l.mandatory {
		return p.pipe.flush(ctx)
	}
	select {
	case <-x.done:
		switch {
		case x.err != nil:
			return x.err
		case x.returned:
			return errReturned
		}
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err() // watch frees the weight when the confirm comes
	}
}

// write puts x in line and its message on the wire. After an error x is in no line, and nothing was written.
func (p *publisher) write(ctx context.Context, l *letter, x *pending) error {
	for {
		if err := p.takeOrder(ctx); err != nil {
			return err
		}
		tag, ok := p.line.add(x)
		if !ok {
			<-p.order // the channel was lost meanwhile, so that takeOrder opens another
			continue
		}
		defer func() { <-p.order }()
		l.msg.Headers[tagKey] = int64(tag)
		p.pipe.published.Add(1)
		_, err := p.channel.PublishWithDeferredConfirm(l.exchange, l.key, l.mandatory, false, l.msg)
		if err != nil && p.line.withdraw(tag) {
			return wireError(err)
		}
		l.wrote = true
		return nil // after an error that watch saw first, x.err tells
	}
}

// takeOrder returns with order held and a channel that was open a moment ago.
// A lost channel is replaced by a goroutine that holds order meanwhile, since the
// library's calls obey no ctx.
func (p *publisher) takeOrder(ctx context.Context) error {
	for {
		select {
		case p.order <- struct{}{}:
		case <-ctx.Done():
			return ctx.Err()
		}
		switch {
		case p.channel != nil && !p.channel.IsClosed():
			return nil
		case p.openErr != nil:
			err := p.openErr
			p.openErr = nil
			<-p.order
			return err
		}
		opens := p.tasks.start(func() {
			p.openErr = p.open()
			<-p.order
		})
		if !opens {
			<-p.order
			return errSessionClosed
		}
	}
}

// open makes the channel. It is called with order held, or before anybody else knows p.
func (p *publisher) open() error {
	ch, err := p.conn.Channel()
	if err != nil {
		return wireError(err)
	}
	if err := ch.Confirm(false); err != nil {
		_ = ch.Close()
		return wireError(err)
	}
	confirms := ch.NotifyPublish(make(chan amqp.Confirmation, 128)) // written and closed by the library, as the two below
	returns := ch.NotifyReturn(make(chan amqp.Return))
	closes := ch.NotifyClose(make(chan *amqp.Error, 1))
	line := &line{next: 1, pending: make(map[uint64]*pending)}
	if !p.tasks.start(func() { p.watch(line, confirms, returns, closes) }) {
		return errSessionClosed
	}
	p.channel, p.line = ch, line
	return nil
}

// watch settles what is pending, until the library closes confirms with the channel.
func (p *publisher) watch(l *line, confirms <-chan amqp.Confirmation, returns <-chan amqp.Return, closes <-chan *amqp.Error) {
	for {
		select {
		case r, ok := <-returns:
			if !ok {
				returns = nil
				continue
			}
			if tag, ok := r.Headers[tagKey].(int64); ok {
				l.markReturned(uint64(tag))
			}
		case c, ok := <-confirms:
			if !ok {
				p.lost(l, closes)
				return
			}
			p.confirmed(l, c)
		}
	}
}

func (p *publisher) confirmed(l *line, c amqp.Confirmation) {
	x := l.take(c.DeliveryTag)
	if x == nil {
		return // confirmed before
	}
	if !c.Ack {
		x.err = transport.CodeResourceExhausted.Errorf("the broker refused to keep the message: its queue is full or failing")
	}
	p.settle(x)
}

func (p *publisher) settle(x *pending) {
	p.window.Release(x.weight)
	close(x.done)
}

// lost fails all that is pending. The library has told closes before it closed confirms.
func (p *publisher) lost(l *line, closes <-chan *amqp.Error) {
	var cause error = amqp.ErrClosed
	if err := <-closes; err != nil {
		cause = err
	}
	all := l.end()
	for _, x := range all {
		// The broker closes a channel for one message; which one of several is not known.
		if x.err = wireError(cause); len(all) > 1 {
			x.err = transport.CodeUnavailable.Errorf("the channel was closed before the confirm came; whether the message was kept is not known: %w", cause)
		}
		p.settle(x)
	}
}

// add reports false when nothing more can be confirmed.
func (l *line) add(x *pending) (tag uint64, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending == nil {
		return 0, false
	}
	tag = l.next
	l.next++
	l.pending[tag] = x
	return tag, true
}

// withdraw takes back the last message added, which was not written; false when watch has it.
func (l *line) withdraw(tag uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.pending[tag] == nil {
		return false
	}
	delete(l.pending, tag)
	l.next = tag
	return true
}

func (l *line) take(tag uint64) *pending {
	l.mu.Lock()
	defer l.mu.Unlock()
	x := l.pending[tag]
	delete(l.pending, tag)
	return x
}

func (l *line) markReturned(tag uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if x := l.pending[tag]; x != nil {
		x.returned = true
	}
}

func (l *line) end() map[uint64]*pending {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := l.pending
	l.pending = nil
	return all
}
