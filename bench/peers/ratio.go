package main

import (
	"math"

	"golang.org/x/perf/benchmath"
)

// confidence of all bounds.
const confidence = 0.95

// An estimate is a median with the bounds between which it lies at 95 %, by
// order statistics: nothing is assumed of how the values are spread. Fewer than six
// values give no bounds: they are infinite then.
type estimate struct{ Mid, Low, High float64 }

func estimateOf(values []float64) estimate {
	s := benchmath.AssumeNothing.Summary(benchmath.NewSample(values, &benchmath.DefaultThresholds), confidence)
	return estimate{s.Center, s.Lo, s.Hi}
}

// bounded reports whether there were values enough for bounds.
func (e estimate) bounded() bool { return !math.IsInf(e.Low, 0) && !math.IsInf(e.High, 0) }

// ratios are ours ÷ theirs in CPU, round by round.
func ratios(ours, theirs []sample) []float64 {
	out := make([]float64, len(ours))
	for i := range ours {
		out[i] = ours[i].CPU / theirs[i].CPU
	}
	return out
}

func column(samples []sample, of func(sample) float64) []float64 {
	out := make([]float64, len(samples))
	for i, s := range samples {
		out[i] = of(s)
	}
	return out
}

// A verdict says whether a goal is met.
type verdict string

const (
	met     verdict = "met"
	within  verdict = "met within noise" // the lower bound is under the goal, the upper is not
	missed  verdict = "not met"
	unknown verdict = "too few rounds"
)

// judge holds an estimate against the most that a goal allows: it is met when the lower
// bound is under it, and the verdict tells when the upper one is not.
func judge(e estimate, most float64) verdict {
	switch {
	case !e.bounded():
		return unknown
	case e.High <= most:
		return met
	case e.Low < most:
		return within
	}
	return missed
}
