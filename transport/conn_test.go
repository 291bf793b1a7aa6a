package transport_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/google/go-cmp/cmp"
	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func open(t *testing.T, opts ...transport.Option) *transport.Conn {
	t.Helper()
	conn, err := transport.NewRegistry(inproc.Factory()).Open(t.Context(), "inproc://", opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return conn
}

func handle(t *testing.T, conn *transport.Conn, destination string, h transport.Handler, opts ...transport.BindOption) *transport.Subscription {
	t.Helper()
	sub, err := conn.Handle(t.Context(), destination, h, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

func subscribe(t *testing.T, conn *transport.Conn, pattern string, h transport.Handler, opts ...transport.BindOption) *transport.Subscription {
	t.Helper()
	sub, err := conn.Subscribe(t.Context(), pattern, h, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return sub
}

func echo(_ context.Context, m *transport.Message) (*transport.Message, error) {
	return &transport.Message{Body: m.Body, ContentType: m.ContentType}, nil
}

func text(destination, body string) *transport.Message {
	return &transport.Message{Destination: destination, Body: []byte(body)}
}

func TestRequestBringsTheHandlersAnswer(t *testing.T) {
	conn := open(t, transport.WithService("tests"))
	handle(t, conn, "echo", func(ctx context.Context, m *transport.Message) (*transport.Message, error) {
		if in := transport.Inbound(ctx); in != m || m.Attempt != 1 || !m.ReplyWanted() || !strings.HasPrefix(m.Source, "tests/") || m.Timeout <= 0 {
			t.Errorf("inbound: %v attempt %d source %q timeout %v", in, m.Attempt, m.Source, m.Timeout)
		}
		return echo(ctx, m)
	})
	msg := text("echo", "hello")
	msg.CorrelationID = "c1"
	before := *msg
	reply, err := conn.Request(t.Context(), msg)
	if err != nil || string(reply.Body) != "hello" || reply.CorrelationID != "c1" {
		t.Errorf("got %v, %v", reply, err)
	}
	if msg.ID != before.ID || msg.Source != "" || !msg.Time.IsZero() {
		t.Errorf("the caller's message was written to: %v", msg)
	}
}

func TestASendThatFailsComesAgainAndThenBecomesADeadLetter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := open(t)
		start := time.Now()
		var attempts []string
		dead := make(chan *transport.Message, 1)
		handle(t, conn, "work", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
			attempts = append(attempts, fmt.Sprint(m.Attempt, " ", time.Since(start), " ", string(m.Body)))
			m.Destination, m.Body = "spoiled", nil // its own copy
			return nil, errors.New("not now")
		})
		handle(t, conn, "dead.work", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
			dead <- m.Clone()
			return nil, nil
		})
		msg := text("work", "x")
		msg.Header.Set("trip", "7")
		if err := conn.Send(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
		d := <-dead
		if diff := cmp.Diff([]string{"1 0s x", "2 1s x", "3 3s x", "4 7s x", "5 15s x"}, attempts); diff != "" {
			t.Errorf("attempts (-want +got):\n%s", diff)
		}
		got := []string{d.Destination, string(d.Body), d.Header.Get("trip"), d.Header.Get("dead-reason"), d.Header.Get("dead-attempts"), d.Header.Get("dead-destination")}
		if diff := cmp.Diff([]string{"dead.work", "x", "7", "unknown: the handler failed", "5", "work"}, got); diff != "" {
			t.Errorf("dead letter (-want +got):\n%s", diff)
		}
		synctest.Wait()
		want := transport.Stats{Retries: 4, DeadLettered: 1}
		if diff := cmp.Diff(want, conn.Stats()); diff != "" {
			t.Errorf("stats (-want +got):\n%s", diff)
		}
	})
}

func TestAPermanentCodeIsNotRetried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := open(t)
		calls := 0
		subscribe(t, conn, "news", func(context.Context, *transport.Message) (*transport.Message, error) {
			calls++
			return nil, transport.CodeInvalidArgument.Errorf("bad")
		}, transport.WithGroup("g"))
		dead := make(chan string, 1)
		handle(t, conn, "dead.g.news", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
			dead <- m.Header.Get("dead-group")
			return nil, nil
		})
		if err := conn.Publish(t.Context(), text("news", "x")); err != nil {
			t.Fatal(err)
		}
		if group := <-dead; group != "g" || calls != 1 {
			t.Errorf("group %q after %d calls, want g after 1", group, calls)
		}
	})
}

func TestAMessageThatNoDeadLetterHandlerTakesIsCountedAsDropped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := open(t)
		handle(t, conn, "work", func(context.Context, *transport.Message) (*transport.Message, error) {
			return nil, transport.CodeNotFound
		})
		if err := conn.Send(t.Context(), text("work", "x")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if s := conn.Stats(); s.Dropped != 1 || s.Handling != 0 {
			t.Errorf("stats %+v, want one dropped and none being handled", s)
		}
	})
}

func TestARetryHoldsUpItsOwnKeyAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := open(t)
		var mu sync.Mutex
		var got []string
		done := make(chan struct{}, 5)
		handle(t, conn, "work", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
			mu.Lock()
			defer mu.Unlock()
			got = append(got, m.Key+string(m.Body))
			if string(m.Body) == "1" && m.Key == "a" && m.Attempt < 3 {
				return nil, transport.CodeUnavailable
			}
			done <- struct{}{}
			return nil, nil
		}, transport.WithConcurrency(4))
		for _, k := range []string{"a1", "a2", "b1", "b2", "a3"} {
			msg := text("work", k[1:])
			msg.Key = k[:1]
			if err := conn.Send(t.Context(), msg); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
		}
		for range 5 {
			<-done
		}
		if diff := cmp.Diff([]string{"a1", "b1", "b2", "a1", "a1", "a2", "a3"}, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestPanicsAndGoexitAreIsolated(t *testing.T) {
	var log strings.Builder
	conn := open(t, transport.WithLogger(textLogger(&log)))
	handle(t, conn, "panic", func(context.Context, *transport.Message) (*transport.Message, error) { panic("secret") })
	handle(t, conn, "exit", func(context.Context, *transport.Message) (*transport.Message, error) {
		runtime.Goexit()
		return nil, nil
	}, transport.WithConcurrency(1))
	for _, destination := range []string{"panic", "exit", "panic", "exit"} {
		_, err := conn.Request(t.Context(), text(destination, ""))
		if !errors.Is(err, transport.CodeInternal) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %v, want internal without the panic's value", destination, err)
		}
	}
	if s := conn.Stats(); s.Panics != 4 {
		t.Errorf("%d panics counted, want 4", s.Panics)
	}
	_ = conn.Close()
	if !strings.Contains(log.String(), "secret") || !strings.Contains(log.String(), "conn_test.go") {
		t.Errorf("the log lacks value or stack: %s", log.String())
	}
}

// The answer and the handler's return are told apart by nothing but chance; the race detector judges.
func TestADeferredAnswerMayComeBeforeItsHandlerReturns(t *testing.T) {
	conn := open(t)
	var answering sync.WaitGroup
	handle(t, conn, "later", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		d, err := m.Defer()
		if err != nil {
			return nil, err
		}
		answering.Go(func() {
			if err := d.Reply(text("", "done"), nil); err != nil {
				t.Errorf("reply: %v", err)
			}
		})
		return nil, nil
	}, transport.WithConcurrency(4))
	for i := range 500 {
		msg := text("later", "x")
		msg.Key = strconv.Itoa(i % 2)
		if _, err := conn.Request(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
	}
	answering.Wait()
}

func TestDeferredReply(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := open(t)
		handle(t, conn, "later", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
			d, err := m.Defer()
			if err != nil {
				return nil, err
			}
			if _, again := m.Defer(); !errors.Is(again, transport.CodeFailedPrecondition) {
				t.Errorf("second Defer: %v", again)
			}
			body := string(m.Body)
			if body == "never" {
				return nil, nil
			}
			time.AfterFunc(time.Second, func() {
				if err := d.Reply(text("", body), nil); err != nil {
					t.Errorf("reply: %v", err)
				}
				if err := d.Reply(nil, nil); !errors.Is(err, transport.CodeFailedPrecondition) {
					t.Errorf("second reply: %v", err)
				}
			})
			return nil, errors.New("ignored")
		}, transport.WithConcurrency(1))
		futures := make([]*transport.Future, 3)
		for i := range futures {
			var err error
			if futures[i], err = conn.RequestAsync(t.Context(), text("later", fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		for i, f := range futures {
			if reply, err := f.Await(t.Context()); err != nil || string(reply.Body) != fmt.Sprint(i) {
				t.Errorf("%d: got %v, %v", i, reply, err)
			}
		}
		if d := time.Since(start); d != time.Second {
			t.Errorf("three deferred replies took %v, want 1s: a deferred message frees its slot", d)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := conn.Request(ctx, text("later", "never")); !errors.Is(err, transport.CodeDeadlineExceeded) {
			t.Errorf("never answered: got %v", err)
		}
		synctest.Wait()
		if n := conn.Stats().Handling; n != 0 {
			t.Errorf("%d deliveries open after their time, want 0", n)
		}
	})
}

func TestFuture(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := open(t)
		handle(t, conn, "slow", func(ctx context.Context, m *transport.Message) (*transport.Message, error) {
			select {
			case <-time.After(time.Minute):
				return echo(ctx, m)
			case <-ctx.Done():
				return nil, ctx.Err()
			}
		})
		msg := text("slow", "kept")
		f, err := conn.RequestAsync(t.Context(), msg)
		if err != nil {
			t.Fatal(err)
		}
		copy(msg.Body, "XXXX")
		impatient, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := f.Await(impatient); !errors.Is(err, transport.CodeDeadlineExceeded) {
			t.Errorf("Await that gives up: %v", err)
		}
		if _, err := f.Await(t.Context()); !errors.Is(err, transport.CodeDeadlineExceeded) {
			t.Errorf("the exchange's own 30 s: %v", err)
		}
		f, _ = conn.RequestAsync(t.Context(), msg)
		f.Cancel()
		if _, err := f.Await(t.Context()); !errors.Is(err, transport.CodeCanceled) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

func TestGather(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := open(t)
		for i := range 4 {
			subscribe(t, conn, "bids", func(context.Context, *transport.Message) (*transport.Message, error) {
				time.Sleep(time.Duration(i) * time.Second)
				switch i {
				case 2:
					return nil, transport.CodeNotFound.Errorf("no car")
				case 3:
					return nil, nil // no offer
				}
				return text("", fmt.Sprint(i)), nil
			})
		}
		for _, tt := range []struct {
			name, reason    string
			answers, errors int
			opts            []transport.CallOption
			timeout         time.Duration
		}{
			{"all answer", "complete", 2, 1, nil, time.Minute},
			{"quorum", "max", 1, 0, []transport.CallOption{transport.WithMax(1)}, time.Minute},
			{"stall", "stalled", 1, 0, []transport.CallOption{transport.WithStall(500 * time.Millisecond)}, time.Minute},
			{"deadline", "deadline", 2, 0, nil, 1500 * time.Millisecond},
		} {
			ctx, cancel := context.WithTimeout(t.Context(), tt.timeout)
			g, err := conn.Gather(ctx, text("bids", ""), tt.opts...)
			if err != nil {
				t.Fatal(err)
			}
			answers, failures := 0, 0
			from := map[string]bool{}
			for r := range g.All() {
				from[r.From] = true
				if r.Err != nil {
					failures++
				} else {
					answers++
				}
			}
			if answers != tt.answers || failures != tt.errors || g.Reason() != tt.reason || len(from) != answers+failures {
				t.Errorf("%s: %d answers, %d errors from %d, %q; want %d, %d, %q", tt.name, answers, failures, len(from), g.Reason(), tt.answers, tt.errors, tt.reason)
			}
			cancel()
			time.Sleep(time.Minute) // synctest: let the slow ones end
		}
	})
}

func TestADeadLetterWaitsHoweverLongItsReaderIsBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := open(t)
		handle(t, conn, "work", func(context.Context, *transport.Message) (*transport.Message, error) {
			return nil, transport.CodeInvalidArgument
		})
		const messages = 200 // more than the credit of a binding, so that some wait in the adapter
		read := make(chan struct{}, messages)
		handle(t, conn, "dead.work", func(context.Context, *transport.Message) (*transport.Message, error) {
			time.Sleep(time.Minute) // synctest
			read <- struct{}{}
			return nil, nil
		}, transport.WithConcurrency(1))
		for range messages {
			if err := conn.Send(t.Context(), text("work", "bad")); err != nil {
				t.Fatal(err)
			}
		}
		for range messages {
			<-read
		}
		if s := conn.Stats(); s.Expired != 0 || s.DeadLettered != messages {
			t.Errorf("%d dead letters, %d expired; want %d and none", s.DeadLettered, s.Expired, messages)
		}
	})
}

func TestDrainLetsHandlersFinishAndRefusesTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := open(t)
		handle(t, conn, "inner", echo)
		entered := make(chan struct{})
		proceed := make(chan struct{})
		handle(t, conn, "outer", func(ctx context.Context, m *transport.Message) (*transport.Message, error) {
			close(entered)
			<-proceed
			// The inner handler is unbound by now: what matters is that the call is let through.
			_, err := conn.Request(ctx, text("inner", ""))
			if !errors.Is(err, transport.ErrNoHandler) {
				t.Errorf("nested call while draining: %v", err)
			}
			return echo(ctx, m)
		})
		f, err := conn.RequestAsync(t.Context(), text("outer", "x"))
		if err != nil {
			t.Fatal(err)
		}
		<-entered
		drained := make(chan error)
		go func() { drained <- conn.Drain(t.Context()) }()
		synctest.Wait()
		if err := conn.Send(t.Context(), text("inner", "")); !errors.Is(err, transport.CodeUnavailable) || conn.State() != "draining" {
			t.Errorf("a call from outside while %s: %v", conn.State(), err)
		}
		close(proceed)
		if err := <-drained; err != nil {
			t.Errorf("drain: %v", err)
		}
		if _, err := f.Await(t.Context()); err != nil {
			t.Errorf("the running request: %v", err)
		}
		if err := conn.Send(t.Context(), text("inner", "")); !errors.Is(err, transport.ErrClosed) || conn.State() != "closed" {
			t.Errorf("after Drain: %v, %s", err, conn.State())
		}
	})
}

func TestDrainGivesUpAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := open(t)
		handle(t, conn, "stuck", func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		f, _ := conn.RequestAsync(ctx, text("stuck", ""))
		synctest.Wait()
		start := time.Now()
		if err := conn.Drain(context.Background()); !errors.Is(err, transport.CodeDeadlineExceeded) || time.Since(start) != 30*time.Second {
			t.Errorf("got %v after %v, want deadline_exceeded after 30s", err, time.Since(start))
		}
		if _, err := f.Await(t.Context()); err == nil {
			t.Error("the stuck request got an answer")
		}
	})
}

func TestDrainWaitsForRetriesThatLiveInMemoryAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := open(t)
		var attempts atomic.Int32
		handle(t, conn, "work", func(context.Context, *transport.Message) (*transport.Message, error) {
			if attempts.Add(1) < 3 {
				return nil, transport.CodeUnavailable
			}
			return nil, nil
		})
		if err := conn.Send(t.Context(), text("work", "")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := conn.Drain(t.Context()); err != nil || attempts.Load() != 3 {
			t.Errorf("drain: %v after %d attempts, want nil after 3", err, attempts.Load())
		}
	})
}

func TestUnregisteredHandlersAreNotEnteredAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conn := open(t)
		var closed atomic.Bool
		sub := handle(t, conn, "work", func(context.Context, *transport.Message) (*transport.Message, error) {
			if closed.Load() {
				t.Error("entered after Close")
			}
			return nil, transport.CodeUnavailable // a retry is pending when the subscription closes
		})
		if err := conn.Send(t.Context(), text("work", "")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := sub.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		closed.Store(true)
		time.Sleep(time.Hour)
		if n := conn.Stats().Handling; n != 0 {
			t.Errorf("%d deliveries still held, want 0", n)
		}
	})
}

func TestMiddlewareSeesAllStylesOnBothSides(t *testing.T) {
	var mu sync.Mutex
	var seen []string
	note := func(s string) {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, s)
	}
	conn := open(t,
		transport.WithOutbound(func(next transport.Outbound) transport.Outbound {
			return func(ctx context.Context, op string, msg *transport.Message) (*transport.Message, error) {
				note("out " + op)
				if string(msg.Body) == "panic" {
					panic("outbound")
				}
				msg = msg.Clone()
				msg.SetTrace("00-parent", "state")
				return next(ctx, op, msg)
			}
		}),
		transport.WithInbound(func(next transport.Handler) transport.Handler {
			return func(ctx context.Context, m *transport.Message) (*transport.Message, error) {
				parent, state := m.Trace()
				note("in " + m.Destination + " " + parent + " " + state)
				return next(ctx, m)
			}
		}))
	handle(t, conn, "q", echo)
	subscribe(t, conn, "t", echo)
	if _, err := conn.Request(t.Context(), text("q", "")); err != nil {
		t.Error(err)
	}
	g, err := conn.Gather(t.Context(), text("t", ""))
	if err != nil {
		t.Fatal(err)
	}
	for r := range g.All() {
		if r.Err != nil {
			t.Error(r.Err)
		}
	}
	if err := conn.Send(t.Context(), text("q", "panic")); !errors.Is(err, transport.CodeInternal) {
		t.Errorf("panic in middleware: %v", err)
	}
	want := []string{"out request", "in q 00-parent state", "out gather", "in t 00-parent state", "out send"}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestASelfRequestThatCannotBeServedIsRefused(t *testing.T) {
	conn := open(t)
	handle(t, conn, "self", func(ctx context.Context, m *transport.Message) (*transport.Message, error) {
		_, err := conn.Request(ctx, text("self", ""))
		if !errors.Is(err, transport.CodeFailedPrecondition) {
			t.Errorf("got %v, want failed_precondition", err)
		}
		return nil, nil
	}, transport.WithConcurrency(1))
	if _, err := conn.Request(t.Context(), text("self", "")); err != nil {
		t.Error(err)
	}
}

func TestASendWithReplyToBringsTheAnswerToThatDestination(t *testing.T) {
	conn := open(t)
	handle(t, conn, "work", echo)
	answers := make(chan *transport.Message, 1)
	handle(t, conn, "answers", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		answers <- m.Clone()
		return nil, nil
	})
	msg := text("work", "x")
	msg.ReplyTo, msg.ID = "answers", "id-1"
	if err := conn.Send(t.Context(), msg); err != nil {
		t.Fatal(err)
	}
	if got := <-answers; string(got.Body) != "x" || got.CorrelationID != "id-1" {
		t.Errorf("got %v with correlation id %q, want the id of the message answered", got, got.CorrelationID)
	}
}

func TestMistakesOfCallers(t *testing.T) {
	conn := open(t)
	for _, tt := range []struct {
		call func() error
		want string
	}{
		{func() error { return conn.Send(nil, text("a", "")) }, "inproc: send: invalid_argument: ctx is nil: pass context.Background() at least"}, //nolint:staticcheck // the mistake under test
		{func() error { return conn.Send(t.Context(), nil) }, "inproc: send: invalid_argument: the message is nil"},
		{func() error { return conn.Send(t.Context(), text("a..b", "")) }, `inproc: send "a..b": invalid_argument: destination "a..b" has an empty token: join tokens by single dots`},
		{func() error { return conn.Publish(t.Context(), text("a.*", "")) }, `inproc: publish a.*: invalid_argument: destination "a.*" has a wildcard: wildcards are for Subscribe, routes and access rules`},
		{func() error { return conn.Send(t.Context(), text("nobody", "")) }, "inproc: send nobody: unavailable: no handler for this destination: start the service that handles it, or check the name"},
		{func() error { return conn.Send(t.Context(), text("a", ""), transport.WithMax(1)) }, "inproc: send a: invalid_argument: WithMax and WithStall are for Gather"},
		{func() error { return conn.Send(t.Context(), text("a", ""), transport.WithAcceptance(transport.Stored)) }, "inproc: send a: unimplemented: acceptance stored is missing from Features.Acceptances; the default here is queued"},
		{func() error { _, err := conn.Handle(t.Context(), "a", nil); return err }, "inproc: handle a: invalid_argument: the handler is nil"},
		{func() error { _, err := conn.Handle(t.Context(), "a", echo, transport.WithGroup("g")); return err }, `inproc: handle a: invalid_argument: WithGroup("g") is for Subscribe: the handlers of a destination share its messages anyway`},
		{func() error { _, err := conn.Handle(t.Context(), "a", echo, transport.WithConcurrency(0)); return err }, "inproc: handle a: invalid_argument: concurrency 0: use 1 to 65536"},
		{func() error {
			_, err := transport.NewRegistry(inproc.Factory()).Open(t.Context(), "amqq://x")
			return err
		}, `invalid_argument: unknown scheme "amqq" (known: inproc)`},
		{func() error {
			_, err := transport.NewRegistry(inproc.Factory(), inproc.Factory()).Open(t.Context(), "inproc://")
			return err
		}, `invalid_argument: scheme "inproc" is served by inproc and by inproc: register one of them`},
	} {
		if err := tt.call(); err == nil || err.Error() != tt.want {
			t.Errorf("got  %v\nwant %s", err, tt.want)
		}
	}
}
