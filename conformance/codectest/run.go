package codectest

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"
)

// Options choose what [Execute] runs. The zero value is the whole fast tier.
type Options struct {
	Run      *regexp.Regexp // cases whose id it matches; nil is all
	Tier     Tier           // Nightly runs both tiers; empty is Fast
	Cases    []Case         // in place of Cases()
	OnResult func(Result)   // called after each case, in order
}

// TierEnv names the environment variable that chooses the tier of [Run]: "fast", the default, or "nightly".
const TierEnv = "POLYWIRE_CONFORMANCE_TIER"

// Run runs the catalogue as subtests of t, one for each case, and logs what it skipped or inverted.
func Run(t *testing.T, h Harness) {
	t.Helper()
	r := newRunner(&h, Options{Tier: Tier(os.Getenv(TierEnv))})
	for _, c := range r.cases() {
		t.Run(c.ID, func(t *testing.T) {
			res := r.run(&c)
			r.report.add(res)
			switch res.Status {
			case Failed:
				t.Errorf("%s\n%s", c.Rule, res.Reason)
			case Skipped:
				t.Skip(res.Reason)
			case Passed:
			default:
				t.Log(res.Status+":", res.Reason)
			}
		})
	}
	for _, stale := range r.unused() {
		t.Error(stale)
	}
	t.Log(r.report.summary())
}

// Execute runs the catalogue without package testing, until ctx ends.
func Execute(ctx context.Context, h Harness, o Options) *Report {
	r := newRunner(&h, o)
	cases := r.cases()
	for i := range cases {
		if ctx.Err() != nil {
			r.report.Err = fmt.Sprintf("stopped after %d of %d cases: %v", i, len(cases), context.Cause(ctx))
			return r.report
		}
		res := r.run(&cases[i])
		r.report.add(res)
		if r.o.OnResult != nil {
			r.o.OnResult(res)
		}
	}
	if stale := r.unused(); len(stale) > 0 {
		r.report.Err = strings.Join(stale, "\n")
	}
	return r.report
}

// A runner runs cases one after the other on one Harness.
type runner struct {
	h      *Harness
	o      Options
	report *Report
	used   map[string]bool // deviations that a case met
}

func newRunner(h *Harness, o Options) *runner {
	o.Tier = cmp.Or(o.Tier, Fast)
	if o.Cases == nil {
		o.Cases = Cases()
	}
	return &runner{h: h, o: o, report: &Report{Codec: h.Name}, used: make(map[string]bool)}
}

func (r *runner) cases() []Case {
	return slices.DeleteFunc(slices.Clone(r.o.Cases), func(c Case) bool {
		return r.o.Run != nil && !r.o.Run.MatchString(c.ID)
	})
}

// unused names the deviations that no case knows: a slip of the pen would
// otherwise excuse nothing, in silence.
func (r *runner) unused() []string {
	if r.o.Run != nil {
		return nil
	}
	var stale []string
	for _, list := range []map[string]string{r.h.Deviations, r.h.Known} {
		for key := range list {
			id, _, _ := strings.Cut(key, "/")
			known := slices.ContainsFunc(r.o.Cases, func(c Case) bool { return c.ID == id || c.Unless == key })
			if !known {
				stale = append(stale, fmt.Sprintf("the deviation %q names neither a case nor a deviation of this package", key))
			}
		}
	}
	slices.Sort(stale)
	return stale
}

func (r *runner) run(c *Case) Result {
	res := Result{ID: c.ID, Group: c.Group, Rule: c.Rule, Level: c.Level}
	if reason := r.skip(c); reason != "" {
		res.Status, res.Reason = Skipped, reason
		return res
	}
	run, inverted := c.Run, ""
	if why, ok := r.h.Deviations[c.Unless]; ok && c.Unless != "" {
		run, inverted = c.Inverse, c.Unless+": "+why
	}
	start := time.Now()
	problems := r.isolated(c, run)
	res.Duration = time.Since(start)
	r.judge(&res, problems, inverted)
	return res
}

func (r *runner) skip(c *Case) string {
	if c.Tier == Nightly && r.o.Tier != Nightly {
		return "nightly tier: set " + TierEnv + "=nightly, or ask for the tier"
	}
	if a := r.h.lacks(c); a != "" {
		return "the harness has no ability " + a
	}
	return ""
}

// patience is how long one case may take before it is said to hang.
const patience = 3 * time.Minute

// isolated runs one case on a goroutine of its own, which is left behind where it hangs.
func (r *runner) isolated(c *Case, run func(*Env)) []problem {
	e := &Env{h: r.h, Tier: r.o.Tier, Codec: r.h.New(limits{})}
	done := make(chan struct{}) // closed by the goroutine when the case has returned
	go func() {                 // isolated waits for it, unless the case hangs
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				e.Errorf("the case panicked: %v\n%s", v, debug.Stack())
			}
		}()
		run(e)
	}()
	limit := patience
	if c.Tier == Nightly {
		limit *= 20
	}
	t := time.NewTimer(limit)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
		e.Errorf("the case hangs: it has not returned after %v", limit)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.more > 0 {
		e.problems = append(e.problems, problem{text: fmt.Sprintf("and %d more", e.more)})
	}
	return slices.Clone(e.problems)
}

// judge says how a case ended: what a deviation excuses must have happened.
func (r *runner) judge(res *Result, problems []problem, inverted string) {
	var reasons []string
	status := Passed
	if inverted != "" {
		status, reasons = Inverted, []string{inverted}
	}
	for _, list := range []struct {
		of     map[string]string
		status Status
	}{{r.h.Deviations, Deviates}, {r.h.Known, KnownFailure}} {
		for _, key := range keysOf(list.of, res.ID) {
			excused, rest := split(problems, res.ID, key)
			if len(excused) == 0 {
				res.Status, res.Reason = Failed, fmt.Sprintf("%s holds, but is listed as one that does not: take it off the list (%s)", key, list.of[key])
				return
			}
			problems, status = rest, list.status
			reasons = append(reasons, fmt.Sprintf("%s: %s (%s)", key, list.of[key], firstLine(texts(excused))))
		}
	}
	res.Status, res.Reason = status, strings.Join(reasons, "\n")
	switch {
	case len(problems) > 0 && res.Level == Advisory:
		res.Status, res.Reason = Advised, texts(problems)
	case len(problems) > 0:
		res.Status, res.Reason = Failed, texts(problems)
	}
}

// keysOf returns the keys of list that speak of the case id, in order.
func keysOf(list map[string]string, id string) []string {
	var keys []string
	for key := range list {
		if of, _, _ := strings.Cut(key, "/"); of == id {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

// split parts problems into those that key speaks of and the others.
func split(problems []problem, id, key string) (excused, rest []problem) {
	for _, p := range problems {
		if key == id || key == id+"/"+p.part {
			excused = append(excused, p)
		} else {
			rest = append(rest, p)
		}
	}
	return excused, rest
}
