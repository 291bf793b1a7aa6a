package transport_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polywire/polywire/transport"
)

func textLogger(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// A wire is an adapter under a test's control, with neither requests nor
// gathers of its own: what is sent to a queue goes to the one binding of it, replies to the reply binding.
type wire struct {
	features transport.Features
	setup    transport.Setup

	mu       sync.Mutex
	bindings map[string]transport.Sink // by kind and pattern
	sent     []string
	hold     bool // Send keeps silent instead of delivering

	unbinding func() // what happens while Unbind is under way; may be nil
}

func openWire(t *testing.T, w *wire) *transport.Conn {
	t.Helper()
	w.bindings = map[string]transport.Sink{}
	w.features.Adapter, w.features.Send, w.features.Request, w.features.Publish, w.features.Gather = "wire", true, true, true, true
	w.features.Acceptance = transport.Stored
	f := transport.Factory{
		Name: "wire", Schemes: []string{"wire"},
		Features: func(*url.URL) (transport.Features, error) { return w.features, nil },
		Open: func(_ context.Context, s transport.Setup) (transport.Adapter, error) {
			w.setup = s
			return w, nil
		},
	}
	conn, err := transport.NewRegistry(f).Open(t.Context(), "wire://")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func (w *wire) Features() transport.Features { return w.features }

func (w *wire) Send(_ context.Context, e *transport.Envelope) error {
	key := e.Kind.String() + " " + e.Destination
	if e.Kind == transport.KindReply {
		key = e.ReplyAddress
	}
	w.mu.Lock()
	sink, hold := w.bindings[key], w.hold
	w.sent = append(w.sent, key)
	w.mu.Unlock()
	if sink != nil && !hold {
		kept := *e
		kept.Message = *e.Message.Clone()
		sink.Deliver(&wireDelivery{w: w, e: &kept})
	}
	return nil
}

func (w *wire) Publish(ctx context.Context, e *transport.Envelope) error { return w.Send(ctx, e) }

func (w *wire) Bind(_ context.Context, b transport.Binding, sink transport.Sink) (transport.Bound, error) {
	key := b.Kind.String() + " " + b.Pattern
	w.mu.Lock()
	defer w.mu.Unlock()
	w.bindings[key] = sink
	return wireBound{w, key}, nil
}

func (w *wire) Close(context.Context) error { return nil }

type wireBound struct {
	w   *wire
	key string
}

func (b wireBound) ReplyAddress() string { return b.key }

func (b wireBound) Unbind(context.Context) error {
	if b.w.unbinding != nil {
		b.w.unbinding()
	}
	b.w.mu.Lock()
	defer b.w.mu.Unlock()
	delete(b.w.bindings, b.key)
	return nil
}

type wireDelivery struct {
	w *wire
	e *transport.Envelope

	mu       sync.Mutex
	accepted int
	released int
}

func (d *wireDelivery) Envelope() *transport.Envelope { return d.e }
func (d *wireDelivery) Reply(ctx context.Context, e *transport.Envelope) error {
	return d.w.Send(ctx, e)
}
func (d *wireDelivery) Extend(context.Context) error { return nil }
func (d *wireDelivery) Accept(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.accepted++
	return nil
}
func (d *wireDelivery) Release(context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.released++
	return nil
}

func TestRequestsOverAWireThatOnlySends(t *testing.T) {
	w := &wire{}
	conn := openWire(t, w)
	handle(t, conn, "echo", echo)
	for range 3 {
		if reply, err := conn.Request(t.Context(), text("echo", "x")); err != nil || string(reply.Body) != "x" {
			t.Fatalf("got %v, %v", reply, err)
		}
	}
	w.hold = true
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := conn.Request(ctx, text("echo", "")); !errors.Is(err, transport.CodeDeadlineExceeded) || conn.Stats().Waiting != 0 {
		t.Errorf("got %v with %d calls in the table, want deadline_exceeded and 0", err, conn.Stats().Waiting)
	}
}

func TestRepliesThatNobodyWaitsForAreCounted(t *testing.T) {
	w := &wire{}
	conn := openWire(t, w)
	handle(t, conn, "echo", echo)
	if _, err := conn.Request(t.Context(), text("echo", "")); err != nil {
		t.Fatal(err)
	}
	forged := &wireDelivery{w: w, e: &transport.Envelope{CallID: "guessed"}}
	w.bindings["reply "].Deliver(forged)
	if conn.Stats().LateReplies != 1 || forged.accepted != 1 {
		t.Errorf("%d late replies, accepted %d times; want 1 and 1", conn.Stats().LateReplies, forged.accepted)
	}
}

func TestALostConnectionFailsPendingRequestsAndHoldsUpNewCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{hold: true}
		conn := openWire(t, w)
		f, err := conn.RequestAsync(t.Context(), text("a", ""))
		if err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		w.setup.Connected(errors.New("broken pipe"))
		if _, err := f.Await(t.Context()); !errors.Is(err, transport.CodeUnavailable) {
			t.Errorf("pending request: %v", err)
		}
		if conn.State() != "reconnecting" || !errors.Is(conn.Health(t.Context()), transport.CodeUnavailable) {
			t.Errorf("state %s, health %v", conn.State(), conn.Health(t.Context()))
		}
		if err := conn.Send(t.Context(), text("a", ""), transport.WithFailFast()); !errors.Is(err, transport.CodeUnavailable) {
			t.Errorf("fail fast: %v", err)
		}
		time.AfterFunc(10*time.Second, func() { w.setup.Connected(nil) })
		start := time.Now()
		if err := conn.Send(t.Context(), text("a", "")); err != nil || time.Since(start) != 10*time.Second {
			t.Errorf("a patient send: %v after %v, want nil after 10s", err, time.Since(start))
		}
		if conn.State() != "ready" || conn.Health(t.Context()) != nil {
			t.Errorf("state %s, health %v", conn.State(), conn.Health(t.Context()))
		}
	})
}

func TestHealthTellsOfASubscriptionThatIsLostUntilItIsClosed(t *testing.T) {
	w := &wire{}
	conn := openWire(t, w)
	sub, err := conn.Subscribe(t.Context(), "news", func(context.Context, *transport.Message) (*transport.Message, error) { return nil, nil })
	if err != nil {
		t.Fatal(err)
	}
	w.bindings["topic news"].Lost(transport.CodePermissionDenied.Errorf("not any more"))
	if err := conn.Health(t.Context()); !errors.Is(err, transport.CodePermissionDenied) || !strings.Contains(err.Error(), "news is lost") {
		t.Errorf("health is %v, want permission_denied, and what is lost", err)
	}
	if err := sub.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if err := conn.Health(t.Context()); err != nil {
		t.Errorf("health is %v once the subscription is closed", err)
	}
}

func TestWaitersForTheConnectionAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		conn := openWire(t, w)
		w.setup.Connected(errors.New("gone"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		results := make(chan error, 20)
		for range 20 { // of 4 MiB each; 64 MiB may wait
			go func() {
				results <- conn.Send(ctx, &transport.Message{Destination: "a", Body: make([]byte, 4<<20)})
			}()
		}
		full, late := 0, 0
		for range 20 {
			switch err := <-results; {
			case errors.Is(err, transport.CodeResourceExhausted):
				full++
			case errors.Is(err, transport.CodeDeadlineExceeded):
				late++
			}
		}
		if full != 4 || late != 16 || len(w.sent) != 0 {
			t.Errorf("%d refused, %d timed out, %d sent; want 4, 16 and 0", full, late, len(w.sent))
		}
	})
}

func TestARequestIsAcceptedBeforeItsHandlerUnlessIdempotent(t *testing.T) {
	w := &wire{}
	conn := openWire(t, w)
	for _, idempotent := range []bool{false, true} {
		d := &wireDelivery{w: w, e: &transport.Envelope{Message: transport.Message{Destination: "x"}, ReplyAddress: "r", Idempotent: idempotent}}
		before := make(chan int, 1)
		sub := handle(t, conn, "x", func(context.Context, *transport.Message) (*transport.Message, error) {
			d.mu.Lock()
			defer d.mu.Unlock()
			before <- d.accepted
			return nil, errors.New("any outcome is the reply")
		})
		w.bindings["queue x"].Deliver(d)
		want := 1
		if idempotent {
			want = 0
		}
		if got := <-before; got != want {
			t.Errorf("idempotent=%v: accepted %d times before the handler, want %d", idempotent, got, want)
		}
		if err := sub.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if err := conn.Stats().Retries; err != 0 {
			t.Errorf("%d retries of a request, want 0", err)
		}
	}
}

func TestCloseReleasesWhatItsHandlerHadNotFinished(t *testing.T) {
	w := &wire{features: transport.Features{Redelivers: true}}
	conn := openWire(t, w)
	entered, left := make(chan struct{}), make(chan struct{})
	handle(t, conn, "x", func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
		close(entered)
		<-ctx.Done()
		defer close(left)
		return nil, ctx.Err()
	}, transport.WithConcurrency(1))
	running := &wireDelivery{w: w, e: &transport.Envelope{Message: transport.Message{Destination: "x"}}}
	waiting := &wireDelivery{w: w, e: &transport.Envelope{Message: transport.Message{Destination: "x"}}}
	w.bindings["queue x"].Deliver(running)
	w.bindings["queue x"].Deliver(waiting)
	<-entered
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	<-left
	for deadline := time.Now().Add(5 * time.Second); conn.Stats().Handling > 0 && time.Now().Before(deadline); {
		runtime.Gosched()
	}
	if waiting.released != 1 || running.released != 1 || running.accepted+waiting.accepted != 0 {
		t.Errorf("waiting released %d, running released %d, accepted %d; want 1, 1, 0", waiting.released, running.released, running.accepted+waiting.accepted)
	}
}

func TestARequestThatCloseCutShortIsForSomebodyElseWhereItMayBe(t *testing.T) {
	for name, test := range map[string]struct{ redelivers, idempotent, returns, givenBack bool }{
		"may run twice":                  {redelivers: true, idempotent: true, givenBack: true},
		"ran to its end all the same":    {redelivers: true, idempotent: true, returns: true},
		"may not run twice":              {redelivers: true},
		"of a system that does not keep": {idempotent: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := &wire{features: transport.Features{Redelivers: test.redelivers}}
			conn := openWire(t, w)
			entered := make(chan struct{})
			handle(t, conn, "x", func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
				close(entered)
				<-ctx.Done()
				if test.returns {
					return nil, nil
				}
				return nil, ctx.Err()
			})
			d := &wireDelivery{w: w, e: &transport.Envelope{ReplyAddress: "caller", Idempotent: test.idempotent, Message: transport.Message{Destination: "x"}}}
			w.bindings["queue x"].Deliver(d)
			<-entered
			if err := conn.Close(); err != nil {
				t.Fatal(err)
			}
			for deadline := time.Now().Add(5 * time.Second); conn.Stats().Handling > 0 && time.Now().Before(deadline); {
				runtime.Gosched()
			}
			replied, givenBack := slices.Contains(w.sent, "caller"), d.released == 1
			if replied == test.givenBack || givenBack != test.givenBack || d.accepted+d.released != 1 {
				t.Errorf("answered %t, accepted %d times, given back %d times; want it given back: %t, and else answered", replied, d.accepted, d.released, test.givenBack)
			}
		})
	}
}

func TestNothingIsStartedWhileUnbindIsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		w := &wire{features: transport.Features{Redelivers: true}}
		w.unbinding = func() {
			close(release)
			synctest.Wait() // the handler in progress ends, and nothing follows
		}
		conn := openWire(t, w)
		var handled atomic.Int32
		handle(t, conn, "x", func(context.Context, *transport.Message) (*transport.Message, error) {
			<-release
			handled.Add(1)
			return nil, nil
		}, transport.WithConcurrency(1))
		running := &wireDelivery{w: w, e: &transport.Envelope{Message: transport.Message{Destination: "x"}}}
		waiting := &wireDelivery{w: w, e: &transport.Envelope{Message: transport.Message{Destination: "x"}}}
		w.bindings["queue x"].Deliver(running)
		synctest.Wait()
		w.bindings["queue x"].Deliver(waiting)
		if err := conn.Drain(t.Context()); err != nil {
			t.Fatal(err)
		}
		if handled.Load() != 1 || running.accepted != 1 || waiting.released != 1 {
			t.Errorf("handled %d, accepted %d, released %d; want 1 each", handled.Load(), running.accepted, waiting.released)
		}
	})
}

func TestADetachedReplyIsGivenByAnotherConn(t *testing.T) {
	w := &wire{features: transport.Features{DetachedReply: true}}
	conn := openWire(t, w)
	tokens := make(chan []byte, 1)
	handle(t, conn, "x", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		d, err := m.Defer()
		if err != nil {
			return nil, err
		}
		token, err := d.Token()
		if err != nil {
			t.Error(err)
		}
		tokens <- token
		return nil, nil
	})
	f, err := conn.RequestAsync(t.Context(), text("x", ""))
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Resume(t.Context(), <-tokens, text("", "from elsewhere"), nil); err != nil {
		t.Fatal(err)
	}
	if reply, err := f.Await(t.Context()); err != nil || string(reply.Body) != "from elsewhere" {
		t.Errorf("got %v, %v", reply, err)
	}
	if err := conn.Resume(t.Context(), []byte("x"), nil, nil); !errors.Is(err, transport.CodeInvalidArgument) {
		t.Errorf("no token: %v", err)
	}
}

func TestOverwideDeliveriesAreFilteredByTheCore(t *testing.T) {
	w := &wire{features: transport.Features{Wildcards: true}}
	conn := openWire(t, w)
	subscribe(t, conn, "trip.*", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		t.Errorf("got %s", m.Destination)
		return nil, nil
	})
	d := &wireDelivery{w: w, e: &transport.Envelope{Message: transport.Message{Destination: "trip.a.b"}}}
	w.bindings["topic trip.*"].Deliver(d)
	if d.accepted != 1 {
		t.Errorf("accepted %d times, want 1", d.accepted)
	}
}

func TestWhatFailsWhileTheConnectionIsLostUsesUpNoAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &wire{}
		conn := openWire(t, w)
		var tries, deadAfter atomic.Int64
		handle(t, conn, "work", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
			if n := tries.Add(1); m.Attempt != int(n) {
				t.Errorf("attempt %d, want %d: what does not count is told all the same", m.Attempt, n)
			}
			return nil, transport.CodeUnavailable.Errorf("the service it needs cannot be reached")
		}, transport.WithRetry(3, time.Second, time.Second))
		handle(t, conn, "dead.work", func(context.Context, *transport.Message) (*transport.Message, error) {
			deadAfter.Store(tries.Load())
			return nil, nil
		})
		if err := conn.Send(t.Context(), text("work", "x")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait() // the first attempt has failed
		w.setup.Connected(errors.New("the broker is gone"))
		time.Sleep(10*time.Second + 500*time.Millisecond)
		if tries.Load() != 11 || deadAfter.Load() != 0 {
			t.Errorf("%d attempts, dead after %d: want 11 within 10 s, and the message alive", tries.Load(), deadAfter.Load())
		}
		w.setup.Connected(nil)
		time.Sleep(5 * time.Second)
		if deadAfter.Load() != 13 {
			t.Errorf("dead after %d attempts, want 13: three with a connection", deadAfter.Load())
		}
	})
}
