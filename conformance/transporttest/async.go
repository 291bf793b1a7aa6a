package transporttest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/transport"
)

func asyncCases() []Case {
	request := []string{"Request"}
	return []Case{
		{ID: "T213", Group: "A", Sections: []string{"1.9"}, Needs: request,
			Rule: "A deferred reply frees the handler's slot and is given from another goroutine.", Run: deferFrees},
		{ID: "T214", Group: "A", Sections: []string{"1.9"}, Needs: request,
			Rule: "A deferred message is answered once; deferring twice, or outside a handler, fails.", Run: deferTwice},
		{ID: "T215", Group: "A", Sections: []string{"1.9", "3.3"}, Needs: request, Timing: true,
			Rule: "A deferred reply that never comes ends the call at its deadline, and the delivery.", Run: deferNever},
		{ID: "T216", Group: "A", Sections: []string{"1.9"}, Needs: []string{"Request", "DetachedReply"},
			Rule: "A deferred reply is given by another Conn through a token.", Run: deferToken},
		{ID: "T217", Group: "A", Sections: []string{"1.10"}, Needs: request, Timing: true,
			Rule: "Await's ctx bounds the wait alone: the exchange goes on, and every Await gets the answer.", Run: awaitBounds},
		{ID: "T218", Group: "A", Sections: []string{"1.10"}, Needs: request, Unless: "Inline",
			Rule: "Future.Cancel ends the call as Canceled, unless the answer was there first.", Run: futureCancel},
		{ID: "T219", Group: "A", Sections: []string{"1.10", "2.5"}, Needs: request,
			Rule: "RequestAsync has copied the message when it returns.", Run: asyncCopies},
		{ID: "T220", Group: "A", Sections: []string{"1.10"}, Needs: request, Timing: true,
			Rule: "RequestAsync's ctx, or 30 s, bounds the exchange, after which nothing waits.", Run: asyncBounded},
		{ID: "T221", Group: "A", Sections: []string{"8.2", "1.4"}, Needs: []string{"Send"},
			Rule: "With ReplyTo set the answer to a Send is sent to that destination, correlated.", Run: replyTo},
		{ID: "T222", Group: "A", Sections: []string{"1.5"}, Needs: []string{"Send"},
			Rule: "Every declared acceptance can be asked for; Handled means that the handler ran.", Run: acceptances},
		{ID: "T225", Group: "A", Sections: []string{"2.1"},
			Rule: "The verbs never write into the caller's message.", Run: messageUntouched},
		{ID: "T241", Group: "A", Sections: []string{"2.1", "2.4"},
			Rule: "Fields that are no header are checked too: IDs, key, content type, params.", Run: fieldsChecked},
	}
}

func deferFrees(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("defer")
	n := e.Count(20)
	held := make(chan *transport.Deferred, n)
	e.Handle(ctx, server, dest, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		d, err := msg.Defer()
		if err != nil {
			return nil, err
		}
		held <- d
		return &transport.Message{Body: []byte("ignored")}, errors.New("ignored")
	}, transport.WithConcurrency(1))
	futures := make([]*transport.Future, n)
	for i := range futures {
		f, err := client.RequestAsync(ctx, &transport.Message{Destination: dest})
		e.Must(err, "request")
		futures[i] = f
	}
	open := make([]*transport.Deferred, n)
	for i := range open {
		open[i] = recv(e, held, fmt.Sprintf("handler %d, all of them with one slot", i))
	}
	if h := server.Stats().Handling; h < n {
		return fmt.Errorf("%d deliveries are being handled, want the %d deferred ones counted", h, n)
	}
	for i, d := range open {
		if i == n-1 {
			e.Must(d.Reply(nil, transport.CodeNotFound.Errorf("the last has none")), "reply")
			continue
		}
		go func() { _ = d.Reply(&transport.Message{Body: []byte("later")}, nil) }() // ends by itself
	}
	answers := 0
	for _, f := range futures {
		reply, err := f.Await(ctx)
		switch {
		case err == nil && string(reply.Body) == "later":
			answers++
		case wrongCode(err, transport.CodeNotFound) != "":
			return fmt.Errorf("a deferred answer arrived as %v, %v", reply, err)
		}
	}
	if answers != n-1 {
		return fmt.Errorf("%d answers and the rest errors, want %d and 1", answers, n-1)
	}
	return nil
}

func deferTwice(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	_, err := (&transport.Message{}).Defer()
	e.WantCode(err, transport.CodeFailedPrecondition, "Defer outside a handler")
	dest := e.Name("twice")
	second := make(chan error, 1)
	held := make(chan *transport.Deferred, 1)
	e.Handle(ctx, server, dest, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		d, err := msg.Defer()
		if err != nil {
			return nil, err
		}
		_, err = msg.Defer()
		second <- err
		held <- d
		return nil, nil
	})
	f, err := client.RequestAsync(ctx, &transport.Message{Destination: dest})
	e.Must(err, "request")
	e.WantCode(recv(e, second, "the handler"), transport.CodeFailedPrecondition, "a second Defer")
	d := recv(e, held, "the handler")
	e.Must(d.Reply(&transport.Message{Body: []byte("first")}, nil), "the first Reply")
	e.WantCode(d.Reply(&transport.Message{Body: []byte("second")}, nil), transport.CodeFailedPrecondition, "a second Reply")
	reply, err := f.Await(ctx)
	e.Must(err, "await")
	if string(reply.Body) != "first" {
		return fmt.Errorf("the answer is %q, want the first", reply.Body)
	}
	return nil
}

func deferNever(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("never")
	held := make(chan *transport.Deferred, 1)
	e.Handle(ctx, server, dest, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		d, err := msg.Defer()
		held <- d
		return nil, err
	})
	before := server.Stats().Handling
	short, cancel := context.WithTimeout(ctx, 3*e.Tick)
	defer cancel()
	_, err := client.Request(short, &transport.Message{Destination: dest})
	e.WantCode(err, transport.CodeDeadlineExceeded, "a call whose deferred answer never comes")
	d := recv(e, held, "the handler")
	e.Until("the delivery ends", func() bool { return server.Stats().Handling <= before })
	if err := d.Reply(nil, nil); err == nil {
		return fmt.Errorf("a Reply after the message's time succeeds")
	}
	return nil
}

func deferToken(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("token")
	tokens := make(chan []byte, 1)
	e.Handle(ctx, server, dest, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		d, err := msg.Defer()
		if err != nil {
			return nil, err
		}
		token, err := d.Token()
		tokens <- token
		return nil, err
	})
	f, err := client.RequestAsync(ctx, &transport.Message{Destination: dest, CorrelationID: "c-9"})
	e.Must(err, "request")
	token := recv(e, tokens, "the token")
	other := e.consumers(ctx, 2)[1]
	e.Must(other.Resume(ctx, token, &transport.Message{Body: []byte("from elsewhere")}, nil), "resume")
	reply, err := f.Await(ctx)
	e.Must(err, "await")
	if string(reply.Body) != "from elsewhere" || reply.CorrelationID != "c-9" {
		return fmt.Errorf("the answer is %q, correlated %q", reply.Body, reply.CorrelationID)
	}
	e.WantCode(other.Resume(ctx, []byte("no token"), nil, nil), transport.CodeInvalidArgument, "a token that is none")
	return nil
}

func awaitBounds(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("await")
	release := make(chan struct{})
	e.Handle(ctx, server, dest, func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		<-release
		return echo(ctx, msg)
	})
	f, err := client.RequestAsync(ctx, &transport.Message{Destination: dest, Body: []byte("x")})
	e.Must(err, "request")
	short, cancel := context.WithTimeout(ctx, e.Tick)
	defer cancel()
	_, err = f.Await(short)
	e.WantCode(err, transport.CodeDeadlineExceeded, "Await within a tick")
	select {
	case <-f.Done():
		return fmt.Errorf("the exchange ended with the wait")
	default:
	}
	close(release)
	for range 2 {
		reply, err := f.Await(ctx)
		e.Must(err, "await")
		if string(reply.Body) != "x" {
			return fmt.Errorf("the answer is %q", reply.Body)
		}
	}
	e.Wait(f.Done(), "Done is closed")
	return nil
}

func futureCancel(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("cancel")
	entered, release := make(chan struct{}, 1), make(chan struct{})
	defer close(release)
	e.Handle(ctx, server, dest, func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		if string(msg.Body) == "slow" {
			entered <- struct{}{}
			<-release
		}
		return echo(ctx, msg)
	})
	f, err := client.RequestAsync(ctx, &transport.Message{Destination: dest, Body: []byte("slow")})
	e.Must(err, "request")
	recv(e, entered, "the handler")
	f.Cancel()
	_, err = f.Await(ctx)
	e.WantCode(err, transport.CodeCanceled, "Await after Cancel")
	f, err = client.RequestAsync(ctx, &transport.Message{Destination: dest, Body: []byte("fast")})
	e.Must(err, "request")
	e.Wait(f.Done(), "the fast answer")
	f.Cancel()
	reply, err := f.Await(ctx)
	e.Must(err, "Await of an answer that was there before Cancel")
	if string(reply.Body) != "fast" {
		return fmt.Errorf("the answer is %q", reply.Body)
	}
	return nil
}

func asyncCopies(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("copies")
	e.Handle(ctx, server, dest, echo)
	msg := &transport.Message{Destination: dest, Body: make([]byte, 64)}
	n := e.Count(200)
	futures := make([]*transport.Future, n)
	for i := range futures {
		fill(msg.Body, byte(i))
		f, err := client.RequestAsync(ctx, msg)
		e.Must(err, "request")
		futures[i] = f
	}
	fill(msg.Body, 0xdd)
	want := make([]byte, 64)
	for i, f := range futures {
		reply, err := f.Await(ctx)
		e.Must(err, "await")
		if fill(want, byte(i)); !slices.Equal(reply.Body, want) {
			return fmt.Errorf("request %d of %d went out as %x", i, n, reply.Body)
		}
	}
	return nil
}

func fill(b []byte, v byte) {
	for i := range b {
		b[i] = v
	}
}

func asyncBounded(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("bounded")
	e.Handle(ctx, server, dest, stall)
	bounds := []time.Duration{3 * e.Tick}
	if e.Fake {
		bounds = append(bounds, 0)
	}
	w := e.watch()
	for _, d := range bounds {
		start := w.lap()
		callCtx, cancel, want := context.WithoutCancel(ctx), context.CancelFunc(func() {}), 30*time.Second
		if d > 0 {
			callCtx, cancel = context.WithTimeout(ctx, d)
			want = d
		}
		f, err := client.RequestAsync(callCtx, &transport.Message{Destination: dest})
		e.Must(err, "request")
		_, err = f.Await(ctx)
		cancel()
		e.WantCode(err, transport.CodeDeadlineExceeded, "an exchange that takes too long")
		if took := time.Since(start.begun); took < want || start.took() > want+2*e.Tick {
			return fmt.Errorf("the exchange ended after %v, want %v", took, want)
		}
	}
	e.Until("nothing waits", func() bool { return client.Stats().Waiting == 0 })
	return nil
}

func replyTo(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest, answers := e.Name("question"), e.Name("answers")
	in := newInbox(e)
	e.Handle(ctx, client, answers, in.handle)
	var wanted atomic.Bool
	e.Handle(ctx, server, dest, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		wanted.Store(msg.ReplyWanted())
		return &transport.Message{Body: append([]byte("re: "), msg.Body...), Destination: "forged.elsewhere"}, nil
	})
	e.Must(client.Send(ctx, &transport.Message{Destination: dest, ReplyTo: answers, CorrelationID: "trip-7", Body: []byte("q")}), "send")
	got := in.wait(1)[0]
	if string(got.Body) != "re: q" || got.CorrelationID != "trip-7" || got.Destination != answers || !wanted.Load() {
		return fmt.Errorf("the answer is %q, correlated %q; ReplyWanted was %v", got.Body, got.CorrelationID, wanted.Load())
	}
	e.Must(client.Send(ctx, &transport.Message{Destination: dest, ReplyTo: answers, ID: "id-8"}), "send")
	if got := in.wait(2)[1]; got.CorrelationID != "id-8" {
		return fmt.Errorf("without a correlation id the answer is correlated %q, want the message's ID", got.CorrelationID)
	}
	for _, bad := range []string{"http://127.0.0.1/canary", "*", ">", "a b", "a..b", "$SYS.x", "/queue/x", "a.*"} {
		err := client.Send(ctx, &transport.Message{Destination: dest, ReplyTo: bad})
		e.WantCode(err, transport.CodeInvalidArgument, "ReplyTo "+bad)
	}
	return nil
}

func acceptances(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	for _, level := range append([]transport.Acceptance{e.Features.Acceptance}, e.Features.Acceptances...) {
		dest := e.Name("accept-" + level.String())
		var ran atomic.Bool
		in := newInbox(e)
		e.Handle(ctx, server, dest, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
			e.Pause(e.Tick / 5)
			ran.Store(true)
			in.add(msg)
			return nil, nil
		})
		e.Must(client.Send(ctx, &transport.Message{Destination: dest}, transport.WithAcceptance(level)), "send accepted as "+level.String())
		if level == transport.Handled && !ran.Load() {
			return fmt.Errorf("accepted as handled before the handler ran")
		}
		in.wait(1)
	}
	if !e.Features.Request {
		return nil
	}
	_, err := client.Request(ctx, &transport.Message{Destination: e.Name("x")}, transport.WithAcceptance(e.Features.Acceptance))
	e.WantCode(err, transport.CodeInvalidArgument, "WithAcceptance on a Request")
	return nil
}

func messageUntouched(ctx context.Context, e *Env) error {
	c := newCarrier(ctx, e)
	for _, style := range []string{"Send", "Request", "Publish", "Gather"} {
		if !e.Features.Has(style) {
			continue
		}
		m := &transport.Message{Body: []byte("body"), Params: map[string][]string{"p": {"v"}}, Source: "mine", Attempt: 7}
		m.Header.Add("x-a", "1")
		before := m.Clone()
		_, err := c.call(ctx, style, m)
		e.Must(err, style)
		before.Destination = m.Destination
		if fmt.Sprintf("%+v", plainOf(m)) != fmt.Sprintf("%+v", plainOf(before)) {
			return fmt.Errorf("%s wrote into the caller's message: %+v, want %+v", style, plainOf(m), plainOf(before))
		}
	}
	return nil
}

// plainOf shows all exported fields of a message, which its own String does not.
func plainOf(m *transport.Message) []any {
	return []any{
		m.ID, m.Source, m.Destination, m.ReplyTo, m.CorrelationID, m.ContentType, m.Accept, m.Key, m.Params, m.Time, m.Timeout, m.Attempt,
		fieldsOf(m.Header), string(m.Body),
	}
}

func fieldsChecked(ctx context.Context, e *Env) error {
	c := newCarrier(ctx, e)
	for what, msg := range map[string]*transport.Message{
		"a correlation id with a line break": {CorrelationID: "a\nb"},
		"a correlation id of 129 bytes":      {CorrelationID: text(129)},
		"a key of 257 bytes":                 {Key: text(257)},
		"a key with NUL":                     {Key: "\x00"},
		"a content type with a line break":   {ContentType: "text/plain\r\nx: y"},
		"an accept that is not UTF-8":        {Accept: "\xff"},
		"a param name with =":                {Params: map[string][]string{"a=b": {"c"}}},
		"a param with a control character":   {Params: map[string][]string{"a": {"\x1b[2J"}}},
		"an empty param name":                {Params: map[string][]string{"": {"c"}}},
	} {
		c.refused(ctx, msg, transport.CodeInvalidArgument, what)
	}
	many := map[string][]string{"p": {}}
	for range 65 {
		many["p"] = append(many["p"], "v")
	}
	c.refused(ctx, &transport.Message{Params: many}, transport.CodeResourceExhausted, "65 params")
	c.refused(ctx, &transport.Message{Params: map[string][]string{"p": {text(9000)}}}, transport.CodeResourceExhausted, "9000 bytes of params")
	return nil
}

func text(n int) string {
	b := make([]byte, n)
	fill(b, 'x')
	return string(b)
}
