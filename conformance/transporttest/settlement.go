package transporttest

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/transport"
)

func settlementCases() []Case {
	send := []string{"Send"}
	return []Case{
		{ID: "T081", Group: "F", Sections: []string{"1.2"}, Needs: []string{"Publish", "Groups"},
			Rule: "Each message reaches one member of a group of three, and all get some.", Run: groupShares},
		{ID: "T083", Group: "F", Sections: []string{"1.2", "5.1"}, Needs: send,
			Rule: "When a consumer leaves, the rest take over and nothing is lost.", Run: consumerLeaves},
		{ID: "T085", Group: "F", Sections: []string{"1.2"}, Needs: []string{"Publish", "Groups"},
			Rule: "Two groups of one destination each get all messages.", Run: twoGroups},
		{ID: "T086", Group: "F", Sections: []string{"5.1"}, Needs: send, Timing: true,
			Rule: "A message whose handler failed comes again as attempt 2, and not after its success.", Run: retryOnce},
		{ID: "T087", Group: "F", Sections: []string{"5.1"}, Needs: []string{"Send", "Redelivers"}, Abilities: []string{AbilityAnother},
			Rule: "What a closed consumer had not settled is delivered to another.", Run: consumerDies},
		{ID: "T091", Group: "F", Sections: []string{"5.1", "5.2"}, Needs: send, Timing: true,
			Rule: "A message that keeps failing becomes a dead letter with reason, attempts, destination, header and body.", Run: deadLetter},
		{ID: "T092", Group: "F", Sections: []string{"5.1", "5.4"}, Needs: send,
			Rule: "Of 100 messages the one that failed alone comes again.", Run: oneOfHundred},
		{ID: "T227", Group: "F", Sections: []string{"5.3", "7.3"}, Needs: []string{"Request"}, Timing: true,
			Rule: "A request is never retried: its handler runs once, whatever it returns.", Run: requestsOnce},
		{ID: "T228", Group: "F", Sections: []string{"5.1"}, Needs: send,
			Rule: "A code that cannot succeed later makes a dead letter at the first attempt; others are retried.", Run: permanentCodes},
		{ID: "T229", Group: "F", Sections: []string{"5.1"}, Needs: send, Timing: true,
			Rule: "Attempts are spaced by the retry option, doubling up to the longest.", Run: retrySchedule},
		{ID: "T233", Group: "F", Sections: []string{"5.2"}, Needs: []string{"Send", "Publish", "Groups"}, Timing: true,
			Rule: "A group's dead letters go to a destination of the group.", Run: groupDeadLetter},
		{ID: "T238", Group: "F", Sections: []string{"5.3"}, Needs: []string{"Publish", "Gather"}, Timing: true,
			Rule: "A Gather is never retried by settlement: a failing subscription answers once, with its error.", Run: gatherOnce},
		{ID: "T239", Group: "F", Sections: []string{"5.3"}, Needs: []string{"Request", "Redelivers"}, Abilities: []string{AbilityAnother},
			Rule: "A request that is not idempotent does not run again when its consumer dies; an idempotent one does.", Run: idempotence},
	}
}

// consumers returns n Conns that can handle, of their own where the Harness has them.
func (e *Env) consumers(ctx context.Context, n int) []Conn {
	server, _ := e.Pair(ctx)
	all := []Conn{server}
	for len(all) < n {
		if e.h.Another == nil {
			all = append(all, server)
			continue
		}
		all = append(all, e.Another(ctx))
	}
	return all
}

func groupShares(ctx context.Context, e *Env) error {
	_, client := e.Pair(ctx)
	topic := e.Name("shares")
	all := newInbox(e)
	var counts [3]atomic.Int64
	for i, c := range e.consumers(ctx, 3) {
		e.Subscribe(ctx, c, topic, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
			counts[i].Add(1)
			all.add(msg)
			return nil, nil
		}, transport.WithGroup("g"))
	}
	n := e.Count(300)
	for i := range n {
		e.Must(client.Publish(ctx, &transport.Message{Destination: topic, Body: strconv.AppendInt(nil, int64(i), 10)}), "publish")
	}
	all.wait(n)
	e.Pause(e.Tick / 10)
	if got := all.all(); len(got) != n || distinct(got) != n {
		return fmt.Errorf("%d messages were handled, %d distinct, want %d", len(got), distinct(got), n)
	}
	for i := range counts {
		if counts[i].Load() == 0 && n >= 30 {
			return fmt.Errorf("member %d of 3 got none of %d messages", i, n)
		}
	}
	return nil
}

func consumerLeaves(ctx context.Context, e *Env) error {
	_, client := e.Pair(ctx)
	dest := e.Name("leaves")
	all := newInbox(e)
	var subs []*transport.Subscription
	for _, c := range e.consumers(ctx, 3) {
		subs = append(subs, e.Handle(ctx, c, dest, all.handle, transport.WithConcurrency(2)))
	}
	n := e.Count(300)
	for i := range n {
		e.Must(client.Send(ctx, &transport.Message{Destination: dest, Body: strconv.AppendInt(nil, int64(i), 10)}), "send")
		if i == n/3 {
			e.Must(subs[1].Close(ctx), "one consumer leaves")
		}
	}
	got := all.waitFor(func(got []*transport.Message) bool { return distinct(got) == n }, fmt.Sprintf("all of %d messages", n))
	if extra := len(got) - n; extra > 2 && !e.Features.Redelivers {
		return fmt.Errorf("%d messages were handled twice, want none", extra)
	}
	return nil
}

func twoGroups(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	topic := e.Name("groups")
	groups := map[string]*inbox{"one": newInbox(e), "two": newInbox(e)}
	for name, in := range groups {
		for range 2 {
			e.Subscribe(ctx, server, topic, in.handle, transport.WithGroup(name))
		}
	}
	n := e.Count(50)
	for i := range n {
		e.Must(client.Publish(ctx, &transport.Message{Destination: topic, Body: strconv.AppendInt(nil, int64(i), 10)}), "publish")
	}
	for name, in := range groups {
		in.wait(n)
		e.Pause(e.Tick / 10)
		if got := in.all(); len(got) != n || distinct(got) != n {
			return fmt.Errorf("group %s got %d messages, %d distinct, want %d", name, len(got), distinct(got), n)
		}
	}
	_, err := server.Subscribe(ctx, topic, groups["one"].handle, transport.WithGroup("no group name"))
	e.WantCode(err, transport.CodeInvalidArgument, "a group name with spaces")
	_, err = server.Handle(ctx, topic, groups["one"].handle, transport.WithGroup("g"))
	e.WantCode(err, transport.CodeInvalidArgument, "WithGroup on Handle")
	return nil
}

func retryOnce(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("again")
	in := newInbox(e)
	e.Handle(ctx, server, dest, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		in.add(msg)
		if msg.Attempt < 2 {
			return nil, transport.CodeAborted.Errorf("not yet")
		}
		return nil, nil
	}, transport.WithRetry(5, e.Tick/10, e.Tick))
	var h transport.Header
	h.Set("x-kept", "yes")
	e.Must(client.Send(ctx, &transport.Message{Destination: dest, Body: []byte("body"), Header: h}), "send")
	in.wait(2)
	e.Pause(3 * e.Tick)
	got := in.all()
	if len(got) != 2 || got[0].Attempt != 1 || got[1].Attempt != 2 || got[0].ID != got[1].ID {
		return fmt.Errorf("the message was handled %d times, want twice, as attempts 1 and 2", len(got))
	}
	if string(got[1].Body) != "body" || got[1].Header.Get("x-kept") != "yes" {
		return fmt.Errorf("the second attempt came with the body %q", got[1].Body)
	}
	return nil
}

func consumerDies(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("dies")
	dying := e.Another(ctx)
	entered := make(chan string, 1)
	_, err := dying.Handle(ctx, dest, func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		entered <- string(msg.Body)
		<-ctx.Done()
		return nil, ctx.Err()
	}, transport.WithConcurrency(1))
	e.Must(err, "handle")
	e.Must(client.Send(ctx, &transport.Message{Destination: dest, Body: []byte("unsettled")}), "send")
	recv(e, entered, "the dying consumer has the message")
	in := newInbox(e)
	e.Handle(ctx, server, dest, in.handle)
	e.Must(dying.Close(), "close")
	if got := in.wait(1)[0]; string(got.Body) != "unsettled" {
		return fmt.Errorf("another message came: %q", got.Body)
	}
	return nil
}

func deadLetter(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("dead")
	in, dead := newInbox(e), newInbox(e)
	e.Handle(ctx, server, "dead."+dest, dead.handle)
	e.Handle(ctx, server, dest, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		in.add(msg)
		return nil, transport.CodeUnavailable.Errorf("the database is away")
	}, transport.WithRetry(3, e.Tick/10, e.Tick))
	msg := &transport.Message{Destination: dest, ID: "poison", Body: []byte("poison body"), ContentType: "text/plain", Key: "k", CorrelationID: "c"}
	for i := range 64 {
		msg.Header.Add(fmt.Sprintf("x-%d", i), "kept") // as many as are allowed: the letter's own come on top
	}
	e.Must(client.Send(ctx, msg), "send")
	got := dead.wait(1)[0]
	if n := in.len(); n != 3 {
		return fmt.Errorf("it became a dead letter after %d attempts, want 3", n)
	}
	for key, want := range map[string]string{"dead-attempts": "3", "dead-destination": dest} {
		if got.Header.Get(key) != want {
			e.Errorf("%s is %q, want %q", key, got.Header.Get(key), want)
		}
	}
	if reason := got.Header.Get("dead-reason"); !strings.Contains(reason, "unavailable") {
		e.Errorf("dead-reason is %q, want the code unavailable in it", reason)
	}
	if string(got.Body) != "poison body" || got.ID != "poison" || got.ContentType != "text/plain" || got.Header.Get("x-63") != "kept" || got.CorrelationID != "c" {
		e.Errorf("the dead letter is not the message that failed: %v", got)
	}
	return nil
}

func oneOfHundred(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("hundred")
	in := newInbox(e)
	e.Handle(ctx, server, dest, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		in.add(msg)
		if string(msg.Body) == "50" && msg.Attempt == 1 {
			return nil, transport.CodeAborted.Errorf("not yet")
		}
		return nil, nil
	}, transport.WithRetry(3, e.Tick/10, e.Tick), transport.WithConcurrency(1))
	for i := range 100 {
		e.Must(client.Send(ctx, &transport.Message{Destination: dest, Body: strconv.AppendInt(nil, int64(i), 10)}), "send")
	}
	times := map[string]int{}
	for _, m := range in.wait(101) {
		times[string(m.Body)]++
	}
	for i := range 100 {
		want := 1
		if i == 50 {
			want = 2
		}
		if got := times[strconv.Itoa(i)]; got != want {
			return fmt.Errorf("message %d was handled %d times, want %d", i, got, want)
		}
	}
	return nil
}

func requestsOnce(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("once")
	var next errorBox
	in := newInbox(e)
	e.Handle(ctx, server, dest, func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		in.add(msg)
		return next.handle(ctx, msg)
	}, transport.WithRetry(5, e.Tick/20, e.Tick/10))
	codes := []transport.Code{transport.CodeUnavailable, transport.CodeUnknown, transport.CodeInternal, transport.CodeNotFound, transport.CodeAborted}
	for i, code := range codes {
		var opts []transport.CallOption
		if i%2 == 1 {
			opts = append(opts, transport.WithIdempotent())
		}
		next.set(code.Errorf("x"))
		_, err := client.Request(ctx, &transport.Message{Destination: dest}, opts...)
		e.WantCode(err, code, "the handler's outcome is the reply")
	}
	e.Pause(2 * e.Tick)
	if n := in.len(); n != len(codes) {
		return fmt.Errorf("%d requests were handled %d times", len(codes), n)
	}
	return nil
}

func permanentCodes(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("permanent")
	dead := newInbox(e)
	e.Handle(ctx, server, "dead."+dest, dead.handle)
	e.Handle(ctx, server, dest, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		var code transport.Code
		if err := code.UnmarshalText(msg.Body); err != nil {
			return nil, nil
		}
		return nil, code.Errorf("x")
	}, transport.WithRetry(2, e.Tick/20, e.Tick/10))
	permanent := map[transport.Code]bool{
		transport.CodeInvalidArgument: true, transport.CodeNotFound: true, transport.CodeAlreadyExists: true, transport.CodePermissionDenied: true,
		transport.CodeUnauthenticated: true, transport.CodeFailedPrecondition: true, transport.CodeOutOfRange: true, transport.CodeUnimplemented: true, transport.CodeDataLoss: true,
	}
	for c := transport.CodeCanceled; c <= transport.CodeUnauthenticated; c++ {
		e.Must(client.Send(ctx, &transport.Message{Destination: dest, Body: []byte(c.String())}), "send")
	}
	for _, m := range dead.wait(16) {
		var code transport.Code
		e.Must(code.UnmarshalText(m.Body), "the dead letter's body")
		want := "2"
		if permanent[code] {
			want = "1"
		}
		if got := m.Header.Get("dead-attempts"); got != want {
			e.Errorf("%v made a dead letter after %s attempts, want %s", code, got, want)
		}
	}
	return nil
}

func retrySchedule(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("schedule")
	in := newInbox(e)
	w := e.watch()
	var mu sync.Mutex
	var attempts []lap
	dead := newInbox(e)
	e.Handle(ctx, server, "dead."+dest, dead.handle)
	e.Handle(ctx, server, dest, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		mu.Lock()
		attempts = append(attempts, w.lap())
		mu.Unlock()
		in.add(msg)
		return nil, transport.CodeAborted.Errorf("x")
	}, transport.WithRetry(4, e.Tick, 3*e.Tick))
	e.Must(client.Send(ctx, &transport.Message{Destination: dest}), "send")
	in.wait(4)
	dead.wait(1)
	mu.Lock()
	defer mu.Unlock()
	for i, want := range []time.Duration{e.Tick, 2 * e.Tick, 3 * e.Tick} {
		before, this := attempts[i], attempts[i+1]
		got := this.begun.Sub(before.begun)
		if late := this.stalled - before.stalled; got < want*9/10 || got-late > want+e.Tick {
			return fmt.Errorf("attempt %d came %v after the one before, of which this process did not run for %v, want %v", i+2, got, late, want)
		}
	}
	return nil
}

func groupDeadLetter(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	topic := e.Name("group")
	dead := newInbox(e)
	e.Handle(ctx, server, "dead.audit."+topic, dead.handle)
	e.Subscribe(ctx, server, topic, failing(transport.CodeNotFound.Errorf("x")), transport.WithGroup("audit"))
	e.Must(client.Publish(ctx, &transport.Message{Destination: topic, Body: []byte("poison")}), "publish")
	got := dead.wait(1)[0]
	if got.Header.Get("dead-group") != "audit" || got.Header.Get("dead-destination") != topic || string(got.Body) != "poison" {
		return fmt.Errorf("the dead letter names the group %q and the destination %q", got.Header.Get("dead-group"), got.Header.Get("dead-destination"))
	}
	return nil
}

func gatherOnce(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	topic := e.Name("once")
	in := newInbox(e)
	e.Subscribe(ctx, server, topic, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		in.add(msg)
		return nil, transport.CodeUnavailable.Errorf("x")
	}, transport.WithRetry(5, e.Tick/20, e.Tick/10))
	short, cancel := context.WithTimeout(ctx, 5*e.Tick)
	defer cancel()
	g, err := client.Gather(short, &transport.Message{Destination: topic})
	e.Must(err, "gather")
	results := 0
	for r := range g.All() {
		results++
		e.WantCode(r.Err, transport.CodeUnavailable, "the failing subscription's answer")
	}
	e.Pause(2 * e.Tick)
	if n := in.len(); results != 1 || n != 1 {
		return fmt.Errorf("%d answers from %d handler runs, want 1 of 1", results, n)
	}
	return nil
}

// idempotence closes the consumer while it handles one request of each kind.
func idempotence(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("idempotent")
	dying := e.Another(ctx)
	entered := make(chan struct{}, 2)
	_, err := dying.Handle(ctx, dest, func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
		entered <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	})
	e.Must(err, "handle")
	limited, cancel := context.WithTimeout(ctx, 2*e.Patience) // longer than a message is waited for
	defer cancel()
	_, err = client.RequestAsync(limited, &transport.Message{Destination: dest, Body: []byte("once")})
	e.Must(err, "request")
	repeatable, err := client.RequestAsync(limited, &transport.Message{Destination: dest, Body: []byte("repeatable")}, transport.WithIdempotent())
	e.Must(err, "request")
	recv(e, entered, "one request is being handled")
	recv(e, entered, "both requests are being handled")
	in := newInbox(e)
	e.Handle(ctx, server, dest, in.echo)
	e.Must(dying.Close(), "close")
	in.wait(1)
	reply, err := repeatable.Await(ctx)
	if err != nil {
		return fmt.Errorf("the idempotent request ended with %v, want the reply of who handles it next", err)
	}
	if string(reply.Body) != "repeatable" {
		return fmt.Errorf("the idempotent request got %q", reply.Body)
	}
	e.Pause(2 * e.Tick)
	for _, m := range in.all() {
		if string(m.Body) == "once" {
			return fmt.Errorf("a request that is not idempotent was delivered again after its handler had started")
		}
	}
	return nil
}
