package codecbench

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// A Report is what one run found out, in the form that its JSON has. It names the
// machine by its kind alone.
type Report struct {
	Date     time.Time     `json:"date"`
	Version  string        `json:"version"` // of polywire
	Go       string        `json:"go"`
	Platform string        `json:"platform"`
	CPU      string        `json:"cpu,omitempty"` // its model, where the system tells
	Cores    int           `json:"cores"`
	Rounds   int           `json:"rounds"`
	Time     time.Duration `json:"time_ns"` // of a row
	Results  []Result      `json:"results"`
	Refused  []Refusal     `json:"refused,omitempty"`
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
	return &Report{
		Date: time.Now().UTC().Truncate(time.Second), Version: version(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH,
		CPU: cpuModel(), Cores: runtime.GOMAXPROCS(0), Rounds: s.Rounds, Time: s.Time,
	}
}

// version is that of this module, whichever program it is in.
func version() string {
	const module = "github.com/polywire/polywire"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if info.Main.Path == module && info.Main.Version != "" {
		return info.Main.Version
	}
	for _, m := range info.Deps {
		if m.Path == module {
			return m.Version
		}
	}
	return "unknown"
}

// cpuModel is what Linux calls the processor, and "" elsewhere.
func cpuModel() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return ""
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
