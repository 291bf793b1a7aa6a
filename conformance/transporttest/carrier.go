package transporttest

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/polywire/polywire/transport"
)

// A carrier takes a message through every style that the adapter declares, there and back.
type carrier struct {
	e      *Env
	client Conn
	in     *inbox
	queue  string
	topic  string
	count  atomic.Int64
}

// newCarrier binds handlers that echo.
func newCarrier(ctx context.Context, e *Env) *carrier {
	server, client := e.Pair(ctx)
	c := &carrier{e: e, client: client, in: newInbox(e), queue: e.Name("queue"), topic: e.Name("topic")}
	if e.Features.Send || e.Features.Request {
		e.Handle(ctx, server, c.queue, c.in.echo)
	}
	if e.Features.Publish {
		e.Subscribe(ctx, server, c.topic, c.in.echo)
	}
	return c
}

// carry sends copies of msg and gives check what handlers and callers get.
func (c *carrier) carry(ctx context.Context, msg *transport.Message, check func(got *transport.Message) error) error {
	for _, style := range []string{"Send", "Request", "Publish", "Gather"} {
		if !c.e.Features.Has(style) {
			continue
		}
		m := *msg
		m.ID = fmt.Sprintf("carried-%d", c.count.Add(1))
		reply, err := c.call(ctx, style, &m)
		if err != nil {
			return fmt.Errorf("%s: %w", style, err)
		}
		if err := check(c.in.find(m.ID)); err != nil {
			return fmt.Errorf("%s: the handler got a changed message: %w", style, err)
		}
		if reply == nil {
			continue
		}
		if err := check(reply); err != nil {
			return fmt.Errorf("%s: the caller got a changed reply: %w", style, err)
		}
	}
	return nil
}

func (c *carrier) call(ctx context.Context, style string, m *transport.Message) (*transport.Message, error) {
	switch m.Destination = c.queue; style {
	case "Send":
		return nil, c.client.Send(ctx, m)
	case "Request":
		return c.client.Request(ctx, m)
	case "Publish":
		m.Destination = c.topic
		return nil, c.client.Publish(ctx, m)
	}
	m.Destination = c.topic
	ctx, cancel := context.WithTimeout(ctx, c.e.Patience)
	defer cancel()
	g, err := c.client.Gather(ctx, m, transport.WithMax(1))
	if err != nil {
		return nil, err
	}
	defer g.Close()
	for r := range g.All() {
		return r.Message, r.Err
	}
	return nil, fmt.Errorf("no answer came: %s", g.Reason())
}

// refused checks that every declared style refuses msg with code, at once.
func (c *carrier) refused(ctx context.Context, msg *transport.Message, code transport.Code, what string) {
	before := c.in.len()
	w := c.e.watch()
	for _, style := range []string{"Send", "Request", "Publish", "Gather"} {
		if !c.e.Features.Has(style) {
			continue
		}
		m := *msg
		start := w.lap()
		_, err := c.call(ctx, style, &m)
		if problem := wrongCode(err, code); problem != "" {
			c.e.Errorf("%s: %s: %s", style, what, problem)
		}
		if d := start.took(); d > 10*c.e.Tick {
			c.e.Errorf("%s: %s: refused after %v, want at once", style, what, d)
		}
	}
	if n := c.in.len(); n != before {
		c.e.Errorf("%s: %d messages were handled, want nothing written", what, n-before)
	}
}

// find waits for the message with that id.
func (b *inbox) find(id string) *transport.Message {
	var found *transport.Message
	b.waitFor(func(got []*transport.Message) bool {
		i := slices.IndexFunc(got, func(m *transport.Message) bool { return m.ID == id })
		if i >= 0 {
			found = got[i]
		}
		return i >= 0
	}, "the message "+id)
	return found
}

type field struct{ key, value string }

// fieldsOf lists a header's fields in order.
func fieldsOf(h transport.Header) []field {
	var all []field
	for k, v := range h.All() {
		all = append(all, field{k, v})
	}
	return all
}

// sameHeader checks that a header arrived with its fields in order.
func sameHeader(want transport.Header) func(got *transport.Message) error {
	fields := fieldsOf(want)
	return func(got *transport.Message) error {
		have := fieldsOf(got.Header)
		if slices.Equal(have, fields) {
			return nil
		}
		for i := range min(len(have), len(fields)) {
			if have[i] != fields[i] {
				return fmt.Errorf("field %d is %q: %q, want %q: %q", i, have[i].key, have[i].value, fields[i].key, fields[i].value)
			}
		}
		return fmt.Errorf("%d fields, want %d", len(have), len(fields))
	}
}
