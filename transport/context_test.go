package transport

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

func TestCallContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		parent, cancelParent := context.WithCancel(context.WithValue(context.Background(), callKey{}, "parent's"))
		also, cancelAlso := context.WithCancel(context.Background())
		defer cancelAlso()
		newCtx := func() *callCtx {
			return &callCtx{parent: parent, also: also, deadline: time.Now().Add(time.Hour)}
		}

		c := newCtx()
		child, cancel := context.WithCancel(c)
		defer cancel()
		ran := make(chan struct{})
		context.AfterFunc(c, func() { close(ran) })
		if c.Err() != nil || c.Value(callKey{}) != "parent's" {
			t.Errorf("fresh: Err %v, Value %v", c.Err(), c.Value(callKey{}))
		}
		time.Sleep(time.Hour)
		<-c.Done()
		<-child.Done()
		<-ran
		if c.Err() != context.DeadlineExceeded || child.Err() != context.DeadlineExceeded {
			t.Errorf("past the deadline: Err %v, child's %v", c.Err(), child.Err())
		}

		lazy := newCtx()
		time.Sleep(2 * time.Hour)
		if lazy.Err() != context.DeadlineExceeded {
			t.Errorf("past the deadline, Done never asked for: Err %v", lazy.Err())
		}
		<-lazy.Done()

		follows := newCtx()
		stop := context.AfterFunc(follows, func() { t.Error("a stopped AfterFunc ran") })
		if !stop() {
			t.Error("stop before the end: got false, want true")
		}
		cancelAlso()
		<-follows.Done()
		if follows.Err() != context.Canceled {
			t.Errorf("second parent ended: Err %v", follows.Err())
		}
		late := make(chan struct{})
		if context.AfterFunc(follows, func() { close(late) })() {
			t.Error("stop after the end: got true, want false")
		}
		<-late

		ended := &callCtx{parent: parent, deadline: time.Now().Add(time.Hour)}
		ended.end(context.Canceled)
		<-ended.Done()
		cancelParent()
	})
}

func TestCallContextThatNobodyWaitsForAllocatesNothing(t *testing.T) {
	var c callCtx
	deadline := time.Now().Add(time.Hour)
	if n := testing.AllocsPerRun(100, func() {
		c = callCtx{parent: context.Background(), deadline: deadline}
		_ = c.Err()
		c.end(context.Canceled)
	}); n != 0 {
		t.Errorf("%v allocations, want 0", n)
	}
}
