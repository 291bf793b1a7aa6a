package contract_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

var ask = contract.NewMethod[askRequest, askReply]("test.ask", contract.Idempotent(),
	contract.Fails[Refused](transport.CodeFailedPrecondition), contract.Fails[*Broken](transport.CodeDataLoss))

func echoID(_ context.Context, in *askRequest) (*askReply, error) { return &askReply{Text: in.ID}, nil }

func TestARequestAndItsReplyAreValues(t *testing.T) {
	ctx, bus := t.Context(), newBus(t)
	_, err := ask.Handle(ctx, bus, func(ctx context.Context, in *askRequest) (*askReply, error) {
		msg := transport.Inbound(ctx)
		return &askReply{Text: fmt.Sprintf("%s %s %d %s", in.ID, msg.Header.Get("who"), msg.Attempt, msg.ContentType)}, nil
	})
	must(t, err)
	caller := ask.On(bus).With(func(m *transport.Message) { m.Header.Set("who", "me") })
	got, err := caller.Request(ctx, &askRequest{ID: "7"})
	must(t, err)
	if diff := cmp.Diff(&askReply{Text: "7 me 1 application/json"}, got); diff != "" {
		t.Error(diff)
	}
	plain, err := ask.On(bus).Request(ctx, &askRequest{ID: "8"})
	must(t, err)
	if want := "8  1 application/json"; plain.Text != want {
		t.Errorf("With changed the caller it was made from: got %q, want %q", plain.Text, want)
	}
}

func TestEditsOfWithAddUp(t *testing.T) {
	ctx, bus := t.Context(), newBus(t)
	_, err := ask.Handle(ctx, bus, func(ctx context.Context, _ *askRequest) (*askReply, error) {
		return &askReply{Text: strings.Join(transport.Inbound(ctx).Header.Values("n"), ",")}, nil
	})
	must(t, err)
	add := func(n string) func(*transport.Message) {
		return func(m *transport.Message) { m.Header.Add("n", n) }
	}
	got, err := ask.On(bus).With(add("1")).With(add("2")).With(nil).Request(ctx, &askRequest{})
	must(t, err)
	if got.Text != "1,2" {
		t.Errorf("got %q, want both edits in order", got.Text)
	}
}

func TestIdempotentIsToldToTheCore(t *testing.T) {
	ctx := t.Context()
	seen := make(chan int, 2)
	bus := &spyBus{Bus: newBus(t), options: seen}
	_, err := ask.Handle(ctx, bus, echoID)
	must(t, err)
	for n, opts := range [][]transport.CallOption{nil, {transport.WithFailFast()}} {
		_, err := ask.On(bus).Request(ctx, &askRequest{}, opts...)
		must(t, err)
		if got := <-seen; got != n+1 {
			t.Errorf("got %d call options, want the declared one and the caller's %d", got, n)
		}
	}
}

// spyBus counts the options of requests.
type spyBus struct {
	contract.Bus
	options chan int
}

func (s *spyBus) Request(ctx context.Context, msg *transport.Message, opts ...transport.CallOption) (*transport.Message, error) {
	s.options <- len(opts)
	return s.Bus.Request(ctx, msg, opts...)
}

func TestNilIsNoRequest(t *testing.T) {
	ctx, bus := t.Context(), newBus(t)
	_, err := ask.On(bus).Request(ctx, nil)
	e := wantCode(t, err, transport.CodeInvalidArgument)
	if want := "request test.ask: invalid_argument: the request is nil: pass a *contract_test.askRequest"; e.Error() != want {
		t.Errorf("got  %s\nwant %s", e, want)
	}
}

func TestNoneIsNoBytes(t *testing.T) {
	ctx, bus := t.Context(), newBus(t)
	ping := contract.NewMethod[contract.None, contract.None]("test.ping")
	bodies := make(chan string, 1)
	_, err := ping.Handle(ctx, bus, func(ctx context.Context, in *contract.None) (*contract.None, error) {
		msg := transport.Inbound(ctx)
		bodies <- fmt.Sprintf("%d %q %q", len(msg.Body), msg.ContentType, msg.Accept)
		return nil, nil
	})
	must(t, err)
	for _, in := range []*contract.None{nil, {}} {
		if _, err := ping.On(bus).Request(ctx, in); err != nil {
			t.Errorf("request: %v", err)
		}
		if got, want := <-bodies, `0 "" "application/json"`; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestAReplyOfNilIsAnErrorForWhoExpectsAValue(t *testing.T) {
	ctx, bus := t.Context(), newBus(t)
	_, err := ask.Handle(ctx, bus, func(context.Context, *askRequest) (*askReply, error) { return nil, nil })
	must(t, err)
	_, err = ask.On(bus).Request(ctx, &askRequest{})
	e := wantCode(t, err, transport.CodeInternal)
	if !strings.Contains(e.Message, "the handler returned no value") {
		t.Errorf("got %v, want it to say what the handler did", e)
	}
}

func TestDeclaredFailuresComeBackTyped(t *testing.T) {
	ctx, bus := t.Context(), newBus(t)
	own := transport.CodeAborted.Errorf("see there: %w", Refused{"authored"})
	own.Details = []transport.Detail{{Type: "x", Data: []byte("y")}}
	for name, tc := range map[string]struct {
		returned error
		code     transport.Code
		reason   string
		message  string
	}{
		"value":                     {Refused{"value"}, transport.CodeFailedPrecondition, "value", "refused: value"},
		"pointer":                   {&Refused{"pointer"}, transport.CodeFailedPrecondition, "pointer", "refused: pointer"},
		"wrapped":                   {fmt.Errorf("secret: %w", Refused{"wrapped"}), transport.CodeFailedPrecondition, "wrapped", "refused: wrapped"},
		"in an error with a code":   {own, transport.CodeFailedPrecondition, "authored", "see there: refused: authored"},
		"none":                      {transport.CodeNotFound.Errorf("no %d", 7), transport.CodeNotFound, "", "no 7"},
		"an error without any code": {errors.New("secret"), transport.CodeUnknown, "", "the handler failed"},
	} {
		t.Run(name, func(t *testing.T) {
			sub, err := ask.Handle(ctx, bus, func(context.Context, *askRequest) (*askReply, error) { return nil, tc.returned })
			must(t, err)
			defer sub.Close(ctx)
			_, err = ask.On(bus).Request(ctx, &askRequest{})
			e := wantCode(t, err, tc.code)
			if e.Message != tc.message {
				t.Errorf("got message %q, want %q", e.Message, tc.message)
			}
			var value Refused
			var pointer *Refused
			if got := errors.As(err, &value) && errors.As(err, &pointer); got != (tc.reason != "") {
				t.Fatalf("declared failure found: %v, want %v, in %v", got, tc.reason != "", err)
			}
			if tc.reason != "" && (value.Reason != tc.reason || pointer.Reason != tc.reason) {
				t.Errorf("got %+v and %+v, want the reason %q", value, pointer, tc.reason)
			}
			if tc.returned == own && (len(e.Details) != 2 || e.Details[0].Type != "x") {
				t.Errorf("got details %v, want the handler's own first", e.Details)
			}
		})
	}
}

func TestAFailureWithAPointerReceiver(t *testing.T) {
	ctx, bus := t.Context(), newBus(t)
	_, err := ask.Handle(ctx, bus, func(context.Context, *askRequest) (*askReply, error) { return nil, &Broken{Part: 3} })
	must(t, err)
	_, err = ask.On(bus).Request(ctx, &askRequest{})
	e := wantCode(t, err, transport.CodeDataLoss)
	var broken *Broken
	if !errors.As(err, &broken) || broken.Part != 3 {
		t.Errorf("got %v, want *Broken of part 3", err)
	}
	want := []transport.Detail{{Type: "application/json;type=Broken", Data: []byte(`{"part":3}`)}}
	if diff := cmp.Diff(want, e.Details); diff != "" {
		t.Errorf("on the wire: %s", diff)
	}
	if err.Error() != e.Error() {
		t.Errorf("got text %q, want that of the call's error %q", err, e)
	}
}

func TestADetailThatCannotBeReadLeavesTheCode(t *testing.T) {
	ctx, conn := t.Context(), open(t)
	_, err := conn.Handle(ctx, "test.ask", func(context.Context, *transport.Message) (*transport.Message, error) {
		e := transport.CodeFailedPrecondition.Errorf("refused")
		for _, d := range []string{"application/json;type=Refused", "text/x;type=Refused", "application/json;type=Other", "x"} {
			e.Details = append(e.Details, transport.Detail{Type: d, Data: []byte("{")})
		}
		return nil, e
	})
	must(t, err)
	_, err = ask.On(use(t, conn, jsoncodec.New())).Request(ctx, &askRequest{})
	wantCode(t, err, transport.CodeFailedPrecondition)
	if errors.As(err, new(Refused)) {
		t.Errorf("a failure was made of bytes that cannot be read: %v", err)
	}
}

func TestAFailureOfAnotherServiceIsNotPassedOn(t *testing.T) {
	ctx, bus := t.Context(), newBus(t)
	inner := contract.NewMethod[askRequest, askReply]("test.inner", contract.Fails[Refused](transport.CodeFailedPrecondition))
	_, err := inner.Handle(ctx, bus, func(context.Context, *askRequest) (*askReply, error) { return nil, Refused{"inner secret"} })
	must(t, err)
	_, err = ask.Handle(ctx, bus, func(ctx context.Context, in *askRequest) (*askReply, error) {
		_, err := inner.On(bus).Request(ctx, in)
		if !errors.As(err, new(Refused)) {
			t.Errorf("inner: got %v, want Refused", err)
		}
		return nil, err
	})
	must(t, err)
	_, err = ask.On(bus).Request(ctx, &askRequest{})
	if wantCode(t, err, transport.CodeInternal); strings.Contains(err.Error(), "secret") || errors.As(err, new(Refused)) {
		t.Errorf("the inner failure got through: %v", err)
	}
}

func TestAnErrorOfANestedCallIsNotTheCallersFault(t *testing.T) {
	ctx, bus := t.Context(), newBus(t)
	_, err := ask.Handle(ctx, bus, func(ctx context.Context, in *askRequest) (*askReply, error) {
		_, err := ask.On(bus).Request(ctx, &askRequest{ID: "\xff"}) // refused by the codec: InvalidArgument here
		wantCode(t, err, transport.CodeInvalidArgument)
		return nil, err
	})
	must(t, err)
	_, err = ask.On(bus).Request(ctx, &askRequest{})
	wantCode(t, err, transport.CodeInternal)
}

func TestAFutureHoldsAValue(t *testing.T) {
	ctx, bus := t.Context(), newBus(t)
	release := make(chan struct{})
	_, err := ask.Handle(ctx, bus, func(ctx context.Context, in *askRequest) (*askReply, error) {
		<-release
		if in.ID == "" {
			return nil, Refused{"no id"}
		}
		return &askReply{Text: in.ID}, nil
	})
	must(t, err)
	good, err := ask.On(bus).RequestAsync(ctx, &askRequest{ID: "1"})
	must(t, err)
	bad, err := ask.On(bus).RequestAsync(ctx, &askRequest{})
	must(t, err)
	lost, err := ask.On(bus).RequestAsync(ctx, &askRequest{ID: "2"})
	must(t, err)
	lost.Cancel()
	_, err = lost.Await(ctx)
	wantCode(t, err, transport.CodeCanceled)
	close(release)
	got, err := good.Await(ctx)
	must(t, err)
	again, err := good.Await(ctx)
	must(t, err)
	if got.Text != "1" || again.Text != "1" || got == again {
		t.Errorf("got %+v and %+v, want two values of their own", got, again)
	}
	<-good.Done()
	if _, err := bad.Await(ctx); !errors.As(err, new(Refused)) {
		t.Errorf("got %v, want Refused", err)
	}
}

func TestAnAnswerCanBeGivenLater(t *testing.T) {
	ctx, bus := t.Context(), newBus(t)
	type later struct {
		id    string
		reply func(*askReply, error) error
	}
	waiting := make(chan later, 2)
	_, err := ask.Handle(ctx, bus, func(ctx context.Context, in *askRequest) (*askReply, error) {
		reply, err := ask.Defer(ctx, bus)
		waiting <- later{in.ID, reply}
		return nil, err
	})
	must(t, err)
	caller := ask.On(bus)
	futures := make(map[string]*contract.Future[askReply])
	for _, id := range []string{"good", "bad"} {
		futures[id], err = caller.RequestAsync(ctx, &askRequest{ID: id})
		must(t, err)
	}
	for range futures {
		l := <-waiting
		if l.id == "bad" {
			must(t, l.reply(nil, Refused{"later"}))
		} else {
			must(t, l.reply(&askReply{Text: "later"}, nil))
		}
		wantCode(t, l.reply(nil, nil), transport.CodeFailedPrecondition)
	}
	got, err := futures["good"].Await(ctx)
	must(t, err)
	if got.Text != "later" {
		t.Errorf("got %+v", got)
	}
	if _, err := futures["bad"].Await(ctx); !errors.As(err, new(Refused)) {
		t.Errorf("got %v, want Refused", err)
	}
	_, err = ask.Defer(ctx, bus)
	wantCode(t, err, transport.CodeFailedPrecondition)
}

func TestACodecThatPanicsOnADeferredReply(t *testing.T) {
	ctx, conn := t.Context(), open(t)
	server := use(t, conn, &fakeCodec{Codec: jsoncodec.New(), append: func() error { panic("secret") }})
	waiting := make(chan func(*askReply, error) error, 1)
	_, err := ask.Handle(ctx, server, func(ctx context.Context, in *askRequest) (*askReply, error) {
		reply, err := ask.Defer(ctx, server)
		waiting <- reply
		return nil, err
	})
	must(t, err)
	future, err := ask.On(use(t, conn, jsoncodec.New())).RequestAsync(ctx, &askRequest{})
	must(t, err)
	must(t, (<-waiting)(&askReply{}, nil))
	_, err = future.Await(ctx)
	e := wantCode(t, err, transport.CodeInternal)
	if !strings.HasPrefix(e.Message, "the reply cannot be written: the codec panicked in ") || strings.Contains(e.Message, "secret") {
		t.Errorf("got %q", e.Message)
	}
}

func TestAnAnswerCanOutliveItsCaller(t *testing.T) {
	ctx, conn := t.Context(), open(t)
	bus := use(t, conn, jsoncodec.New())
	answers := contract.NewQueue[askReply]("test.answers")
	got := make(chan string, 1)
	_, err := answers.Handle(ctx, bus, func(ctx context.Context, in *askReply) error {
		got <- in.Text + " " + transport.Inbound(ctx).CorrelationID
		return nil
	})
	must(t, err)
	_, err = ask.Handle(ctx, bus, echoID)
	must(t, err)
	caller := ask.On(bus).With(func(m *transport.Message) { m.CorrelationID = "c1" })
	must(t, caller.Send(ctx, &askRequest{ID: "7"}, answers))
	if got, want := <-got, "7 c1"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	must(t, caller.Send(ctx, &askRequest{ID: "8"}, nil)) // nobody is told
	drain(t, conn)
	if len(got) != 0 {
		t.Errorf("an answer that nobody asked for: %q", <-got)
	}
}

func TestCallersAreSafeForConcurrentUse(t *testing.T) {
	ctx, bus := t.Context(), newBus(t)
	_, err := ask.Handle(ctx, bus, echoID)
	must(t, err)
	caller := ask.On(bus)
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			for j := range 50 {
				id := fmt.Sprintf("%d.%d.%s", i, j, strings.Repeat("x", j))
				got, err := caller.Request(ctx, &askRequest{ID: id})
				if err != nil || got.Text != id {
					t.Errorf("got %+v, %v, want %s", got, err, id)
				}
			}
		})
	}
	wg.Wait()
}

func TestACallThatTimesOutLeavesNothingInThePool(t *testing.T) {
	ctx, bus := t.Context(), newBus(t)
	seen := make(chan string, 100)
	_, err := ask.Handle(ctx, bus, func(ctx context.Context, in *askRequest) (*askReply, error) {
		seen <- in.ID
		if strings.HasPrefix(in.ID, "slow") {
			<-ctx.Done()
		}
		return &askReply{Text: in.ID}, nil
	})
	must(t, err)
	caller := ask.On(bus)
	for i := range 20 {
		brief, cancel := context.WithTimeout(ctx, time.Millisecond)
		slow := fmt.Sprintf("slow%d", i)
		_, err := caller.Request(brief, &askRequest{ID: slow})
		cancel()
		wantCode(t, err, transport.CodeDeadlineExceeded)
		quick := fmt.Sprintf("quick%d", i)
		if got, err := caller.Request(ctx, &askRequest{ID: quick}); err != nil || got.Text != quick {
			t.Fatalf("got %+v, %v, want %s", got, err, quick)
		}
	}
	close(seen)
	for id := range seen {
		if !strings.HasPrefix(id, "slow") && !strings.HasPrefix(id, "quick") {
			t.Errorf("the handler saw %q, which nobody sent", id)
		}
	}
}
