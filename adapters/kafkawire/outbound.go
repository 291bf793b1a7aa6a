package kafkawire

import (
	"context"
	"errors"

	"github.com/polywire/polywire/transport"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// producerOptions make the client that writes.
//
// It does not take kgo.AllowIdempotentProduceCancellation, although ctx must be
// obeyed: with it the end of one record's ctx fails all records that wait for the
// same partition (recBatch.maybeFailErr looks at the first record alone, and
// failAllRecords follows), and cuts the connection under the records of all
// others. So records have no ctx; the verb stops waiting when its own ends, and
// what was under way may still be stored, with its time limit, which readers keep. The client then
// repeats what got no answer, and the broker knows repetitions by their sequence
// numbers: a Send survives the restart of a broker, in order and without duplicates.
func (a *adapter) producerOptions() []kgo.Opt {
	return []kgo.Opt{
		kgo.RequiredAcks(kgo.AllISRAcks()), kgo.ProducerLinger(a.opts.linger),
		kgo.MaxBufferedRecords(maxBuffered), kgo.MaxBufferedBytes(maxBufferSize),
		kgo.ProducerBatchMaxBytesFn(a.topics.batch), kgo.BrokerMaxWriteBytes(4 * maxBatch),
		kgo.RecordPartitioner(partitioner{reply: a.names.reply()}),
	}
}

// Send writes to a queue's topic, or to a reply address.
func (a *adapter) Send(ctx context.Context, e *transport.Envelope) error {
	if e.Kind == transport.KindReply {
		return a.reply(ctx, e)
	}
	return a.write(ctx, e)
}

// Publish writes to a topic's topic.
func (a *adapter) Publish(ctx context.Context, e *transport.Envelope) error { return a.write(ctx, e) }

func (a *adapter) write(ctx context.Context, e *transport.Envelope) error {
	topic, hashed := a.names.topic(e.Kind, e.Destination)
	if err := a.topics.ensure(ctx, topic); err != nil {
		return err
	}
	return a.produce(ctx, encode(e, topic, hashed))
}

func (a *adapter) reply(ctx context.Context, e *transport.Envelope) error {
	to, err := parseReplyAddress(e.ReplyAddress)
	if err != nil {
		return err
	}
	if err := a.topics.ensure(ctx, a.names.reply()); err != nil {
		return err
	}
	r := encode(e, a.names.reply(), true)
	r.Key, r.Partition = nil, to.partition
	return a.produce(ctx, r)
}

// produce returns when the broker has stored r, or at ctx's end.
func (a *adapter) produce(ctx context.Context, r *kgo.Record) error {
	stored := make(chan error, 1) // written once by the client, read here
	a.client.TryProduce(context.Background(), r, func(_ *kgo.Record, err error) { stored <- err })
	select {
	case err := <-stored:
		if err == nil {
			return ctx.Err()
		}
		if is(err, kerr.UnknownTopicOrPartition, kerr.UnknownTopicID) { // deleted behind our back
			a.topics.forget(r.Topic)
			a.client.PurgeTopicsFromProducing(r.Topic)
		}
		if errors.Is(err, kgo.ErrMaxBuffered) {
			return transport.CodeResourceExhausted.Errorf("%d messages wait for Kafka already: send slower, or look why it does not answer", maxBuffered)
		}
		return a.failure(ctx, err)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// A partitioner sends a key to the partition that every other Kafka client
// would choose for it, a reply to the partition of its address, and all else to another
// partition with each batch. So few small messages reach many handlers, which
// the client's own choice, one partition until 64 KiB are written, would not do;
// and many still fill batches, which one partition after the other would not do: it
// halved the throughput.
type partitioner struct{ reply string }

func (p partitioner) ForTopic(topic string) kgo.TopicPartitioner {
	if topic == p.reply {
		return addressed{}
	}
	return kgo.StickyKeyPartitioner(nil).ForTopic(topic)
}

type addressed struct{}

func (addressed) RequiresConsistency(*kgo.Record) bool { return true }

// Partition answers an address beyond the topic with an invalid partition, which fails the record.
func (addressed) Partition(r *kgo.Record, n int) int {
	if int(r.Partition) >= n {
		return -1
	}
	return int(r.Partition)
}
