package transporttest

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/polywire/polywire/transport"
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

// Run runs the catalogue as subtests of t, one for each case, and logs what it skipped.
func Run(t *testing.T, h Harness) {
	t.Helper()
	r := newRunner(&h, Options{Tier: Tier(os.Getenv(TierEnv))})
	if err := r.probe(t, context.Background()); err != nil { // a bubble cannot wait for t's
		t.Fatalf("open: %v", err)
	}
	for _, c := range r.cases() {
		t.Run(c.ID, func(t *testing.T) {
			res := r.run(t, t.Context(), &c)
			r.report.add(res)
			switch res.Status {
			case Failed:
				t.Errorf("%s\n%s", c.Rule, res.Reason)
			case Skipped:
				t.Skip(res.Reason)
			case Inverted, KnownFailure:
				t.Log(res.Status+":", res.Reason)
			}
			if res.Measured != "" {
				t.Log(res.Measured)
			}
		})
	}
	for _, problem := range r.close() {
		t.Error(problem)
	}
	t.Log(r.report.summary())
}

// Execute runs the catalogue without package testing. It returns a report in
// any case; Report.Err tells when the Harness could not open anything, and how
// many cases had run when ctx ended. The case that ctx interrupts is none of them.
func Execute(ctx context.Context, h Harness, o Options) *Report {
	r := newRunner(&h, o)
	if err := r.probe(nil, ctx); err != nil {
		r.report.Err = err.Error()
		return r.report
	}
	r.each(ctx, r.cases())
	if ctx.Err() != nil {
		r.drop() // in a hurry: a case that was cut off says nothing about leaks
		return r.report
	}
	for _, problem := range r.close() {
		r.report.Err = problem
	}
	return r.report
}

// each runs cases until ctx ends.
func (r *runner) each(ctx context.Context, cases []Case) {
	for i := range cases {
		var res Result
		if ctx.Err() == nil {
			res = r.run(nil, ctx, &cases[i])
		}
		if ctx.Err() != nil {
			r.report.Err = fmt.Sprintf("stopped after %d of %d cases: %v", i, len(cases), context.Cause(ctx))
			return
		}
		r.report.add(res)
		if r.o.OnResult != nil {
			r.o.OnResult(res)
		}
	}
}

// A runner runs cases one after the other on one Harness.
type runner struct {
	h        *Harness
	o        Options
	features transport.Features
	shared   *pair
	before   map[string]string // goroutines before the shared pair was opened
	report   *Report
}

func newRunner(h *Harness, o Options) *runner {
	if o.Tier == "" {
		o.Tier = Fast
	}
	if o.Cases == nil {
		o.Cases = Cases()
	}
	return &runner{h: h, o: o, report: &Report{Adapter: h.Name}}
}

func (r *runner) cases() []Case {
	return slices.DeleteFunc(slices.Clone(r.o.Cases), func(c Case) bool {
		return r.o.Run != nil && !r.o.Run.MatchString(c.ID)
	})
}

// probe learns the features from a first pair.
func (r *runner) probe(t *testing.T, ctx context.Context) error {
	var err error
	r.bubble(t, r.h.Synctest, func() {
		ctx, cancel := context.WithTimeout(ctx, 300*r.h.tick())
		defer cancel()
		var p *pair
		if p, err = r.h.open(ctx, ConnOptions{}); err != nil {
			return
		}
		r.features = p.raw.Features()
		r.report.Features = r.features.String()
		closePair(p)
	})
	return err
}

// bubble runs f, with a fake clock where wanted and possible.
func (r *runner) bubble(t *testing.T, wanted bool, f func()) {
	if t == nil || !wanted {
		f()
		return
	}
	synctest.Test(t, func(*testing.T) { f() })
}

func (r *runner) run(t *testing.T, ctx context.Context, c *Case) Result {
	res := Result{ID: c.ID, Group: c.Group, Rule: c.Rule, Sections: c.Sections, Level: c.Level}
	switch reason := r.skip(c); reason {
	case "":
	default:
		res.Status, res.Reason = Skipped, reason
		return res
	}
	run, inverted := r.runnable(c)
	start := time.Now()
	var problems []string
	var measured string
	own := t != nil && (r.h.bubble || c.Timing && r.h.Synctest)
	if own {
		ctx = context.WithoutCancel(ctx) // a bubble cannot wait for what is outside
	}
	r.bubble(t, own, func() { problems, measured = r.isolated(ctx, c, run, own) })
	res.Duration, res.Measured = time.Since(start), measured
	r.judge(&res, c, problems, inverted)
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

// runnable is what to run for c, and why that is its inversion, if it is.
func (r *runner) runnable(c *Case) (run func(context.Context, *Env) error, inverted string) {
	inverse := c.Inverse
	if inverse == nil {
		inverse = invert
	}
	turned := func(f string) func(context.Context, *Env) error {
		return func(ctx context.Context, e *Env) error { return inverse(ctx, e, f) }
	}
	for _, f := range c.Needs {
		if !r.features.Has(f) {
			return turned(f), "Features." + f + " is not declared, and behaves so"
		}
	}
	if c.Unless != "" && r.features.Has(c.Unless) {
		return turned(c.Unless), "Features." + c.Unless + " is declared, and behaves so"
	}
	return c.Run, ""
}

func (r *runner) judge(res *Result, c *Case, problems []string, inverted string) {
	why, known := r.h.Known[c.ID]
	switch {
	case len(problems) == 0 && known:
		res.Status, res.Reason = Failed, "it passes, but is listed as a known failure: take it off the list ("+why+")"
	case len(problems) > 0 && known:
		res.Status, res.Reason = KnownFailure, why+": "+problems[0]
	case len(problems) > 0 && c.Level == Advisory:
		res.Status, res.Reason = Advised, strings.Join(problems, "\n")
	case len(problems) > 0:
		res.Status, res.Reason = Failed, strings.Join(problems, "\n")
	case inverted != "":
		res.Status, res.Reason = Inverted, inverted
	default:
		res.Status = Passed
	}
}

// A broker takes most of a minute to start on a machine that does other work: cases that restart one have so many times as long.
const restartStretch = 3

// isolated runs one case on a goroutine of its own and looks what it left behind.
func (r *runner) isolated(ctx context.Context, c *Case, run func(context.Context, *Env) error, bubble bool) (problems []string, measured string) {
	shared, err := r.pair(ctx, bubble)
	if err != nil {
		return []string{"open: " + err.Error()}, ""
	}
	limit := 600 * r.h.tick()
	if slices.Contains(c.Abilities, AbilityRestart) {
		limit *= restartStretch
	}
	if c.Tier == Nightly {
		limit *= 60 // a million connections take most of an hour on a machine that does other work
	}
	if bubble {
		limit = 48 * time.Hour // of a clock that runs by itself
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	before := goroutines()
	e := newEnv(r.h, c, r.features, shared)
	e.Fake = bubble
	problems = e.execute(ctx, run)
	cleanCtx, stop := context.WithTimeout(context.WithoutCancel(ctx), e.Patience)
	defer stop()
	problems = append(problems, e.finish(cleanCtx)...)
	if shared == nil {
		for _, stack := range leaked(before, r.h.Ignore, e.Patience/2) {
			problems = append(problems, "leaked goroutine: "+stack)
		}
	} else if len(problems) > 0 {
		r.drop() // what a failed case left on it is not the next one's fault
	}
	return problems, e.measured
}

// execute runs a case and waits for it, at most until ctx ends.
func (e *Env) execute(ctx context.Context, run func(context.Context, *Env) error) []string {
	done := make(chan struct{})
	go func() { // execute waits for it, unless the case hangs
		defer close(done)
		defer func() {
			if v := recover(); v != nil {
				e.Errorf("the case panicked: %v\n%s", v, debug.Stack())
			}
		}()
		if err := run(ctx, e); err != nil {
			e.Errorf("%v", err)
		}
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
	}
	t := time.NewTimer(e.Tick)
	defer t.Stop()
	select {
	case <-done:
		return nil
	case <-t.C:
		return []string{fmt.Sprintf("the case hangs: %v", ctx.Err())}
	}
}

// pair returns the shared pair, opening it when there is none; nil where each case has its own.
func (r *runner) pair(ctx context.Context, bubble bool) (*pair, error) {
	if !r.h.Share || bubble {
		return nil, nil
	}
	if r.shared != nil {
		return r.shared, nil
	}
	r.before = goroutines()
	p, err := r.h.open(ctx, ConnOptions{})
	if err != nil {
		return nil, err
	}
	r.shared = p
	return p, nil
}

func (r *runner) drop() {
	if r.shared != nil {
		closePair(r.shared)
		r.shared = nil
	}
}

// close ends the shared pair and reports what all cases that used it left behind.
func (r *runner) close() []string {
	if r.shared == nil {
		return nil
	}
	r.drop()
	var problems []string
	for _, stack := range leaked(r.before, r.h.Ignore, 50*r.h.tick()) {
		problems = append(problems, "leaked goroutine, after all cases that share a pair: "+stack)
	}
	return problems
}

func closePair(p *pair) {
	if c, ok := undress(p.client); ok {
		_ = c.Close()
	}
	_ = p.raw.Close()
}
