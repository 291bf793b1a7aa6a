package kafkawire

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"math/big"
	"strings"
	"sync"

	"github.com/polywire/polywire/transport"
	"github.com/twmb/franz-go/pkg/kgo"
)

// A binding reads the topics of one Bind with a client of its own:
//
//	client ─▶ poll ─▶ window of the partition ─▶ sink ─▶ delivery ─▶ settled ─▶ window ─▶ commit
//	           ▲ never more than the credit that is free           └─▶ again: released while running
//
// poll asks for as many records as there is credit, so the client's own bounded
// buffer holds back the broker. Members of a consumer group have a group, which
// see; the others start at an end of their own and commit nothing.
type binding struct {
	a      *adapter
	bind   transport.Binding
	sink   transport.Sink
	client *kgo.Client
	group  *group        // nil without a consumer group
	reply  *replyAddress // of KindReply

	reading map[string]int // partitions read of each topic, without a group; watch's own once Bind returned

	stopPoll context.CancelFunc // ends poll
	polled   chan struct{}      // closed by poll as it ends; Unbind and close read
	ended    chan struct{}      // closed by end once the client is; close reads
	once     sync.Once          // for end

	delivering sync.Mutex // held while the sink is called, and to set unbound; taken before mu

	mu        sync.Mutex // guards the fields below, and the group's windows
	unsettled int
	again     []*delivery        // released, to be delivered here once more
	kick      context.CancelFunc // ends the wait of poll for records; nil while it does not wait
	changed   chan struct{}      // closed and set to nil by signal: credit came back, or an entry was settled
	unbound   bool               // no more deliveries
	closed    bool               // settling is too late
}

// Bind starts reading. It returns when whatever is written afterwards will be
// read: from a group's commits, or from the ends that it found.
func (a *adapter) Bind(ctx context.Context, b transport.Binding, sink transport.Sink) (transport.Bound, error) {
	if !a.enter() {
		return nil, transport.ErrClosed
	}
	defer a.work.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(a.base, cancel)()
	bound := &binding{a: a, bind: b, sink: sink, polled: make(chan struct{}), ended: make(chan struct{})}
	var opts []kgo.Opt
	err := a.await(ctx, func() (err error) {
		opts, err = bound.options(ctx)
		return err
	})
	if err == nil {
		err = bound.run(opts)
	}
	if err != nil {
		return nil, a.failure(ctx, err)
	}
	if bound.group != nil {
		err = bound.group.joined(ctx)
	}
	if err == nil {
		err = a.register(bound)
	}
	if err != nil {
		a.work.Go(bound.close) // it says goodbye to a broker that may be silent
		return nil, a.failure(ctx, err)
	}
	return bound, nil
}

func (b *binding) options(ctx context.Context) ([]kgo.Opt, error) {
	switch {
	case b.bind.Kind == transport.KindReply:
		return b.replyOptions(ctx)
	case b.bind.Kind == transport.KindQueue || b.bind.Group != "":
		b.group = newGroup(b)
		return b.group.options(ctx)
	default:
		return b.copyOptions(ctx)
	}
}

// run starts the client and the goroutines; Bind counts as work, so Close waits for them too.
func (b *binding) run(opts []kgo.Opt) error {
	polling, cancel := context.WithCancel(b.a.base)
	b.stopPoll = cancel
	client, err := b.a.newClient(opts...)
	if err != nil {
		cancel()
		return err
	}
	b.client = client
	b.a.work.Go(func() { b.poll(polling) })
	switch {
	case b.group != nil:
		close(b.group.ready)
		b.a.work.Go(b.group.commitLoop)
	case b.bind.Kind == transport.KindTopic:
		b.a.work.Go(func() { b.watch(polling) })
	}
	return nil
}

// replyOptions choose a partition of the reply topic and a token, and start at its end.
func (b *binding) replyOptions(ctx context.Context) ([]kgo.Opt, error) {
	topic := b.a.names.reply()
	if err := b.a.topics.ensure(ctx, topic); err != nil {
		return nil, err
	}
	ends, err := b.a.topics.ends(ctx, topic)
	if err != nil {
		return nil, err
	}
	if len(ends[topic]) == 0 {
		return nil, transport.CodeUnavailable.Errorf("Kafka tells of no partition of topic %q, where replies are to come", topic)
	}
	n, err := rand.Int(rand.Reader, big.NewInt(int64(len(ends[topic]))))
	if err != nil {
		return nil, err
	}
	var token [hashHex / 2]byte
	_, _ = rand.Read(token[:]) // never fails
	b.reply = &replyAddress{int32(n.Int64()), hex.EncodeToString(token[:])}
	from := kgo.NewOffset().At(ends[topic][b.reply.partition].Offset)
	return []kgo.Opt{kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: {b.reply.partition: from}})}, nil
}

// ReplyAddress is where replies reach a KindReply binding.
func (b *binding) ReplyAddress() string {
	if b.reply == nil {
		return ""
	}
	return b.reply.String()
}

// poll delivers until ctx ends.
func (b *binding) poll(ctx context.Context) {
	defer close(b.polled)
	for {
		free, again, ok := b.credit(ctx)
		if !ok {
			return
		}
		b.deliver(again)
		if free > 0 {
			b.fetch(ctx, free)
		}
	}
}

// deliver calls the sink, unless Unbind or close came before.
func (b *binding) deliver(ready []*delivery) {
	b.delivering.Lock()
	defer b.delivering.Unlock()
	b.mu.Lock()
	over := b.unbound || b.closed
	b.mu.Unlock()
	for _, d := range ready {
		switch {
		case over:
			_ = d.settle(entryReleased)
		case d.env == nil && !d.open():
			_ = d.settle(entryAccepted) // not for this binding: another Conn's reply, or a foreign destination
		default:
			b.sink.Deliver(d)
		}
	}
}

// cease ends deliveries at once: poll may still be in the client, which does not
// let go of it while the group moves partitions.
func (b *binding) cease(closed bool) {
	b.stopPoll()
	b.delivering.Lock()
	defer b.delivering.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unbound, b.closed = true, b.closed || closed
	for _, d := range b.again {
		b.unsettled--
		d.settled = true
		b.park(d)
	}
	b.again = nil
	b.signal()
}

// credit waits until something may be delivered. free is 0 when only what was released may.
func (b *binding) credit(ctx context.Context) (free int, again []*delivery, ok bool) {
	for ctx.Err() == nil {
		b.mu.Lock()
		again, b.again = b.again, nil
		free = b.bind.Credit - b.unsettled
		if len(again) > 0 || free > 0 {
			b.mu.Unlock()
			return free, again, true
		}
		wait := b.changes()
		b.mu.Unlock()
		select {
		case <-wait:
		case <-ctx.Done():
		}
	}
	return 0, nil, false
}

// fetch takes at most n records. A group's rebalances wait meanwhile, so that no
// record of a partition is taken in after the partition was lost.
func (b *binding) fetch(ctx context.Context, n int) {
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	b.mu.Lock()
	if len(b.again) > 0 {
		b.mu.Unlock()
		return
	}
	b.kick = cancel
	b.mu.Unlock()
	fetches := b.client.PollRecords(waiting, n)
	b.mu.Lock()
	b.kick = nil
	b.mu.Unlock()
	fetches.EachError(b.unreadable)
	fetches.EachPartition(func(p kgo.FetchTopicPartition) {
		if len(p.Records) > 0 {
			b.take(p.Records)
		}
	})
	if b.group != nil {
		b.client.AllowRebalance()
	}
}

// take delivers records of one partition, in order.
func (b *binding) take(records []*kgo.Record) {
	ready := make([]*delivery, 0, len(records))
	b.mu.Lock()
	for _, r := range records {
		d := &delivery{b: b, record: r}
		if b.group != nil && !b.group.admit(d) {
			continue
		}
		b.unsettled++
		ready = append(ready, d)
	}
	b.mu.Unlock()
	b.deliver(ready)
	if b.group != nil {
		b.group.relieve(records[0].Topic, records[0].Partition)
	}
}

// unreadable hears what a fetch could not read. What may not be read ends the
// binding; a batch that would inflate beyond maxInflate is left out, as it would
// stop its partition for ever; for the rest the client asks again.
func (b *binding) unreadable(topic string, partition int32, err error) {
	switch {
	case is(err, context.Canceled, context.DeadlineExceeded, kgo.ErrClientClosed):
	case fatal(err):
		b.lost(err)
	default:
		if b.group != nil {
			b.group.unreadable(topic, partition, err)
		}
		var bomb *kgo.ErrDecompressTooLarge
		if errors.As(err, &bomb) {
			b.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{topic: {partition: {Epoch: bomb.Epoch, Offset: bomb.NextOffset}}})
		}
		b.a.logPartition(topic, partition, err)
	}
}

// lost ends the binding for good.
func (b *binding) lost(err error) {
	b.mu.Lock()
	gone := b.unbound || b.closed
	b.mu.Unlock()
	if gone {
		return
	}
	b.a.spawn(func() {
		b.cease(true)
		b.sink.Lost(b.a.failure(b.a.base, err))
		b.end()
	})
}

// changes returns a channel that signal closes; b.mu is held.
func (b *binding) changes() <-chan struct{} {
	if b.changed == nil {
		b.changed = make(chan struct{})
	}
	return b.changed
}

// signal wakes those who wait for changes; b.mu is held.
func (b *binding) signal() {
	if b.changed != nil {
		close(b.changed)
		b.changed = nil
	}
}

// Unbind ends deliveries. What handlers still have can be settled: the client
// stays, and keeps its partitions, until they did.
func (b *binding) Unbind(ctx context.Context) error {
	b.cease(false)
	b.mu.Lock()
	idle := b.unsettled == 0
	b.mu.Unlock()
	b.a.spawn(func() { // ends when all is settled, or with close
		b.settled()
		b.end()
	})
	if !idle {
		return nil
	}
	select {
	case <-b.ended:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// settled waits until no handler has anything, or the binding is closed.
func (b *binding) settled() {
	for {
		b.mu.Lock()
		if b.unsettled == 0 || b.closed {
			b.mu.Unlock()
			return
		}
		wait := b.changes()
		b.mu.Unlock()
		select {
		case <-wait:
		case <-b.a.base.Done():
			return
		}
	}
}

// close ends the binding without waiting for handlers, whose settlements are stale from now on.
func (b *binding) close() {
	b.cease(true)
	b.end()
}

// end commits for the last time and leaves.
func (b *binding) end() {
	b.once.Do(func() {
		<-b.polled
		if b.group != nil {
			b.group.finish()
			b.client.CloseAllowingRebalance()
		} else {
			b.client.Close()
		}
		b.a.forget(b)
		close(b.ended)
	})
	<-b.ended
}

// mine reports whether a reply is for this Conn.
func (b *binding) mine(e *transport.Envelope) bool {
	return b.reply == nil || e.ReplyAddress == b.reply.String()
}

// wanted reports whether the binding's pattern is meant by a destination of its topics.
func (b *binding) wanted(e *transport.Envelope) bool {
	return e.Kind == b.bind.Kind && (e.Kind == transport.KindReply || transport.Match(b.bind.Pattern, e.Destination))
}

func wildcard(pattern string) bool { return strings.ContainsAny(pattern, "*>") }
