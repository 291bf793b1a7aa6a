package loadbench

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/polywire/polywire/internal/benchfmt"
)

// A Report is all that one run found out, in the form that its JSON has.
type Report struct {
	benchfmt.Machine
	About
	Loop    string           `json:"loop"`           // closed or open
	Callers int              `json:"callers"`        // of an open loop, calls in flight at most
	Rate    float64          `json:"rate,omitempty"` // that an open loop was to have
	WarmUp  time.Duration    `json:"warm_up_ns"`
	Errors  map[string]int64 `json:"errors,omitempty"` // by code; they are in no other figure
	Failed  int64            `json:"failed"`
	Figures
	Rounds []Figures `json:"rounds"`

	latency *hdrhistogram.Histogram
	first   error // of a call
	mallocs float64
	alloced float64
	bytes   float64
	took    time.Duration
}

// About says what was called.
type About struct {
	Op          string `json:"op"` // request, publish or gather
	Destination string `json:"destination"`
	Transport   string `json:"transport"` // the adapter's name
	Codec       string `json:"codec,omitempty"`
	Sent        int    `json:"sent_bytes"` // of a body
}

// Figures are those of calls that succeeded. Times are ns.
type Figures struct {
	Calls    int64         `json:"calls"`
	Took     time.Duration `json:"took_ns"`
	PerSec   float64       `json:"per_s"`
	Mean     float64       `json:"mean"`
	Min      int64         `json:"min"`
	P50      int64         `json:"p50"`
	P90      int64         `json:"p90"`
	P99      int64         `json:"p99"`
	P999     int64         `json:"p99.9"`
	Max      int64         `json:"max"`
	Allocs   float64       `json:"allocs"` // of this process, a call; both ends where they are in it
	Bytes    float64       `json:"bytes"`  // allocated, likewise
	Received float64       `json:"received_bytes"`
}

func newReport(s Settings) *Report {
	r := &Report{
		Machine: benchfmt.This(), Loop: "closed", Callers: s.Callers, Rate: s.Rate, WarmUp: s.WarmUp,
		Errors: map[string]int64{}, latency: hdrhistogram.New(lowest, highest, digits),
	}
	if s.Rate > 0 {
		r.Loop = "open"
	}
	return r
}

// add takes in a round.
func (r *Report) add(one *round) {
	latency := hdrhistogram.New(lowest, highest, digits)
	var received int64
	for _, s := range one.shards {
		latency.Merge(s.latency)
		received += s.received
		for code, n := range s.errors {
			r.Errors[code] += n
			r.Failed += n
		}
		if r.first == nil {
			r.first = s.first
		}
	}
	mallocs, alloced := float64(one.after.Mallocs-one.before.Mallocs), float64(one.after.TotalAlloc-one.before.TotalAlloc)
	f := figures(latency, one.took)
	f.spread(mallocs, alloced, float64(received), float64(one.done.Load()))
	r.Rounds = append(r.Rounds, f)
	r.Calls += f.Calls
	r.mallocs, r.alloced, r.bytes, r.took = r.mallocs+mallocs, r.alloced+alloced, r.bytes+float64(received), r.took+one.took
	r.latency.Merge(latency)
}

// sum makes the figures of all rounds together.
func (r *Report) sum() {
	r.Figures = figures(r.latency, r.took)
	r.spread(r.mallocs, r.alloced, r.bytes, float64(r.Calls+r.Failed))
}

func figures(h *hdrhistogram.Histogram, took time.Duration) Figures {
	return Figures{
		Calls: h.TotalCount(), Took: took, PerSec: float64(h.TotalCount()) / took.Seconds(), Mean: h.Mean(), Min: h.Min(), Max: h.Max(),
		P50: h.ValueAtQuantile(50), P90: h.ValueAtQuantile(90), P99: h.ValueAtQuantile(99), P999: h.ValueAtQuantile(99.9),
	}
}

// spread divides what was counted by the calls that were made.
func (f *Figures) spread(mallocs, alloced, received, made float64) {
	if made > 0 {
		f.Allocs, f.Bytes = mallocs/made, alloced/made
	}
	if f.Calls > 0 {
		f.Received = received / float64(f.Calls)
	}
}

// Metrics are what thresholds limit.
func Metrics() []string {
	return []string{"p50", "p90", "p99", "p99.9", "max", "mean", "failed", "allocs", "bytes", "rate"}
}

func timed(metric string) bool { return metric[0] == 'p' || metric[0] == 'm' }

func (r *Report) metric(name string) float64 {
	switch name {
	case "p50":
		return float64(r.P50)
	case "p90":
		return float64(r.P90)
	case "p99":
		return float64(r.P99)
	case "p99.9":
		return float64(r.P999)
	case "max":
		return float64(r.Max)
	case "mean":
		return r.Mean
	case "failed":
		return float64(r.Failed)
	case "allocs":
		return r.Allocs
	case "bytes":
		return r.Bytes
	}
	return r.PerSec
}
