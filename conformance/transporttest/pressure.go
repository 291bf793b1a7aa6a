package transporttest

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/polywire/polywire/transport"
)

func pressureCases() []Case {
	return []Case{
		{ID: "T154", Group: "L", Sections: []string{"6.3"}, Needs: []string{"Send"}, Unless: "Inline", Timing: true,
			Rule: "With its handler blocked a destination takes a bounded number of messages; then Send waits within its ctx, and no message is lost or doubled.", Run: boundedQueue},
		{ID: "T059", Group: "L", Sections: []string{"6.3", "1.5"}, Needs: []string{"Send"}, Unless: "Inline", Timing: true,
			Rule: "A Send that waits for room returns when its ctx is cancelled, and its message is not handled then.", Run: cancelBlockedSend},
		{ID: "T160", Group: "L", Sections: []string{"6.3"}, Needs: []string{"Request"}, Timing: true,
			Rule: "Requests beyond what may wait are refused with ResourceExhausted quickly, or wait within their ctx; none is lost in silence.", Run: overload},
	}
}

// More than the default bound of a queue, and its handlers' credit.
const aboveBound = 17000

// blocked binds a handler of one slot that waits for release.
func (e *Env) blocked(ctx context.Context, dest string) (in *inbox, release chan struct{}) {
	server, _ := e.Pair(ctx)
	in, release = newInbox(e), make(chan struct{})
	e.Handle(ctx, server, dest, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		<-release
		in.add(msg)
		return nil, nil
	}, transport.WithConcurrency(1))
	return in, release
}

// sendOrGiveUp is Send that is cancelled when it waits longer than two ticks by w;
// a deadline in its place would bound the message's life too.
func (e *Env) sendOrGiveUp(ctx context.Context, w *watch, msg *transport.Message) error {
	_, client := e.Pair(ctx)
	mid, cancel := context.WithCancel(ctx)
	defer cancel()
	start := w.lap()
	var check func()
	check = func() {
		switch {
		case mid.Err() != nil: // it has returned
		case start.took() >= 2*e.Tick:
			cancel()
		default: // the machine has been busy
			time.AfterFunc(e.Tick/5, check)
		}
	}
	t := time.AfterFunc(2*e.Tick, check)
	defer t.Stop()
	return client.Send(mid, msg)
}

// flood sends until three messages in a row have to wait, the last of them after others were seen to pass beside them: two may
// be the machine's fault. It returns how many were accepted, and of how many nobody knows: those that were cancelled.
func (e *Env) flood(ctx context.Context, dest string) (accepted, unsure int, refused error) {
	n := e.Count(aboveBound)
	if e.Features.Durable {
		n /= 10 // a broker's bound is its disk, which is out of reach
	}
	w, row := e.watch(), 0
	for i := range n {
		err := e.sendOrGiveUp(ctx, w, &transport.Message{Destination: dest, Body: strconv.AppendInt(nil, int64(i), 10)})
		if err == nil {
			accepted++
			row = 0
			continue
		}
		unsure++
		switch row++; row {
		case 2:
			e.settle(ctx)
		case 3:
			return accepted, unsure, err
		}
	}
	return accepted, unsure, nil
}

func boundedQueue(ctx context.Context, e *Env) error {
	_, client := e.Pair(ctx)
	dest := e.Name("bounded")
	in, release := e.blocked(ctx, dest)
	sent, unsure, refused := e.flood(ctx, dest)
	close(release)
	if e.Features.InProcess && refused == nil && e.Count(1000) == 1000 {
		return fmt.Errorf("%d messages were accepted behind a blocked handler: the queue has no bound", sent)
	}
	if refused != nil && wrongCode(refused, transport.CodeCanceled) != "" && wrongCode(refused, transport.CodeResourceExhausted) != "" {
		return fmt.Errorf("a Send without room ended with %v, want Canceled, by the case, or ResourceExhausted", refused)
	}
	in.wait(sent)
	start := time.Now()
	e.Must(client.Send(ctx, &transport.Message{Destination: dest, Body: []byte("fence")}), "send once there is room")
	if d := time.Since(start); d > e.Patience/2 {
		return fmt.Errorf("Send took %v once there was room", d)
	}
	if got := in.wait(sent + 1); distinct(got) != len(got) || len(got) > sent+1+unsure {
		return fmt.Errorf("%d messages were accepted, %d handled, %d of them distinct", sent, len(got)-1, distinct(got)-1)
	}
	return nil
}

func cancelBlockedSend(ctx context.Context, e *Env) error {
	_, client := e.Pair(ctx)
	dest := e.Name("cancel")
	in, release := e.blocked(ctx, dest)
	accepted, unsure, refused := e.flood(ctx, dest)
	var late error
	if refused != nil {
		mid, cancel := context.WithCancel(ctx)
		failed := make(chan error, 1)
		go func() { failed <- client.Send(mid, &transport.Message{Destination: dest, Body: []byte("cancelled")}) }() // ends by cancel
		e.Pause(e.Tick / 2)
		start := e.watch().lap()
		cancel()
		late = recv(e, failed, "the cancelled Send returns")
		if d := start.took(); d > e.Tick {
			e.Errorf("the cancelled Send returned after %v", d)
		}
		e.Pause(e.Tick)
		e.settle(ctx) // word of it may be on its way, behind an attempt that the other side is still to refuse
	}
	close(release)
	if late != nil && !errors.Is(late, transport.CodeCanceled) && !errors.Is(late, transport.CodeResourceExhausted) {
		return fmt.Errorf("the cancelled Send ended with %v", late)
	}
	e.Must(client.Send(ctx, &transport.Message{Destination: dest, Body: []byte("fence")}), "send once there is room")
	in.wait(accepted + 1)
	e.Pause(e.Tick / 10)
	for _, m := range in.all() {
		if string(m.Body) == "cancelled" {
			return fmt.Errorf("the message of the cancelled Send was handled, as one of %d; %d had been accepted before, and others in a row waited for room", in.len(), accepted)
		}
	}
	if n := in.len(); n < accepted+1 || n > accepted+1+unsure {
		return fmt.Errorf("%d messages were accepted and %d handled", accepted, n-1)
	}
	return nil
}

// settle sends and waits for what is sent, until the other side has surely come to what it was told before.
func (e *Env) settle(ctx context.Context) {
	server, client := e.Pair(ctx)
	dest, in := e.Name("settle"), newInbox(e)
	sub := e.Handle(ctx, server, dest, in.handle)
	for i := range 20 {
		e.Must(client.Send(ctx, &transport.Message{Destination: dest}), "send beside what has no room")
		in.wait(i + 1)
	}
	e.Must(sub.Close(ctx), "unbind")
}

func overload(ctx context.Context, e *Env) error {
	_, client := e.Pair(ctx)
	dest := e.Name("overload")
	_, release := e.blocked(ctx, dest)
	short, cancel := context.WithTimeout(ctx, e.Patience*3)
	defer cancel()
	n := e.Count(aboveBound + 1000)
	futures := make([]*transport.Future, n)
	for i := range futures {
		f, err := client.RequestAsync(short, &transport.Message{Destination: dest})
		e.Must(err, "request")
		futures[i] = f
	}
	start := e.watch().lap()
	late, cancelLate := context.WithTimeout(ctx, 10*e.Tick)
	defer cancelLate()
	_, err := client.Request(late, &transport.Message{Destination: dest})
	if d := start.took(); errors.Is(err, transport.CodeResourceExhausted) && d > 5*e.Tick {
		e.Errorf("a request was refused after %v, want it quickly", d)
	} else if err == nil {
		e.Errorf("a request behind a blocked handler was answered")
	}
	close(release)
	answered := 0
	for _, f := range futures {
		_, err := f.Await(ctx)
		switch {
		case err == nil:
			answered++
		case !errors.Is(err, transport.CodeResourceExhausted):
			return fmt.Errorf("a request under overload ended with %v", err)
		}
	}
	if answered == 0 {
		return fmt.Errorf("of %d requests none was answered", n)
	}
	return nil
}
