package benchfmt

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/polywire/polywire/internal/nearest"
)

// A Limit is what a metric must keep, as p99<5ms.
type Limit struct {
	Metric string
	Want   string // the operator and the limit as they were given
	above  bool   // the figure must be above, or equal to, limit
	equal  bool
	limit  float64
}

// ParseLimit reads METRIC<LIMIT, with <, <=, > or >=. The metrics that timed reports are in
// ns, and take a time such as 5µs too. Errors do not name the text that rule is a part of.
func ParseLimit(rule string, metrics []string, timed func(metric string) bool) (Limit, error) {
	at := strings.IndexAny(rule, "<>")
	if at < 0 {
		return Limit{}, fmt.Errorf("want METRIC<LIMIT, as %s<5 or %s>100", metrics[0], metrics[len(metrics)-1])
	}
	l := Limit{Metric: rule[:at], Want: rule[at:], above: rule[at] == '>'}
	rest, equal := strings.CutPrefix(rule[at+1:], "=")
	l.equal = equal
	if !slices.Contains(metrics, l.Metric) {
		err := fmt.Errorf("unknown metric %q (known: %s)", l.Metric, strings.Join(metrics, ", "))
		if meant := nearest.Name(l.Metric, metrics); meant != "" {
			err = fmt.Errorf("%w; did you mean %q?", err, meant)
		}
		return Limit{}, err
	}
	v, err := strconv.ParseFloat(rest, 64)
	if err != nil && timed(l.Metric) {
		var d time.Duration
		d, err = time.ParseDuration(rest)
		v = float64(d)
	}
	if err != nil {
		hint := ""
		if timed(l.Metric) {
			hint = ", nor a time such as 5µs"
		}
		return Limit{}, fmt.Errorf("the limit %q is no number%s", rest, hint)
	}
	l.limit = v
	return l, nil
}

// Keeps reports whether got keeps the limit.
func (l Limit) Keeps(got float64) bool {
	switch {
	case got == l.limit:
		return l.equal
	case l.above:
		return got > l.limit
	}
	return got < l.limit
}
