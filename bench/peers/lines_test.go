package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/polywire/polywire/transport"
)

// bounded is a ctx that ends a test in which something was lost.
func bounded(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestEveryEntryDoesWhatItsLineSays(t *testing.T) {
	for _, l := range lines() {
		for _, e := range l.entries {
			t.Run(l.path()+"/peer="+e.name, func(t *testing.T) {
				ctx := bounded(t)
				r, err := e.open(ctx)
				if err != nil {
					t.Fatal(err)
				}
				if err := r.prove(ctx); err != nil {
					t.Errorf("prove: %v", err)
				}
				if err := r.run(ctx, 8+1000/l.each); err != nil {
					t.Errorf("run: %v", err)
				}
				if err := r.close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
		}
	}
}

func TestLinesAreToldApartAndGoalsNameTheirEntries(t *testing.T) {
	seen := map[string]bool{}
	for _, l := range lines() {
		if seen[l.path()] {
			t.Errorf("two lines are %s", l.path())
		}
		seen[l.path()] = true
		var names []string
		for _, e := range l.entries {
			names = append(names, e.name)
			if e.kind == "" {
				t.Errorf("%s of %s: no kind", e.name, l.path())
			}
		}
		if names[0] != oursName || l.each < 1 {
			t.Errorf("%s: got %v and %d deliveries, want ours first and at least one", l.path(), names, l.each)
		}
		for _, g := range l.goals {
			if (g.what == ratio || g.what == moreAllocs) != slices.Contains(names[1:], g.peer) {
				t.Errorf("%s: goal %v is about none of %v", l.path(), g, names)
			}
		}
	}
}

func TestEveryTopicReachesOneSubscription(t *testing.T) {
	all := patterns()
	names := topics(40_000)
	if once := slices.Compact(slices.Sorted(slices.Values(names))); len(once) != len(names) {
		t.Errorf("got %d different names of %d", len(once), len(names))
	}
	for i := 0; i < len(names); i += 997 {
		n := 0
		for _, p := range all {
			if transport.Match(p, names[i]) {
				n++
			}
		}
		if n != 1 {
			t.Errorf("%s: got %d subscriptions, want 1", names[i], n)
		}
	}
}

// A liar replies and delivers as it was told to, not as it should.
type liar struct {
	reply   func(body []byte) []byte
	publish func(deliver func(int, []byte), body []byte)
	deliver func(int, []byte)
}

func (l *liar) caller(_ context.Context, body []byte) (func() ([]byte, error), error) {
	return func() ([]byte, error) {
		if out := l.reply(body); out != nil {
			return out, nil
		}
		return nil, errors.New("refused")
	}, nil
}

func (l *liar) publication(_ context.Context, _ string, body []byte) (func() error, error) {
	return func() error { l.publish(l.deliver, body); return nil }, nil
}

func (l *liar) close() error { return nil }

func TestAWrongReplyFailsTheProofAndTheRun(t *testing.T) {
	for name, reply := range map[string]func([]byte) []byte{
		"short":      func(b []byte) []byte { return b[1:] },
		"another's":  func(b []byte) []byte { return filled(len(b), 'x') },
		"none":       func([]byte) []byte { return nil },
		"empty":      func([]byte) []byte { return []byte{} },
		"end broken": func(b []byte) []byte { return append(filled(len(b)-1, 'r'), 'x') },
	} {
		e := requests(name, "", func(context.Context, []byte) (requester, error) { return &liar{reply: reply}, nil }, small, 1)
		r, err := e.open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if r.prove(t.Context()) == nil || r.run(t.Context(), 1) == nil {
			t.Errorf("%s: proved %v, ran %v, want an error of each", name, r.prove(t.Context()), r.run(t.Context(), 1))
		}
	}
}

func TestALostDoubledOrStrangeDeliveryFailsTheProof(t *testing.T) {
	for want, publish := range map[string]func(deliver func(int, []byte), body []byte, giveUp func()){
		"got 1 deliveries, want 2": func(deliver func(int, []byte), b []byte, giveUp func()) { deliver(0, b); giveUp() },
		"got 3 deliveries, want 2": func(deliver func(int, []byte), b []byte, _ func()) { deliver(0, b); deliver(1, b); deliver(1, b) },
		"to 1 subscriptions":       func(deliver func(int, []byte), b []byte, _ func()) { deliver(0, b); deliver(0, b) },
		"1 strange bodies":         func(deliver func(int, []byte), b []byte, _ func()) { deliver(0, b); deliver(1, b[1:]) },
	} {
		ctx, cancel := context.WithCancel(bounded(t))
		open := func(_ context.Context, _ []string, deliver func(int, []byte)) (publisher, error) {
			return &liar{deliver: deliver, publish: func(deliver func(int, []byte), b []byte) { publish(deliver, b, cancel) }}, nil
		}
		r, err := publishes("", "", open, fanout(2)).open(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.prove(ctx); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want an error that says %q", err, want)
		}
		cancel()
	}
}

func TestAPublisherIsNeverFurtherAheadThanItsWindow(t *testing.T) {
	for subscribers, want := range map[int]int{1: 64, 100: 64, 1000: 6, 10_000: 1} {
		if got := fanout(subscribers).window(); got != want {
			t.Errorf("%d subscribers: got a window of %d, want %d", subscribers, got, want)
		}
	}
	var published, delivered, most atomic.Int64
	open := func(_ context.Context, _ []string, deliver func(int, []byte)) (publisher, error) {
		held := make(chan []byte, 1000)
		return &liar{deliver: deliver, publish: func(deliver func(int, []byte), b []byte) {
			most.Store(max(most.Load(), published.Add(1)-delivered.Load()))
			held <- b
			if len(held) == 64 || published.Load() == 100 {
				for len(held) > 0 {
					delivered.Add(1)
					deliver(0, <-held)
				}
			}
		}}, nil
	}
	r, err := publishes("", "", open, fanout(1)).open(bounded(t))
	if err == nil {
		err = r.run(bounded(t), 100)
	}
	if err != nil || published.Load() != 100 || most.Load() != 64 {
		t.Errorf("got %d published, %d ahead at most, %v, want 100 and 64", published.Load(), most.Load(), err)
	}
}
