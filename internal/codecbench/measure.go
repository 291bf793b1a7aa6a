package codecbench

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/polywire/polywire/codecs/all"
)

// Settings are what to measure, and for how long.
type Settings struct {
	Selection Selection
	Time      time.Duration // of a row, all its rounds together
	Rounds    int

	// Progress, if not nil, is called before each row's first round and once at the end.
	Progress func(done, total int, r Row)
}

// A Sample is what one operation cost on average in one round.
type Sample struct {
	N      int     `json:"n"`
	NS     float64 `json:"ns"`
	Bytes  float64 `json:"bytes"` // allocated
	Allocs float64 `json:"allocs"`
}

// Measure prepares the rows that s selects and measures them on one goroutine. The
// codecs of one operation take turns, so that what the machine does meanwhile meets
// all alike. It returns ctx's error when ctx ends.
func Measure(ctx context.Context, makers []all.Maker, s Settings) (*Report, error) {
	if s.Rounds < 1 || s.Time <= 0 {
		return nil, fmt.Errorf("%d rounds in %v: both must be positive", s.Rounds, s.Time)
	}
	cases, refused, err := Prepare(makers, s.Selection)
	if err != nil {
		return nil, err
	}
	r := newReport(s)
	r.Refused = refused
	for len(cases) > 0 {
		n := 1
		for n < len(cases) && alike(cases[0], cases[n]) {
			n++
		}
		some, err := s.together(ctx, cases[:n], func(i int) {
			s.tell(len(r.Results)+i, len(r.Results)+len(cases), cases[i].Row)
		})
		if err != nil {
			return nil, err
		}
		r.Results = append(r.Results, some...)
		cases = cases[n:]
	}
	s.tell(len(r.Results), len(r.Results), Row{})
	return r, nil
}

func (s Settings) tell(done, total int, r Row) {
	if s.Progress != nil {
		s.Progress(done, total, r)
	}
}

// alike reports whether two cases differ in their codec alone.
func alike(a, b *Case) bool {
	x, y := a.Row, b.Row
	x.Codec, y.Codec = "", ""
	return x == y
}

// together measures cases that differ in their codec alone, in rounds whose order rotates.
func (s Settings) together(ctx context.Context, cases []*Case, started func(i int)) ([]Result, error) {
	results := make([]Result, len(cases))
	work := make([]func() error, len(cases))
	counts := make([]int, len(cases))
	for i, c := range cases {
		started(i)
		results[i] = Result{Row: c.Row, Sizes: c.Sizes, Items: c.Items}
		work[i] = c.Worker()
		var err error
		if counts[i], err = calibrate(ctx, work[i], s.Time/time.Duration(s.Rounds)); err != nil {
			return nil, fmt.Errorf("%s: %w", c.Name(), err)
		}
	}
	for round := range s.Rounds {
		for k := range cases {
			i := (k + round) % len(cases)
			one, err := take(ctx, work[i], counts[i])
			if err != nil {
				return nil, fmt.Errorf("%s: %w", cases[i].Name(), err)
			}
			results[i].Samples = append(results[i].Samples, one)
		}
	}
	for i := range results {
		results[i].sum()
	}
	return results, nil
}

// take measures n operations. The garbage of those before is collected first; their own counts.
func take(ctx context.Context, work func() error, n int) (Sample, error) {
	if err := ctx.Err(); err != nil {
		return Sample{}, err
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	start := time.Now()
	if err := repeat(work, n); err != nil {
		return Sample{}, err
	}
	took := time.Since(start)
	runtime.ReadMemStats(&after)
	per := func(v float64) float64 { return v / float64(n) }
	return Sample{
		N: n, NS: per(float64(took)),
		Bytes: per(float64(after.TotalAlloc - before.TotalAlloc)), Allocs: per(float64(after.Mallocs - before.Mallocs)),
	}, nil
}

func repeat(work func() error, n int) error {
	for range n {
		if err := work(); err != nil {
			return err
		}
	}
	return nil
}

// calibrate finds how many operations take about d, and warms up.
func calibrate(ctx context.Context, work func() error, d time.Duration) (int, error) {
	for n := 1; ; {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		start := time.Now()
		if err := repeat(work, n); err != nil {
			return 0, err
		}
		took := max(time.Since(start), time.Microsecond)
		if took >= d/2 {
			return max(1, int(float64(n)*float64(d)/float64(took))), nil
		}
		n = max(n+1, int(float64(n)*min(100, 0.9*float64(d)/float64(took))))
	}
}
