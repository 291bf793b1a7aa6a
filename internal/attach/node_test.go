package attach

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
)

// A spot is a place that stays.
type spot struct{ _ int }

func (*spot) Left() bool { return false }

func TestOneThatGivesUpALinkLeavesItToTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		attempts := 0
		n := &Node{Dial: func(ctx context.Context, _ Place) (*Link, error) {
			if attempts++; attempts == 1 {
				<-ctx.Done()
				return nil, ctx.Err()
			}
			return NewLink(func() {}), nil
		}}
		at := &spot{}
		first, giveUp := context.WithCancel(t.Context())
		errs := make(chan error, 1)
		go func() {
			_, err := n.Link(first, at)
			errs <- err
		}()
		synctest.Wait() // the first makes the attempt, and the second waits for it
		others := make(chan error, 1)
		go func() {
			_, err := n.Link(t.Context(), at)
			others <- err
		}()
		synctest.Wait()
		giveUp()
		if err := <-errs; !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up: %v, want its own end", err)
		}
		if err := <-others; err != nil {
			t.Errorf("who waits: %v, want a link", err)
		}
		n.Close(t.Context())
	})
}
