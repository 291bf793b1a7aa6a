package kafkawire

import (
	"context"
	"regexp"
	"time"

	"github.com/polywire/polywire/transport"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// growth is how soon a subscription to one topic sees that it got more partitions.
const growth = 5 * time.Second

// copyOptions make the client of a subscription of its own: it reads every
// partition there is from the present end on, and commits nothing.
func (b *binding) copyOptions(ctx context.Context) ([]kgo.Opt, error) {
	if !wildcard(b.bind.Pattern) {
		topic, _ := b.a.names.topic(transport.KindTopic, b.bind.Pattern)
		if err := b.a.topics.ensure(ctx, topic); err != nil {
			return nil, err
		}
	}
	topics, err := b.matching(ctx)
	if err != nil {
		return nil, err
	}
	ends, err := b.a.topics.ends(ctx, topics...)
	if err != nil {
		return nil, err
	}
	from := make(map[string]map[int32]kgo.Offset)
	b.reading = make(map[string]int)
	ends.Each(func(o kadm.ListedOffset) {
		if from[o.Topic] == nil {
			from[o.Topic] = make(map[int32]kgo.Offset)
		}
		from[o.Topic][o.Partition] = kgo.NewOffset().At(o.Offset)
		b.reading[o.Topic]++
	})
	return []kgo.Opt{kgo.ConsumePartitions(from)}, nil
}

// matching lists the topics that the binding's pattern stands for now.
func (b *binding) matching(ctx context.Context) ([]string, error) {
	found, err := b.topics(ctx)
	return found.Names(), err
}

func (b *binding) topics(ctx context.Context) (kadm.TopicDetails, error) {
	if !wildcard(b.bind.Pattern) {
		topic, _ := b.a.names.topic(transport.KindTopic, b.bind.Pattern)
		found, err := b.a.admin.ListTopics(ctx, topic)
		if found[topic].Err != nil {
			delete(found, topic)
		}
		return found, err
	}
	found, err := b.a.admin.ListTopics(ctx)
	if err != nil {
		return nil, err
	}
	matches, err := regexp.Compile(b.a.names.regex(b.bind.Pattern))
	if err != nil {
		return nil, err
	}
	for topic, d := range found {
		if d.Err != nil || !matches.MatchString(topic) {
			delete(found, topic)
		}
	}
	return found, nil
}

// watch looks for topics and partitions that came after Bind, until ctx ends.
// They are read from their start: all that is in them was published since. What is gone is given
// up, so that a topic of the same name is a new one.
func (b *binding) watch(ctx context.Context) {
	pause := growth
	if wildcard(b.bind.Pattern) {
		pause = discovery
	}
	for sleep(ctx, pause) {
		found, err := b.topics(ctx)
		if err != nil {
			continue // the cluster does not answer: health sees to that
		}
		b.client.AddConsumePartitions(b.fresh(found))
		for topic := range b.reading {
			if !found.Has(topic) {
				b.client.PurgeTopicsFromConsuming(topic)
				delete(b.reading, topic)
			}
		}
	}
}

// fresh lists the partitions that are not read yet, and counts them as read.
func (b *binding) fresh(found kadm.TopicDetails) map[string]map[int32]kgo.Offset {
	fresh := make(map[string]map[int32]kgo.Offset)
	for topic, d := range found {
		start := make(map[int32]kgo.Offset)
		for n := b.reading[topic]; n < len(d.Partitions); n++ {
			start[int32(n)] = kgo.NewOffset().AtStart()
		}
		if len(start) > 0 {
			fresh[topic], b.reading[topic] = start, len(d.Partitions)
		}
	}
	return fresh
}
