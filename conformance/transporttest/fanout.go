package transporttest

import (
	"context"
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/polywire/polywire/transport"
)

func fanoutCases() []Case {
	publish := []string{"Publish"}
	return []Case{
		{ID: "T093", Group: "G", Sections: []string{"1.2", "6.2"}, Needs: publish,
			Rule: "Twenty subscriptions each get all of a hundred messages, in order where keys are ordered.", Run: fanOut(20, 100)},
		{ID: "T093n", Group: "G", Sections: []string{"1.2", "6.2"}, Needs: publish, Tier: Nightly,
			Rule: "A hundred subscriptions each get all of a thousand messages.", Run: fanOut(100, 1000)},
		{ID: "T094", Group: "G", Sections: []string{"1.3"}, Needs: publish,
			Rule: "A subscription that is closed during traffic gets nothing afterwards; the others go on.", Run: unsubscribeMidway},
		{ID: "T095", Group: "G", Sections: []string{"1.3"}, Needs: publish,
			Rule: "What is published once Subscribe returned is received.", Run: subscribeInEffect},
		{ID: "T096", Group: "G", Sections: []string{"1.2"}, Needs: publish,
			Rule: "A new subscription gets nothing that was published before.", Run: nothingFromBefore},
		{ID: "T097", Group: "G", Sections: []string{"2.2"}, Needs: []string{"Publish", "Wildcards"},
			Rule: "Patterns match as the table says: * is one token, > one or more at the end.", Run: wildcards},
		{ID: "T098", Group: "G", Sections: []string{"2.1", "2.2"}, Needs: publish,
			Rule: "Publishing to a pattern is refused and reaches nobody; malformed patterns are refused by Subscribe.", Run: publishToPattern},
		{ID: "T099", Group: "G", Sections: []string{"1.2", "1.5"}, Needs: []string{"Publish", "Groups", "Durable"},
			Rule: "A durable group gets on its return what was published while no member was there.", Run: durableGroup},
		{ID: "T100", Group: "G", Sections: []string{"4.3", "6.3"}, Needs: publish, Unless: "Inline",
			Rule: "A subscription whose handler blocks or panics does not hold up the others.", Run: blockedSubscriber},
	}
}

func fanOut(subscribers, messages int) func(context.Context, *Env) error {
	return func(ctx context.Context, e *Env) error {
		server, client := e.Pair(ctx)
		topic := e.Name("fanout")
		inboxes := make([]*inbox, e.Count(subscribers))
		for i := range inboxes {
			inboxes[i] = newInbox(e)
			e.Subscribe(ctx, server, topic, inboxes[i].handle)
		}
		n := e.Count(messages)
		e.sendKeyed(ctx, 1, n, func(ctx context.Context, m *transport.Message) error {
			m.Destination = topic
			return client.Publish(ctx, m)
		})
		for i, in := range inboxes {
			got := in.wait(n)
			if len(got) != n || distinct(got) != n {
				return fmt.Errorf("subscription %d got %d messages, %d distinct, want %d", i, len(got), distinct(got), n)
			}
			if err := inOrder(got); err != nil && e.Features.OrderedByKey {
				return fmt.Errorf("subscription %d: %w", i, err)
			}
		}
		return nil
	}
}

func unsubscribeMidway(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	topic := e.Name("midway")
	var closed atomic.Bool
	var leaving atomic.Int64
	stays := newInbox(e)
	e.Subscribe(ctx, server, topic, stays.handle)
	sub := e.Subscribe(ctx, server, topic, func(context.Context, *transport.Message) (*transport.Message, error) {
		leaving.Add(1)
		if closed.Load() {
			e.Errorf("the handler was entered after Subscription.Close returned")
		}
		return nil, nil
	})
	n := e.Count(400)
	for i := range n {
		e.Must(client.Publish(ctx, &transport.Message{Destination: topic, Body: strconv.AppendInt(nil, int64(i), 10)}), "publish")
		if i != n/2 {
			continue
		}
		e.Until("the leaving subscription gets something", func() bool { return leaving.Load() > 0 })
		e.Must(sub.Close(ctx), "close the subscription")
		e.Pause(e.Tick / 20) // an entry and Close's return are not ordered to the nanosecond
		closed.Store(true)
	}
	if got := stays.wait(n); distinct(got) != n {
		return fmt.Errorf("the subscription that stays got %d of %d messages", distinct(got), n)
	}
	return nil
}

func subscribeInEffect(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	for i := range e.Count(50) {
		topic := e.Name(fmt.Sprintf("effect%d", i))
		in := newInbox(e)
		sub := e.Subscribe(ctx, server, topic, in.handle)
		e.Must(client.Publish(ctx, &transport.Message{Destination: topic}), "publish")
		in.wait(1)
		e.Must(sub.Close(ctx), "close the subscription")
	}
	return nil
}

func nothingFromBefore(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	topic := e.Name("before")
	first := newInbox(e)
	e.Subscribe(ctx, server, topic, first.handle)
	for range 5 {
		e.Must(client.Publish(ctx, &transport.Message{Destination: topic, Body: []byte("before")}), "publish")
	}
	first.wait(5)
	second := newInbox(e)
	e.Subscribe(ctx, server, topic, second.handle)
	e.Must(client.Publish(ctx, &transport.Message{Destination: topic, Body: []byte("after")}), "publish")
	second.waitFor(func(got []*transport.Message) bool {
		return len(got) > 0 && string(got[len(got)-1].Body) == "after"
	}, "the message published after Subscribe")
	if n := second.len(); n != 1 {
		return fmt.Errorf("the new subscription got %d messages, want the one published after it", n)
	}
	return nil
}

// The pairs of T097; each name stands below the case's own prefix.
var wildcardTable = []struct {
	pattern, destination string
	match                bool
}{
	{"a", "a", true}, {"a", "b", false}, {"a", "A", false}, {"a.b", "a.b", true}, {"a.b", "a", false}, {"a.b", "a.b.c", false},
	{"*", "a", true}, {"*", "a.b", false}, {"a.*", "a.b", true}, {"a.*", "a", false}, {"a.*", "a.b.c", false}, {"a.*", "b.b", false},
	{"*.b", "a.b", true}, {"*.b", "a.c", false}, {"*.*", "a.b", true}, {"*.*", "a", false}, {"*.*", "a.b.c", false}, {"a.*.c", "a.b.c", true},
	{"a.*.c", "a.b.d", false}, {"a.*.c", "a.c", false}, {">", "a", true}, {">", "a.b.c", true}, {"a.>", "a.b", true}, {"a.>", "a.b.c.d", true},
	{"a.>", "a", false}, {"a.>", "b.a", false}, {"*.>", "a.b", true}, {"*.>", "a", false}, {"a.*.>", "a.b.c", true}, {"a.*.>", "a.b", false},
	{"*.b.>", "a.b.c.d", true}, {"*.b.>", "a.c.b", false}, {"a_b", "a-b", false}, {"a_b.*", "a_b.c_d", true}, {"ab.*", "abc.d", false},
}

func wildcards(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	inboxes := map[string]*inbox{}
	for i, row := range wildcardTable {
		if inboxes[row.pattern] == nil {
			inboxes[row.pattern] = newInbox(e)
			e.Subscribe(ctx, server, e.Name(row.pattern), inboxes[row.pattern].handle)
		}
		if transport.Match(row.pattern, row.destination) != row.match {
			e.Errorf("Match(%q, %q) is %v (row %d)", row.pattern, row.destination, !row.match, i)
		}
	}
	sent := map[string]bool{}
	for _, row := range wildcardTable {
		if !sent[row.destination] {
			sent[row.destination] = true
			e.Must(client.Publish(ctx, &transport.Message{Destination: e.Name(row.destination), Body: []byte(row.destination)}), "publish")
		}
	}
	for pattern, in := range inboxes {
		want := map[string]bool{}
		for d := range sent {
			if transport.Match(pattern, d) {
				want[d] = true
			}
		}
		in.wait(len(want))
		e.Pause(e.Tick / 50)
		for _, m := range in.all() {
			if d := string(m.Body); !want[d] || m.Destination != e.Name(d) {
				e.Errorf("%s got what was published to %s, as %s", pattern, d, m.Destination)
			}
		}
		if n := in.len(); n != len(want) {
			e.Errorf("%s got %d messages, want %d", pattern, n, len(want))
		}
	}
	return nil
}

func publishToPattern(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	in := newInbox(e)
	e.Subscribe(ctx, server, e.Name("a.b"), in.handle)
	for _, dest := range []string{e.Name("*"), e.Name(">"), e.Name("a.*"), "*", ">", e.Name("*.b")} {
		e.WantCode(client.Publish(ctx, &transport.Message{Destination: dest}), transport.CodeInvalidArgument, "publishing to "+dest)
		e.WantCode(client.Send(ctx, &transport.Message{Destination: dest}), transport.CodeInvalidArgument, "sending to "+dest)
		_, err := server.Handle(ctx, dest, in.handle)
		e.WantCode(err, transport.CodeInvalidArgument, "handling "+dest)
	}
	for _, pattern := range []string{"", ".", "a.", ".a", "a..b", "a.>.b", ">.a", "a*", "a.b*", "*a", "a.>b", "ä", "a b", "a/b", "#", "$"} {
		_, err := server.Subscribe(ctx, pattern, in.handle)
		e.WantCode(err, transport.CodeInvalidArgument, fmt.Sprintf("subscribing to %q", pattern))
	}
	e.Pause(e.Tick / 10)
	if n := in.len(); n != 0 {
		return fmt.Errorf("%d messages reached a subscriber", n)
	}
	return nil
}

func durableGroup(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	topic := e.Name("durable")
	first := newInbox(e)
	sub := e.Subscribe(ctx, server, topic, first.handle, transport.WithGroup("keeps"))
	e.Must(client.Publish(ctx, &transport.Message{Destination: topic, Key: "k", Body: []byte("seen")}), "publish")
	first.wait(1)
	e.Must(sub.Close(ctx), "the only member leaves")
	n := e.Count(100)
	e.sendKeyed(ctx, 1, n, func(ctx context.Context, m *transport.Message) error {
		m.Destination = topic
		return client.Publish(ctx, m)
	})
	second := newInbox(e)
	e.Subscribe(ctx, server, topic, second.handle, transport.WithGroup("keeps"))
	got := second.wait(n)
	if e.Features.OrderedByKey {
		return inOrder(got)
	}
	if distinct(got) != n {
		return fmt.Errorf("the group got %d of %d messages on its return", distinct(got), n)
	}
	return nil
}

func blockedSubscriber(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	topic := e.Name("blocked")
	release := make(chan struct{})
	defer close(release)
	e.Subscribe(ctx, server, topic, func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
		select {
		case <-release:
		case <-ctx.Done():
		}
		return nil, nil
	})
	e.Subscribe(ctx, server, topic, func(context.Context, *transport.Message) (*transport.Message, error) {
		panic("a bug of a subscriber")
	}, transport.WithRetry(1, e.Tick, e.Tick))
	in := newInbox(e)
	e.Subscribe(ctx, server, topic, in.handle)
	n := e.Count(50)
	for i := range n {
		e.Must(client.Publish(ctx, &transport.Message{Destination: topic, Body: strconv.AppendInt(nil, int64(i), 10)}), "publish")
	}
	if got := in.wait(n); distinct(got) != n {
		return fmt.Errorf("the healthy subscription got %d of %d messages", distinct(got), n)
	}
	return nil
}
