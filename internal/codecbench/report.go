package codecbench

import (
	"math"
	"slices"
	"time"

	"github.com/polywire/polywire/internal/benchfmt"
)

// A Report is what one run found out, in the form that its JSON has. It names the
// machine by its kind alone.
type Report struct {
	benchfmt.Machine
	Rounds  int           `json:"rounds"`
	Time    time.Duration `json:"time_ns"` // of a row
	Results []Result      `json:"results"`
	Refused []Refusal     `json:"refused,omitempty"`
}

// A Result is a row with its figures, each the median of its rounds.
type Result struct {
	Row
	Sizes
	Items   int      `json:"items"`
	NS      float64  `json:"ns"` // of one operation, as are all below
	Low     float64  `json:"ns_low"`
	High    float64  `json:"ns_high"`
	Bytes   float64  `json:"bytes"`    // allocated
	Allocs  float64  `json:"allocs"`   // whole
	MBps    float64  `json:"mb_per_s"` // of logical bytes
	PerSec  float64  `json:"items_per_s"`
	Samples []Sample `json:"rounds"`
}

func newReport(s Settings) *Report {
	return &Report{Machine: benchfmt.This(), Rounds: s.Rounds, Time: s.Time}
}

// sum makes the figures of the samples.
func (r *Result) sum() {
	ns := r.column(func(s Sample) float64 { return s.NS })
	r.NS, r.Low, r.High = median(ns), slices.Min(ns), slices.Max(ns)
	r.Bytes = median(r.column(func(s Sample) float64 { return s.Bytes }))
	r.Allocs = math.Floor(median(r.column(func(s Sample) float64 { return s.Allocs }))) // as Go's testing counts
	r.MBps = float64(r.Logical) / r.NS * 1e3
	r.PerSec = float64(r.Items) / r.NS * 1e9
}

func (r *Result) column(of func(Sample) float64) []float64 {
	out := make([]float64, len(r.Samples))
	for i, s := range r.Samples {
		out[i] = of(s)
	}
	return out
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// find returns the result of a row.
func (r *Report) find(row Row) (Result, bool) {
	i := slices.IndexFunc(r.Results, func(x Result) bool { return x.Row == row })
	if i < 0 {
		return Result{}, false
	}
	return r.Results[i], true
}

// values are those that rows of the report have of a key, in their order.
func (r *Report) values(key string) []string {
	var out []string
	for _, x := range r.Results {
		if v := x.Get(key); !slices.Contains(out, v) {
			out = append(out, v)
		}
	}
	return out
}
