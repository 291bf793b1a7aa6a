package transporttest

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/polywire/polywire/transport"
)

// A Fault breaks one or more rules on purpose, around any adapter. It is
// written from the rules; a suite that does not notice it does not check them.
type Fault struct {
	Name   string   // what it does, as "drops one message in seven"
	Rules  []string // of docs/semantics.md
	Cases  []string // that must notice; empty is all must cases of the rules, of which one suffices
	Except string   // a feature without which the fault cannot show; empty is none

	Abilities []string // of the Harness, without which it cannot show

	adapter func() *hooks             // state of one run; all adapters of the run share it
	setup   func(*transport.Setup)    // changes what adapters are opened with
	conn    func(Conn) Conn           // wraps the Conn itself
	options func() []transport.Option // middleware
	raw     func(server *transport.Conn, c net.Conn) net.Conn
	harness func(Harness) Harness // changes what opens the parties of TLS
}

// Seam says where the fault sits: "adapter", "setup", "conn", "middleware", or
// "listener", before what strangers dial, or "harness", around what opens the parties of TLS.
func (f *Fault) Seam() string {
	switch {
	case f.adapter != nil:
		return "adapter"
	case f.setup != nil:
		return "setup"
	case f.conn != nil:
		return "conn"
	case f.raw != nil:
		return "listener"
	case f.harness != nil:
		return "harness"
	}
	return "middleware"
}

// wrap seeds the fault into the adapters of a factory.
func (f *Fault) wrap(factory transport.Factory) transport.Factory {
	open := factory.Open
	var h *hooks // made by the first Open, so that its channels are of the case's bubble
	factory.Open = func(ctx context.Context, s transport.Setup) (transport.Adapter, error) {
		if f.setup != nil {
			f.setup(&s)
		}
		a, err := open(ctx, s)
		if err != nil || f.adapter == nil {
			return a, err
		}
		if h == nil {
			h = f.adapter()
		}
		return newTap(a, h), nil
	}
	return factory
}

// seed puts the fault around h, whose factory it wraps already.
func (f *Fault) seed(h Harness) Harness {
	h.wrap = f.conn
	if f.harness != nil && h.TLSClient != nil && h.TLSServer != nil {
		h = f.harness(h)
	}
	if dial := h.Raw; dial != nil && f.raw != nil {
		h.Raw = func(ctx context.Context, server *transport.Conn) (net.Conn, error) {
			c, err := dial(ctx, server)
			if err != nil {
				return nil, err
			}
			return f.raw(server, c), nil
		}
	}
	if f.options == nil {
		return h
	}
	open, another := h.New, h.Another
	h.New = func(ctx context.Context, o ConnOptions) (server, client *transport.Conn, err error) {
		extra := f.options()
		o.Server = append(slices.Clone(extra), o.Server...)
		o.Client = append(slices.Clone(extra), o.Client...)
		return open(ctx, o)
	}
	if another != nil {
		h.Another = func(ctx context.Context, server *transport.Conn, opts ...transport.Option) (*transport.Conn, error) {
			return another(ctx, server, append(f.options(), opts...)...)
		}
	}
	return h
}

// A Verdict tells whether the suite noticed a fault.
type Verdict struct {
	Fault  string
	Rules  []string
	Seam   string
	Caught string // id of the first case that failed; empty when none did
	Why    string // its first failure, or why the fault was left out
}

// Mutate seeds each of Faults into the Harness that make returns for a wrapped
// factory, and fails t for every fault that no must case notices, and for every case that fails without
// a fault. make is called once for each case, and must put wrap around the factory that it opens with. With
// Harness.Synctest all cases run in bubbles, so that waiting costs nothing.
//
// Faults whose abilities the Harness lacks are left out.
func Mutate(t *testing.T, make func(wrap func(transport.Factory) transport.Factory) Harness) []Verdict {
	t.Helper()
	return MutateBy(t, Faults(), make)
}

// MutateBy is Mutate with some faults alone, as those of the network on a wire whose cases take real time.
func MutateBy(t *testing.T, faults []Fault, make func(wrap func(transport.Factory) transport.Factory) Harness) []Verdict {
	t.Helper()
	m := &mutation{t: t, make: make, healthy: map[string]string{}}
	for _, c := range Cases() {
		if c.Level == Must && c.Tier == Fast {
			m.cases = append(m.cases, c)
		}
	}
	none := &Fault{}
	probe := newRunner(m.harness(none), Options{})
	if err := probe.probe(t, context.Background()); err != nil {
		t.Fatalf("open: %v", err)
	}
	m.features = probe.features
	var verdicts []Verdict
	for _, f := range faults {
		verdicts = append(verdicts, m.try(&f))
	}
	t.Log(scores(verdicts))
	return verdicts
}

type mutation struct {
	t        *testing.T
	make     func(wrap func(transport.Factory) transport.Factory) Harness
	cases    []Case
	features transport.Features
	healthy  map[string]string // by case: how it ended without a fault
}

func (m *mutation) harness(f *Fault) *Harness {
	h := f.seed(m.make(f.wrap))
	h.bubble = h.Synctest
	h.Share = false
	return &h
}

// run runs one case with a fault and returns how it ended.
func (m *mutation) run(f *Fault, c *Case) Result {
	r := newRunner(m.harness(f), Options{})
	r.features = m.features
	return r.run(m.t, context.Background(), c)
}

// well reports whether c passes without a fault, or is skipped.
func (m *mutation) well(c *Case) bool {
	if m.healthy[c.ID] == "" {
		res := m.run(&Fault{}, c)
		m.healthy[c.ID] = res.Status
		if res.Status == Failed {
			m.t.Errorf("%s fails without a fault: %s\n%s", c.ID, c.Rule, res.Reason)
		}
	}
	return m.healthy[c.ID] == Passed || m.healthy[c.ID] == Inverted
}

func (m *mutation) try(f *Fault) Verdict {
	v := Verdict{Fault: f.Name, Rules: f.Rules, Seam: f.Seam()}
	if f.Except != "" && !m.features.Has(f.Except) {
		v.Why = "left out: Features." + f.Except + " is not declared"
		return v
	}
	if lacks := m.harness(f).lacks(&Case{Abilities: f.Abilities}); lacks != "" {
		v.Why = "left out: the harness has no ability " + lacks
		return v
	}
	for i := range m.cases {
		c := &m.cases[i]
		if !f.concerns(c) || !m.well(c) {
			continue
		}
		if res := m.run(f, c); res.Status == Failed {
			v.Caught, v.Why = c.ID, firstLine(res.Reason)
			return v
		}
	}
	v.Why = "no case noticed"
	m.t.Errorf("no must case of rules %s notices the fault that %s", strings.Join(f.Rules, ", "), f.Name)
	return v
}

// concerns reports whether c is to notice f.
func (f *Fault) concerns(c *Case) bool {
	if len(f.Cases) > 0 {
		return slices.Contains(f.Cases, c.ID)
	}
	return slices.ContainsFunc(f.Rules, func(r string) bool { return slices.Contains(c.Sections, r) })
}

// scores is the table of verdicts, and the mutation score.
func scores(verdicts []Verdict) string {
	var b strings.Builder
	caught, out := 0, 0
	for _, v := range verdicts {
		by := v.Caught
		switch {
		case v.Caught != "":
			caught++
		case strings.HasPrefix(v.Why, "left out"):
			out++
			by = "-"
		default:
			by = "MISSED"
		}
		fmt.Fprintf(&b, "\n%-8s %-10s %-10s %s: %s", by, strings.Join(v.Rules, ","), v.Seam, v.Fault, v.Why)
	}
	fmt.Fprintf(&b, "\nmutation score: %d of %d faults caught, %d left out", caught, len(verdicts)-out, out)
	return b.String()
}
