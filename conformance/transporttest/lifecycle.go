package transporttest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/transport"
)

func lifecycleCases() []Case {
	request := []string{"Request"}
	return []Case{
		{ID: "T117", Group: "J", Sections: []string{"7.1"},
			Rule: "Close may be called twice, and from many goroutines.", Run: closeTwice},
		{ID: "T118", Group: "J", Sections: []string{"7.1"},
			Rule: "After Close every verb fails with ErrClosed at once.", Run: closedVerbs},
		{ID: "T119", Group: "J", Sections: []string{"7.1"}, Needs: request,
			Rule: "Close ends calls in flight, with a typed error, and cancels handlers without waiting for them.", Run: closeInFlight},
		{ID: "T120", Group: "J", Sections: []string{"7.1"}, Needs: request,
			Rule: "Drain lets running handlers finish, with their calls and replies, and refuses everything else.", Run: drainFinishes},
		{ID: "T121", Group: "J", Sections: []string{"7.1"}, Needs: request, Timing: true,
			Rule: "Drain gives up on a stuck handler at its deadline, and then closes.", Run: drainGivesUp},
		{ID: "T122", Group: "J", Sections: []string{"5.1", "7.1"}, Needs: []string{"Send"}, Abilities: []string{AbilityAnother},
			Rule: "Drain settles what was handled and gives back what was not started.", Run: drainReleases},
		{ID: "T124", Group: "J", Sections: []string{"1.3", "7.1"}, Needs: request,
			Rule: "Handle, Close of a Subscription and Close of the Conn work in any order, from many goroutines.", Run: anyOrder},
		{ID: "T127", Group: "J", Sections: []string{"7.1", "8.3"},
			Rule: "Options that make no sense fail when the Conn is opened, not later.", Run: badOptions},
		{ID: "T129", Group: "J", Sections: []string{"7.1"}, Needs: request,
			Rule: "State is ready, then draining, then closed.", Run: stateOrder},
		{ID: "T130", Group: "J", Sections: []string{"7.1"}, Needs: request,
			Rule: "Close from inside a handler does not deadlock.", Run: closeInHandler},
		{ID: "T132", Group: "J", Sections: []string{"7.1"},
			Rule: "Health is nil on an open Conn, within its ctx, and an error on a closed one.", Run: health},
	}
}

func closeTwice(ctx context.Context, e *Env) error {
	_, client := e.Fresh(ctx, ConnOptions{})
	var closers sync.WaitGroup
	for range 4 {
		closers.Go(func() {
			if err := client.Close(); err != nil && !errors.Is(err, transport.ErrClosed) {
				e.Errorf("Close: %v", err)
			}
		})
	}
	closers.Wait()
	if err := client.Close(); err != nil && !errors.Is(err, transport.ErrClosed) {
		return fmt.Errorf("a later Close: %w", err)
	}
	return nil
}

func closedVerbs(ctx context.Context, e *Env) error {
	_, client := e.Fresh(ctx, ConnOptions{})
	e.Must(client.Close(), "close")
	msg := &transport.Message{Destination: e.Name("closed")}
	f, w := e.Features, e.watch()
	for _, v := range []struct {
		name string
		has  bool
		call func() error
	}{
		{"Send", f.Send, func() error { return client.Send(ctx, msg) }},
		{"Publish", f.Publish, func() error { return client.Publish(ctx, msg) }},
		{"Request", f.Request, func() error { _, err := client.Request(ctx, msg); return err }},
		{"RequestAsync", f.Request, func() error { _, err := client.RequestAsync(ctx, msg); return err }},
		{"Gather", f.Gather, func() error { _, err := client.Gather(ctx, msg); return err }},
		{"Handle", f.Send || f.Request, func() error { _, err := client.Handle(ctx, msg.Destination, nothing); return err }},
		{"Subscribe", f.Publish, func() error { _, err := client.Subscribe(ctx, msg.Destination, nothing); return err }},
		{"Health", true, func() error { return client.Health(ctx) }},
		{"Drain", true, func() error { return client.Drain(ctx) }},
	} {
		if !v.has {
			continue
		}
		start := w.lap()
		err := v.call()
		if !errors.Is(err, transport.ErrClosed) {
			e.Errorf("%s after Close: %v, want ErrClosed", v.name, err)
		}
		if d := start.took(); d > e.Tick/2 {
			e.Errorf("%s after Close took %v", v.name, d)
		}
	}
	if s := client.State(); s != "closed" {
		return fmt.Errorf("the state after Close is %q", s)
	}
	return nil
}

func closeInFlight(ctx context.Context, e *Env) error {
	server, client := e.Fresh(ctx, ConnOptions{})
	dest := e.Name("flight")
	n := 10
	entered, ended := make(chan struct{}, n), make(chan struct{}, n)
	e.Handle(ctx, server, dest, func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
		entered <- struct{}{}
		<-ctx.Done()
		ended <- struct{}{}
		return nil, ctx.Err()
	})
	futures := make([]*transport.Future, n)
	for i := range futures {
		f, err := client.RequestAsync(ctx, &transport.Message{Destination: dest})
		e.Must(err, "request")
		futures[i] = f
	}
	for range n {
		recv(e, entered, "the handlers run")
	}
	start := e.watch().lap()
	e.Must(client.Close(), "close the client")
	for _, f := range futures {
		_, err := f.Await(ctx)
		if wrongCode(err, transport.CodeUnavailable) != "" && wrongCode(err, transport.CodeCanceled) != "" {
			return fmt.Errorf("a call in flight ended with %v, want Unavailable or Canceled", err)
		}
	}
	if d := start.took(); d > 10*e.Tick {
		return fmt.Errorf("the calls in flight ended %v after Close", d)
	}
	e.Must(server.Close(), "close the server")
	for range n {
		recv(e, ended, "the handlers' ctx ends with Close")
	}
	return nil
}

func drainFinishes(ctx context.Context, e *Env) error {
	server, client := e.Fresh(ctx, ConnOptions{})
	dest, inner := e.Name("drain"), e.Name("inner")
	entered, release := make(chan struct{}), make(chan struct{})
	e.Handle(ctx, client, inner, echo)
	e.Handle(ctx, server, dest, func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		close(entered)
		<-release
		return server.Request(ctx, &transport.Message{Destination: inner, Body: msg.Body})
	})
	running, err := client.RequestAsync(ctx, &transport.Message{Destination: dest, Body: []byte("running")})
	e.Must(err, "request")
	e.Wait(entered, "the handler runs")
	drained := make(chan error, 1)
	go func() { drained <- server.Drain(ctx) }() // ends with the handler, whose end this case brings about
	e.Until("the server drains", func() bool { return server.State() == "draining" })
	_, err = server.Request(ctx, &transport.Message{Destination: inner})
	e.WantCode(err, transport.CodeUnavailable, "a call from outside while draining")
	_, err = server.Handle(ctx, dest, echo)
	e.WantCode(err, transport.CodeUnavailable, "Handle while draining")
	select {
	case err := <-drained:
		return fmt.Errorf("Drain returned %v while a handler ran", err)
	default:
	}
	close(release)
	reply, err := running.Await(ctx)
	e.Must(err, "the call in flight, and its handler's nested call")
	if string(reply.Body) != "running" {
		return fmt.Errorf("the reply is %q", reply.Body)
	}
	e.Must(recv(e, drained, "Drain returns"), "drain")
	if s := server.State(); s != "closed" {
		return fmt.Errorf("the state after Drain is %q", s)
	}
	return nil
}

func drainGivesUp(ctx context.Context, e *Env) error {
	server, client := e.Fresh(ctx, ConnOptions{})
	dest := e.Name("stuck")
	entered, cancelled, release := make(chan struct{}), make(chan struct{}), make(chan struct{})
	defer close(release)
	e.Handle(ctx, server, dest, func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
		close(entered)
		<-ctx.Done()
		close(cancelled)
		<-release
		return nil, nil
	})
	f, err := client.RequestAsync(ctx, &transport.Message{Destination: dest})
	e.Must(err, "request")
	defer f.Cancel()
	e.Wait(entered, "the handler runs")
	drainCtx, cancel, want := context.WithoutCancel(ctx), context.CancelFunc(func() {}), 30*time.Second
	if !e.Fake {
		want = 5 * e.Tick
		drainCtx, cancel = context.WithTimeout(ctx, want)
	}
	defer cancel()
	start := e.watch().lap()
	e.WantCode(server.Drain(drainCtx), transport.CodeDeadlineExceeded, "Drain with a stuck handler")
	if d := time.Since(start.begun); d < want || start.took() > want+20*e.Tick {
		return fmt.Errorf("Drain gave up after %v, want %v", d, want)
	}
	e.Wait(cancelled, "the stuck handler's ctx ends")
	if s := server.State(); s != "closed" {
		return fmt.Errorf("the state after Drain is %q", s)
	}
	return nil
}

func drainReleases(ctx context.Context, e *Env) error {
	server, client := e.Fresh(ctx, ConnOptions{})
	dest := e.Name("release")
	leaving := e.Another(ctx)
	handled := newInbox(e)
	entered, release := make(chan struct{}, 1), make(chan struct{})
	_, err := leaving.Handle(ctx, dest, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		entered <- struct{}{}
		<-release
		handled.add(msg)
		return nil, nil
	}, transport.WithConcurrency(1))
	e.Must(err, "handle")
	n := 20
	msgs := copies(n, &transport.Message{Destination: dest})
	for i, m := range msgs {
		m.Body = fmt.Appendf(nil, "%d", i)
	}
	accepted := e.sendEach(ctx, client, msgs...)
	recv(e, entered, "the leaving consumer handles one")
	e.Until("the others wait", func() bool { return accepted.Load() >= int64(n-1) })
	rest := newInbox(e)
	e.Handle(ctx, server, dest, rest.handle)
	drained := make(chan error, 1)
	go func() { drained <- leaving.Drain(ctx) }() // ends with the handler, whose end this case brings about
	e.Until("the consumer drains", func() bool { return leaving.State() == "draining" })
	close(release)
	e.Must(recv(e, drained, "Drain returns"), "drain")
	e.Until("the last message is accepted, while there is a handler", func() bool { return accepted.Load() == int64(n) })
	if handled.len() != 1 {
		return fmt.Errorf("%d messages were handled by the draining consumer, want the one in progress", handled.len())
	}
	if !e.Features.Redelivers && !e.Features.InProcess {
		return nil // what it had not started has nobody to return to
	}
	got := rest.wait(n - 1)
	for _, m := range got {
		if string(m.Body) == string(handled.all()[0].Body) {
			return fmt.Errorf("the message that was handled while draining came again")
		}
		if m.Attempt != 1 && !e.Features.Redelivers {
			return fmt.Errorf("a message that was given back counts as attempt %d", m.Attempt)
		}
	}
	return nil
}

func anyOrder(ctx context.Context, e *Env) error {
	for round := range e.Count(10) {
		server, client := e.Fresh(ctx, ConnOptions{})
		dest := e.Name(fmt.Sprintf("order%d", round))
		var closed atomic.Bool
		var workers sync.WaitGroup
		for worker := range 8 {
			workers.Go(func() {
				sub, err := server.Handle(ctx, dest, echo)
				switch {
				case err != nil && !errors.Is(err, transport.ErrClosed):
					if !closed.Load() {
						e.Errorf("handle: %v", err)
					}
				case err == nil && worker%2 == 0:
					_ = sub.Close(ctx)
					_ = sub.Close(ctx)
				}
				if worker == 7 {
					closed.Store(true)
					_ = server.Close()
				}
				if sub != nil {
					_ = sub.Close(ctx)
				}
			})
		}
		workers.Wait()
		_ = server.Close()
		e.Must(client.Close(), "close the client")
	}
	return nil
}

func badOptions(ctx context.Context, e *Env) error {
	for what, opt := range map[string]transport.Option{
		"WithMaxBody(0)":             transport.WithMaxBody(0),
		"WithMaxBody(-1)":            transport.WithMaxBody(-1),
		"WithMaxBody(1<<30+1)":       transport.WithMaxBody(1<<30 + 1),
		"WithLogger(nil)":            transport.WithLogger(nil),
		"a service that owns a typo": transport.WithService("trips", transport.Service{Name: "trips", Owns: []string{"a..b"}}),
		"a service name with spaces": transport.WithService("no name"),
	} {
		server, client, err := e.h.New(ctx, ConnOptions{Server: []transport.Option{opt}, Client: []transport.Option{opt}})
		if err == nil {
			_, _ = server.Close(), client.Close()
		}
		e.WantCode(err, transport.CodeInvalidArgument, what)
	}
	return nil
}

func stateOrder(ctx context.Context, e *Env) error {
	server, client := e.Fresh(ctx, ConnOptions{})
	dest := e.Name("state")
	entered, release := make(chan struct{}), make(chan struct{})
	e.Handle(ctx, server, dest, func(context.Context, *transport.Message) (*transport.Message, error) {
		close(entered)
		<-release
		return nil, nil
	})
	var states []transport.State
	note := func() {
		if s := server.State(); len(states) == 0 || states[len(states)-1] != s {
			states = append(states, s)
		}
	}
	note()
	f, err := client.RequestAsync(ctx, &transport.Message{Destination: dest})
	e.Must(err, "request")
	e.Wait(entered, "the handler runs")
	drained := make(chan error, 1)
	go func() { drained <- server.Drain(ctx) }() // ends with the handler, whose end this case brings about
	e.Until("the server drains", func() bool { note(); return server.State() != "ready" })
	note()
	close(release)
	e.Must(recv(e, drained, "Drain returns"), "drain")
	note()
	_, _ = f.Await(ctx)
	if fmt.Sprint(states) != "[ready draining closed]" {
		return fmt.Errorf("the states were %q, want ready, draining, closed", states)
	}
	return nil
}

func closeInHandler(ctx context.Context, e *Env) error {
	server, client := e.Fresh(ctx, ConnOptions{})
	dest := e.Name("inside")
	done := make(chan error, 1)
	e.Handle(ctx, server, dest, func(context.Context, *transport.Message) (*transport.Message, error) {
		done <- server.Close()
		return nil, nil
	})
	short, cancel := context.WithTimeout(ctx, e.Patience)
	defer cancel()
	f, err := client.RequestAsync(short, &transport.Message{Destination: dest})
	e.Must(err, "request")
	e.Must(recv(e, done, "Close returns inside the handler"), "close")
	f.Cancel()
	if s := server.State(); s != "closed" {
		return fmt.Errorf("the state is %q", s)
	}
	return nil
}

func health(ctx context.Context, e *Env) error {
	_, client := e.Fresh(ctx, ConnOptions{})
	short, cancel := context.WithTimeout(ctx, 50*e.Tick)
	defer cancel()
	e.Must(client.Health(short), "health of an open Conn")
	e.Must(client.Close(), "close")
	if err := client.Health(ctx); !errors.Is(err, transport.ErrClosed) {
		return fmt.Errorf("health of a closed Conn: %v, want ErrClosed", err)
	}
	return nil
}
