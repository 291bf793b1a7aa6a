package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill/message"
	"github.com/ThreeDotsLabs/watermill/pubsub/gochannel"
)

const (
	watermillKind        = "two topics and a correlation id; own goroutine, own ctx; deadline enforced by the caller; body shared, metadata copied; acknowledged"
	watermillPublishKind = "a goroutine a delivery; own ctx, no deadline; body shared, metadata copied; acknowledged; order not kept; no wildcards"
)

const correlation = "correlation-id"

// A mill is a GoChannel, and what runs on it.
type mill struct {
	bus     *gochannel.GoChannel
	running sync.WaitGroup // the readers of subscriptions, which end when the bus is closed
	pending sync.Map       // correlation id → chan *message.Message, of callers that wait
}

func openMill() *mill {
	return &mill{bus: gochannel.NewGoChannel(gochannel.Config{OutputChannelBuffer: 64}, watermill.NopLogger{})}
}

func (m *mill) close() error {
	err := m.bus.Close()
	m.running.Wait()
	return err
}

// read calls handle for each message of topic, and acknowledges it.
func (m *mill) read(ctx context.Context, topic string, handle func(*message.Message)) error {
	in, err := m.bus.Subscribe(ctx, topic)
	if err != nil {
		return err
	}
	m.running.Go(func() {
		for msg := range in {
			handle(msg)
			msg.Ack()
		}
	})
	return nil
}

func millMessage(body []byte) *message.Message {
	m := message.NewMessage(watermill.NewUUID(), body)
	m.Metadata.Set(tenantKey, tenant)
	m.Metadata.Set(regionKey, region)
	return m
}

const millReplies = "trip.quote.replies"

func openMillRequests(ctx context.Context, reply []byte) (requester, error) {
	m := openMill()
	err := m.read(ctx, "trip.quote", func(in *message.Message) {
		out := message.NewMessage(watermill.NewUUID(), answer(reply, in.Payload))
		out.Metadata.Set(correlation, in.Metadata.Get(correlation))
		_ = m.bus.Publish(millReplies, out) // what fails here is a reply that the caller misses
	})
	if err == nil {
		err = m.read(ctx, millReplies, func(in *message.Message) {
			if to, ok := m.pending.LoadAndDelete(in.Metadata.Get(correlation)); ok {
				to.(chan *message.Message) <- in
			}
		})
	}
	if err != nil {
		return nil, errors.Join(err, m.close())
	}
	return m, nil
}

func (m *mill) caller(ctx context.Context, body []byte) (func() ([]byte, error), error) {
	replies := make(chan *message.Message, 1)
	return func() ([]byte, error) {
		msg := millMessage(body)
		msg.Metadata.Set(correlation, msg.UUID)
		m.pending.Store(msg.UUID, replies)
		if err := m.bus.Publish("trip.quote", msg); err != nil {
			return nil, err
		}
		select {
		case reply := <-replies:
			return reply.Payload, nil
		case <-ctx.Done():
			return nil, fmt.Errorf("no reply: %w", ctx.Err())
		}
	}, nil
}

func openMillPublishes(ctx context.Context, topics []string, deliver func(int, []byte)) (publisher, error) {
	m := openMill()
	for i, topic := range topics {
		if err := m.read(ctx, topic, func(in *message.Message) { deliver(i, in.Payload) }); err != nil {
			return nil, errors.Join(err, m.close())
		}
	}
	return m, nil
}

func (m *mill) publication(_ context.Context, topic string, body []byte) (func() error, error) {
	return func() error { return m.bus.Publish(topic, millMessage(body)) }, nil
}
