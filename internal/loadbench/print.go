package loadbench

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/polywire/polywire/internal/benchfmt"
)

// Formats are the ways to print a report, by name.
func Formats() map[string]func(io.Writer, *Report) error {
	return map[string]func(io.Writer, *Report) error{"text": writeText, "json": writeJSON, "csv": writeCSV, "go": writeGo}
}

// FormatNames are the names of Formats, in alphabetical order.
func FormatNames() []string { return slices.Sorted(maps.Keys(Formats())) }

func writeJSON(w io.Writer, r *Report) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "\t")
	return e.Encode(r)
}

// loop says how calls were made.
func (r *Report) loop() string {
	if r.Rate > 0 {
		return fmt.Sprintf("%s a second in an open loop, %d in flight at most", benchfmt.Figure(r.Rate), r.Callers)
	}
	return fmt.Sprintf("%d at a time in a closed loop", r.Callers)
}

func writeText(w io.Writer, r *Report) error {
	fmt.Fprintf(w, "%s %s over %s, %d B, %s\n\n", r.Op, r.Destination, r.Transport, r.Sent, r.loop())
	fmt.Fprintf(w, "  %d calls in %s, %s/s", r.Calls, benchfmt.Duration(float64(r.Took)), benchfmt.Count(r.PerSec))
	if r.Failed > 0 {
		fmt.Fprintf(w, "; %d failed: %s", r.Failed, r.failures())
	}
	fmt.Fprintf(w, "\n  %s allocations and %s B a call in this process\n\n", benchfmt.Figure(r.Allocs), benchfmt.Count(r.Bytes))
	for _, x := range []struct {
		name string
		ns   float64
	}{
		{"min", float64(r.Min)}, {"p50", float64(r.P50)}, {"p90", float64(r.P90)}, {"p99", float64(r.P99)},
		{"p99.9", float64(r.P999)}, {"max", float64(r.Max)}, {"mean", r.Mean},
	} {
		fmt.Fprintf(w, "  %-6s %s\n", x.name, benchfmt.Duration(x.ns))
	}
	_, err := fmt.Fprintf(w, "\n%s; %d rounds after %v of warm-up; %s.\n", r.Facts(), len(r.Rounds), r.WarmUp, r.latencies())
	return err
}

// latencies says what a latency is of.
func (r *Report) latencies() string {
	from := "from its begin"
	if r.Rate > 0 {
		from = "from when it was to begin"
	}
	switch r.Op {
	case "publish":
		return "a latency is " + from + " until the publication is accepted"
	case "gather":
		return "a latency is " + from + " until the last answer that was wanted"
	}
	return "a latency is " + from + " until the answer"
}

func (r *Report) failures() string {
	var out []string
	for _, code := range slices.Sorted(maps.Keys(r.Errors)) {
		out = append(out, fmt.Sprintf("%d %s", r.Errors[code], code))
	}
	return strings.Join(out, ", ")
}

// Name is the report's name as Go's benchmarks have it, for benchstat.
func (r *Report) Name() string {
	name := fmt.Sprintf("%s%s/transport=%s/loop=%s/callers=%d/bytes=%d", strings.ToUpper(r.Op[:1]), r.Op[1:], r.Transport, r.Loop, r.Callers, r.Sent)
	if r.Rate > 0 {
		name += "/rate=" + strconv.FormatFloat(r.Rate, 'f', -1, 64)
	}
	if r.Codec != "" {
		name += "/codec=" + r.Codec
	}
	return name
}

// writeGo prints every round as a line of Go's benchmarks. As there, ns/op is the time that a call
// took of all, so it falls with the callers; latencies have units of their own.
func writeGo(w io.Writer, r *Report) error {
	fmt.Fprint(w, r.Head())
	for _, f := range r.Rounds {
		if f.Calls == 0 {
			continue
		}
		_, err := fmt.Fprintf(w, "Benchmark%s-%d\t%d\t%.1f ns/op\t%d p50-ns\t%d p90-ns\t%d p99-ns\t%d p99.9-ns\t%d max-ns\t%.1f calls/s\t%.0f B/op\t%.0f allocs/op\n",
			r.Name(), r.Cores, f.Calls, float64(f.Took)/float64(f.Calls), f.P50, f.P90, f.P99, f.P999, f.Max, f.PerSec, math.Floor(f.Bytes), math.Floor(f.Allocs))
		if err != nil {
			return err
		}
	}
	return nil
}

// writeCSV prints a line for each round, and one for all.
func writeCSV(w io.Writer, r *Report) error {
	c := csv.NewWriter(w)
	records := [][]string{{
		"op", "transport", "loop", "callers", "rate", "sent_bytes", "round", "calls", "per_s", "mean", "min", "p50", "p90", "p99", "p99.9", "max",
		"allocs", "bytes", "received_bytes",
	}}
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
	whole := func(v int64) string { return strconv.FormatInt(v, 10) }
	row := func(name string, f Figures) {
		records = append(records, []string{
			r.Op, r.Transport, r.Loop, strconv.Itoa(r.Callers), number(r.Rate), strconv.Itoa(r.Sent), name, whole(f.Calls), number(f.PerSec), number(f.Mean),
			whole(f.Min), whole(f.P50), whole(f.P90), whole(f.P99), whole(f.P999), whole(f.Max), number(f.Allocs), number(f.Bytes), number(f.Received),
		})
	}
	for i, f := range r.Rounds {
		row(strconv.Itoa(i+1), f)
	}
	row("all", r.Figures)
	return c.WriteAll(records)
}

// ParseThreshold reads METRIC<LIMIT, as p99<5ms.
func ParseThreshold(text string) (benchfmt.Limit, error) {
	l, err := benchfmt.ParseLimit(text, Metrics(), timed)
	if err != nil {
		return l, fmt.Errorf("threshold %q: %w", text, err)
	}
	return l, nil
}

// Missed returns a line for each limit that r does not keep.
func (r *Report) Missed(limits []benchfmt.Limit) []string {
	var missed []string
	for _, l := range limits {
		got := r.metric(l.Metric)
		if l.Keeps(got) {
			continue
		}
		told := benchfmt.Figure(got)
		if timed(l.Metric) {
			told = benchfmt.Duration(got)
		}
		missed = append(missed, fmt.Sprintf("%s is %s, want %s", l.Metric, told, l.Want))
	}
	return missed
}
