package main

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// A sample is what one operation cost on average in one round.
type sample struct {
	N      int     `json:"n"`      // operations
	CPU    float64 `json:"cpu_ns"` // user and system time of the whole process
	Wall   float64 `json:"wall_ns"`
	Allocs float64 `json:"allocs"`
	Bytes  float64 `json:"bytes"` // allocated
}

// take measures n operations of r. The garbage of those before is collected first; their own counts.
func take(ctx context.Context, r rig, n int) (sample, error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	used, err := cpuTime()
	if err != nil {
		return sample{}, err
	}
	start := time.Now()
	if err := r.run(ctx, n); err != nil {
		return sample{}, err
	}
	wall := time.Since(start)
	now, err := cpuTime()
	if err != nil {
		return sample{}, err
	}
	runtime.ReadMemStats(&after)
	per := func(v float64) float64 { return v / float64(n) }
	return sample{
		N: n, CPU: per(float64(now - used)), Wall: per(float64(wall)),
		Allocs: per(float64(after.Mallocs - before.Mallocs)),
		Bytes:  per(float64(after.TotalAlloc - before.TotalAlloc)),
	}, nil
}

// calibrate finds how many operations of r take about d, and warms it up.
func calibrate(ctx context.Context, r rig, d time.Duration) (int, error) {
	n := 1
	for {
		start := time.Now()
		if err := r.run(ctx, n); err != nil {
			return 0, err
		}
		took := max(time.Since(start), time.Microsecond)
		if took >= d/2 {
			return max(1, int(float64(n)*float64(d)/float64(took))), nil
		}
		n = max(n+1, int(float64(n)*min(100, 0.9*float64(d)/float64(took))))
	}
}

// Settings are how long and how often to measure.
type settings struct {
	Rounds int
	Time   time.Duration
}

// patience is how long a line may take beyond its rounds before it counts as hung.
const patience = 10 * time.Minute

// measureLine opens all entries of l, proves them, and takes a sample of each in
// every round. The result is samples[entry][round].
func measureLine(ctx context.Context, l *line, s settings) (samples [][]sample, err error) {
	budget := time.Duration(4*len(l.entries)*(s.Rounds+3)) * s.Time
	ctx, cancel := context.WithTimeout(ctx, patience+budget)
	defer cancel()
	rigs := make([]rig, len(l.entries))
	counts := make([]int, len(l.entries))
	defer func() {
		for i, r := range rigs {
			if r == nil {
				continue
			}
			if failed := r.close(); failed != nil {
				err = errors.Join(err, fmt.Errorf("%s of %s: close: %w", l.entries[i].name, l.path(), failed))
			}
		}
	}()
	for i, e := range l.entries {
		if rigs[i], err = e.open(ctx); err == nil {
			err = rigs[i].prove(ctx)
		}
		if err == nil {
			counts[i], err = calibrate(ctx, rigs[i], s.Time)
		}
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", e.name, l.path(), err)
		}
	}
	samples = make([][]sample, len(rigs))
	for round := range s.Rounds {
		for k := range rigs {
			i := (k + round) % len(rigs)
			one, err := take(ctx, rigs[i], counts[i])
			if err != nil {
				return nil, fmt.Errorf("%s of %s: %w", l.entries[i].name, l.path(), err)
			}
			samples[i] = append(samples[i], one)
		}
	}
	return samples, nil
}
