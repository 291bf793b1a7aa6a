package transport_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polywire/polywire/transport"
)

func TestASubscriptionThatSpansConnsHasOneBoundOfConcurrency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := open(t), open(t)
		var running, most, handled atomic.Int32
		sub, err := a.Spanning(b).Subscribe(t.Context(), "news.*", func(context.Context, *transport.Message) (*transport.Message, error) {
			most.Store(max(most.Load(), running.Add(1)))
			time.Sleep(time.Second)
			running.Add(-1)
			handled.Add(1)
			return nil, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			for _, conn := range []*transport.Conn{a, b} {
				if err := conn.Publish(t.Context(), text("news.x", "")); err != nil {
					t.Fatal(err)
				}
			}
		}
		time.Sleep(10 * time.Second)
		if handled.Load() != 6 || most.Load() != 1 {
			t.Errorf("handled %d, at most %d at once; want 6, 1", handled.Load(), most.Load())
		}
		if err := sub.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
		for _, conn := range []*transport.Conn{a, b} {
			if err := conn.Publish(t.Context(), text("news.x", "")); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(10 * time.Second)
		if handled.Load() != 6 {
			t.Errorf("%d messages were handled after Close, want none", handled.Load()-6)
		}
	})
}

func TestASpanningHandlerThatFailsOnOneConnIsInEffectOnNone(t *testing.T) {
	a, b := open(t), open(t)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := a.Spanning(b).Handle(t.Context(), "work", echo)
	if !errors.Is(err, transport.ErrClosed) {
		t.Errorf("got %v, want ErrClosed", err)
	}
	if err := a.Send(t.Context(), text("work", "")); !errors.Is(err, transport.ErrNoHandler) {
		t.Errorf("got %v, want ErrNoHandler", err)
	}
}

func TestConnsThatDrainTogetherCloseAfterTheHandlersOfAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := open(t), open(t)
		entered := make(chan struct{})
		var nested error
		handle(t, b, "work", func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
			close(entered)
			time.Sleep(time.Second)
			nested = a.Publish(ctx, text("done", ""))
			return nil, nil
		})
		if err := b.Send(t.Context(), text("work", "")); err != nil {
			t.Fatal(err)
		}
		<-entered
		if err := a.DrainWith(t.Context(), b); err != nil {
			t.Error(err)
		}
		if nested != nil {
			t.Errorf("a handler's call through the other Conn failed: %v", nested)
		}
		if a.State() != "closed" || b.State() != "closed" {
			t.Errorf("got %s, %s; want both closed", a.State(), b.State())
		}
		if err := a.DrainWith(t.Context(), b); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("got %v, want ErrClosed", err)
		}
	})
}
