package transporttest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/polywire/polywire/transport"
)

func reconnectCases() []Case {
	restart := []string{AbilityRestart}
	return []Case{
		{ID: "T041", Group: "C", Sections: []string{"4.1", "7.2"}, Abilities: restart, Timing: true,
			Rule: "Opening while nobody answers fails with Unavailable, in one attempt.", Run: openRefused},
		{ID: "T077", Group: "K", Sections: []string{"6.1", "7.2"}, Needs: []string{"Send", "OrderedByKey"}, Abilities: restart, Timing: true,
			Rule: "The order of a key holds across a reconnect.", Run: orderAcrossReconnect},
		{ID: "T133", Group: "K", Sections: []string{"7.2", "1.7"}, Abilities: restart, Timing: true,
			Rule: "After an outage calls work again and bindings are back by themselves.", Run: comesBack},
		{ID: "T136", Group: "K", Sections: []string{"1.7", "7.2"}, Abilities: restart, Timing: true,
			Rule: "While the peer is away a call waits within its ctx, WithFailFast refuses at once, and neither is handled later.", Run: whileAway},
		{ID: "T137", Group: "K", Sections: []string{"7.1", "7.2"}, Abilities: restart, Timing: true,
			Rule: "Close while reconnecting returns at once, and State told that it reconnects.", Run: closeWhileAway},
		{ID: "T138", Group: "K", Sections: []string{"7.2", "7.3"}, Needs: []string{"Request"}, Abilities: restart, Timing: true,
			Rule: "A request in flight when the connection is lost fails fast with Unavailable, and its handler ran once at most.", Run: lostInFlight},
		{ID: "T140", Group: "K", Sections: []string{"5.1", "7.2"}, Needs: []string{"Request"}, Abilities: []string{AbilityPause},
			Rule: "A peer that stands still for a while loses nothing, and no call gets another's reply.", Run: standsStill},
		{ID: "T145", Group: "K", Sections: []string{"1.5", "7.2"}, Needs: []string{"Send", "Durable"}, Abilities: restart,
			Rule: "What was accepted before and while the peer was killed is handled at least once.", Run: killedWhileSending},
		{ID: "T159", Group: "K", Sections: []string{"1.7", "6.3"}, Abilities: restart, Timing: true,
			Rule: "Calls that wait for the connection are bounded by the bytes they hold.", Run: waitersBounded},
	}
}

// anyCall makes one call of the first style that there is.
func (e *Env) anyCall(ctx context.Context, c Conn, dest string, opts ...transport.CallOption) error {
	msg := &transport.Message{Destination: dest, Body: []byte("call")}
	return e.say(ctx, c, msg, opts...)
}

// say makes a call with msg in the first style that there is.
func (e *Env) say(ctx context.Context, c Conn, msg *transport.Message, opts ...transport.CallOption) error {
	switch {
	case e.Features.Request:
		_, err := c.Request(ctx, msg, opts...)
		return err
	case e.Features.Send:
		return c.Send(ctx, msg, opts...)
	default:
		return c.Publish(ctx, msg, opts...)
	}
}

// callBack is anyCall for an outage that ends: where nothing is stored, the
// handler's side may come back later than ours, and until then the error says so.
func (e *Env) callBack(ctx context.Context, c Conn, dest string) error {
	err := e.anyCall(ctx, c, dest)
	for e.unstored(err) {
		e.Pause(e.Tick / 5)
		err = e.anyCall(ctx, c, dest)
	}
	return err
}

// unstored reports whether err tells that nobody handles a destination now, on a system that keeps nothing for later.
func (e *Env) unstored(err error) bool {
	return errors.Is(err, transport.ErrNoHandler) && !e.Features.Durable
}

// anyHandler binds h so that anyCall reaches it.
func (e *Env) anyHandler(ctx context.Context, c Conn, dest string, h transport.Handler) {
	if e.Features.Request || e.Features.Send {
		e.Handle(ctx, c, dest, h)
		return
	}
	e.Subscribe(ctx, c, dest, h)
}

// away kills the peer for the rest of the case, or until back is called.
func (e *Env) away(ctx context.Context) (back func()) {
	e.Must(e.Peer().Kill(ctx), "kill the peer")
	var once sync.Once
	back = func() {
		once.Do(func() {
			if err := e.Peer().Restart(context.WithoutCancel(ctx)); err != nil {
				e.Errorf("restart the peer: %v", err)
			}
		})
	}
	e.Cleanup(func(context.Context) { back() })
	return back
}

func openRefused(ctx context.Context, e *Env) error {
	e.Fresh(ctx, ConnOptions{})
	e.away(ctx)
	short, cancel := context.WithTimeout(ctx, e.Patience)
	defer cancel()
	var err error
	if e.h.Another != nil || e.peer != nil {
		_, err = e.another(short, e.current.raw)
	} else {
		_, _, err = e.h.New(short, ConnOptions{})
	}
	e.WantCode(err, transport.CodeUnavailable, "opening while nobody answers")
	return nil
}

func comesBack(ctx context.Context, e *Env) error {
	server, client := e.Fresh(ctx, ConnOptions{})
	dest := e.Name("back")
	e.anyHandler(ctx, server, dest, echo)
	e.Must(e.anyCall(ctx, client, dest), "a call before the outage")
	e.allowForRestart()
	for round := range 2 {
		back := e.away(ctx)
		e.Until("both sides notice the loss", func() bool { return client.State() == "reconnecting" && (e.parted || server.State() == "reconnecting") })
		back()
		e.Must(e.callsAgain(ctx, client, dest), fmt.Sprintf("a call after outage %d", round+1))
		e.Until("both are ready again", func() bool { return client.State() == "ready" && server.State() == "ready" })
	}
	return nil
}

// callsAgain calls until a call succeeds. The handler's side may come back later than ours: until then a call is refused,
// or waits for it, and its time may be over, or what it waits in lost, before that.
func (e *Env) callsAgain(ctx context.Context, c Conn, dest string) error {
	long, cancel := context.WithTimeout(ctx, e.Patience)
	defer cancel()
	for {
		short, done := context.WithTimeout(long, e.Patience/4)
		err := e.anyCall(short, c, dest)
		done()
		late := e.Features.Request && errors.Is(err, transport.CodeDeadlineExceeded)
		if err == nil || long.Err() != nil || !late && !errors.Is(err, transport.CodeUnavailable) {
			return err
		}
		e.Pause(e.Tick / 5)
	}
}

func whileAway(ctx context.Context, e *Env) error {
	server, client := e.Fresh(ctx, ConnOptions{})
	dest := e.Name("away")
	in := newInbox(e)
	e.anyHandler(ctx, server, dest, in.handle)
	back := e.away(ctx)
	e.Until("the client notices the loss", func() bool { return client.State() == "reconnecting" })
	w := e.watch()
	start := w.lap()
	e.WantCode(e.anyCall(ctx, client, dest, transport.WithFailFast()), transport.CodeUnavailable, "WithFailFast while away")
	if d := start.took(); d > e.Tick {
		return fmt.Errorf("WithFailFast took %v", d)
	}
	start = w.lap()
	short, cancel := context.WithTimeout(ctx, 3*e.Tick)
	defer cancel()
	err := e.anyCall(short, client, dest)
	e.WantCode(err, transport.CodeDeadlineExceeded, "a call while away")
	if d := time.Since(start.begun); d < 3*e.Tick || start.took() > 6*e.Tick {
		return fmt.Errorf("the call waited %v, want until its deadline of %v", d, 3*e.Tick)
	}
	if err := client.Health(ctx); err == nil {
		return fmt.Errorf("Health is nil while the peer is away")
	}
	waits := make(chan error, 1)
	go func() { waits <- e.callBack(ctx, client, dest) }() // ends once the peer is back
	e.Pause(e.Tick)
	back()
	e.Must(recv(e, waits, "the waiting call goes on"), "the call that waited")
	in.wait(1)
	e.Pause(e.Tick)
	if n := in.len(); n != 1 {
		return fmt.Errorf("%d messages were handled, want the one whose call succeeded", n)
	}
	return nil
}

func closeWhileAway(ctx context.Context, e *Env) error {
	_, client := e.Fresh(ctx, ConnOptions{})
	e.away(ctx)
	e.Until("the client notices the loss", func() bool { return client.State() == "reconnecting" })
	waits := make(chan error, 1)
	go func() { waits <- e.anyCall(ctx, client, e.Name("closed")) }() // ends by Close
	e.Pause(e.Tick / 5)
	start := e.watch().lap()
	if err := client.Close(); err != nil {
		e.Errorf("close: %v", err)
	}
	if d := start.took(); d > 10*e.Tick {
		return fmt.Errorf("Close took %v", d)
	}
	if err := recv(e, waits, "the waiting call ends"); !errors.Is(err, transport.ErrClosed) {
		return fmt.Errorf("the waiting call ended with %v, want ErrClosed", err)
	}
	return nil
}

func lostInFlight(ctx context.Context, e *Env) error {
	server, client := e.Fresh(ctx, ConnOptions{})
	dest := e.Name("lost")
	in := newInbox(e)
	release := make(chan struct{})
	e.Handle(ctx, server, dest, func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		in.add(msg)
		select {
		case <-release:
		case <-ctx.Done():
		}
		return nil, nil
	})
	f, err := client.RequestAsync(ctx, &transport.Message{Destination: dest})
	e.Must(err, "request")
	in.wait(1)
	back := e.away(ctx)
	start := e.watch().lap()
	_, err = f.Await(ctx)
	e.WantCode(err, transport.CodeUnavailable, "a request in flight at the loss")
	if d := start.took(); d > 50*e.Tick {
		return fmt.Errorf("it failed %v after the loss", d)
	}
	back()
	close(release)
	e.Until("the client is back", func() bool { return client.State() == "ready" })
	e.Pause(5 * e.Tick)
	if n := in.len(); n != 1 {
		return fmt.Errorf("a request that is not idempotent was handled %d times", n)
	}
	return nil
}

func standsStill(ctx context.Context, e *Env) error {
	server, client := e.Fresh(ctx, ConnOptions{})
	dest := e.Name("still")
	e.Handle(ctx, server, dest, echo)
	pauser, _ := e.Peer().(Pauser) // the ability says that it is one
	e.Must(pauser.Pause(ctx), "pause the peer")
	futures := make([]*transport.Future, 20)
	for i := range futures {
		f, err := client.RequestAsync(ctx, &transport.Message{Destination: dest, Body: strconv.AppendInt(nil, int64(i), 10), Timeout: e.Patience})
		e.Must(err, "request")
		futures[i] = f
	}
	e.Pause(10 * e.Tick)
	e.Must(pauser.Resume(ctx), "resume the peer")
	for i, f := range futures {
		reply, err := f.Await(ctx)
		if err == nil && string(reply.Body) != strconv.Itoa(i) {
			return fmt.Errorf("request %d got the reply %q", i, reply.Body)
		}
		if err != nil && !errors.Is(err, transport.CodeUnavailable) && !errors.Is(err, transport.CodeDeadlineExceeded) {
			return fmt.Errorf("request %d ended with %v", i, err)
		}
	}
	_, err := client.Request(ctx, &transport.Message{Destination: dest})
	return err
}

// allowForRestart gives what is waited for from now on as much longer as the case has in all: on a machine that does
// other work consumers take their time to find a broker again, as that takes to start.
func (e *Env) allowForRestart() { e.Patience *= restartStretch }

func orderAcrossReconnect(ctx context.Context, e *Env) error {
	server, client := e.Fresh(ctx, ConnOptions{})
	dest := e.Name("order")
	in := newInbox(e)
	e.Handle(ctx, server, dest, in.handle, transport.WithConcurrency(4))
	n := e.Count(100)
	sent := 0
	for i := range n {
		msg := &transport.Message{Destination: dest, Key: "k", Body: strconv.AppendInt(nil, int64(i), 10)}
		if i == n/2 {
			back := e.away(ctx)
			defer back()
			t := time.AfterFunc(2*e.Tick, back)
			defer t.Stop()
		}
		if err := client.Send(ctx, msg); err == nil {
			sent++
		}
	}
	if !e.Features.Durable { // what was accepted may have died with the peer, but not what comes now
		sent = 1
		for e.unstored(client.Send(ctx, &transport.Message{Destination: dest, Key: "k", Body: strconv.AppendInt(nil, int64(n), 10)})) {
			e.Pause(e.Tick / 5)
		}
	}
	e.allowForRestart()
	in.waitFor(func(got []*transport.Message) bool {
		return distinct(got) >= sent && (e.Features.Durable || string(got[len(got)-1].Body) == strconv.Itoa(n))
	}, "all that was accepted")
	last, seen := -1, map[string]bool{}
	for _, m := range in.all() {
		i, _ := strconv.Atoi(string(m.Body)) // written above
		if i < last && !seen[string(m.Body)] {
			return fmt.Errorf("message %d was handled for the first time after %d", i, last)
		}
		seen[string(m.Body)] = true
		last = max(last, i)
	}
	return nil
}

func killedWhileSending(ctx context.Context, e *Env) error {
	server, client := e.Fresh(ctx, ConnOptions{})
	dest := e.Name("killed")
	in := newInbox(e)
	e.Handle(ctx, server, dest, in.handle)
	n := e.Count(200)
	var accepted []string
	for i := range n {
		if i == n/2 {
			back := e.away(ctx)
			t := time.AfterFunc(2*e.Tick, back)
			defer t.Stop()
			defer back()
		}
		body := strconv.Itoa(i)
		if err := client.Send(ctx, &transport.Message{Destination: dest, Body: []byte(body)}); err == nil {
			accepted = append(accepted, body)
		}
	}
	e.allowForRestart()
	in.waitFor(func(got []*transport.Message) bool {
		handled := map[string]bool{}
		for _, m := range got {
			handled[string(m.Body)] = true
		}
		for _, body := range accepted {
			if !handled[body] {
				return false
			}
		}
		return true
	}, fmt.Sprintf("all %d accepted messages of %d", len(accepted), n))
	return nil
}

func waitersBounded(ctx context.Context, e *Env) error {
	server, client := e.Fresh(ctx, ConnOptions{})
	dest := e.Name("waiters")
	e.anyHandler(ctx, server, dest, nothing)
	back := e.away(ctx)
	e.Until("the client notices the loss", func() bool { return client.State() == "reconnecting" })
	body := make([]byte, min(4<<20, e.maxBody()))
	n := 64<<20/len(body) + 4
	failed := make(chan error, n)
	for range n {
		go func() { // ends with the call, once the peer is back
			msg := &transport.Message{Destination: dest, Body: body}
			switch {
			case e.Features.Send:
				failed <- client.Send(ctx, msg)
			case e.Features.Request:
				_, err := client.Request(ctx, msg)
				failed <- err
			default:
				failed <- client.Publish(ctx, msg)
			}
		}()
	}
	for range 4 {
		e.WantCode(recv(e, failed, "calls beyond the bound are refused"), transport.CodeResourceExhausted, "a call beyond 64 MiB of waiting ones")
	}
	e.Pause(e.Tick)
	if extra := len(failed); extra > 0 {
		return fmt.Errorf("%d more calls ended: %v", extra, <-failed)
	}
	back()
	for range n - 4 {
		if err := recv(e, failed, "the waiting calls go on"); err != nil && !e.unstored(err) {
			return fmt.Errorf("a call that waited ended with %w", err)
		}
	}
	return nil
}
