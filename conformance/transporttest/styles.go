package transporttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/polywire/polywire/transport"
)

func styleCases() []Case {
	return []Case{
		{ID: "T001", Group: "A", Sections: []string{"1.1", "1.5"}, Needs: []string{"Send"},
			Rule: "Send returns nil and one handler runs once, with the body and the header that were sent.", Run: sendOnce},
		{ID: "T002", Group: "A", Sections: []string{"1.6"}, Needs: []string{"Send"},
			Rule: "A Send that nobody handles fails with ErrNoHandler where that is detected, and is kept where messages are durable.", Run: sendNobody},
		{ID: "T003", Group: "A", Sections: []string{"1.4"}, Needs: []string{"Request"},
			Rule: "A Request returns the handler's reply: body, header and content type.", Run: requestReply},
		{ID: "T004", Group: "A", Sections: []string{"1.1", "3.3"}, Needs: []string{"Request"},
			Rule: "Each of many requests in sequence gets its own reply.", Run: requestSequence},
		{ID: "T005", Group: "A", Sections: []string{"1.6"}, Needs: []string{"Request", "DetectsNoHandlerOnRequest"},
			Rule: "A Request that nobody handles fails with ErrNoHandler promptly, long before its deadline.", Run: requestNobody, Inverse: requestNobodyUnseen},
		{ID: "T006", Group: "A", Sections: []string{"4.1"},
			Rule: "Every verb whose feature is not declared fails at once with CodeUnimplemented and names the feature.", Run: undeclaredRefused},
		{ID: "T007", Group: "A", Sections: []string{"1.5"}, Needs: []string{"Publish"},
			Rule: "A Publish without subscribers succeeds promptly.", Run: publishNobody},
		{ID: "T008", Group: "A", Sections: []string{"1.2"}, Needs: []string{"Publish"},
			Rule: "Each of three subscriptions gets each message once.", Run: publishThree},
		{ID: "T009", Group: "A", Sections: []string{"1.2", "1.3"}, Needs: []string{"Send"},
			Rule: "Handlers of one destination compete, and one that is added while traffic flows gets its share.", Run: handlersCompete},
		{ID: "T010", Group: "A", Sections: []string{"1.3"}, Needs: []string{"Send"},
			Rule: "Once Subscription.Close returned its handler is not entered again.", Run: noneAfterClose},
		{ID: "T011", Group: "A", Sections: []string{"2.2"}, Needs: []string{"Send"},
			Rule: "Destinations that differ by case alone are two.", Run: caseMatters},
		{ID: "T012", Group: "A", Sections: []string{"2.2"}, Needs: []string{"Request"},
			Rule: "Destinations of 1 and of 180 bytes work; one of 181 is refused.", Run: destinationLengths},
		{ID: "T013", Group: "A", Sections: []string{"2.1"},
			Rule: "A nil ctx, message or handler is refused with CodeInvalidArgument, by every verb.", Run: nilRefused},
		{ID: "T014", Group: "A", Sections: []string{"2.4"}, Needs: []string{"Request"},
			Rule: "A nil and an empty body arrive alike, empty, with a usable header.", Run: emptyBody},
		{ID: "T015", Group: "A", Sections: []string{"2.0"}, Needs: []string{"Send"},
			Rule: "Every message has an ID of its own; one that the sender chose is kept.", Run: messageIDs},
		{ID: "T016", Group: "A", Sections: []string{"7.1"},
			Rule: "State, Health and Features of an open Conn tell the truth about it.", Run: truthful},
		{ID: "T211", Group: "A", Sections: []string{"1.1"}, Needs: []string{"Send", "Publish"},
			Rule: "What is sent never reaches a subscriber of the same name, what is published never a handler.", Run: twoNamespaces},
		{ID: "T212", Group: "A", Sections: []string{"1.4"}, Needs: []string{"Send", "Request"},
			Rule: "ReplyWanted is true for a Request alone, and the reply to a Send is dropped.", Run: replyWanted},
		{ID: "T224", Group: "A", Sections: []string{"2.0"}, Needs: []string{"Request"},
			Rule: "All fields of a message arrive, and the Conn sets Source, Time and Attempt.", Run: messageFields},
	}
}

func sendOnce(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	in := newInbox(e)
	msg := &transport.Message{Destination: e.Name("once"), ContentType: "text/plain", Body: []byte("a body")}
	msg.Header.Set("x-one", "1")
	e.Handle(ctx, server, msg.Destination, in.handle)
	n := e.Count(100)
	for i := range n {
		m := *msg
		m.Body = fmt.Appendf(nil, "body %d", i)
		e.Must(client.Send(ctx, &m), "send")
	}
	got := in.wait(n)
	e.fence(ctx, msg.Destination, in, n)
	bodies := map[string]int{}
	for _, m := range got {
		bodies[string(m.Body)]++
		if m.Header.Get("x-one") != "1" || m.ContentType != "text/plain" || m.Destination != msg.Destination {
			return fmt.Errorf("a message arrived changed: %v", m)
		}
	}
	for i := range n {
		if b := fmt.Sprintf("body %d", i); bodies[b] != 1 {
			return fmt.Errorf("message %d of %d was handled %d times, want once", i, n, bodies[b])
		}
	}
	return nil
}

// fence sends one more message behind n and checks that it is all that still comes.
func (e *Env) fence(ctx context.Context, destination string, in *inbox, n int) {
	_, client := e.Pair(ctx)
	e.Must(client.Send(ctx, &transport.Message{Destination: destination, Body: []byte("fence")}), "send the fence")
	in.wait(n + 1)
	e.Pause(e.Tick / 10)
	if got := in.len(); got != n+1 {
		e.Fatalf("%d messages were handled, want %d", got-1, n)
	}
}

func sendNobody(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	msg := &transport.Message{Destination: e.Name("nobody"), Body: []byte("kept")}
	start := e.watch().lap()
	err := client.Send(ctx, msg)
	if e.Features.DetectsNoHandler {
		if !errors.Is(err, transport.ErrNoHandler) {
			return fmt.Errorf("got %v, want ErrNoHandler as Features.DetectsNoHandler is declared", err)
		}
		e.WantCode(err, transport.CodeUnavailable, "a Send that nobody handles")
		if d := start.took(); d > 10*e.Tick {
			return fmt.Errorf("ErrNoHandler after %v, want it promptly", d)
		}
		return nil
	}
	e.Must(err, "a Send that nobody handles, without Features.DetectsNoHandler")
	if !e.Features.Durable {
		return nil
	}
	in := newInbox(e)
	e.Handle(ctx, server, msg.Destination, in.handle)
	if got := in.wait(1); string(got[0].Body) != "kept" {
		return fmt.Errorf("the kept message arrived as %q", got[0].Body)
	}
	return nil
}

func requestReply(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("reply")
	e.Handle(ctx, server, dest, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		reply := &transport.Message{Body: append([]byte("re: "), msg.Body...), ContentType: "text/x-reply"}
		reply.Header.Add("x-reply", "one")
		reply.Header.Add("x-reply", "two")
		return reply, nil
	})
	reply, err := client.Request(ctx, &transport.Message{Destination: dest, Body: []byte("question"), CorrelationID: "c-1"})
	e.Must(err, "request")
	switch {
	case string(reply.Body) != "re: question":
		return fmt.Errorf("the reply's body is %q", reply.Body)
	case reply.ContentType != "text/x-reply" || !slices.Equal(reply.Header.Values("x-reply"), []string{"one", "two"}):
		return fmt.Errorf("the reply's content type and header are %q and %q", reply.ContentType, reply.Header.Values("x-reply"))
	case reply.CorrelationID != "c-1":
		return fmt.Errorf("the reply's correlation id is %q, want the request's", reply.CorrelationID)
	}
	e.Handle(ctx, server, dest+".none", newInbox(e).handle)
	reply, err = client.Request(ctx, &transport.Message{Destination: dest + ".none"})
	e.Must(err, "request to a handler that returns nil, nil")
	if reply == nil || len(reply.Body) != 0 {
		return fmt.Errorf("a handler that returns nil, nil answers %v, want an empty reply", reply)
	}
	return nil
}

func requestSequence(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("sequence")
	e.Handle(ctx, server, dest, echo)
	for i := range e.Count(500) {
		body := fmt.Sprintf("request %d", i)
		reply, err := client.Request(ctx, &transport.Message{Destination: dest, Body: []byte(body)})
		e.Must(err, "request")
		if string(reply.Body) != body {
			return fmt.Errorf("request %d got the reply %q", i, reply.Body)
		}
	}
	return nil
}

func requestNobody(ctx context.Context, e *Env) error {
	_, client := e.Pair(ctx)
	ctx, cancel := context.WithTimeout(ctx, 100*e.Tick)
	defer cancel()
	start := e.watch().lap()
	_, err := client.Request(ctx, &transport.Message{Destination: e.Name("nobody")})
	if !errors.Is(err, transport.ErrNoHandler) {
		return fmt.Errorf("got %v, want ErrNoHandler", err)
	}
	e.WantCode(err, transport.CodeUnavailable, "a Request that nobody handles")
	if d := start.took(); d > 10*e.Tick {
		return fmt.Errorf("ErrNoHandler after %v, want it promptly", d)
	}
	return nil
}

// requestNobodyUnseen: where nobody can tell, the caller's deadline ends the call.
func requestNobodyUnseen(ctx context.Context, e *Env, missing string) error {
	if missing == "Request" {
		return invert(ctx, e, missing)
	}
	_, client := e.Pair(ctx)
	short, cancel := context.WithTimeout(ctx, 5*e.Tick)
	defer cancel()
	_, err := client.Request(short, &transport.Message{Destination: e.Name("nobody")})
	e.WantCode(err, transport.CodeDeadlineExceeded, "a Request that nobody handles, where that is not detected")
	return nil
}

func undeclaredRefused(ctx context.Context, e *Env) error {
	for _, f := range []string{"Send", "Request", "Publish", "Gather", "Groups", "Wildcards", "DetachedReply"} {
		if e.Features.Has(f) {
			continue
		}
		if err := invert(ctx, e, f); err != nil {
			return err
		}
	}
	_, client := e.Pair(ctx)
	for _, level := range []transport.Acceptance{transport.Queued, transport.Written, transport.Stored, transport.Handled} {
		if level == e.Features.Acceptance || slices.Contains(e.Features.Acceptances, level) {
			continue
		}
		err := client.Send(ctx, &transport.Message{Destination: e.Name("level")}, transport.WithAcceptance(level))
		e.WantCode(err, transport.CodeUnimplemented, "Send with the undeclared acceptance "+level.String())
	}
	return nil
}

func publishNobody(ctx context.Context, e *Env) error {
	_, client := e.Pair(ctx)
	e.Must(client.Publish(ctx, &transport.Message{Destination: e.Name("warm")}), "publish") // a first use may connect
	start := e.watch().lap()
	e.Must(client.Publish(ctx, &transport.Message{Destination: e.Name("warm")}), "publish without subscribers")
	if d := start.took(); d > e.Tick {
		return fmt.Errorf("it took %v, want at most %v", d, e.Tick)
	}
	return nil
}

func publishThree(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	topic := e.Name("three")
	var inboxes [3]*inbox
	for i := range inboxes {
		inboxes[i] = newInbox(e)
		e.Subscribe(ctx, server, topic, inboxes[i].handle)
	}
	n := e.Count(20)
	for i := range n {
		e.Must(client.Publish(ctx, &transport.Message{Destination: topic, Body: fmt.Appendf(nil, "%d", i)}), "publish")
	}
	for i, in := range inboxes {
		in.wait(n)
		e.Pause(e.Tick / 10)
		if got := in.all(); len(got) != n || distinct(got) != n {
			return fmt.Errorf("subscription %d got %d messages, %d of them distinct, want %d", i, len(got), distinct(got), n)
		}
	}
	return nil
}

func distinct(msgs []*transport.Message) int {
	seen := map[string]bool{}
	for _, m := range msgs {
		seen[string(m.Body)] = true
	}
	return len(seen)
}

func handlersCompete(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("compete")
	first, second := newInbox(e), newInbox(e)
	e.Handle(ctx, server, dest, first.handle, transport.WithConcurrency(1))
	send := func(i int) {
		e.Must(client.Send(ctx, &transport.Message{Destination: dest, Body: fmt.Appendf(nil, "%d", i)}), "send")
	}
	sent := 0
	for ; sent < 5; sent++ {
		send(sent)
	}
	e.Handle(ctx, server, dest, second.handle, transport.WithConcurrency(1))
	for ; sent < 5000 && second.len() == 0; sent++ {
		send(sent)
	}
	e.Until("all are handled", func() bool { return first.len()+second.len() >= sent })
	if second.len() == 0 {
		return fmt.Errorf("the handler that was added got none of %d messages", sent)
	}
	if n := distinct(append(first.all(), second.all()...)); n != sent || first.len()+second.len() != sent {
		return fmt.Errorf("%d messages were handled %d times, %d distinct: want each once", sent, first.len()+second.len(), n)
	}
	return nil
}

func noneAfterClose(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("close")
	var closed atomic.Bool
	entered := make(chan struct{}, 1)
	h := func(context.Context, *transport.Message) (*transport.Message, error) {
		if closed.Load() {
			e.Errorf("the handler was entered after Subscription.Close returned")
		}
		select {
		case entered <- struct{}{}:
		default:
		}
		return nil, nil
	}
	sub := e.Handle(ctx, server, dest, h)
	stop := make(chan struct{})
	var senders sync.WaitGroup
	for range 4 {
		senders.Go(func() {
			for i := 0; i < e.Count(2500); i++ {
				select {
				case <-stop:
					return
				default:
				}
				_ = client.Send(ctx, &transport.Message{Destination: dest}) // fails once nobody handles it, where that is detected
			}
		})
	}
	recv(e, entered, "the handler runs")
	e.Must(sub.Close(ctx), "close the subscription")
	e.Pause(e.Tick / 20) // an entry and Close's return are not ordered to the nanosecond
	closed.Store(true)
	e.Pause(e.Tick / 5)
	close(stop)
	senders.Wait()
	return nil
}

func caseMatters(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	lower, upper := newInbox(e), newInbox(e)
	e.Handle(ctx, server, e.Name("case"), lower.handle)
	e.Handle(ctx, server, e.Name("CASE"), upper.handle)
	e.Must(client.Send(ctx, &transport.Message{Destination: e.Name("case"), Body: []byte("lower")}), "send")
	e.Must(client.Send(ctx, &transport.Message{Destination: e.Name("CASE"), Body: []byte("upper")}), "send")
	for want, in := range map[string]*inbox{"lower": lower, "upper": upper} {
		got := in.wait(1)
		if len(got) != 1 || string(got[0].Body) != want {
			return fmt.Errorf("the handler of the %s-case destination got %q", want, got[0].Body)
		}
	}
	return nil
}

func destinationLengths(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	long := e.Name(strings.Repeat("d", 180-len(e.Name(""))))
	one := e.prefix[1:2] // a random letter or digit
	for _, dest := range []string{one, long} {
		e.Handle(ctx, server, dest, echo)
		reply, err := client.Request(ctx, &transport.Message{Destination: dest, Body: []byte(dest)})
		e.Must(err, fmt.Sprintf("request to a destination of %d bytes", len(dest)))
		if string(reply.Body) != dest {
			return fmt.Errorf("the destination of %d bytes answers %q", len(dest), reply.Body)
		}
	}
	_, err := client.Request(ctx, &transport.Message{Destination: long + "d"})
	e.WantCode(err, transport.CodeInvalidArgument, "a destination of 181 bytes")
	_, err = server.Handle(ctx, long+"d", echo)
	e.WantCode(err, transport.CodeInvalidArgument, "a handler of a destination of 181 bytes")
	return nil
}

func nilRefused(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	var none context.Context
	msg := &transport.Message{Destination: e.Name("nil")}
	calls := map[string]func(ctx context.Context, m *transport.Message) error{
		"Send":    func(ctx context.Context, m *transport.Message) error { return client.Send(ctx, m) },
		"Publish": func(ctx context.Context, m *transport.Message) error { return client.Publish(ctx, m) },
		"Request": func(ctx context.Context, m *transport.Message) error { _, err := client.Request(ctx, m); return err },
		"RequestAsync": func(ctx context.Context, m *transport.Message) error {
			_, err := client.RequestAsync(ctx, m)
			return err
		},
		"Gather": func(ctx context.Context, m *transport.Message) error { _, err := client.Gather(ctx, m); return err },
	}
	for name, call := range calls {
		e.WantCode(call(none, msg), transport.CodeInvalidArgument, name+" with a nil ctx")
		e.WantCode(call(ctx, nil), transport.CodeInvalidArgument, name+" with a nil message")
	}
	binds := map[string]func(context.Context, transport.Handler) error{
		"Handle": func(ctx context.Context, h transport.Handler) error {
			_, err := server.Handle(ctx, msg.Destination, h)
			return err
		},
		"Subscribe": func(ctx context.Context, h transport.Handler) error {
			_, err := server.Subscribe(ctx, msg.Destination, h)
			return err
		},
	}
	for name, bind := range binds {
		e.WantCode(bind(none, echo), transport.CodeInvalidArgument, name+" with a nil ctx")
		e.WantCode(bind(ctx, nil), transport.CodeInvalidArgument, name+" with a nil handler")
	}
	e.WantCode(client.Health(none), transport.CodeInvalidArgument, "Health with a nil ctx")
	e.WantCode(client.Drain(none), transport.CodeInvalidArgument, "Drain with a nil ctx")
	return nil
}

func emptyBody(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("empty")
	e.Handle(ctx, server, dest, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		msg.Header.Set("x-writable", "yes")
		return &transport.Message{Body: fmt.Appendf(nil, "%d", len(msg.Body)), Header: msg.Header}, nil
	})
	for _, body := range [][]byte{nil, {}} {
		reply, err := client.Request(ctx, &transport.Message{Destination: dest, Body: body})
		e.Must(err, "request")
		if string(reply.Body) != "0" || reply.Header.Get("x-writable") != "yes" {
			return fmt.Errorf("a body of %#v arrived with %s bytes", body, reply.Body)
		}
	}
	return nil
}

func messageIDs(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	in := newInbox(e)
	dest := e.Name("ids")
	e.Handle(ctx, server, dest, in.handle)
	n := e.Count(200)
	for range n {
		e.Must(client.Send(ctx, &transport.Message{Destination: dest}), "send")
	}
	seen := map[string]bool{}
	for _, m := range in.wait(n) {
		if m.ID == "" || seen[m.ID] {
			return fmt.Errorf("ID %q is empty or not the only one", m.ID)
		}
		seen[m.ID] = true
	}
	e.Must(client.Send(ctx, &transport.Message{Destination: dest, ID: "order-4711"}), "send")
	got := in.wait(n + 1)
	if last := got[n]; last.ID != "order-4711" {
		return fmt.Errorf("the ID order-4711 arrived as %q", last.ID)
	}
	return nil
}

func truthful(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	for name, c := range map[string]Conn{"server": server, "client": client} {
		f := c.Features()
		if c.State() != "ready" {
			return fmt.Errorf("the state of the open %s is %q, want ready", name, c.State())
		}
		e.Must(c.Health(ctx), "health of the "+name)
		switch {
		case f.Adapter == "" || f.String() != e.Features.String() || f.MaxBody != e.Features.MaxBody:
			return fmt.Errorf("the features of the %s differ between Conns or have no name: %v", name, f)
		case (f.Send || f.Publish) && (f.Acceptance < transport.Queued || f.Acceptance > transport.Handled):
			return fmt.Errorf("the default acceptance is %v: declare one", f.Acceptance)
		case f.DetectsNoHandler && !f.Has("DetectsNoHandlerOnRequest"):
			return fmt.Errorf("DetectsNoHandler is declared, DetectsNoHandlerOnRequest is not")
		case f.Durable && f.Acceptance != transport.Stored && !slices.Contains(f.Acceptances, transport.Stored):
			return fmt.Errorf("Durable is declared, but the acceptance Stored is not")
		case (f.Gather || f.Groups || f.Wildcards) && !f.Publish:
			return fmt.Errorf("a feature of Publish is declared without it: %v", f)
		}
	}
	return nil
}

func twoNamespaces(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	name := e.Name("both")
	queue, topic := newInbox(e), newInbox(e)
	e.Handle(ctx, server, name, queue.handle)
	e.Subscribe(ctx, server, name, topic.handle)
	e.Must(client.Send(ctx, &transport.Message{Destination: name, Body: []byte("sent")}), "send")
	e.Must(client.Publish(ctx, &transport.Message{Destination: name, Body: []byte("published")}), "publish")
	queue.wait(1)
	topic.wait(1)
	e.Pause(e.Tick / 5)
	for want, in := range map[string]*inbox{"sent": queue, "published": topic} {
		for _, m := range in.all() {
			if string(m.Body) != want {
				return fmt.Errorf("what was %s crossed over", m.Body)
			}
		}
	}
	return nil
}

func replyWanted(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest, late := e.Name("wanted"), client.Stats().LateReplies
	wanted := make(chan bool, 1)
	e.Handle(ctx, server, dest, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		wanted <- msg.ReplyWanted()
		return &transport.Message{Body: []byte("an answer")}, nil
	})
	e.Must(client.Send(ctx, &transport.Message{Destination: dest}), "send")
	if recv(e, wanted, "the handler of the Send") {
		return fmt.Errorf("ReplyWanted is true for a Send")
	}
	reply, err := client.Request(ctx, &transport.Message{Destination: dest})
	e.Must(err, "request")
	if !recv(e, wanted, "the handler of the Request") || string(reply.Body) != "an answer" {
		return fmt.Errorf("ReplyWanted is false for a Request, or its reply %q is wrong", reply.Body)
	}
	if n := client.Stats().LateReplies - late; n != 0 {
		return fmt.Errorf("%d replies came to the client that nobody had asked for", n)
	}
	return nil
}
