package main

import (
	"context"
	"errors"
	"sync"

	"go-micro.dev/v5/broker"
	microtransport "go-micro.dev/v5/transport"
)

const (
	gomicroKind       = "its memory transport alone, below its RPC client; own goroutine, no ctx, no deadline, one call at a time; encoded by gob through a pipe"
	gomicroBrokerKind = "publisher's goroutine; message shared; no ctx; no wildcards"
)

// A gomicro is go-micro's memory transport: a listener that answers each of its sockets.
type gomicro struct {
	transport microtransport.Transport
	listener  microtransport.Listener
	served    chan error // written by Accept's goroutine as it ends, read by close

	mu      sync.Mutex // guards clients
	clients []microtransport.Client
}

func openGomicro(_ context.Context, reply []byte) (requester, error) {
	t := microtransport.NewMemoryTransport()
	l, err := t.Listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &gomicro{transport: t, listener: l, served: make(chan error, 1)}
	serve := func(s microtransport.Socket) {
		for serveGomicro(s, reply) == nil { // a socket that the client closed is not told of it: this goroutine then waits until the process ends
		}
	}
	go func() { g.served <- l.Accept(serve) }()
	return g, nil
}

func serveGomicro(s microtransport.Socket, reply []byte) error {
	var in microtransport.Message
	if err := s.Recv(&in); err != nil {
		return err
	}
	return s.Send(&microtransport.Message{Body: answer(reply, in.Body)})
}

func (g *gomicro) caller(_ context.Context, body []byte) (func() ([]byte, error), error) {
	client, err := g.transport.Dial(g.listener.Addr())
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	g.clients = append(g.clients, client)
	g.mu.Unlock()
	msg := &microtransport.Message{Header: headers(), Body: body}
	return func() ([]byte, error) {
		if err := client.Send(msg); err != nil {
			return nil, err
		}
		var out microtransport.Message
		err := client.Recv(&out)
		return out.Body, err
	}, nil
}

func (g *gomicro) close() error {
	var failed []error
	for _, c := range g.clients {
		failed = append(failed, c.Close())
	}
	failed = append(failed, g.listener.Close(), <-g.served)
	return errors.Join(failed...)
}

// A gomicroBroker is go-micro's memory broker, which calls its subscribers.
type gomicroBroker struct {
	broker.Broker
	subscribed []broker.Subscriber
}

func openGomicroBroker(_ context.Context, topics []string, deliver func(int, []byte)) (publisher, error) {
	b := broker.NewMemoryBroker()
	if err := b.Connect(); err != nil {
		return nil, err
	}
	out := &gomicroBroker{Broker: b}
	for i, topic := range topics {
		s, err := b.Subscribe(topic, func(e broker.Event) error {
			deliver(i, e.Message().Body)
			return nil
		})
		if err != nil {
			return nil, errors.Join(err, out.close())
		}
		out.subscribed = append(out.subscribed, s)
	}
	return out, nil
}

func (b *gomicroBroker) publication(_ context.Context, topic string, body []byte) (func() error, error) {
	msg := &broker.Message{Header: headers(), Body: body}
	return func() error { return b.Publish(topic, msg) }, nil
}

func (b *gomicroBroker) close() error {
	var failed []error
	for _, s := range b.subscribed {
		failed = append(failed, s.Unsubscribe())
	}
	return errors.Join(append(failed, b.Disconnect())...)
}
