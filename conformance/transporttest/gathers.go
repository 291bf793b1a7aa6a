package transporttest

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/polywire/polywire/transport"
)

func gatherCases() []Case {
	gather := []string{"Publish", "Gather"}
	return []Case{
		{ID: "T101", Group: "H", Sections: []string{"1.8"}, Needs: gather, Timing: true,
			Rule: "A Gather of five subscriptions yields five answers, each from another responder.", Run: gatherAll},
		{ID: "T102", Group: "H", Sections: []string{"1.8"}, Needs: gather, Timing: true,
			Rule: "WithMax(3) ends a Gather at its third answer; later ones are dropped.", Run: gatherMax},
		{ID: "T103", Group: "H", Sections: []string{"1.8"}, Needs: gather, Unless: "Inline", Timing: true,
			Rule: "One stalled subscription of five leaves four answers, and ends by WithStall or the deadline.", Run: gatherStalled},
		{ID: "T104", Group: "H", Sections: []string{"1.8", "4.3"}, Needs: gather, Timing: true,
			Rule: "Errors of subscriptions are answers of their own, attributed to whom they came from.", Run: gatherErrors},
		{ID: "T105", Group: "H", Sections: []string{"1.8"}, Needs: gather, Timing: true,
			Rule: "A Gather that nobody answers ends promptly where responders are counted, else at its deadline.", Run: gatherNobody},
		{ID: "T226", Group: "H", Sections: []string{"1.8"}, Needs: gather, Unless: "Inline", Timing: true,
			Rule: "A Gather ends by itself at its deadline, 5 s without one, and when it is closed or its ctx ends.", Run: gatherEnds},
		{ID: "T240", Group: "H", Sections: []string{"1.8", "3.3"}, Needs: gather, Timing: true,
			Rule: "Two Gathers at once each get their own answers.", Run: gathersApart},
	}
}

// responders subscribes n handlers that answer with their number.
func (e *Env) responders(ctx context.Context, topic string, n int, each func(ctx context.Context, i int) error) {
	for i, c := range e.consumers(ctx, n) {
		e.Subscribe(ctx, c, topic, func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
			if err := each(ctx, i); err != nil {
				return nil, err
			}
			return &transport.Message{Body: append(strconv.AppendInt(nil, int64(i), 10), msg.Body...)}, nil
		})
	}
}

func always(context.Context, int) error { return nil }

// collect ranges over g to its end.
func collect(g *transport.Gathering) (answers []string, failures []error, from []string) {
	for r := range g.All() {
		from = append(from, r.From)
		if r.Err != nil {
			failures = append(failures, r.Err)
			continue
		}
		answers = append(answers, string(r.Message.Body))
	}
	slices.Sort(answers)
	slices.Sort(from)
	return answers, failures, from
}

func gatherAll(ctx context.Context, e *Env) error {
	_, client := e.Pair(ctx)
	topic := e.Name("five")
	e.responders(ctx, topic, 5, always)
	short, cancel := context.WithTimeout(ctx, 10*e.Tick)
	defer cancel()
	start := e.watch().lap()
	g, err := client.Gather(short, &transport.Message{Destination: topic, Body: []byte("!")})
	e.Must(err, "gather")
	answers, failures, from := collect(g)
	if !slices.Equal(answers, []string{"0!", "1!", "2!", "3!", "4!"}) || len(failures) > 0 {
		return fmt.Errorf("the answers are %q, %v", answers, failures)
	}
	if len(slices.Compact(from)) != 5 {
		return fmt.Errorf("the responders are %q, want five different ones", from)
	}
	want := "deadline"
	if e.Features.CountsResponders {
		want = "complete"
		if d := start.took(); d > 8*e.Tick {
			return fmt.Errorf("it took %v though all had answered", d)
		}
	}
	if g.Reason() != want {
		return fmt.Errorf("it ended as %q, want %q", g.Reason(), want)
	}
	return nil
}

func gatherMax(ctx context.Context, e *Env) error {
	_, client := e.Pair(ctx)
	topic := e.Name("max")
	e.responders(ctx, topic, 5, func(_ context.Context, i int) error {
		e.Pause(time.Duration(i) * e.Tick / 5)
		return nil
	})
	g, err := client.Gather(ctx, &transport.Message{Destination: topic}, transport.WithMax(3))
	e.Must(err, "gather")
	answers, failures, _ := collect(g)
	if len(answers) != 3 || len(failures) > 0 || g.Reason() != "max" {
		return fmt.Errorf("%d answers, %d errors, %q; want 3, none, max", len(answers), len(failures), g.Reason())
	}
	e.Until("nothing waits", func() bool { return client.Stats().Waiting == 0 })
	for _, opt := range []transport.CallOption{transport.WithMax(-1), transport.WithStall(-time.Second)} {
		_, err := client.Gather(ctx, &transport.Message{Destination: topic}, opt)
		e.WantCode(err, transport.CodeInvalidArgument, "a negative bound")
	}
	e.WantCode(client.Publish(ctx, &transport.Message{Destination: topic}, transport.WithMax(3)), transport.CodeInvalidArgument, "WithMax on Publish")
	return nil
}

func gatherStalled(ctx context.Context, e *Env) error {
	_, client := e.Pair(ctx)
	topic := e.Name("stalled")
	e.responders(ctx, topic, 5, func(ctx context.Context, i int) error {
		if i == 2 {
			<-ctx.Done()
			e.Pause(e.Tick) // its clock may be a little ahead of the caller's
		}
		return nil
	})
	for _, how := range []struct {
		deadline time.Duration
		opts     []transport.CallOption
		reason   string
	}{
		{5 * e.Tick, nil, "deadline"},
		{e.Patience / 2, []transport.CallOption{transport.WithStall(5 * e.Tick)}, "stalled"},
	} {
		short, cancel := context.WithTimeout(ctx, how.deadline)
		g, err := client.Gather(short, &transport.Message{Destination: topic}, how.opts...)
		e.Must(err, "gather")
		answers, failures, _ := collect(g)
		g.Close()
		cancel()
		if len(answers) != 4 || len(failures) > 0 || g.Reason() != how.reason {
			return fmt.Errorf("%d answers, errors %v, %q; want 4, none, %q", len(answers), failures, g.Reason(), how.reason)
		}
		e.Pause(e.Patience / 2) // until the stalled handler's time is up, which serves one at a time
	}
	return nil
}

func gatherErrors(ctx context.Context, e *Env) error {
	_, client := e.Pair(ctx)
	topic := e.Name("errors")
	e.responders(ctx, topic, 5, func(_ context.Context, i int) error {
		if i%2 == 1 {
			return transport.CodeNotFound.Errorf("responder %d has none", i)
		}
		return nil
	})
	short, cancel := context.WithTimeout(ctx, 10*e.Tick)
	defer cancel()
	g, err := client.Gather(short, &transport.Message{Destination: topic}, transport.WithMax(5))
	e.Must(err, "gather")
	answers, failures, from := collect(g)
	if len(answers) != 3 || len(failures) != 2 || len(slices.Compact(from)) != 5 {
		return fmt.Errorf("%d answers and %d errors from %q, want 3 and 2 from five", len(answers), len(failures), from)
	}
	for _, err := range failures {
		e.WantCode(err, transport.CodeNotFound, "a subscription's error")
	}
	return nil
}

func gatherNobody(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	w := e.watch()
	end := func(topic string) error {
		e.Must(client.Publish(ctx, &transport.Message{Destination: topic}), "publish") // a first use may make something
		short, cancel := context.WithTimeout(ctx, 5*e.Tick)
		defer cancel()
		start := w.lap()
		g, err := client.Gather(short, &transport.Message{Destination: topic})
		e.Must(err, "gather")
		answers, failures, _ := collect(g)
		d := time.Since(start.begun)
		switch {
		case len(answers)+len(failures) != 0:
			return fmt.Errorf("somebody answered: %q %v", answers, failures)
		case e.Features.CountsResponders && (g.Reason() != "complete" || start.took() > 3*e.Tick):
			return fmt.Errorf("it ended as %q after %v, want complete, at once", g.Reason(), d)
		case !e.Features.CountsResponders && (g.Reason() != "deadline" || d < 4*e.Tick):
			return fmt.Errorf("it ended as %q after %v, want deadline, after %v", g.Reason(), d, 5*e.Tick)
		}
		return nil
	}
	if err := end(e.Name("nobody")); err != nil {
		return fmt.Errorf("without subscriptions: %w", err)
	}
	silent := e.Name("silent")
	e.Subscribe(ctx, server, silent, newInbox(e).handle)
	if err := end(silent); err != nil {
		return fmt.Errorf("with a subscription that does not answer: %w", err)
	}
	return nil
}

func gatherEnds(ctx context.Context, e *Env) error {
	_, client := e.Pair(ctx)
	topic := e.Name("ends")
	e.responders(ctx, topic, 1, func(ctx context.Context, _ int) error { <-ctx.Done(); return nil })
	if e.Fake {
		start := time.Now()
		g, err := client.Gather(context.WithoutCancel(ctx), &transport.Message{Destination: topic})
		e.Must(err, "gather without a deadline")
		collect(g)
		if d := time.Since(start); g.Reason() != "deadline" || d < 4*time.Second || d > 6*time.Second {
			return fmt.Errorf("without a deadline it ended as %q after %v, want deadline after 5s", g.Reason(), d)
		}
	}
	short, cancel := context.WithTimeout(ctx, 2*e.Tick)
	defer cancel()
	unused, err := client.Gather(short, &transport.Message{Destination: topic})
	e.Must(err, "gather")
	e.Until("a Gather that nobody ranges over ends", func() bool { return unused.Reason() == "deadline" })
	e.Until("nothing waits", func() bool { return client.Stats().Waiting == 0 })
	mid, stop := context.WithCancel(ctx)
	g, err := client.Gather(mid, &transport.Message{Destination: topic})
	e.Must(err, "gather")
	stop()
	if collect(g); g.Reason() != "canceled" {
		return fmt.Errorf("a Gather whose ctx ended is %q, want canceled", g.Reason())
	}
	g, err = client.Gather(ctx, &transport.Message{Destination: topic, Timeout: 20 * e.Tick})
	e.Must(err, "gather")
	g.Close()
	if collect(g); g.Reason() != "closed" {
		return fmt.Errorf("a Gather that was closed is %q, want closed", g.Reason())
	}
	return nil
}

func gathersApart(ctx context.Context, e *Env) error {
	_, client := e.Pair(ctx)
	topic := e.Name("apart")
	e.responders(ctx, topic, 3, always)
	var both [2]*transport.Gathering
	for i := range both {
		g, err := client.Gather(ctx, &transport.Message{Destination: topic, Body: []byte{'a' + byte(i)}}, transport.WithMax(3))
		e.Must(err, "gather")
		both[i] = g
	}
	for i, g := range both {
		b := string(rune('a' + i))
		if answers, _, _ := collect(g); !slices.Equal(answers, []string{"0" + b, "1" + b, "2" + b}) {
			return fmt.Errorf("gather %s got the answers %q", b, answers)
		}
	}
	return nil
}
