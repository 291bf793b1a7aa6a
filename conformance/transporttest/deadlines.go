package transporttest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/transport"
)

func deadlineCases() []Case {
	request := []string{"Request"}
	return []Case{
		{ID: "T049", Group: "D", Sections: []string{"3.3"}, Needs: request, Unless: "Inline", Timing: true,
			Rule: "The caller of a stalled handler returns at its deadline.", Run: stalledHandler},
		{ID: "T050", Group: "D", Sections: []string{"3.1", "3.2"}, Needs: request, Timing: true,
			Rule: "The handler's deadline is the caller's remaining time, and 30 s where the caller set none.", Run: deadlineTravels},
		{ID: "T051", Group: "D", Sections: []string{"3.1"}, Needs: request, Timing: true,
			Rule: "A deadline crosses two hops and never grows.", Run: deadlineShrinks},
		{ID: "T052", Group: "D", Sections: []string{"3.1"}, Needs: []string{"Request", "RelativeExpiry"}, Timing: true,
			Rule: "A sender whose clock is an hour wrong changes nothing.", Run: wrongClock},
		{ID: "T053", Group: "D", Sections: []string{"1.5", "3.3"},
			Rule: "A call whose deadline has passed fails with DeadlineExceeded and writes nothing.", Run: expiredContext},
		{ID: "T054", Group: "D", Sections: []string{"1.5"},
			Rule: "A call whose ctx is cancelled fails with Canceled and writes nothing.", Run: cancelledContext},
		{ID: "T055", Group: "D", Sections: []string{"3.3"}, Needs: []string{"Request", "CancelsRemotely"}, Timing: true,
			Rule: "A caller that gives up ends the handler's ctx.", Run: cancelReaches, Inverse: cancelStays},
		{ID: "T056", Group: "D", Sections: []string{"3.3"}, Needs: request, Unless: "Inline", Timing: true,
			Rule: "A late reply is dropped: the next request gets its own, and nothing waits.", Run: lateReply},
		{ID: "T057", Group: "D", Sections: []string{"3.1"}, Needs: request, Timing: true,
			Rule: "Deadlines of 1 ns, of ten years and beyond do no harm.", Run: extremeDeadlines},
		{ID: "T060", Group: "D", Sections: []string{"5.1"}, Needs: []string{"Send"}, Unless: "Inline", Timing: true,
			Rule: "A message whose handler ran out of time comes again.", Run: timeoutRetries},
		{ID: "T061", Group: "D", Sections: []string{"3.3"}, Needs: request,
			Rule: "Cancelling one of many calls leaves the others as they are.", Run: cancelOne},
		{ID: "T063", Group: "D", Sections: []string{"2.6"}, Needs: request,
			Rule: "Values in the caller's context do not reach the handler.", Run: contextValues},
		{ID: "T064", Group: "D", Sections: []string{"3.3"}, Needs: request, Timing: true,
			Rule: "Deadlines hold on whatever clock: an hour on a fake one takes no time.", Run: longDeadline},
		{ID: "T232", Group: "D", Sections: []string{"3.2"}, Needs: []string{"Send"}, Timing: true,
			Rule: "A message whose time is up before its handler starts is dropped and counted.", Run: expiredDropped},
		{ID: "T245", Group: "D", Sections: []string{"3.1"}, Needs: []string{"Send", "Durable"},
			Rule: "What is stored outlives the deadline of its sender, and is handled by whoever comes.", Run: storedOutlives, Inverse: nothingToOutlive},
	}
}

// stall waits for the end of its ctx.
func stall(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func stalledHandler(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("stalled")
	release := make(chan struct{})
	defer close(release)
	e.Handle(ctx, server, dest, func(context.Context, *transport.Message) (*transport.Message, error) {
		<-release
		return nil, nil
	})
	var calls sync.WaitGroup
	w := e.watch()
	for range e.Count(20) {
		calls.Go(func() {
			start := w.lap()
			short, cancel := context.WithTimeout(ctx, 2*e.Tick)
			defer cancel()
			_, err := client.Request(short, &transport.Message{Destination: dest})
			if problem := wrongCode(err, transport.CodeDeadlineExceeded); problem != "" {
				e.Errorf("%s", problem)
			}
			if d := time.Since(start.begun); d < 2*e.Tick || start.took() > 3*e.Tick {
				e.Errorf("it returned after %v, want at its deadline of %v", d, 2*e.Tick)
			}
		})
	}
	calls.Wait()
	return nil
}

// askDeadline is a handler that answers with its remaining time in nanoseconds.
func askDeadline(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		return nil, transport.CodeInternal.Errorf("the handler's ctx has no deadline")
	}
	return &transport.Message{Body: strconv.AppendInt(nil, int64(time.Until(deadline)), 10)}, nil
}

func remainingTime(reply *transport.Message) time.Duration {
	n, _ := strconv.ParseInt(string(reply.Body), 10, 64) // what is no number is no time, and fails the check
	return time.Duration(n)
}

// near checks a remaining time: no more than want, and a fifth or half a tick less at most.
func (e *Env) near(got, want time.Duration) error {
	slack := max(want/5, e.Tick/2)
	if got > want+time.Millisecond || got < want-slack {
		return fmt.Errorf("the handler had %v left, want %v, at most %v less", got, want, slack)
	}
	return nil
}

func deadlineTravels(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("deadline")
	e.Handle(ctx, server, dest, askDeadline)
	for _, want := range []time.Duration{20 * e.Tick, 100 * e.Tick} {
		short, cancel := context.WithTimeout(ctx, want)
		reply, err := client.Request(short, &transport.Message{Destination: dest})
		cancel()
		e.Must(err, "request")
		if err := e.near(remainingTime(reply), want); err != nil {
			return err
		}
		reply, err = client.Request(ctx, &transport.Message{Destination: dest, Timeout: want})
		e.Must(err, "request with Message.Timeout")
		if err := e.near(remainingTime(reply), want); err != nil {
			return fmt.Errorf("by Message.Timeout: %w", err)
		}
	}
	reply, err := client.Request(context.WithoutCancel(ctx), &transport.Message{Destination: dest})
	e.Must(err, "request without a deadline")
	return e.near(remainingTime(reply), 30*time.Second)
}

func deadlineShrinks(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	first, second := e.Name("first"), e.Name("second")
	e.Handle(ctx, server, second, askDeadline)
	e.Handle(ctx, server, first, func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
		t := time.NewTimer(2 * e.Tick)
		defer t.Stop()
		<-t.C
		return server.Request(ctx, &transport.Message{Destination: second})
	})
	short, cancel := context.WithTimeout(ctx, 20*e.Tick)
	defer cancel()
	reply, err := client.Request(short, &transport.Message{Destination: first})
	e.Must(err, "request")
	if left := remainingTime(reply); left > 18*e.Tick || left < 10*e.Tick {
		return fmt.Errorf("the second hop had %v left of %v, of which the first took %v", left, 20*e.Tick, 2*e.Tick)
	}
	return nil
}

func wrongClock(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("clock")
	e.Handle(ctx, server, dest, askDeadline)
	for _, wrong := range []time.Duration{-time.Hour, time.Hour} {
		short, cancel := context.WithTimeout(ctx, 20*e.Tick)
		reply, err := client.Request(short, &transport.Message{Destination: dest, Time: time.Now().Add(wrong)})
		cancel()
		e.Must(err, fmt.Sprintf("request of a sender whose clock is wrong by %v", wrong))
		if err := e.near(remainingTime(reply), 20*e.Tick); err != nil {
			return err
		}
	}
	return nil
}

// neverEntered calls all declared verbs with ctx, each of which must fail with code and reach no handler.
func (e *Env) neverEntered(ctx, ended context.Context, code transport.Code) error {
	c := newCarrier(ctx, e)
	for _, style := range []string{"Send", "Request", "Publish", "Gather"} {
		if !e.Features.Has(style) {
			continue
		}
		_, err := c.call(ended, style, &transport.Message{})
		e.WantCode(err, code, style)
	}
	if e.Features.Request {
		_, err := c.client.RequestAsync(ended, &transport.Message{Destination: c.queue})
		e.WantCode(err, code, "RequestAsync")
	}
	e.Pause(e.Tick / 5)
	if n := c.in.len(); n > 0 {
		return fmt.Errorf("%d messages reached a handler", n)
	}
	return nil
}

func expiredContext(ctx context.Context, e *Env) error {
	ended, cancel := context.WithDeadline(ctx, time.Now().Add(-time.Second))
	defer cancel()
	return e.neverEntered(ctx, ended, transport.CodeDeadlineExceeded)
}

func cancelledContext(ctx context.Context, e *Env) error {
	ended, cancel := context.WithCancel(ctx)
	cancel()
	return e.neverEntered(ctx, ended, transport.CodeCanceled)
}

// cancelMidway cancels a request whose handler runs, and returns when the handler's ctx ended, if it did within patience.
func (e *Env) cancelMidway(ctx context.Context, patience time.Duration) (ended bool) {
	server, client := e.Pair(ctx)
	dest := e.Name("cancel")
	entered, done, release := make(chan struct{}), make(chan error, 1), make(chan struct{})
	defer close(release)
	e.Handle(ctx, server, dest, func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
		close(entered)
		select {
		case <-ctx.Done():
			done <- ctx.Err()
		case <-release:
		}
		return nil, nil
	})
	mid, cancel := context.WithCancel(ctx)
	go func() {
		<-entered
		cancel()
	}() // ends with the handler, whose end this case waits for
	start := time.Now()
	_, err := client.Request(mid, &transport.Message{Destination: dest})
	e.WantCode(err, transport.CodeCanceled, "a call that is cancelled midway")
	if d := time.Since(start); d > e.Patience/2 {
		e.Errorf("the cancelled call returned after %v", d)
	}
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case err := <-done:
		if !errors.Is(err, context.Canceled) {
			e.Errorf("the handler's ctx ended with %v, want context.Canceled", err)
		}
		return true
	case <-t.C:
		return false
	}
}

func cancelReaches(ctx context.Context, e *Env) error {
	if !e.cancelMidway(ctx, 10*e.Tick) {
		return fmt.Errorf("the handler's ctx is alive %v after the caller gave up", 10*e.Tick)
	}
	return nil
}

// cancelStays: without the feature the handler runs on, and its reply goes nowhere.
func cancelStays(ctx context.Context, e *Env, missing string) error {
	if missing == "Request" {
		return invert(ctx, e, missing)
	}
	if e.cancelMidway(ctx, 5*e.Tick) {
		return fmt.Errorf("the caller's giving up ended the handler's ctx: declare Features.CancelsRemotely")
	}
	return nil
}

func lateReply(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("late")
	release := make(chan struct{})
	e.Handle(ctx, server, dest, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		if string(msg.Body) == "late" {
			<-release
		}
		return &transport.Message{Body: append([]byte("re: "), msg.Body...)}, nil
	})
	short, cancel := context.WithTimeout(ctx, 2*e.Tick)
	defer cancel()
	_, err := client.Request(short, &transport.Message{Destination: dest, Body: []byte("late")})
	e.WantCode(err, transport.CodeDeadlineExceeded, "the late call")
	close(release)
	e.Pause(e.Tick / 10) // the late reply is on its way
	for i := range 20 {
		body := fmt.Sprintf("call %d", i)
		reply, err := client.Request(ctx, &transport.Message{Destination: dest, Body: []byte(body)})
		e.Must(err, "request")
		if string(reply.Body) != "re: "+body {
			return fmt.Errorf("request %q got %q", body, reply.Body)
		}
	}
	e.Until("no call waits", func() bool { return client.Stats().Waiting == 0 })
	return nil
}

func extremeDeadlines(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("extreme")
	e.Handle(ctx, server, dest, askDeadline)
	short, cancel := context.WithTimeout(ctx, time.Nanosecond)
	_, err := client.Request(short, &transport.Message{Destination: dest})
	cancel()
	if !e.Fake { // a fake clock gives the call no nanosecond to be late by
		e.WantCode(err, transport.CodeDeadlineExceeded, "a deadline of 1 ns")
	}
	for _, until := range []time.Time{time.Now().AddDate(10, 0, 0), time.Now().AddDate(290, 0, 0), time.Now().AddDate(5000, 0, 0)} {
		long, cancel := context.WithDeadline(context.WithoutCancel(ctx), until)
		reply, err := client.Request(long, &transport.Message{Destination: dest})
		cancel()
		e.Must(err, fmt.Sprintf("request with a deadline in the year %d", until.Year()))
		if left := remainingTime(reply); left < time.Minute {
			return fmt.Errorf("a deadline in the year %d leaves the handler %v", until.Year(), left)
		}
	}
	reply, err := client.Request(ctx, &transport.Message{Destination: dest, Timeout: math.MaxInt64})
	e.Must(err, "request with the longest Timeout")
	if remainingTime(reply) <= 0 {
		return fmt.Errorf("the longest Timeout leaves the handler %v", remainingTime(reply))
	}
	return nil
}

func timeoutRetries(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("timeout")
	in := newInbox(e)
	e.Handle(ctx, server, dest, func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		in.add(msg)
		if msg.Attempt == 1 {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		return nil, nil
	}, transport.WithRetry(3, e.Tick/10, e.Tick))
	e.Must(client.Send(ctx, &transport.Message{Destination: dest, Timeout: 5 * e.Tick}), "send")
	got := in.wait(2)
	if got[1].ID != got[0].ID || got[1].Attempt != 2 {
		return fmt.Errorf("the second delivery is of %s, attempt %d, want the same message, attempt 2", got[1].ID, got[1].Attempt)
	}
	return nil
}

func cancelOne(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("one")
	n := e.Count(100)
	var entered atomic.Int64
	all := make(chan struct{})
	e.Handle(ctx, server, dest, func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		if entered.Add(1) == int64(n) {
			close(all)
		}
		<-all
		return echo(ctx, msg)
	}, transport.WithConcurrency(n))
	one, cancel := context.WithCancel(ctx)
	defer cancel()
	var calls sync.WaitGroup
	for i := range n {
		calls.Go(func() {
			callCtx, body := ctx, fmt.Sprintf("call %d", i)
			if i == n/2 {
				callCtx = one
			}
			reply, err := client.Request(callCtx, &transport.Message{Destination: dest, Body: []byte(body)})
			switch {
			case i == n/2 && wrongCode(err, transport.CodeCanceled) != "":
				e.Errorf("the cancelled call: %s", wrongCode(err, transport.CodeCanceled))
			case i != n/2 && (err != nil || string(reply.Body) != body):
				e.Errorf("call %d of %d: %v, %v", i, n, reply, err)
			}
		})
		if i == n/2 {
			e.Until("half of the calls are being handled", func() bool { return entered.Load() > int64(i) })
			cancel()
		}
	}
	calls.Wait()
	return nil
}

type contextKey struct{}

func contextValues(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("values")
	e.Handle(ctx, server, dest, func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
		if v := ctx.Value(contextKey{}); v != nil {
			return nil, transport.CodeInternal.Errorf("the caller's value crossed: %v", v)
		}
		return nil, nil
	})
	_, err := client.Request(context.WithValue(ctx, contextKey{}, "the caller's"), &transport.Message{Destination: dest})
	return err
}

func longDeadline(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest, d := e.Name("long"), 3*e.Tick
	if e.Fake {
		d = time.Hour
	}
	e.Handle(ctx, server, dest, stall)
	start := e.watch().lap()
	long, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	_, err := client.Request(long, &transport.Message{Destination: dest})
	e.WantCode(err, transport.CodeDeadlineExceeded, "a stalled request")
	if took := time.Since(start.begun); took < d || start.took() > d+2*e.Tick {
		return fmt.Errorf("it took %v, want %v", took, d)
	}
	return nil
}

func expiredDropped(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("expired")
	in := newInbox(e)
	entered, release := make(chan struct{}, 1), make(chan struct{})
	e.Handle(ctx, server, dest, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		in.add(msg)
		if string(msg.Body) == "first" {
			entered <- struct{}{}
			<-release
		}
		return nil, nil
	}, transport.WithConcurrency(1))
	e.sendEach(ctx, client, &transport.Message{Destination: dest, Body: []byte("first")})
	recv(e, entered, "the first handler")
	for range 3 {
		e.Must(client.Send(ctx, &transport.Message{Destination: dest, Body: []byte("short"), Timeout: 3 * e.Tick}), "send a message of little time")
	}
	e.Must(client.Send(ctx, &transport.Message{Destination: dest, Body: []byte("last")}), "send")
	e.Pause(4 * e.Tick)
	close(release)
	for _, m := range in.wait(2) {
		if string(m.Body) == "short" {
			return fmt.Errorf("a message was handled whose time was up")
		}
	}
	if got := in.all(); len(got) != 2 || string(got[1].Body) != "last" {
		return fmt.Errorf("%d messages were handled, want the first and the last", len(got))
	}
	return nil
}

func storedOutlives(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("patient")
	short, cancel := context.WithTimeout(ctx, 10*e.Tick)
	defer cancel()
	e.Must(client.Send(short, &transport.Message{Destination: dest, Body: []byte("kept")}), "send before there is a handler")
	<-short.Done()
	in := newInbox(e)
	e.Handle(ctx, server, dest, in.handle)
	got := in.wait(1)
	if string(got[0].Body) != "kept" || got[0].Timeout <= 0 {
		return fmt.Errorf("got body %q with %v left, want what was stored and the handler's own time", got[0].Body, got[0].Timeout)
	}
	return nil
}

// nothingToOutlive: where nothing is stored, T232 holds that time is up with the sender's.
func nothingToOutlive(ctx context.Context, e *Env, _ string) error { return expiredDropped(ctx, e) }
