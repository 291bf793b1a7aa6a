package amqpwire

import (
	"context"
	"sync"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/polywire/polywire/internal/reconnect"
	"github.com/polywire/polywire/transport"
)

const maxPrefetch = 1<<16 - 1

// abandoned is how long a queue of one subscription outlives its consumer: long
// enough for a reconnection, so that what is published meanwhile is kept.
const abandoned = time.Minute

// unhandled is how long requests wait for a handler whose process died or lost
// its connection. A handler that leaves politely deletes their queue, if it is the
// last, so that the next request is refused at once.
const unhandled = 10 * time.Second

// A binding is one binding of the core, for all its life. In each session it has
// an attachment, which consumes.
type binding struct {
	a         *adapter
	spec      transport.Binding
	sink      transport.Sink
	queue     string        // of its own; empty where handlers or a group share one
	credit    chan struct{} // capacity Credit: holds one token per unsettled delivery
	attaching chan struct{} // a mutex that a ctx can give up: one attach at a time
	stopped   chan struct{} // closed by stop

	mu       sync.Mutex  // guards the fields below; held while the sink takes a delivery
	current  *attachment // nil until attached
	stopping bool        // the sink is not called any more
}

func newBinding(a *adapter, spec transport.Binding, sink transport.Sink) *binding {
	spec.Credit = min(max(spec.Credit, 1), maxPrefetch)
	b := &binding{
		a: a, spec: spec, sink: sink,
		credit: make(chan struct{}, spec.Credit), attaching: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
	switch {
	case spec.Kind == transport.KindReply:
		b.queue = a.names.reply()
	case spec.Kind == transport.KindTopic && spec.Group == "":
		b.queue = a.names.subscription()
	}
	return b
}

// ReplyAddress is the name of the reply queue, the same in every session.
func (b *binding) ReplyAddress() string {
	if b.spec.Kind == transport.KindReply {
		return b.queue
	}
	return ""
}

// attach consumes in s; it does nothing when b does so already, or is stopping.
func (b *binding) attach(ctx context.Context, s *session) error {
	select {
	case b.attaching <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	b.mu.Lock()
	at := b.current
	done := b.stopping || at != nil && at.session == s && !at.over()
	b.mu.Unlock()
	if done {
		<-b.attaching
		return nil
	}
	result := make(chan error, 1) // written by the task, read here unless ctx ended
	started := s.tasks.start(func() {
		defer func() { <-b.attaching }()
		result <- b.consume(ctx, s)
	})
	if !started {
		<-b.attaching
		return errSessionClosed
	}
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return ctx.Err() // the caller stops b, and the task then undoes what it did; or the session ends
	}
}

// consume makes an attachment. A queue of requests is deleted by the last handler
// that leaves, so also between our declaring and consuming: then it is declared again.
func (b *binding) consume(ctx context.Context, s *session) error {
	for try := 0; ; try++ {
		at := &attachment{binding: b, session: s, ended: make(chan struct{})}
		err := wireError(at.open(ctx))
		if err == nil {
			return b.adopt(at)
		}
		if brokerCode(err) != amqp.NotFound || try == 4 {
			return err
		}
	}
}

func (b *binding) adopt(at *attachment) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopping || !at.session.tasks.start(at.run) {
		at.session.tasks.start(func() { _ = at.channel.Close() })
		return errSessionClosed
	}
	b.current = at
	return nil
}

// deliver hands d to the core, unless b is stopping.
func (b *binding) deliver(d transport.Delivery) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopping {
		return false
	}
	b.sink.Deliver(d)
	return true
}

// stop ends deliveries for good. It reports whether it was the first to.
func (b *binding) stop() bool {
	b.a.mu.Lock()
	delete(b.a.bindings, b)
	b.a.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopping {
		return false
	}
	b.stopping = true
	close(b.stopped)
	return true
}

// lose tells the core that the broker refuses b for good.
func (b *binding) lose(err error) {
	if b.stop() {
		b.sink.Lost(err)
	}
}

// Unbind ends the consumers, gives back what they had not handed over, and
// leaves their channel open until the rest is settled.
func (b *binding) Unbind(ctx context.Context) error {
	b.stop()
	b.mu.Lock()
	at := b.current
	b.mu.Unlock()
	if at == nil {
		return nil
	}
	err := at.cancel(ctx)
	if b.spec.Kind == transport.KindTopic || at.idle() {
		b.removeQueue(ctx, at.session)
	}
	return err
}

// leave is Unbind of a binding that was stopped, while its Conn closes.
func (b *binding) leave(ctx context.Context, s *session) {
	b.mu.Lock()
	at := b.current
	b.mu.Unlock()
	if b.spec.Kind == transport.KindReply || at == nil || at.session != s {
		return // the broker deletes it, or it expires
	}
	if at.cancel(ctx) == nil && (b.spec.Kind == transport.KindTopic || at.idle()) {
		b.removeQueue(ctx, s)
	}
}

// removeQueue deletes the queue of a subscription of its own, and that of requests
// when nobody uses it and nothing waits in it. The broker does so itself with a reply
// queue, and with those two when they expire.
func (b *binding) removeQueue(ctx context.Context, s *session) {
	switch {
	case b.spec.Kind == transport.KindQueue:
		name := b.a.names.requests(b.spec.Pattern)
		_ = s.declare(ctx, func(ch *amqp.Channel) error { // fails when the connection is gone, or somebody came meanwhile
			q, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
			if err == nil && q.Consumers == 0 && q.Messages == 0 { // asked, as a refusal costs the channel and a line in the broker's log
				_, err = ch.QueueDelete(name, true, true, false)
			}
			return err
		})
	case b.spec.Kind == transport.KindTopic && b.spec.Group == "":
		_ = s.declare(ctx, func(ch *amqp.Channel) error { // fails when the connection is gone
			_, err := ch.QueueDelete(b.queue, false, false, false)
			return err
		})
	}
}

// reattach follows a channel that the broker closed while the connection lives:
// a handler kept a message beyond the broker's consumer_timeout, somebody deleted a queue, or its leader moved.
func (b *binding) reattach(s *session) {
	var backoff reconnect.Backoff
	for {
		wait := time.NewTimer(backoff.Next())
		select {
		case <-wait.C:
		case <-b.stopped:
			wait.Stop()
			return
		case <-s.done:
			wait.Stop()
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), b.a.opts.connectTimeout)
		err := b.attach(ctx, s)
		cancel()
		if err == nil {
			return
		}
		if permanent(err) {
			b.lose(err)
			return
		}
	}
}

// open declares the queues and consumes; on failure nothing is left.
func (at *attachment) open(ctx context.Context) (err error) {
	b, s := at.binding, at.session
	if at.channel, err = s.in.conn.Channel(); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = at.channel.Close()
		}
	}()
	if err = at.channel.Qos(b.spec.Credit, 0, false); err != nil {
		return err
	}
	switch b.spec.Kind {
	case transport.KindReply:
		if _, err = at.channel.QueueDeclare(b.queue, false, true, true, false, nil); err != nil {
			return err
		}
		at.first, err = at.consume(b.queue)
	case transport.KindTopic:
		var queue string
		if queue, err = at.topicQueue(ctx); err != nil {
			return err
		}
		if err = at.channel.QueueBind(queue, bindingKey(b.spec.Pattern), s.names.topic(), false, nil); err != nil {
			return err
		}
		at.first, err = at.consume(queue)
	default:
		err = at.consumeDestination(ctx)
	}
	return err
}

func (at *attachment) topicQueue(ctx context.Context) (string, error) {
	b, s := at.binding, at.session
	if b.queue == "" {
		queue := s.names.group(b.spec.Group, b.spec.Pattern)
		return queue, s.ensureQueue(ctx, queue)
	}
	_, err := at.channel.QueueDeclare(b.queue, true, false, false, false, amqp.Table{"x-expires": abandoned.Milliseconds()})
	return b.queue, err
}

// consumeDestination takes from both queues of a destination: requests, whose queue expires without a consumer and they
// with it, and then what was sent, whose queue may wait for its leader when the broker was restarted.
func (at *attachment) consumeDestination(ctx context.Context) error {
	s, destination := at.session, at.binding.spec.Pattern
	queue := s.names.requests(destination)
	args := s.sharedArgs()
	args["x-expires"] = unhandled.Milliseconds()
	_, err := at.channel.QueueDeclare(queue, true, false, false, false, args)
	if err != nil {
		return err
	}
	if at.first, err = at.consume(queue); err != nil {
		return err
	}
	queue = s.names.sends(destination)
	if err = s.ensureQueue(ctx, queue); err != nil {
		return err
	}
	if at.second, err = at.consume(queue); err != nil {
		s.forget(queue) // perhaps somebody deleted it
	}
	return err
}

func (at *attachment) consume(queue string) (<-chan amqp.Delivery, error) {
	tag := at.session.names.prefix + "c." + token() // the library's own default tells the broker the program's path
	at.tags = append(at.tags, tag)
	return at.channel.Consume(queue, tag, false, at.binding.spec.Kind == transport.KindReply, false, false, nil)
}
