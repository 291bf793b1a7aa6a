package transporttest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/transport"
)

// rawCases speak to the adapter below a Conn, as the core does.
func rawCases() []Case {
	raw := []string{AbilityAdapter}
	return []Case{
		{ID: "T088", Group: "F", Sections: []string{"5.4"}, Needs: []string{"Send"}, Abilities: raw,
			Rule: "Settling a delivery twice is ErrStale, without effect, and the binding goes on.", Run: settleTwice},
		{ID: "T089", Group: "F", Sections: []string{"5.4"}, Needs: []string{"Send"}, Abilities: raw,
			Rule: "Settling after the adapter was closed is ErrStale, or harmless, and never hangs.", Run: settleLate},
		{ID: "T158", Group: "L", Sections: []string{"6.3"}, Needs: []string{"Send"}, Abilities: raw,
			Rule: "An adapter keeps at most Binding.Credit deliveries unsettled.", Run: creditKept},
		{ID: "T184", Group: "O", Sections: []string{"8.2", "3.3"}, Needs: []string{"Request"}, Abilities: raw,
			Rule: "A reply with a forged call id reaches no caller, and is counted.", Run: forgedCall},
		{ID: "T185", Group: "O", Sections: []string{"8.2"}, Needs: []string{"Request"}, Abilities: raw,
			Rule: "Reply addresses and call ids are apart from the message, unguessable, and no destination.", Run: replyAddress},
		{ID: "T243", Group: "A", Sections: []string{"1.3", "5.4"}, Needs: []string{"Send"}, Abilities: raw,
			Rule: "After Unbind nothing is delivered, and what was delivered before can still be settled.", Run: settleAfterUnbind},
		{ID: "T244", Group: "I", Sections: []string{"2.5"}, Needs: []string{"Send"}, Abilities: raw,
			Rule: "An adapter reads nothing of an Envelope after Send or Publish returned.", Run: envelopeOwned},
		{ID: "T246", Group: "F", Sections: []string{"5.1"}, Needs: []string{"Send"}, Abilities: raw,
			Rule: "What is released comes again, to somebody who handles it.", Run: releaseComesBack},
	}
}

// A rawSink keeps deliveries unsettled.
type rawSink struct {
	got  chan transport.Delivery
	open atomic.Int64
	most atomic.Int64
}

func newRawSink() *rawSink { return &rawSink{got: make(chan transport.Delivery, 1000)} }

func (s *rawSink) Deliver(d transport.Delivery) {
	now := s.open.Add(1)
	for most := s.most.Load(); now > most && !s.most.CompareAndSwap(most, now); most = s.most.Load() {
	}
	s.got <- d
}

func (s *rawSink) Lost(error) {}

// settle accepts or releases d and makes room.
func (s *rawSink) settle(ctx context.Context, settle func(context.Context) error) error {
	s.open.Add(-1)
	return settle(ctx)
}

// rawBind opens an adapter and binds sink to dest with credit.
func (e *Env) rawBind(ctx context.Context, dest string, sink transport.Sink, credit int) (transport.Adapter, transport.Bound) {
	a := e.Adapter(ctx)
	b, err := a.Bind(ctx, transport.Binding{Kind: transport.KindQueue, Pattern: dest, Concurrency: 1, Credit: credit}, sink)
	e.Must(err, "bind")
	return a, b
}

func settleTwice(ctx context.Context, e *Env) error {
	_, client := e.Pair(ctx)
	dest, sink := e.Name("twice"), newRawSink()
	e.rawBind(ctx, dest, sink, 1)
	for i := range 3 {
		e.Must(client.Send(ctx, &transport.Message{Destination: dest, Body: fmt.Appendf(nil, "%d", i)}), "send")
		d := recv(e, sink.got, "the delivery")
		if string(d.Envelope().Body) != fmt.Sprint(i) {
			return fmt.Errorf("delivery %d is %q", i, d.Envelope().Body)
		}
		e.Must(d.Accept(ctx), "accept")
		for name, again := range map[string]func(context.Context) error{"Accept": d.Accept, "Release": d.Release} {
			if err := again(ctx); !errors.Is(err, transport.ErrStale) {
				return fmt.Errorf("%s of a settled delivery: %v, want ErrStale", name, err)
			}
		}
	}
	select {
	case d := <-sink.got:
		return fmt.Errorf("%q came again after it was accepted", d.Envelope().Body)
	default:
		return nil
	}
}

func settleLate(ctx context.Context, e *Env) error {
	_, client := e.Pair(ctx)
	dest, sink := e.Name("late"), newRawSink()
	a, _ := e.rawBind(ctx, dest, sink, 2)
	for range 2 {
		e.Must(client.Send(ctx, &transport.Message{Destination: dest}), "send")
	}
	first, second := recv(e, sink.got, "a delivery"), recv(e, sink.got, "another")
	e.Must(a.Close(ctx), "close the adapter")
	for name, settle := range map[string]func(context.Context) error{"Accept": first.Accept, "Release": second.Release} {
		if err := settle(ctx); err != nil && !errors.Is(err, transport.ErrStale) {
			return fmt.Errorf("%s after Close: %v, want ErrStale or nil", name, err)
		}
	}
	return nil
}

func creditKept(ctx context.Context, e *Env) error {
	_, client := e.Pair(ctx)
	dest, sink := e.Name("credit"), newRawSink()
	e.rawBind(ctx, dest, sink, 3)
	for range 12 {
		e.Must(client.Send(ctx, &transport.Message{Destination: dest}), "send")
	}
	for range 12 {
		d := recv(e, sink.got, "the next delivery, once another is settled")
		if len(sink.got) == 0 {
			e.Pause(e.Tick / 20)
		}
		e.Must(sink.settle(ctx, d.Accept), "accept")
	}
	if most := sink.most.Load(); most > 3 {
		return fmt.Errorf("%d deliveries were unsettled at once, with a credit of 3", most)
	}
	return nil
}

func settleAfterUnbind(ctx context.Context, e *Env) error {
	_, client := e.Pair(ctx)
	dest, sink := e.Name("unbind"), newRawSink()
	_, bound := e.rawBind(ctx, dest, sink, 1)
	var senders sync.WaitGroup
	for range 2 {
		senders.Go(func() {
			for range 50 {
				_ = client.Send(ctx, &transport.Message{Destination: dest}) // fails once nobody handles it, where that is detected
			}
		})
	}
	d := recv(e, sink.got, "a delivery")
	e.Must(bound.Unbind(ctx), "unbind")
	before := sink.most.Load()
	e.Must(d.Accept(ctx), "accept after Unbind")
	senders.Wait()
	e.Pause(e.Tick / 10)
	if n := len(sink.got); n != 0 || sink.most.Load() != before {
		return fmt.Errorf("%d messages were delivered after Unbind had returned", n)
	}
	return nil
}

func envelopeOwned(ctx context.Context, e *Env) error {
	e.Pair(ctx)
	dest, sink := e.Name("owned"), newRawSink()
	a, _ := e.rawBind(ctx, dest, sink, 1)
	for i := range 5 {
		env := &transport.Envelope{Kind: transport.KindQueue, Message: transport.Message{
			Destination: dest, ID: fmt.Sprintf("raw-%d", i), Source: "raw/1", Time: time.Now(), Timeout: e.Patience, Body: []byte("the body"), Params: map[string][]string{"p": {"v"}},
		}}
		env.Header.Set("x-a", "the value")
		e.Must(a.Send(ctx, env), "send")
		fill(env.Body, 0xdd)
		env.Params["p"][0] = "overwritten"
		env.Header.Set("x-a", "overwritten")
		env.ID, env.Destination = "overwritten", "over.written"
	}
	seen := map[string]bool{} // in whatever order: the messages have no key
	for i := range 5 {
		d := recv(e, sink.got, "a delivery")
		got := d.Envelope()
		seen[got.ID] = true
		if !strings.HasPrefix(got.ID, "raw-") || len(seen) != i+1 || string(got.Body) != "the body" || got.Params.Get("p") != "v" || got.Header.Get("x-a") != "the value" || got.Destination != dest {
			return fmt.Errorf("delivery %d shows what was written after Send: %q, %q, %q", i, got.ID, got.Body, got.Header.Get("x-a"))
		}
		e.Must(d.Accept(ctx), "accept")
	}
	return nil
}

func releaseComesBack(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest, sink := e.Name("release"), newRawSink()
	_, bound := e.rawBind(ctx, dest, sink, 1)
	e.Must(client.Send(ctx, &transport.Message{Destination: dest, Body: []byte("released")}), "send")
	d := recv(e, sink.got, "the delivery")
	in := newInbox(e)
	e.Handle(ctx, server, dest, in.handle)
	e.Must(bound.Unbind(ctx), "unbind")
	e.Must(d.Release(ctx), "release")
	if !e.Features.Redelivers && !e.Features.InProcess {
		return nil // it has nowhere to return to
	}
	got := in.wait(1)[0]
	if string(got.Body) != "released" {
		return fmt.Errorf("another message came: %q", got.Body)
	}
	if err := d.Accept(ctx); !errors.Is(err, transport.ErrStale) {
		return fmt.Errorf("Accept after Release: %v, want ErrStale", err)
	}
	return nil
}

func forgedCall(ctx context.Context, e *Env) error {
	_, client := e.Pair(ctx)
	dest, sink := e.Name("forged"), newRawSink()
	e.rawBind(ctx, dest, sink, 8)
	short, cancel := context.WithTimeout(ctx, 3*e.Tick)
	defer cancel()
	victim, err := client.RequestAsync(short, &transport.Message{Destination: dest, Body: []byte("victim")})
	e.Must(err, "request")
	d := recv(e, sink.got, "the request")
	env := d.Envelope()
	if env.ReplyAddress == "" {
		return fmt.Errorf("a request came without a reply address")
	}
	e.Must(d.Accept(ctx), "accept")
	forged := reply(env)
	forged.CallID = "00000000000000000000000000000000"
	forged.Body = []byte("forged")
	_ = d.Reply(ctx, forged) // may be refused
	got, err := victim.Await(ctx)
	switch {
	case err == nil && env.CallID != "":
		return fmt.Errorf("a reply of another call id reached the caller: %q", got.Body)
	case err != nil:
		e.WantCode(err, transport.CodeDeadlineExceeded, "the call whose reply had another call id")
	}
	e.Until("nothing waits", func() bool { return client.Stats().Waiting == 0 })
	return nil
}

// reply answers env as the core would.
func reply(env *transport.Envelope) *transport.Envelope {
	return &transport.Envelope{
		Kind: transport.KindReply, ReplyAddress: env.ReplyAddress, CallID: env.CallID, Responder: "raw/1/1",
		Message: transport.Message{Destination: env.Destination, ID: "reply-1", Source: "raw/1", Time: time.Now(), Timeout: time.Second, CorrelationID: env.CorrelationID},
	}
}

func replyAddress(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest, sink := e.Name("address"), newRawSink()
	e.rawBind(ctx, dest, sink, 8)
	ids := map[string]bool{}
	for range 3 {
		f, err := client.RequestAsync(ctx, &transport.Message{Destination: dest})
		e.Must(err, "request")
		d := recv(e, sink.got, "the request")
		env := d.Envelope()
		if env.ReplyTo != "" || env.Header.Len() != 0 {
			return fmt.Errorf("the correlator's address shows in the message: %q, %v", env.ReplyTo, env.Header)
		}
		if env.CallID != "" && (len(env.CallID) < 22 || ids[env.CallID]) {
			return fmt.Errorf("the call id %q can be guessed", env.CallID)
		}
		ids[env.CallID] = true
		forged := &transport.Message{Destination: env.ReplyAddress, Body: []byte("forged")}
		short, cancel := context.WithTimeout(ctx, e.Tick)
		_ = server.Send(short, forged) // refused, or taken for a destination like any other
		cancel()
		e.Must(d.Accept(ctx), "accept")
		answer := reply(env)
		answer.Body = []byte("genuine")
		e.Must(d.Reply(ctx, answer), "reply")
		got, err := f.Await(ctx)
		e.Must(err, "await")
		if string(got.Body) != "genuine" {
			return fmt.Errorf("the caller got %q", got.Body)
		}
	}
	return nil
}
