// Package loadbench makes calls and measures how long they take, for "polywire bench".
//
//	closed loop: callers × (call, and at once the next)        what a fixed number of callers get
//	open loop:   one call each 1/rate, whoever is still busy   what users get who do not wait for each other
//
// In an open loop a call's latency begins when it was to begin, not when somebody
// was free to begin it: a server that stands still for a second has made a second's worth of calls
// late, and all of them count. Latencies go into HDR histograms, exact to three digits.
package loadbench

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Settings say how to call, and for how long.
type Settings struct {
	Callers int           // closed loop: that many, one call at a time each; open loop: calls in flight at most
	Rate    float64       // calls a second of an open loop; 0 is a closed loop
	WarmUp  time.Duration // calls that are not measured come first
	Time    time.Duration // of all rounds together
	Count   int           // measure as many calls in place of Time; 0 is Time
	Rounds  int           // parts of the measurement, so that their spread is seen

	// Progress, if not nil, is called a few times a second.
	Progress func(p Progress)
}

// Progress is how far a measurement is.
type Progress struct {
	Done   float64 // 0 to 1; of the warm-up until Warm
	Calls  int64   // so far in this part, with those that failed
	Failed int64
	PerSec float64
	Warm   bool // the warm-up is over
}

// The range of Settings.Rate; with less, the time of a call would not fit a Duration.
const (
	minRate = 0.001
	maxRate = 10_000_000
)

// Check returns an error that names what cannot be meant.
func (s Settings) Check() error {
	switch {
	case s.Callers < 1 || s.Callers > 1<<16:
		return fmt.Errorf("%d callers: use 1 to %d", s.Callers, 1<<16)
	case s.Rate != 0 && !(s.Rate >= minRate && s.Rate <= maxRate): // which NaN is not
		return fmt.Errorf("a rate of %v calls a second: use %v to %v", s.Rate, minRate, maxRate)
	case s.Rounds < 1 || s.Count < 0 || s.Count > 0 && s.Count < s.Rounds:
		return fmt.Errorf("%d rounds of %d calls: use at least one call a round", s.Rounds, s.Count)
	case s.Count == 0 && s.Time <= 0, s.WarmUp < 0:
		return fmt.Errorf("a time of %v after %v: the first must be above zero", s.Time, s.WarmUp)
	}
	return nil
}

// A Call does one call. It is called from many goroutines, and returns the bytes of what came back.
type Call func(ctx context.Context) (received int, err error)

// Run warms up and measures. It returns ctx's error when ctx ends first. classify names an
// error in the report, in few words. When no call succeeds, that is the error.
func Run(ctx context.Context, s Settings, call Call, classify func(error) string) (*Report, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	r := newReport(s)
	if s.WarmUp > 0 {
		warm := newRound(s, call, classify)
		if err := warm.run(ctx, s.WarmUp, 0); err != nil {
			return nil, err
		}
	}
	for i := range s.Rounds {
		count := s.Count / s.Rounds
		if i < s.Count%s.Rounds {
			count++
		}
		one := newRound(s, call, classify)
		one.part, one.warm = i, true
		if err := one.run(ctx, s.Time/time.Duration(s.Rounds), count); err != nil {
			return nil, err
		}
		r.add(one)
	}
	if r.Calls == 0 && r.first != nil {
		return nil, r.first
	}
	r.sum()
	return r, nil
}

// The range and the digits of histograms.
const (
	lowest  = 100                     // ns
	highest = int64(10 * time.Minute) // what takes longer counts as that
	digits  = 3                       // so a figure is within a thousandth
	shards  = 64                      // histograms at most; callers share them
	tick    = 200 * time.Millisecond  // of progress
	maxNap  = 100 * time.Millisecond  // of a caller that waits for its time, so that it sees the end
)

// A round is one part of a measurement.
type round struct {
	settings Settings
	call     Call
	classify func(error) string
	part     int
	warm     bool

	began   time.Time
	end     time.Time    // zero where calls are counted
	most    int64        // calls; 0 is no bound
	claimed atomic.Int64 // calls that have begun, or in an open loop have their time
	done    atomic.Int64
	failed  atomic.Int64
	shards  []*shard
	took    time.Duration
	before  runtime.MemStats
	after   runtime.MemStats
}

// A shard is what some callers have measured.
type shard struct {
	mu       sync.Mutex // guards the fields below
	latency  *hdrhistogram.Histogram
	received int64
	errors   map[string]int64
	first    error
}

func newRound(s Settings, call Call, classify func(error) string) *round {
	r := &round{settings: s, call: call, classify: classify}
	for range min(s.Callers, shards) {
		r.shards = append(r.shards, &shard{latency: hdrhistogram.New(lowest, highest, digits), errors: map[string]int64{}})
	}
	return r
}

// run calls for d, or count times, and waits for all callers.
func (r *round) run(ctx context.Context, d time.Duration, count int) error {
	runtime.GC()
	runtime.ReadMemStats(&r.before)
	r.began, r.most = time.Now(), int64(count)
	if count == 0 {
		r.end = r.began.Add(d)
	}
	stop := r.report(d)
	var callers sync.WaitGroup
	for i := range r.settings.Callers {
		callers.Go(func() { r.caller(ctx, r.shards[i%len(r.shards)]) })
	}
	callers.Wait()
	r.took = time.Since(r.began)
	runtime.ReadMemStats(&r.after)
	stop()
	return ctx.Err()
}

// caller makes one call after the other.
func (r *round) caller(ctx context.Context, s *shard) {
	for ctx.Err() == nil {
		from, ok := r.next(ctx)
		if !ok {
			return
		}
		received, err := r.call(ctx)
		took := time.Since(from)
		if ctx.Err() != nil {
			return // what was cut off says nothing
		}
		r.done.Add(1)
		s.mu.Lock()
		if err == nil {
			_ = s.latency.RecordValue(min(max(int64(took), lowest), highest)) // which is in its range
			s.received += int64(received)
		} else {
			r.failed.Add(1)
			s.errors[r.classify(err)]++
			if s.first == nil {
				s.first = err
			}
		}
		s.mu.Unlock()
	}
}

// next is when the caller's next call is to begin, once that time has come; false is the end.
func (r *round) next(ctx context.Context) (from time.Time, ok bool) {
	n := r.claimed.Add(1) - 1
	if r.most > 0 && n >= r.most {
		return from, false
	}
	if r.settings.Rate == 0 {
		now := time.Now()
		return now, r.end.IsZero() || now.Before(r.end)
	}
	from = r.began.Add(time.Duration(float64(n) / r.settings.Rate * float64(time.Second)))
	if !r.end.IsZero() && !from.Before(r.end) {
		return from, false
	}
	for wait := time.Until(from); wait > 0; wait = time.Until(from) {
		timer := time.NewTimer(min(wait, maxNap))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return from, false
		}
	}
	return from, true
}

// report tells how far the round is until stop is called, which waits for its goroutine.
func (r *round) report(d time.Duration) (stop func()) {
	tell := r.settings.Progress
	if tell == nil {
		return func() {}
	}
	over := make(chan struct{}) // closed by stop, read by the goroutine
	var telling sync.WaitGroup
	telling.Go(func() {
		every := time.NewTicker(tick)
		defer every.Stop()
		for {
			select {
			case <-every.C:
				tell(r.progress(d))
			case <-over:
				return
			}
		}
	})
	return func() { close(over); telling.Wait() }
}

func (r *round) progress(d time.Duration) Progress {
	took := time.Since(r.began)
	p := Progress{Calls: r.done.Load(), Failed: r.failed.Load(), Warm: r.warm}
	p.PerSec = float64(p.Calls) / took.Seconds()
	p.Done = float64(took) / float64(max(d, 1))
	if r.most > 0 {
		p.Done = float64(p.Calls) / float64(r.most)
	}
	if r.warm {
		p.Done = (float64(r.part) + p.Done) / float64(r.settings.Rounds)
	}
	p.Done = min(p.Done, 1)
	return p
}
