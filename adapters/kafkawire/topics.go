package kafkawire

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"github.com/polywire/polywire/transport"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
)

const (
	replyPartitions = 16               // of the reply topic, when it is created
	replyRetention  = 10 * time.Minute // replies that nobody reads any more go then
	brokerBatch     = 1000012          // Kafka's default of max.message.bytes
	largestBatch    = "max.message.bytes"
	creationTime    = 30 * time.Second // for a cluster to create a topic, before whoever still wants it asks again
)

// topics knows which Kafka topics exist, and creates those that do not.
type topics struct {
	a        *adapter
	patience time.Duration // with one creation

	mu    sync.Mutex // guards the fields below
	known map[string]*creation
}

// A creation is one topic on its way; the others are set before done is closed.
type creation struct {
	done  chan struct{} // closed by make, read by ensure
	err   error
	late  bool  // it was given up
	batch int32 // bytes of the largest record batch that the topic takes
}

func (t *topics) init(a *adapter) {
	t.a, t.patience, t.known = a, creationTime, make(map[string]*creation)
}

// ensure returns once the topic exists, or at ctx's end. The first who asks has it created, for all: its
// creation goes on when that one gives up.
func (t *topics) ensure(ctx context.Context, topic string) error {
	for {
		c := t.creation(topic)
		if c == nil {
			return transport.ErrClosed
		}
		select {
		case <-c.done:
		case <-ctx.Done():
			return ctx.Err()
		}
		if !c.late {
			return t.a.failure(ctx, c.err)
		}
	}
}

// creation is that of topic, begun when there is none; nil after Close.
func (t *topics) creation(topic string) *creation {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.known[topic]
	if c != nil {
		return c
	}
	c = &creation{done: make(chan struct{})}
	if !t.a.spawn(func() { t.make(topic, c) }) {
		return nil
	}
	t.known[topic] = c
	return c
}

func (t *topics) make(topic string, c *creation) {
	ctx, cancel := context.WithTimeout(t.a.base, t.patience)
	defer cancel()
	c.batch, c.err = t.create(ctx, topic)
	if c.err != nil {
		c.late = ctx.Err() != nil && t.a.base.Err() == nil
		t.forget(topic)
	}
	close(c.done)
}

// forget makes the next ensure look again, as after the topic was deleted.
func (t *topics) forget(topic string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.known, topic)
}

func (t *topics) create(ctx context.Context, topic string) (batch int32, err error) {
	o := t.a.opts
	limit := strconv.Itoa(maxBatch)
	partitions, configs := o.partitions, map[string]*string{largestBatch: &limit}
	if topic == t.a.names.reply() {
		retention := strconv.FormatInt(replyRetention.Milliseconds(), 10)
		partitions, configs["retention.ms"], configs["segment.ms"] = replyPartitions, &retention, &retention
	}
	_, err = t.a.admin.CreateTopic(ctx, partitions, o.replication, configs, topic)
	switch {
	case err == nil:
		// Its partitions come up one by one. The client, which finds one that is
		// not there yet, asks again after a second: wait here for all instead.
		_, err = t.ends(ctx, topic)
		return maxBatch, err
	case errors.Is(err, kerr.TopicAlreadyExists):
		return t.limit(ctx, topic), nil
	case is(err, kerr.TopicAuthorizationFailed, kerr.ClusterAuthorizationFailed):
		return t.existing(ctx, topic, err)
	}
	return 0, err
}

// existing serves those who may not create topics: somebody did it for them.
func (t *topics) existing(ctx context.Context, topic string, denied error) (int32, error) {
	found, err := t.a.admin.ListTopics(ctx, topic)
	if err != nil {
		return 0, err
	}
	if d, ok := found[topic]; ok && d.Err == nil {
		return t.limit(ctx, topic), nil
	}
	return 0, transport.CodePermissionDenied.Errorf("topic %q does not exist and may not be created: create it, or allow it: %w", topic, denied)
}

// limit asks for the largest batch of a topic that somebody else made.
func (t *topics) limit(ctx context.Context, topic string) int32 {
	described, err := t.a.admin.DescribeTopicConfigs(ctx, topic)
	if err != nil || len(described) == 0 || described[0].Err != nil {
		return brokerBatch
	}
	for _, c := range described[0].Configs {
		if n, err := strconv.ParseInt(c.MaybeValue(), 10, 32); c.Key == largestBatch && err == nil && n >= 512 {
			return int32(min(n, maxBatch))
		}
	}
	return brokerBatch
}

// batch tells the producer how large a batch may be.
func (t *topics) batch(topic string) int32 {
	t.mu.Lock()
	c := t.known[topic]
	t.mu.Unlock()
	if c == nil {
		return brokerBatch
	}
	select {
	case <-c.done:
		return max(c.batch, 512)
	default:
		return brokerBatch
	}
}

// ends gives the end of every partition of topics that exist. A topic that was
// just created takes a moment to have leaders.
func (t *topics) ends(ctx context.Context, names ...string) (kadm.ListedOffsets, error) {
	if len(names) == 0 {
		return nil, nil
	}
	for {
		listed, err := t.a.admin.ListEndOffsets(ctx, names...)
		if err == nil {
			err = listed.Error()
		}
		if err == nil {
			return listed, nil
		}
		if !kerr.IsRetriable(err) || !sleep(ctx, metadataMinAge) {
			return nil, t.a.failure(ctx, err)
		}
	}
}

// sleep reports whether d passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
