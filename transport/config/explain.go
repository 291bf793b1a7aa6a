package config

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
	"github.com/polywire/polywire/transport/internal/glob"
)

// An Explanation tells what a change of the configuration does to each destination.
type Explanation struct {
	From    string   `json:"from"` // names of the files
	To      string   `json:"to"`
	Changes []Change `json:"changes"`
}

// A Change is what becomes of one destination, or of those of one route.
type Change struct {
	Destination string       `json:"destination"`     // a pattern, or ">" for all other ones, without contracts
	Style       string       `json:"style,omitempty"` // as in a description; empty without contracts, and then every feature counts
	From        Route        `json:"from"`
	To          Route        `json:"to"`
	Breaks      []Difference `json:"breaks,omitempty"`  // what the contract needs and is gone: calls will fail
	Weakens     []Difference `json:"weakens,omitempty"` // promises that are gone
	Gains       []Difference `json:"gains,omitempty"`   // promises that are new
	Differs     []Difference `json:"differs,omitempty"` // neither better nor worse
	Keeps       []string     `json:"keeps,omitempty"`   // features that both have
}

// A Difference is one feature or setting that is not the same.
type Difference struct {
	Feature string `json:"feature"` // as in transport.Features; or codec, timeout
	Meaning string `json:"meaning"` // for the service
}

// Same reports whether nothing changes but names.
func (c *Change) Same() bool {
	return len(c.Breaks)+len(c.Weakens)+len(c.Gains)+len(c.Differs) == 0
}

// Explain compares two configurations by the features that their adapters
// declare; nothing is connected. With descriptions it tells about their destinations,
// and about what matters to their styles; without, about the routes of both files.
func Explain(from, to *Config, ds ...*contract.Description) *Explanation {
	e := &Explanation{From: from.name, To: to.name}
	for _, d := range ds {
		for i := range d.Operations {
			o := &d.Operations[i]
			e.Changes = append(e.Changes, compare(o.Destination, o, from.Route(o.Destination), to.Route(o.Destination)))
		}
	}
	if len(ds) > 0 {
		return e
	}
	for _, pattern := range append(patternsOf(from, to), ">") {
		e.Changes = append(e.Changes, compare(pattern, nil, from.covering(pattern), to.covering(pattern)))
	}
	return e
}

// patternsOf lists those of the routes and access rules of both, each once, but not the one for everything, which comes last.
func patternsOf(from, to *Config) []string {
	patterns := []string{">"}
	add := func(pattern string) {
		if !slices.Contains(patterns, pattern) {
			patterns = append(patterns, pattern)
		}
	}
	for _, c := range []*Config{from, to} {
		for _, r := range c.routes {
			add(r.pattern)
		}
		if c.guard == nil {
			continue
		}
		for _, r := range c.guard.rules {
			for _, what := range r.What {
				add(what)
			}
		}
	}
	patterns = patterns[1:]
	slices.SortStableFunc(patterns, glob.Narrower)
	return patterns
}

// covering tells what applies to all of pattern that no narrower route takes.
func (c *Config) covering(pattern string) Route {
	for _, r := range c.routes {
		if glob.Includes(r.pattern, pattern) {
			return c.public(r, pattern)
		}
	}
	return c.public(c.fallback, pattern)
}

func compare(destination string, o *contract.Operation, from, to Route) Change {
	c := Change{Destination: destination, From: from, To: to}
	var needs []string
	if o != nil {
		c.Style, needs = o.Style, o.Needs
	}
	for i := range meanings {
		m := &meanings[i]
		if m.matters(c.Style) {
			c.feature(m, slices.Contains(needs, m.feature))
		}
	}
	c.acceptance()
	c.settings()
	return c
}

// feature compares one boolean feature.
func (c *Change) feature(m *meaning, needed bool) {
	had, has := c.From.Features.Has(m.feature), c.To.Features.Has(m.feature)
	switch {
	case had && has:
		c.Keeps = append(c.Keeps, m.feature)
	case needed && !has:
		c.Breaks = append(c.Breaks, Difference{m.feature, fmt.Sprintf("%s cannot do it: every call fails with unimplemented", c.To.Features.Adapter)})
	case had && m.neutral:
		c.Differs = append(c.Differs, Difference{m.feature, m.lost})
	case has && m.neutral:
		c.Differs = append(c.Differs, Difference{m.feature, m.gained})
	case had:
		c.Weakens = append(c.Weakens, Difference{m.feature, m.lost})
	case has:
		c.Gains = append(c.Gains, Difference{m.feature, m.gained})
	}
}

// acceptance compares what a nil error of Send and Publish says.
func (c *Change) acceptance() {
	from, to := c.From.Features.Acceptance, c.To.Features.Acceptance
	if c.Style == "method" || c.Style == "survey" || from == to {
		return
	}
	d := Difference{"Acceptance", fmt.Sprintf("nil from Send and Publish means %s, where it meant %s", stage(to), stage(from))}
	if to > from {
		c.Gains = append(c.Gains, d)
	} else {
		c.Weakens = append(c.Weakens, d)
	}
}

// settings compares what is no promise of the adapter's.
func (c *Change) settings() {
	if from, to := c.From.Features.MaxBody, c.To.Features.MaxBody; from != to {
		d := Difference{"MaxBody", fmt.Sprintf("bodies are bounded by %s, where it was %s", size(to), size(from))}
		if to != 0 && (from == 0 || to < from) {
			c.Weakens = append(c.Weakens, d)
		} else {
			c.Gains = append(c.Gains, d)
		}
	}
	if c.From.Codec != c.To.Codec {
		c.Differs = append(c.Differs, Difference{"codec", fmt.Sprintf("bodies are written in %s, where it was %s; both are read where both are registered", orNone(c.To.Codec), orNone(c.From.Codec))})
	}
	if c.From.Compress != c.To.Compress {
		c.Differs = append(c.Differs, Difference{"compress", fmt.Sprintf("bodies travel %s, where it was %s; %s", compressed(c.To), compressed(c.From), readers(c.To))})
	}
	if c.From.Access != c.To.Access {
		c.Differs = append(c.Differs, Difference{"access", fmt.Sprintf("peers may %s, where it was %s", orAll(c.To.Access), orAll(c.From.Access))})
	}
	if c.From.Path != c.To.Path {
		c.Differs = append(c.Differs, Difference{"path", fmt.Sprintf("on REST it is %s, where it was %s", orNoPath(c.To.Path), orNoPath(c.From.Path))})
	}
	if c.From.Timeout != c.To.Timeout {
		c.Differs = append(c.Differs, Difference{"timeout", fmt.Sprintf("calls are bounded by %s, where it was %s", bound(c.To.Timeout), bound(c.From.Timeout))})
	}
}

func compressed(r Route) string {
	if r.Compress == "" {
		return "as they are"
	}
	return "compressed by " + r.Compress
}

// readers says who must have the middleware of r.
func readers(r Route) string {
	switch {
	case r.Compress == "":
		return "peers that compress all they send (agreed) are not understood"
	case strings.HasSuffix(r.Compress, agreedSuffix):
		return "every peer must have it too"
	}
	return "only where the reader says that it can"
}

func orNone(codec string) string {
	if codec == "" {
		return "no codec"
	}
	return codec
}

func orAll(access string) string {
	if access == "" {
		return "all that the wire lets them"
	}
	return access
}

func orNoPath(rule string) string {
	if rule == "" {
		return "not there"
	}
	return rule
}

func bound(d time.Duration) string {
	if d == 0 {
		return "the library's own limit"
	}
	return formatDuration(d)
}

func size(n int) string {
	if n == 0 {
		return "the library's limit"
	}
	return fmt.Sprintf("%d bytes", n)
}

func stage(a transport.Acceptance) string {
	switch a {
	case transport.Queued:
		return "queued at the destination's home"
	case transport.Written:
		return "written to the wire"
	case transport.Stored:
		return "stored by the broker"
	case transport.Handled:
		return "handled"
	}
	return "nothing in particular"
}
