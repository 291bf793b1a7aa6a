package main

import (
	"context"

	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/transport"
)

// The URLs of the two ways in which polywire runs handlers in one process.
const (
	isolated = "inproc://"
	inline   = "inproc://?inline"
)

const (
	isolatedKind = "own goroutine, own ctx; deadline enforced; body and headers copied; id, time, limits"
	inlineKind   = "caller's goroutine, own ctx; deadline told, not enforced; body and headers copied; id, time, limits"
)

// A polywire is a Conn with its defaults on.
type polywire struct{ conn *transport.Conn }

func openPolywire(ctx context.Context, url string) (polywire, error) {
	conn, err := transport.NewRegistry(inproc.Factory()).Open(ctx, url)
	return polywire{conn}, err
}

func (p polywire) close() error { return p.conn.Close() }

func polywireMessage(to string, body []byte) *transport.Message {
	m := &transport.Message{Destination: to, ContentType: octets, Body: body}
	m.Header.Set(tenantKey, tenant)
	m.Header.Set(regionKey, region)
	return m
}

// polywireRequests handles at url, with the default concurrency.
func polywireRequests(url string) answerer {
	return func(ctx context.Context, reply []byte) (requester, error) {
		p, err := openPolywire(ctx, url)
		if err != nil {
			return nil, err
		}
		return p, handleQuotes(ctx, p.conn, reply)
	}
}

// handleQuotes answers with reply, or with what came.
func handleQuotes(ctx context.Context, conn *transport.Conn, reply []byte) error {
	made := &transport.Message{ContentType: octets, Body: reply}
	_, err := conn.Handle(ctx, "trip.quote", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		if reply == nil {
			return &transport.Message{ContentType: octets, Body: m.Body}, nil
		}
		return made, nil
	})
	return err
}

func (p polywire) caller(ctx context.Context, body []byte) (func() ([]byte, error), error) {
	msg := polywireMessage("trip.quote", body)
	return func() ([]byte, error) {
		reply, err := p.conn.Request(ctx, msg)
		if err != nil {
			return nil, err
		}
		return reply.Body, nil
	}, nil
}

func polywirePublishes(url string) subscriber {
	return func(ctx context.Context, patterns []string, deliver func(int, []byte)) (publisher, error) {
		p, err := openPolywire(ctx, url)
		if err != nil {
			return nil, err
		}
		for i, pattern := range patterns {
			_, err := p.conn.Subscribe(ctx, pattern, func(_ context.Context, m *transport.Message) (*transport.Message, error) {
				deliver(i, m.Body)
				return nil, nil
			})
			if err != nil {
				return nil, err
			}
		}
		return p, nil
	}
}

func (p polywire) publication(ctx context.Context, topic string, body []byte) (func() error, error) {
	msg := polywireMessage(topic, body)
	return func() error { return p.conn.Publish(ctx, msg) }, nil
}
