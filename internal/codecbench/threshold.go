package codecbench

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/polywire/polywire/internal/nearest"
)

// A Threshold is a limit to a metric of some rows.
type Threshold struct {
	text   string
	rows   Selection
	metric string
	above  bool // the figure must be above, or equal to, limit
	equal  bool
	limit  float64
	want   string // the operator and the limit as they were given
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
	at := strings.IndexAny(rule, "<>")
	if at < 0 {
		return t, fmt.Errorf("threshold %q: want METRIC<LIMIT, as ns<5µs or mb/s>100", text)
	}
	t.metric, t.want, t.above = rule[:at], rule[at:], rule[at] == '>'
	rest, equal := strings.CutPrefix(rule[at+1:], "=")
	t.equal = equal
	if !slices.Contains(metrics(), t.metric) {
		err := fmt.Errorf("threshold %q: unknown metric %q (known: %s)", text, t.metric, strings.Join(metrics(), ", "))
		if meant := nearest.Name(t.metric, metrics()); meant != "" {
			err = fmt.Errorf("%w; did you mean %q?", err, meant)
		}
		return t, err
	}
	var err error
	if t.limit, err = parseLimit(t.metric, rest); err != nil {
		return t, fmt.Errorf("threshold %q: the limit %q is no number, nor a time such as 5µs for ns", text, rest)
	}
	return t, nil
}

func parseLimit(metric, text string) (float64, error) {
	v, err := strconv.ParseFloat(text, 64)
	if err == nil || metric != "ns" {
		return v, err
	}
	d, err := time.ParseDuration(text)
	return float64(d), err
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
		if got := x.metric(t.metric); !t.keeps(got) {
			missed = append(missed, fmt.Sprintf("%s: %s is %s, want %s", x.Name(), t.metric, figure(got), t.want))
		}
	}
	if meant == 0 {
		return nil, fmt.Errorf("threshold %q is about no row that was measured", t.text)
	}
	return missed, nil
}

func (t Threshold) keeps(got float64) bool {
	switch {
	case got == t.limit:
		return t.equal
	case t.above:
		return got > t.limit
	}
	return got < t.limit
}
