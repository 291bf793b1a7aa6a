package reconnect_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/polywire/polywire/internal/reconnect"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errLost = errors.New("cable cut")

// life is a session that the test ends by hand.
type life struct {
	n    int
	done chan struct{} // closed by the test; read by the supervisor
}

func newLife(n int) *life { return &life{n, make(chan struct{})} }

func (l *life) Done() <-chan struct{} { return l.done }
func (l *life) Err() error            { return errLost }

// world records when Dial was called and what was told. Only the supervisor's goroutine writes; tests read while it is blocked.
type world struct {
	start   time.Time
	dialled []time.Duration
	told    []error
	dial    func(ctx context.Context, attempt int) (*life, error)
}

func (w *world) supervise(first *life) *reconnect.Supervisor[*life] {
	w.start = time.Now()
	return reconnect.Start(first, reconnect.Config[*life]{
		Dial: func(ctx context.Context) (*life, error) {
			w.dialled = append(w.dialled, time.Since(w.start))
			return w.dial(ctx, len(w.dialled))
		},
		Told: func(err error) { w.told = append(w.told, err) },
	})
}

func refuse(context.Context, int) (*life, error) { return nil, errors.New("refused") }

func TestALostSessionIsReplacedAndBothChangesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{dial: func(_ context.Context, n int) (*life, error) { return newLife(n), nil }}
		first := newLife(0)
		s := w.supervise(first)
		if got, err := s.Get(t.Context()); err != nil || got != first {
			t.Fatalf("Get = %v, %v; want the first session", got, err)
		}
		close(first.done)
		synctest.Wait()
		if _, live := s.Current(); live {
			t.Error("a lost session still counts as live")
		}
		got, err := s.Get(t.Context())
		if err != nil || got.n != 1 {
			t.Fatalf("Get after the loss = %v, %v; want session 1", got, err)
		}
		synctest.Wait()
		if want := []error{errLost, nil}; !slices.Equal(w.told, want) {
			t.Errorf("told %v, want %v", w.told, want)
		}
		if w.dialled[0] >= time.Second {
			t.Errorf("the first attempt came after %v, want less than 1s", w.dialled[0])
		}
		if last, live := s.Close(); !live || last != got {
			t.Errorf("Close = %v, %v; want the live session", last, live)
		}
	})
}

func TestAttemptsAreASecondApartForAMinuteThenThirtyForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{dial: refuse}
		first := newLife(0)
		s := w.supervise(first)
		close(first.done)
		time.Sleep(24 * time.Hour) // the bubble's clock: no time passes
		synctest.Wait()
		s.Close()
		var young, old []time.Duration
		for i, at := range w.dialled[1:] {
			if gap := at - w.dialled[i]; w.dialled[i] < time.Minute {
				young = append(young, gap)
			} else {
				old = append(old, gap)
			}
		}
		if longest := slices.Max(young); longest >= time.Second {
			t.Errorf("in the first minute two attempts were %v apart, want less than 1s", longest)
		}
		if longest := slices.Max(old); longest >= 30*time.Second || longest < 20*time.Second {
			t.Errorf("later the longest gap is %v, want jitter up to 30s", longest)
		}
		if len(young) < 60 || len(old) < 24*60*2*8/10 {
			t.Errorf("%d and %d attempts: the supervisor gave up", len(young), len(old))
		}
	})
}

func TestManyClientsSpreadTheirFirstAttempt(t *testing.T) {
	var tenths [10]int
	for range 2000 {
		var b reconnect.Backoff
		tenths[b.Next()/(100*time.Millisecond)]++
	}
	for i, n := range tenths {
		if n < 100 || n > 320 {
			t.Errorf("%d of 2000 first attempts in tenth %d of the second, want about 200: %v", n, i, tenths)
		}
	}
}

func TestASystemThatDropsEverySessionIsAskedLessOften(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{dial: func(_ context.Context, n int) (*life, error) {
			l := newLife(n)
			close(l.done)
			return l, nil
		}}
		first := newLife(0)
		s := w.supervise(first)
		close(first.done)
		time.Sleep(10 * time.Minute)
		synctest.Wait()
		s.Close()
		late := 0
		for _, at := range w.dialled {
			if at > 2*time.Minute {
				late++
			}
		}
		if late > 80 {
			t.Errorf("%d attempts in the last 8 minutes, want about 32: the cap fell back to 1s", late)
		}
	})
}

func TestCloseDuringBackoffReturnsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{dial: refuse}
		first := newLife(0)
		s := w.supervise(first)
		close(first.done)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		told := len(w.told)
		start := time.Now()
		if _, live := s.Close(); live {
			t.Error("Close reports a live session in an outage")
		}
		if took := time.Since(start); took != 0 {
			t.Errorf("Close took %v of the backoff", took)
		}
		if _, err := s.Get(t.Context()); !errors.Is(err, reconnect.ErrClosed) {
			t.Errorf("Get after Close: %v, want ErrClosed", err)
		}
		s.Close()
		if len(w.told) != told {
			t.Error("something was told after Close")
		}
	})
}

func TestCloseCancelsTheDialInProgress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{dial: func(ctx context.Context, _ int) (*life, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		}}
		first := newLife(0)
		s := w.supervise(first)
		close(first.done)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		start := time.Now()
		s.Close()
		if took := time.Since(start); took != 0 {
			t.Errorf("Close took %v", took)
		}
	})
}

func TestASessionDialledWhileClosingIsHandedToTheCloser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		late := newLife(1)
		w := &world{dial: func(ctx context.Context, _ int) (*life, error) {
			<-ctx.Done()
			return late, nil // it was made before the cancellation arrived
		}}
		first := newLife(0)
		s := w.supervise(first)
		close(first.done)
		time.Sleep(2 * time.Second)
		synctest.Wait()
		if last, live := s.Close(); !live || last != late {
			t.Errorf("Close = %v, %v; want the session that was just made, to be closed", last, live)
		}
	})
}

func TestGetWaitsWithinItsContextAndThroughManyFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{dial: func(_ context.Context, n int) (*life, error) {
			if n < 20 {
				return nil, errors.New("refused")
			}
			return newLife(n), nil
		}}
		first := newLife(0)
		s := w.supervise(first)
		defer s.Close()
		close(first.done)
		synctest.Wait()
		short, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := s.Get(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Get = %v, want the deadline", err)
		}
		if got, err := s.Get(t.Context()); err != nil || got.n != 20 {
			t.Errorf("Get = %v, %v; want session 20", got, err)
		}
	})
}

func TestGetNeverReturnsASessionThatIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{dial: func(_ context.Context, n int) (*life, error) { return newLife(n), nil }}
		first := newLife(0)
		s := w.supervise(first)
		defer s.Close()
		close(first.done) // whether the supervisor has seen it or not
		if got, err := s.Get(t.Context()); err != nil || got.n != 1 {
			t.Errorf("Get = %v, %v; want session 1", got, err)
		}
	})
}

func TestGetIsReleasedByClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{dial: refuse}
		first := newLife(0)
		s := w.supervise(first)
		close(first.done)
		synctest.Wait()
		result := make(chan error, 1) // written by the waiter, read here
		go func() {
			_, err := s.Get(context.Background())
			result <- err
		}()
		synctest.Wait()
		s.Close()
		if err := <-result; !errors.Is(err, reconnect.ErrClosed) {
			t.Errorf("Get = %v, want ErrClosed", err)
		}
	})
}
