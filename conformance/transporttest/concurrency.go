package transporttest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/transport"
)

func concurrencyCases() []Case {
	request := []string{"Request"}
	keyed := []string{"Send", "OrderedByKey"}
	return []Case{
		{ID: "T065", Group: "E", Sections: []string{"3.3", "6.2"}, Needs: request,
			Rule: "Requests of 64 goroutines on one Conn all get their own replies.", Run: manyCallers(50)},
		{ID: "T065n", Group: "E", Sections: []string{"3.3", "6.2"}, Needs: request, Tier: Nightly,
			Rule: "64 goroutines with 1,000 requests each on one Conn all get their own replies.", Run: manyCallers(1000)},
		{ID: "T066", Group: "E", Sections: []string{"6.2", "6.3"}, Needs: request,
			Rule: "Thousands of requests in flight at once complete.", Run: manyInFlight},
		{ID: "T067", Group: "E", Sections: []string{"6.3"}, Needs: request,
			Rule: "A slow handler of one destination does not delay another destination.", Run: noHeadOfLine},
		{ID: "T068", Group: "E", Sections: []string{"6.2"}, Needs: []string{"Send"},
			Rule: "WithConcurrency(n) is never exceeded and is reached.", Run: concurrencyLimit},
		{ID: "T069", Group: "E", Sections: []string{"6.4"}, Needs: request,
			Rule: "Handlers call back into their Conn, ten deep, without a deadlock.", Run: reentrant},
		{ID: "T070", Group: "E", Sections: []string{"6.4"}, Needs: request, Timing: true,
			Rule: "A handler of concurrency 1 that requests itself gets a typed error in process, its deadline elsewhere.", Run: selfRequest},
		{ID: "T071", Group: "E", Sections: []string{"7.1"}, Needs: request,
			Rule: "Handle, Close of subscriptions, calls and Close of the Conn may race.", Run: racingVerbs},
		{ID: "T075", Group: "E", Sections: []string{"6.1"}, Needs: keyed, Inverse: keyedArrive,
			Rule: "The messages of each of 16 keys are handled in order.", Run: keyOrder(transport.WithConcurrency(1))},
		{ID: "T076", Group: "E", Sections: []string{"6.1", "6.2"}, Needs: keyed, Inverse: keyedArrive,
			Rule: "Four workers keep the order of each key, and different keys overlap.", Run: keysOverlap},
		{ID: "T079", Group: "E", Sections: []string{"6.1"}, Needs: []string{"Publish", "OrderedByKey"}, Inverse: keyedArrive,
			Rule: "Two subscriptions see each key's messages in the same order.", Run: subscribersAgree},
		{ID: "T080", Group: "E", Sections: []string{"3.3", "6.2"}, Needs: request,
			Rule: "A slow request does not delay the reply to a fast one behind it.", Run: overtaking},
		{ID: "T236", Group: "E", Sections: []string{"6.1"}, Needs: keyed, Inverse: keyedArrive,
			Rule: "A keyed message that is retried blocks its key alone, and keeps its place.", Run: keyedRetry},
		{ID: "T237", Group: "E", Sections: []string{"6.2"}, Needs: []string{"Send", "Publish"},
			Rule: "By default the handlers of a destination run in parallel, those of a subscription one at a time.", Run: defaultConcurrency},
	}
}

func manyCallers(each int) func(context.Context, *Env) error {
	return func(ctx context.Context, e *Env) error {
		server, client := e.Pair(ctx)
		dest := e.Name("many")
		e.Handle(ctx, server, dest, echo)
		var callers sync.WaitGroup
		for caller := range 64 {
			callers.Go(func() {
				for i := range e.Count(each) {
					body := fmt.Sprintf("%d/%d", caller, i)
					reply, err := client.Request(ctx, &transport.Message{Destination: dest, Body: []byte(body)})
					if err != nil || string(reply.Body) != body {
						e.Errorf("request %s: %v, %v", body, reply, err)
						return
					}
				}
			})
		}
		callers.Wait()
		return nil
	}
}

func manyInFlight(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("flight")
	n := e.Count(4000)
	entered, release := make(chan struct{}, n), make(chan struct{})
	e.Handle(ctx, server, dest, func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		entered <- struct{}{}
		<-release
		return echo(ctx, msg)
	}, transport.WithConcurrency(64))
	futures := make([]*transport.Future, n)
	for i := range futures {
		f, err := client.RequestAsync(ctx, &transport.Message{Destination: dest, Body: strconv.AppendInt(nil, int64(i), 10)})
		e.Must(err, "request")
		futures[i] = f
	}
	recv(e, entered, "the first handler")
	close(release)
	for i, f := range futures {
		reply, err := f.Await(ctx)
		e.Must(err, fmt.Sprintf("request %d of %d in flight", i, n))
		if string(reply.Body) != strconv.Itoa(i) {
			return fmt.Errorf("request %d got the reply %q", i, reply.Body)
		}
	}
	return nil
}

func noHeadOfLine(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	slow, fast := e.Name("slow"), e.Name("fast")
	release := make(chan struct{})
	defer close(release)
	e.Handle(ctx, server, slow, func(context.Context, *transport.Message) (*transport.Message, error) {
		<-release
		return nil, nil
	}, transport.WithConcurrency(1))
	e.Handle(ctx, server, fast, echo)
	_, err := client.Request(ctx, &transport.Message{Destination: fast}) // a first use may connect
	e.Must(err, "request")
	if e.Features.Send {
		accepted := e.sendEach(ctx, client, copies(20, &transport.Message{Destination: slow})...)
		e.Until("the slow one has its messages", func() bool { return accepted.Load() >= 19 })
	} else {
		for range 20 {
			_, err := client.RequestAsync(ctx, &transport.Message{Destination: slow})
			e.Must(err, "request to the slow one")
		}
	}
	start := e.watch().lap()
	_, err = client.Request(ctx, &transport.Message{Destination: fast})
	e.Must(err, "request to the fast one")
	if d := start.took(); d > 2*e.Tick {
		return fmt.Errorf("the fast one took %v behind the slow one, want at most %v", d, 2*e.Tick)
	}
	return nil
}

// copies are n messages like m, which share its slices.
func copies(n int, m *transport.Message) []*transport.Message {
	all := make([]*transport.Message, n)
	for i := range all {
		c := *m
		all[i] = &c
	}
	return all
}

// A meter counts how many are at it.
type meter struct {
	now, most atomic.Int64
}

func (m *meter) enter() {
	now := m.now.Add(1)
	for most := m.most.Load(); now > most && !m.most.CompareAndSwap(most, now); most = m.most.Load() {
	}
}

func (m *meter) leave() { m.now.Add(-1) }

func concurrencyLimit(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	for _, limit := range []int{1, 4, 16} {
		dest := e.Name(fmt.Sprintf("limit%d", limit))
		var m meter
		in := newInbox(e)
		turn := make(chan struct{})
		e.Handle(ctx, server, dest, func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
			m.enter()
			defer m.leave()
			in.add(msg)
			select {
			case <-turn:
			case <-ctx.Done(): // the case gave up
			}
			return nil, nil
		}, transport.WithConcurrency(limit))
		accepted := e.sendEach(ctx, client, copies(3*limit, &transport.Message{Destination: dest})...)
		in.wait(limit)
		e.Until("the others wait", func() bool { return accepted.Load() >= int64(2*limit) })
		e.Pause(e.Tick / 20)
		for range 3 * limit {
			select {
			case turn <- struct{}{}:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		in.wait(3 * limit)
		if most := m.most.Load(); most != int64(limit) {
			return fmt.Errorf("%d handlers ran at once, want %d", most, limit)
		}
	}
	_, err := server.Handle(ctx, e.Name("bad"), echo, transport.WithConcurrency(0))
	e.WantCode(err, transport.CodeInvalidArgument, "WithConcurrency(0)")
	return nil
}

func reentrant(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("deep")
	e.Handle(ctx, server, dest, func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		depth, err := strconv.Atoi(string(msg.Body))
		if err != nil || depth == 0 {
			return &transport.Message{Body: []byte("bottom")}, err
		}
		return server.Request(ctx, &transport.Message{Destination: dest, Body: strconv.AppendInt(nil, int64(depth-1), 10)})
	})
	reply, err := client.Request(ctx, &transport.Message{Destination: dest, Body: []byte("10")})
	e.Must(err, "request ten deep")
	if string(reply.Body) != "bottom" {
		return fmt.Errorf("ten deep there is %q", reply.Body)
	}
	return nil
}

func selfRequest(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("self")
	inner := make(chan error, 1)
	e.Handle(ctx, server, dest, func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		if string(msg.Body) == "inner" {
			return nil, nil
		}
		short, cancel := context.WithTimeout(ctx, 2*e.Tick)
		defer cancel()
		_, err := server.Request(short, &transport.Message{Destination: dest, Body: []byte("inner")})
		inner <- err
		return nil, nil
	}, transport.WithConcurrency(1))
	_, err := client.Request(ctx, &transport.Message{Destination: dest})
	e.Must(err, "the outer request")
	want := transport.CodeDeadlineExceeded
	if e.Features.InProcess {
		want = transport.CodeFailedPrecondition
	}
	e.WantCode(recv(e, inner, "the inner request"), want, "a request to itself")
	return nil
}

func racingVerbs(ctx context.Context, e *Env) error {
	server, client := e.Fresh(ctx, ConnOptions{})
	short, cancel := context.WithTimeout(ctx, e.Patience)
	defer cancel()
	var all sync.WaitGroup
	for worker := range 16 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(worker)))
			for range e.Count(30) {
				dest := e.Name(strconv.Itoa(random.IntN(4)))
				switch random.IntN(3) {
				case 0:
					if sub, err := server.Handle(short, dest, echo); err == nil {
						_ = sub.Close(short)
					}
				case 1:
					_ = client.Send(short, &transport.Message{Destination: dest}, transport.WithFailFast())
				case 2:
					once, stop := context.WithTimeout(short, e.Tick/2)
					_, _ = client.Request(once, &transport.Message{Destination: dest})
					stop()
				}
			}
		})
	}
	for range 2 {
		all.Go(func() { _ = client.Health(short) })
	}
	all.Go(func() {
		t := time.NewTimer(e.Tick)
		defer t.Stop()
		<-t.C
		_ = server.Close()
		_ = client.Close()
	})
	done := make(chan struct{})
	go func() { // ends with the workers
		all.Wait()
		close(done)
	}()
	e.Wait(done, "all verbs return though the Conns were closed under them")
	return nil
}

// sendKeyed sends n messages to each of keys, in turn, their number as the body.
func (e *Env) sendKeyed(ctx context.Context, keys, n int, send func(ctx context.Context, m *transport.Message) error) {
	for i := range n {
		for k := range keys {
			e.Must(send(ctx, &transport.Message{Key: fmt.Sprintf("key-%d", k), Body: strconv.AppendInt(nil, int64(i), 10)}), "send")
		}
	}
}

// inOrder checks that each key's messages came in the order in which they were sent.
func inOrder(got []*transport.Message) error {
	next := map[string]int{}
	for _, m := range got {
		i, err := strconv.Atoi(string(m.Body))
		if err != nil || i != next[m.Key] {
			return fmt.Errorf("%s: message %s came, want %d", m.Key, m.Body, next[m.Key])
		}
		next[m.Key]++
	}
	return nil
}

func keyOrder(opts ...transport.BindOption) func(context.Context, *Env) error {
	return func(ctx context.Context, e *Env) error {
		server, client := e.Pair(ctx)
		dest := e.Name("order")
		in := newInbox(e)
		e.Handle(ctx, server, dest, in.handle, opts...)
		n := e.Count(50)
		e.sendKeyed(ctx, 16, n, func(ctx context.Context, m *transport.Message) error {
			m.Destination = dest
			return client.Send(ctx, m)
		})
		return inOrder(in.wait(16 * n))
	}
}

func keysOverlap(ctx context.Context, e *Env) error {
	if err := keyOrder(transport.WithConcurrency(4))(ctx, e); err != nil {
		return err
	}
	server, client := e.Pair(ctx)
	dest := e.Name("overlap")
	held, other := make(chan struct{}, 1), make(chan struct{})
	done := make(chan struct{}, 2)
	e.Handle(ctx, server, dest, func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		switch string(msg.Body) {
		case "first of a":
			held <- struct{}{}
			select {
			case <-other: // of key b, while key a is held up
			case <-ctx.Done():
			}
		case "first of b":
			close(other)
		}
		done <- struct{}{}
		return nil, nil
	}, transport.WithConcurrency(4))
	e.sendEach(ctx, client, &transport.Message{Destination: dest, Key: "a", Body: []byte("first of a")})
	recv(e, held, "key a is held up")
	e.Must(client.Send(ctx, &transport.Message{Destination: dest, Key: "b", Body: []byte("first of b")}), "send")
	for range 2 {
		recv(e, done, "two keys at the same time")
	}
	return nil
}

func subscribersAgree(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	topic := e.Name("agree")
	var inboxes [2]*inbox
	for i := range inboxes {
		inboxes[i] = newInbox(e)
		e.Subscribe(ctx, server, topic, inboxes[i].handle, transport.WithConcurrency(4))
	}
	n := e.Count(50)
	e.sendKeyed(ctx, 4, n, func(ctx context.Context, m *transport.Message) error {
		m.Destination = topic
		return client.Publish(ctx, m)
	})
	for i, in := range inboxes {
		if err := inOrder(in.wait(4 * n)); err != nil {
			return fmt.Errorf("subscription %d: %w", i, err)
		}
	}
	return nil
}

// keyedArrive: where no order is promised, keyed messages still all arrive.
func keyedArrive(ctx context.Context, e *Env, missing string) error {
	if missing != "OrderedByKey" {
		return invert(ctx, e, missing)
	}
	c := newCarrier(ctx, e)
	for i := range 8 {
		msg := &transport.Message{Key: "k" + strconv.Itoa(i%2), Body: []byte("keyed")}
		err := c.carry(ctx, msg, func(got *transport.Message) error { return nil })
		e.Must(err, "carry a keyed message")
	}
	return nil
}

func overtaking(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("overtake")
	release := make(chan struct{})
	e.Handle(ctx, server, dest, func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		if string(msg.Body) == "slow" {
			<-release
		}
		return echo(ctx, msg)
	})
	slow, err := client.RequestAsync(ctx, &transport.Message{Destination: dest, Body: []byte("slow")})
	e.Must(err, "request")
	short, cancel := context.WithTimeout(ctx, e.Patience/2)
	defer cancel()
	fast, err := client.Request(short, &transport.Message{Destination: dest, Body: []byte("fast")})
	close(release)
	e.Must(err, "the fast request behind the slow one")
	reply, err := slow.Await(ctx)
	e.Must(err, "the slow request")
	if string(fast.Body) != "fast" || string(reply.Body) != "slow" {
		return fmt.Errorf("the replies are %q and %q", fast.Body, reply.Body)
	}
	return nil
}

func keyedRetry(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("retry")
	in := newInbox(e)
	others := make(chan struct{})
	e.Handle(ctx, server, dest, func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		in.add(msg)
		switch {
		case msg.Key == "bad" && string(msg.Body) == "0" && msg.Attempt == 1:
			return nil, transport.CodeUnavailable.Errorf("not yet")
		case msg.Key == "bad" && string(msg.Body) == "0":
			select {
			case <-others: // key good goes on meanwhile
			case <-ctx.Done():
				return nil, transport.CodeInvalidArgument.Errorf("the other key waited for this one")
			}
		case msg.Key == "good" && string(msg.Body) == "2":
			close(others)
		}
		return nil, nil
	}, transport.WithConcurrency(4), transport.WithRetry(3, e.Tick/2, e.Tick))
	for i := range 3 {
		for _, key := range []string{"bad", "good"} {
			e.Must(client.Send(ctx, &transport.Message{Destination: dest, Key: key, Body: strconv.AppendInt(nil, int64(i), 10)}), "send")
		}
	}
	var bad []string
	for _, m := range in.wait(7) {
		if m.Key == "bad" {
			bad = append(bad, string(m.Body))
		}
	}
	if fmt.Sprint(bad) != "[0 0 1 2]" {
		return fmt.Errorf("the key whose first message failed once was handled in the order %v, want [0 0 1 2]", bad)
	}
	return nil
}

func defaultConcurrency(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	name := e.Name("default")
	var queue, topic meter
	both := make(chan struct{})
	var entered atomic.Int64
	done := newInbox(e)
	e.Handle(ctx, server, name, func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		queue.enter()
		defer queue.leave()
		if entered.Add(1) == 2 {
			close(both)
		}
		select {
		case <-both:
		case <-ctx.Done():
		}
		done.add(msg)
		return nil, nil
	})
	e.Subscribe(ctx, server, name, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		topic.enter()
		defer topic.leave()
		e.Pause(e.Tick / 50)
		done.add(msg)
		return nil, nil
	})
	e.sendEach(ctx, client, copies(2, &transport.Message{Destination: name})...)
	for range 5 {
		e.Must(client.Publish(ctx, &transport.Message{Destination: name}), "publish")
	}
	done.wait(7)
	if queue.most.Load() != 2 || topic.most.Load() != 1 {
		return fmt.Errorf("%d handlers of a destination and %d of a subscription ran at once, want 2 and 1", queue.most.Load(), topic.most.Load())
	}
	return nil
}
