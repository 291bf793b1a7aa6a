package transporttest

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/polywire/polywire/transport"
)

func lifecycleFaults() []Fault {
	return []Fault{
		{Name: "drains without waiting", Rules: []string{"7.1"}, conn: func(c Conn) Conn { return hasty{c} }},
		{Name: "fails when closed twice", Rules: []string{"7.1"}, conn: func(c Conn) Conn { return &closeOnce{Conn: c} }},
		{Name: "does not say that it is closed", Rules: []string{"7.1"}, conn: func(c Conn) Conn { return alwaysReady{c} }},
		{Name: "is healthy without asking", Rules: []string{"7.1"}, conn: func(c Conn) Conn { return alwaysHealthy{c} }},
		{Name: "does not notice that the connection is back", Rules: []string{"7.2"}, Cases: []string{"T133", "T137"}, setup: func(s *transport.Setup) {
			tell := s.Connected
			s.Connected = func(err error) {
				if err != nil {
					tell(err)
				}
			}
		}},
		{Name: "does not notice that the connection is lost", Rules: []string{"7.2", "1.7"}, Cases: []string{"T136", "T159"}, setup: func(s *transport.Setup) { s.Connected = func(error) {} }},
		{Name: "waits out a request whose connection is lost", Rules: []string{"7.2"}, Cases: []string{"T138"}, adapter: func() *hooks {
			return &hooks{request: func(ctx context.Context, e *transport.Envelope, next exchange) (*transport.Envelope, error) {
				reply, err := next(ctx, e)
				if errors.Is(err, transport.CodeUnavailable) {
					<-ctx.Done()
				}
				return reply, err
			}}
		}},
		{Name: "makes a call twice that may have run", Rules: []string{"7.3"}, adapter: func() *hooks {
			return &hooks{request: func(ctx context.Context, e *transport.Envelope, next exchange) (*transport.Envelope, error) {
				again := *e // next keeps e
				if _, err := next(ctx, e); err != nil {
					return nil, err
				}
				return next(ctx, &again)
			}}
		}},
		{Name: "shows the reply address as ReplyTo", Rules: []string{"8.2", "2.0"}, Cases: []string{"T003", "T184", "T185", "T224"}, adapter: changing(func(e *transport.Envelope) {
			if e.ReplyAddress != "" {
				e.ReplyTo = "reply.address"
			}
		})},
	}
}

type hasty struct{ Conn }

func (h hasty) Drain(context.Context) error { return h.Conn.Close() }

type closeOnce struct {
	Conn
	closed atomic.Bool
}

func (c *closeOnce) Close() error {
	if c.closed.Swap(true) {
		return errors.New("closed already")
	}
	return c.Conn.Close()
}

type alwaysReady struct{ Conn }

func (alwaysReady) State() transport.State { return "ready" }

type alwaysHealthy struct{ Conn }

func (alwaysHealthy) Health(context.Context) error { return nil }
