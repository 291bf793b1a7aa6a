package inproc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polywire/polywire/transport"
)

// A weather is a Conn on a faulty wire, whose handlers and faults it writes down.
type weather struct {
	t    *testing.T
	conn *transport.Conn

	mu     sync.Mutex // guards the fields below
	got    []string   // bodies, as they were handled
	faults []string   // as Observe was told
}

// under opens rawURL with faults; within a bubble the Conn is closed by its end.
func under(t *testing.T, rawURL string, f Faults) *weather {
	t.Helper()
	w := &weather{t: t}
	f.Observe = func(fault, destination string) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.faults = append(w.faults, fault+" "+destination)
	}
	w.conn = dial(t, Faulty(f))(rawURL)
	return w
}

func (w *weather) handler(_ context.Context, m *transport.Message) (*transport.Message, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.got = append(w.got, string(m.Body))
	return &transport.Message{Body: m.Body}, nil
}

// settled waits until nothing moves any more and returns what was handled, and the faults.
func (w *weather) settled() (got, faults string) {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return strings.Join(w.got, " "), strings.Join(w.faults, ", ")
}

func (w *weather) send(bodies ...string) {
	w.t.Helper()
	for _, b := range bodies {
		if err := w.conn.Send(w.t.Context(), msg("work", b)); err != nil {
			w.t.Fatalf("send %s: %v", b, err)
		}
	}
}

func (w *weather) want(got, faults string) {
	w.t.Helper()
	if g, f := w.settled(); g != got || f != faults {
		w.t.Errorf("handled %q with the faults %q; want %q with %q", g, f, got, faults)
	}
}

// story sends a hundred messages in bad weather and tells all that became of them.
func story(t *testing.T, seed uint64, besides bool) (told string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := under(t, "inproc://", Faults{Seed: seed, Fail: 0.1, Drop: 0.1, Duplicate: 0.1, Reorder: 0.1, Delay: time.Second, Only: "work"})
		handle(t, w.conn, "work", w.handler, transport.WithConcurrency(1))
		handle(t, w.conn, "other", echo)
		var b strings.Builder
		start := time.Now()
		for i := range 100 {
			err := w.conn.Send(t.Context(), msg("work", fmt.Sprint(i)))
			fmt.Fprintln(&b, i, err, time.Since(start))
			if besides {
				_ = w.conn.Send(t.Context(), msg("other", ""))
			}
		}
		time.Sleep(time.Second) // what is held comes by then, on the bubble's clock
		got, faults := w.settled()
		told = b.String() + got + "\n" + faults
	})
	return told
}

func TestOneSeedGivesEveryMessageTheSameFate(t *testing.T) {
	first := story(t, 7, false)
	if again := story(t, 7, false); again != first {
		t.Errorf("two runs of one seed differ:\n%s\n\n%s", first, again)
	}
	if besides := story(t, 7, true); besides != first {
		t.Errorf("messages to another destination changed the fates:\n%s\n\n%s", first, besides)
	}
	if other := story(t, 8, false); other == first {
		t.Errorf("seeds 7 and 8 tell the same story:\n%s", first)
	}
	for _, fault := range []string{"fail", "drop", "duplicate", "reorder"} {
		if n := strings.Count(first, fault+" work"); n < 2 || n > 30 {
			t.Errorf("%d of 100 messages met %s with a chance of 0.1", n, fault)
		}
	}
}

func TestDropLosesAMessageAndReportsSuccess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := under(t, "inproc://", Faults{Drop: 1})
		handle(t, w.conn, "work", w.handler)
		w.send("1")
		subscribe(t, w.conn, "news", w.handler)
		if err := w.conn.Publish(t.Context(), msg("news", "2")); err != nil {
			t.Fatal(err)
		}
		w.want("", "drop work, drop news")
	})
}

func TestDuplicateDeliversTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := under(t, "inproc://", Faults{Duplicate: 1})
		handle(t, w.conn, "work", w.handler)
		w.send("1")
		w.want("1 1", "duplicate work")
	})
}

func TestDuplicateRunsARequestTwiceAndAnswersOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := under(t, "inproc://", Faults{Duplicate: 1})
		handle(t, w.conn, "work", w.handler)
		reply, err := w.conn.Request(t.Context(), msg("work", "1"))
		if err != nil || string(reply.Body) != "1" {
			t.Fatalf("request: %v, %v; want the body 1", reply, err)
		}
		w.want("1 1", "duplicate work")
	})
}

func TestReorderLetsTheNextMessageOvertake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := under(t, "inproc://", Faults{Reorder: 1, Hold: time.Hour})
		handle(t, w.conn, "work", w.handler, transport.WithConcurrency(1))
		w.send("1", "2", "3", "4")
		w.want("2 1 4 3", "reorder work, reorder work")
	})
}

func TestReorderHoldsTheLastMessageForItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := under(t, "inproc://", Faults{Reorder: 1})
		handle(t, w.conn, "work", w.handler)
		w.send("1")
		time.Sleep(99 * time.Millisecond)
		w.want("", "reorder work")
		time.Sleep(time.Millisecond)
		w.want("1", "reorder work")
	})
}

func TestReorderKeepsDeadLettersWhichDoNotExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := under(t, "inproc://", Faults{Reorder: 1, Only: "dead.>"})
		handle(t, w.conn, "dead.work", w.handler)
		handle(t, w.conn, "work", func(context.Context, *transport.Message) (*transport.Message, error) {
			return nil, transport.CodeNotFound
		})
		w.send("1")
		time.Sleep(time.Second)
		w.want("1", "reorder dead.work")
	})
}

func TestFailRefusesWithUnavailableAndSendsNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := under(t, "inproc://", Faults{Fail: 1, Only: "work"})
		handle(t, w.conn, "work", w.handler)
		_, err := w.conn.Request(t.Context(), msg("work", ""))
		for _, err := range []error{err, w.conn.Send(t.Context(), msg("work", ""))} {
			if !errors.Is(err, transport.CodeUnavailable) || !strings.Contains(err.Error(), "Faults.Fail") {
				t.Errorf("got %v; want unavailable, because of Faults.Fail", err)
			}
		}
		w.want("", "fail work, fail work")
	})
}

func TestDelayMakesVerbsLongerUpToIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := under(t, "inproc://", Faults{Delay: time.Second})
		handle(t, w.conn, "work", w.handler)
		var took []time.Duration
		for range 50 {
			start := time.Now()
			w.send("")
			took = append(took, time.Since(start))
		}
		if least, most := slices.Min(took), slices.Max(took); least == most || most > time.Second || most < time.Second/2 {
			t.Errorf("50 sends took %v to %v; want all sorts, up to a second", least, most)
		}
	})
}

func TestARequestThatIsDroppedEndsAtItsDeadline(t *testing.T) {
	for _, faults := range []Faults{{Drop: 1}, {Drop: 1, Replies: true, Only: "reply"}, {Delay: time.Hour}} {
		synctest.Test(t, func(t *testing.T) {
			w := under(t, "inproc://", faults)
			handle(t, w.conn, "work", w.handler)
			handle(t, w.conn, "reply", w.handler)
			to := "work"
			if faults.Only != "" {
				to = faults.Only
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			start := time.Now()
			_, err := w.conn.Request(ctx, msg(to, "1"))
			if took := time.Since(start); !errors.Is(err, transport.CodeDeadlineExceeded) || took != time.Minute {
				t.Errorf("%+v: %v after %v; want deadline_exceeded after a minute", faults, err, took)
			}
		})
	}
}

func TestRepliesAreDroppedOnlyOnRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spared := under(t, "inproc://", Faults{Drop: 0.5, Seed: 1})
		lossy := under(t, "inproc://", Faults{Drop: 0.5, Seed: 1, Replies: true})
		for _, w := range []*weather{spared, lossy} {
			handle(t, w.conn, "work", w.handler)
			for range 40 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Second)
				_, _ = w.conn.Request(ctx, msg("work", "x"))
				cancel()
			}
		}
		got, faults := spared.settled()
		if strings.Contains(faults, "reply") || got == "" {
			t.Errorf("without Replies: handled %q, faults %q; want some handled and no reply dropped", got, faults)
		}
		again, faults := lossy.settled()
		if again != got || !strings.Contains(faults, "drop reply work") {
			t.Errorf("with Replies: handled %q, faults %q; want the same messages as without, and replies dropped", again, faults)
		}
	})
}

func TestAGatherThatIsDroppedEndsAtItsDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := under(t, "inproc://", Faults{Drop: 1, Only: "lost"})
		for _, topic := range []string{"lost", "found"} {
			subscribe(t, w.conn, topic, w.handler)
			g, err := w.conn.Gather(t.Context(), msg(topic, "1"))
			if err != nil {
				t.Fatal(err)
			}
			n := 0
			for range g.All() {
				n++
			}
			want := map[string]string{"lost": "0 deadline", "found": "1 complete"}[topic]
			if got := fmt.Sprint(n, " ", g.Reason()); got != want {
				t.Errorf("%s: %s; want %s", topic, got, want)
			}
		}
		w.want("1", "drop lost")
	})
}

func TestAGatherTakesDoubledRepliesForOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := under(t, "inproc://", Faults{Duplicate: 1, Replies: true, Delay: time.Second})
		subscribe(t, w.conn, "ask", w.handler)
		subscribe(t, w.conn, "ask", w.handler)
		g, err := w.conn.Gather(t.Context(), msg("ask", "1"))
		if err != nil {
			t.Fatal(err)
		}
		from := map[string]int{}
		for r := range g.All() {
			from[r.From]++
		}
		if len(from) != 2 || g.Reason() != "complete" {
			t.Errorf("answers of %v, %q; want two subscriptions, complete", from, g.Reason())
		}
	})
}

func TestCloseForgetsWhatIsHeld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := under(t, "inproc://", Faults{Reorder: 1, Hold: time.Hour})
		handle(t, w.conn, "work", w.handler)
		w.send("1")
		start := time.Now()
		if err := w.conn.Close(); err != nil || time.Since(start) != 0 {
			t.Errorf("close: %v after %v; want nil at once", err, time.Since(start))
		}
		time.Sleep(2 * time.Hour)
		w.want("", "reorder work")
	})
}

func TestCloseWaitsForWhatItsTimersStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := under(t, "inproc://?inline", Faults{Reorder: 1})
		entered, release := make(chan struct{}), make(chan struct{})
		handle(t, w.conn, "work", func(context.Context, *transport.Message) (*transport.Message, error) {
			close(entered)
			<-release
			return nil, nil
		})
		w.send("1")
		<-entered // on the goroutine of the timer that held it
		closed := make(chan struct{})
		go func() { // ends with Close
			defer close(closed)
			_ = w.conn.Close()
		}()
		synctest.Wait()
		select {
		case <-closed:
			t.Error("Close returned while a message that it had held was being handled")
		default:
		}
		close(release)
		<-closed
	})
}

func TestFaultyFeaturesTellWhatDoesNotHold(t *testing.T) {
	weaker := map[string]Faults{
		"":                              {Fail: 1, Duplicate: 1, Delay: 1, Replies: true},
		"OrderedByKey DetectsNoHandler": {Reorder: 0.1},
		"DetectsNoHandler DetectsNoHandlerOnRequest CountsResponders": {Drop: 0.1},
	}
	sound := dial(t, Factory())("inproc://").Features()
	for lost, faults := range weaker {
		reg := transport.NewRegistry(Faulty(faults))
		declared, err := reg.Features("inproc://")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range sound.Names() {
			if want := sound.Has(name) && !slices.Contains(strings.Fields(lost), name); declared.Has(name) != want {
				t.Errorf("%+v: Features.%s is %v, want %v", faults, name, declared.Has(name), want)
			}
		}
		if open := dial(t, Faulty(faults))("inproc://").Features(); open.String() != declared.String() {
			t.Errorf("%+v: an open Conn declares %s, its Factory %s", faults, open, declared)
		}
	}
}

func TestFaultsThatMakeNoSenseAreRefusedByName(t *testing.T) {
	for name, f := range map[string]Faults{
		"Faults.Drop": {Drop: 1.5}, "Faults.Fail": {Fail: -1}, "Faults.Reorder": {Reorder: 2}, "Faults.Duplicate": {Duplicate: -0.1},
		"Faults.Delay": {Delay: -1}, "Hold": {Hold: -1}, "pattern": {Only: "a..b"},
	} {
		_, err := transport.NewRegistry(Faulty(f)).Open(t.Context(), "inproc://")
		if !errors.Is(err, transport.CodeInvalidArgument) || !strings.Contains(err.Error(), name) {
			t.Errorf("%+v: got %v; want invalid_argument that names %s", f, err, name)
		}
	}
}
