package main

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
)

const (
	natsKind        = "a server in the process and two connections, over pipes; own goroutine, no ctx; deadline enforced; body and headers copied"
	natsPublishKind = "a server in the process and two connections, over pipes; own goroutine, no ctx, no deadline; body and headers copied; all subscriptions on one connection"
)

// An embedded is a NATS server in this process, without sockets, and two clients of it.
type embedded struct {
	server    *server.Server
	near, far *nats.Conn // of who calls and publishes, and of who handles
}

// startGrace is how long the server may take to start.
const startGrace = 10 * time.Second

func openNATS() (*embedded, error) {
	s, err := server.NewServer(&server.Options{ServerName: "peers", DontListen: true, NoLog: true, NoSigs: true})
	if err != nil {
		return nil, err
	}
	s.Start()
	e := &embedded{server: s}
	if !s.ReadyForConnections(startGrace) {
		return nil, errors.Join(errors.New("the NATS server did not start"), e.close())
	}
	if e.near, err = nats.Connect("", nats.InProcessServer(s)); err == nil {
		e.far, err = nats.Connect("", nats.InProcessServer(s))
	}
	if err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

func (e *embedded) close() error {
	for _, c := range []*nats.Conn{e.near, e.far} {
		if c != nil {
			c.Close()
		}
	}
	e.server.Shutdown()
	e.server.WaitForShutdown()
	return nil
}

func natsMessage(to string, body []byte) *nats.Msg {
	m := nats.NewMsg(to)
	m.Header.Set(tenantKey, tenant)
	m.Header.Set(regionKey, region)
	m.Data = body
	return m
}

func natsRequests(_ context.Context, reply []byte) (requester, error) {
	e, err := openNATS()
	if err != nil {
		return nil, err
	}
	_, err = e.far.Subscribe("trip.quote", func(m *nats.Msg) {
		_ = m.Respond(answer(reply, m.Data)) // what fails here is a reply that the caller misses
	})
	if err == nil {
		err = e.far.Flush()
	}
	if err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

func (e *embedded) caller(ctx context.Context, body []byte) (func() ([]byte, error), error) {
	msg := natsMessage("trip.quote", body)
	return func() ([]byte, error) {
		reply, err := e.near.RequestMsgWithContext(ctx, msg)
		if err != nil {
			return nil, err
		}
		return reply.Data, nil
	}, nil
}

// natsPublishes has all subscriptions on one connection, which costs NATS least.
func natsPublishes(_ context.Context, patterns []string, deliver func(int, []byte)) (publisher, error) {
	e, err := openNATS()
	if err != nil {
		return nil, err
	}
	for i, pattern := range patterns {
		if _, err = e.far.Subscribe(pattern, func(m *nats.Msg) { deliver(i, m.Data) }); err != nil {
			break
		}
	}
	if err == nil {
		err = e.far.Flush() // the server has them all
	}
	if err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

func (e *embedded) publication(_ context.Context, topic string, body []byte) (func() error, error) {
	msg := natsMessage(topic, body)
	return func() error { return e.near.PublishMsg(msg) }, nil
}
