package router

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

func TestABoundedCtxSaysWhyOnceItIsDone(t *testing.T) {
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for name, c := range map[string]struct {
		parent context.Context
		most   time.Duration
		end    bool
		want   error
	}{
		"ended":           {parent: t.Context(), most: time.Minute, end: true, want: context.Canceled},
		"out of time":     {parent: t.Context(), most: 0, want: context.DeadlineExceeded},
		"parent canceled": {parent: canceled, most: time.Minute, want: context.Canceled},
	} {
		t.Run(name, func(t *testing.T) {
			var b Bounded
			b.Bound(c.parent, c.most, &Timers{})
			derived, stop := context.WithCancel(&b) // package context panics where Done is closed and Err is nil
			defer stop()
			if c.end {
				if err := b.Err(); err != nil {
					t.Errorf("Err before the end is %v, want nil", err)
				}
				b.End()
			}
			<-b.Done()
			<-derived.Done()
			if !errors.Is(b.Err(), c.want) || !errors.Is(derived.Err(), c.want) {
				t.Errorf("Err is %v and of the ctx derived from it %v, want %v", b.Err(), derived.Err(), c.want)
			}
		})
	}
}

func TestABoundedCtxThatNobodyWaitsForKnowsItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Bounded
		b.Bound(t.Context(), time.Second, &Timers{})
		defer b.End()
		if err := b.Err(); err != nil {
			t.Errorf("Err is %v, want nil", err)
		}
		time.Sleep(time.Second)
		if err := b.Err(); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Err is %v, want %v", err, context.DeadlineExceeded)
		}
		<-b.Done()
	})
}

func TestAwaitEndsWithTheAnswerTheTimeOrTheRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var timers Timers
		answer := make(chan struct{}, 1)
		answer <- struct{}{}
		request, leave := context.WithCancel(t.Context())
		var b Bounded
		b.Bound(request, time.Second, &timers)
		defer b.End()
		if err := b.Await(answer); err != nil {
			t.Errorf("Await with an answer is %v, want nil", err)
		}
		if err := b.Await(answer); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Await without one is %v, want %v", err, context.DeadlineExceeded)
		}
		leave()
		var late Bounded
		late.Bound(request, time.Second, &timers)
		defer late.End()
		if err := late.Await(answer); !errors.Is(err, context.Canceled) {
			t.Errorf("Await of a request that is gone is %v, want %v", err, context.Canceled)
		}
	})
}
