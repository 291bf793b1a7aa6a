package codectest

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/codecs"
)

// A Fault breaks a rule on purpose, around any codec. It is written from the
// profile; a suite that does not notice it does not check the rule.
type Fault struct {
	Name   string   // what it does, as "rounds integers to 53 bits"
	Cases  []string // that must notice, all of them
	Except string   // a named deviation with which it cannot show; empty is none
	Format string   // the one codec around which it can be made; empty is all

	wrap   func(codecs.Codec) codecs.Codec
	limits func(codecs.Limits) codecs.Limits
}

// seed puts the fault around h.
func (f *Fault) seed(h Harness) Harness {
	wrap, change := f.wrap, f.limits
	if wrap == nil {
		wrap = func(c codecs.Codec) codecs.Codec { return c }
	}
	if change == nil {
		change = func(l codecs.Limits) codecs.Limits { return l }
	}
	open, knowing := h.New, h.Knowing
	h.New = func(l codecs.Limits) codecs.Codec { return wrap(open(change(l))) }
	if knowing != nil {
		h.Knowing = func(t reflect.Type) codecs.Codec { return wrap(knowing(t)) }
	}
	return h
}

// leftOut says why f cannot be seeded into h, or nothing.
func (f *Fault) leftOut(h *Harness) string {
	if _, ok := h.Deviations[f.Except]; ok && f.Except != "" {
		return "left out: the codec declares that " + f.Except
	}
	if f.Format != "" && f.Format != h.Name {
		return "left out: it is made of bytes of " + f.Format
	}
	return ""
}

// A Verdict tells whether the suite noticed a fault.
type Verdict struct {
	Fault  string
	Caught []string // ids of the cases that failed
	Why    string   // what the last said, or why the fault was left out
	Took   time.Duration
}

// Mutate seeds each of Faults into h, and fails t for every case that should
// notice and does not, and for every case that fails without a fault.
func Mutate(t *testing.T, h Harness) []Verdict {
	t.Helper()
	m := &mutation{t: t, h: h, cases: map[string]*Case{}, healthy: map[string]Status{}}
	for _, c := range Cases() {
		m.cases[c.ID] = &c
	}
	var verdicts []Verdict
	for _, f := range Faults() {
		verdicts = append(verdicts, m.try(&f))
	}
	t.Log(scores(verdicts))
	return verdicts
}

type mutation struct {
	t       *testing.T
	h       Harness
	cases   map[string]*Case
	healthy map[string]Status // by case: how it ended without a fault
}

// well reports whether c passes without a fault, or is skipped.
func (m *mutation) well(c *Case) bool {
	if m.healthy[c.ID] == "" {
		res := newRunner(&m.h, Options{}).run(c)
		m.healthy[c.ID] = res.Status
		if res.Status == Failed {
			m.t.Errorf("%s fails without a fault: %s\n%s", c.ID, c.Rule, res.Reason)
		}
	}
	return !slices.Contains([]Status{Failed, Skipped}, m.healthy[c.ID])
}

func (m *mutation) try(f *Fault) (v Verdict) {
	v = Verdict{Fault: f.Name, Why: f.leftOut(&m.h)}
	if v.Why != "" {
		return v
	}
	start := time.Now()
	defer func() { v.Took = time.Since(start) }()
	h := f.seed(m.h)
	for _, id := range f.Cases {
		c := m.cases[id]
		if c == nil {
			m.t.Errorf("the fault that %s names the case %s, which there is not", f.Name, id)
			continue
		}
		if !m.well(c) {
			v.Why = "left out: " + id + " was " + m.healthy[id]
			continue
		}
		if res := newRunner(&h, Options{}).run(c); res.Status == Failed {
			v.Caught = append(v.Caught, id)
			v.Why = firstLine(res.Reason)
		} else {
			m.t.Errorf("%s does not notice the fault that %s: %s (%s)", id, f.Name, res.Status, c.Rule)
		}
	}
	return v
}

// scores is the table of verdicts, and the mutation score.
func scores(verdicts []Verdict) string {
	var b strings.Builder
	caught, out := 0, 0
	for _, v := range verdicts {
		by := strings.Join(v.Caught, " ")
		switch {
		case len(v.Caught) > 0:
			caught++
		case strings.HasPrefix(v.Why, "left out"):
			out++
			by = "-"
		default:
			by = "MISSED"
		}
		fmt.Fprintf(&b, "\n%-16s %4d ms  %s: %.160s", by, v.Took.Milliseconds(), v.Fault, v.Why)
	}
	fmt.Fprintf(&b, "\nmutation score: %d of %d faults caught, %d left out", caught, len(verdicts)-out, out)
	return b.String()
}
