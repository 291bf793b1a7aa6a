package codecbench

import (
	"fmt"
	"slices"
	"strings"

	"github.com/polywire/polywire/internal/benchfmt"
)

// A Threshold is a limit to a metric of some rows.
type Threshold struct {
	benchfmt.Limit
	text string
	rows Selection
}

// metrics are what thresholds limit.
func metrics() []string {
	return []string{"ns", "allocs", "bytes", "wire", "gzip", "zstd", "mb/s", "items/s"}
}

func (r *Result) metric(name string) float64 {
	switch name {
	case "ns":
		return r.NS
	case "allocs":
		return r.Allocs
	case "bytes":
		return r.Bytes
	case "wire":
		return float64(r.Wire)
	case "gzip":
		return float64(r.Gzip)
	case "zstd":
		return float64(r.Zstd)
	case "mb/s":
		return r.MBps
	}
	return r.PerSec
}

// ParseThreshold reads [KEY=VALUE/…:]METRIC<LIMIT, as
//
//	codec=json/shape=order/op=encode:allocs<=0
//	shape=list:ns<500µs
//	codec=protobuf:mb/s>100
//
// with the operators <, <=, > and >=. A key that is not named takes all rows.
func ParseThreshold(text string) (Threshold, error) {
	t := Threshold{text: text, rows: Selection{}}
	rows, rule, found := strings.Cut(text, ":")
	if !found {
		rows, rule = "", text
	}
	if rows != "" {
		for part := range strings.SplitSeq(rows, "/") {
			key, value, _ := strings.Cut(part, "=")
			if !slices.Contains(Keys(), key) || value == "" {
				return t, fmt.Errorf("threshold %q: rows are chosen by KEY=VALUE, joined by /, of the keys %s", text, strings.Join(Keys(), ", "))
			}
			t.rows[key] = append(t.rows[key], value)
		}
	}
	limit, err := benchfmt.ParseLimit(rule, metrics(), func(metric string) bool { return metric == "ns" })
	if err != nil {
		return t, fmt.Errorf("threshold %q: %w", text, err)
	}
	t.Limit = limit
	return t, nil
}

// Missed returns a line for each row that does not keep the threshold. It fails when no
// row of r is meant, because a threshold that nothing can miss holds nothing.
func (t Threshold) Missed(r *Report) ([]string, error) {
	var missed []string
	meant := 0
	for _, x := range r.Results {
		if !t.rows.Takes(x.Row) {
			continue
		}
		meant++
		if got := x.metric(t.Metric); !t.Keeps(got) {
			missed = append(missed, fmt.Sprintf("%s: %s is %s, want %s", x.Name(), t.Metric, benchfmt.Figure(got), t.Want))
		}
	}
	if meant == 0 {
		return nil, fmt.Errorf("threshold %q is about no row that was measured", t.text)
	}
	return missed, nil
}
