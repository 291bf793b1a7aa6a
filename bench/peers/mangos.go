package main

import (
	"context"
	"crypto/rand"
	"errors"
	"sync"

	"go.nanomsg.org/mangos/v3"
	"go.nanomsg.org/mangos/v3/protocol/pub"
	"go.nanomsg.org/mangos/v3/protocol/rep"
	"go.nanomsg.org/mangos/v3/protocol/req"
	"go.nanomsg.org/mangos/v3/protocol/sub"
	_ "go.nanomsg.org/mangos/v3/transport/inproc" // the scheme inproc://
)

const (
	mangosKind        = "REQ/REP; own goroutine, no ctx, no deadline; body copied, no headers; one responder"
	mangosPublishKind = "PUB/SUB; own goroutine, no ctx; body copied, no headers; drops what does not fit; prefixes for wildcards"
)

// A scalability is mangos' sockets: one that handlers or publishers listen on, and those that dial it.
type scalability struct {
	listening mangos.Socket
	dialled   []mangos.Socket
	address   string
	running   sync.WaitGroup // readers, which end when their socket is closed
}

func listenMangos(s mangos.Socket, err error) (*scalability, error) {
	if err != nil {
		return nil, err
	}
	m := &scalability{listening: s, address: "inproc://" + rand.Text()}
	if err := s.Listen(m.address); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return m, nil
}

func (m *scalability) dial(s mangos.Socket, err error) error {
	if err != nil {
		return err
	}
	m.dialled = append(m.dialled, s)
	return s.Dial(m.address)
}

func (m *scalability) close() error {
	var failed []error
	for _, s := range m.dialled {
		failed = append(failed, s.Close())
	}
	failed = append(failed, m.listening.Close())
	m.running.Wait()
	return errors.Join(failed...)
}

func openMangosRequests(_ context.Context, reply []byte) (requester, error) {
	m, err := listenMangos(rep.NewSocket())
	if err != nil {
		return nil, err
	}
	m.running.Go(func() {
		for replyMangos(m.listening, reply) == nil {
		}
	})
	if err := m.dial(req.NewSocket()); err != nil {
		return nil, errors.Join(err, m.close())
	}
	return m, nil
}

func replyMangos(s mangos.Socket, reply []byte) error {
	in, err := s.RecvMsg()
	if err != nil {
		return err
	}
	out := mangos.NewMessage(len(in.Body))
	out.Body = append(out.Body, answer(reply, in.Body)...)
	in.Free()
	return s.SendMsg(out)
}

// caller has a context of its own, for only so can several share the socket.
func (m *scalability) caller(_ context.Context, body []byte) (func() ([]byte, error), error) {
	c, err := m.dialled[0].OpenContext()
	if err != nil {
		return nil, err
	}
	var last *mangos.Message
	return func() ([]byte, error) {
		if last != nil {
			last.Free()
			last = nil
		}
		msg := mangos.NewMessage(len(body))
		msg.Body = append(msg.Body, body...)
		if err := c.SendMsg(msg); err != nil {
			return nil, err
		}
		reply, err := c.RecvMsg()
		if err != nil {
			return nil, err
		}
		last = reply
		return reply.Body, nil
	}, nil
}

func openMangosPublishes(ctx context.Context, topics []string, deliver func(int, []byte)) (publisher, error) {
	m, err := listenMangos(pub.NewSocket())
	if err != nil {
		return nil, err
	}
	attached := make(chan struct{}, len(topics)) // written by the hook, read below
	m.listening.SetPipeEventHook(func(e mangos.PipeEvent, _ mangos.Pipe) {
		if e == mangos.PipeEventAttached {
			attached <- struct{}{}
		}
	})
	for i := range topics { // all of one topic, which is no part of the message
		s, err := sub.NewSocket()
		if err == nil {
			err = s.SetOption(mangos.OptionSubscribe, []byte{})
		}
		if err = m.dial(s, err); err != nil {
			return nil, errors.Join(err, m.close())
		}
		m.running.Go(func() { readMangos(s, func(body []byte) { deliver(i, body) }) })
	}
	for range topics {
		select {
		case <-attached:
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), m.close())
		}
	}
	return m, nil
}

func readMangos(s mangos.Socket, deliver func(body []byte)) {
	for {
		in, err := s.RecvMsg()
		if err != nil {
			return
		}
		deliver(in.Body)
		in.Free()
	}
}

func (m *scalability) publication(_ context.Context, _ string, body []byte) (func() error, error) {
	return func() error {
		msg := mangos.NewMessage(len(body))
		msg.Body = append(msg.Body, body...)
		return m.listening.SendMsg(msg)
	}, nil
}
