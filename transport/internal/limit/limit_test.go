package limit

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestWaitersPassWhenTheGateOpens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(2, 100)
		if err := g.Wait(t.Context(), 50, false); err != nil {
			t.Fatalf("open gate: %v", err)
		}
		g.Shut()
		g.Shut()
		got := make(chan error, 2)
		for range 2 {
			go func() { got <- g.Wait(t.Context(), 50, true) }()
		}
		synctest.Wait()
		if err := g.Wait(t.Context(), 0, true); !errors.Is(err, ErrFull) {
			t.Errorf("a third waiter: got %v, want ErrFull", err)
		}
		if err := g.Wait(t.Context(), 0, false); !errors.Is(err, ErrShut) {
			t.Errorf("an impatient caller: got %v, want ErrShut", err)
		}
		g.Open()
		g.Open()
		for range 2 {
			if err := <-got; err != nil {
				t.Errorf("a waiter: %v", err)
			}
		}
		if !g.IsOpen() || g.waiters != 0 || g.bytes != 0 {
			t.Errorf("open %v with %d waiters of %d bytes, want true, 0, 0", g.IsOpen(), g.waiters, g.bytes)
		}
	})
}

func TestWaitersAreBoundedByBytesAndCtx(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGate(10, 100)
		g.Shut()
		if err := g.Wait(t.Context(), 101, true); !errors.Is(err, ErrFull) {
			t.Errorf("101 of 100 bytes: got %v, want ErrFull", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		if err := g.Wait(ctx, 100, true); err != context.DeadlineExceeded {
			t.Errorf("got %v, want the ctx's error", err)
		}
	})
}

func TestInflightWaitsForTheLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var in Inflight
		if err := in.Wait(t.Context()); err != nil {
			t.Fatalf("nothing in progress: %v", err)
		}
		in.Add()
		in.Add()
		start := time.Now()
		time.AfterFunc(time.Second, in.Done)
		time.AfterFunc(2*time.Second, in.Done)
		if err := in.Wait(t.Context()); err != nil || time.Since(start) != 2*time.Second || in.Len() != 0 {
			t.Errorf("got %v after %v with %d left, want nil after 2s with 0", err, time.Since(start), in.Len())
		}
		in.Add()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := in.Wait(ctx); err != context.DeadlineExceeded {
			t.Errorf("got %v, want the ctx's error", err)
		}
	})
}
