package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// Check holds the file against the contracts that a process uses: every
// endpoint has a codec that carries its types and a transport that declares the features it
// needs, and where there is no broker a home. The error is an [*Errors] with all that is wrong, at
// the routes to change. Nothing is connected.
func (c *Config) Check(services ...*contract.Service) error {
	var p problems
	for _, s := range services {
		d, err := s.Describe()
		if err != nil {
			p.lines(position{}, "", message(err))
			continue
		}
		c.checkOperations(&p, d)
		c.checkTypes(&p, s)
	}
	return p.err(c.name)
}

// CheckDescriptions is Check for contracts whose Go types are elsewhere; codecs are not asked about types.
func (c *Config) CheckDescriptions(ds ...*contract.Description) error {
	var p problems
	for _, d := range ds {
		c.checkOperations(&p, d)
	}
	return p.err(c.name)
}

func (c *Config) checkOperations(p *problems, d *contract.Description) {
	for i := range d.Operations {
		o := &d.Operations[i]
		r := c.route(o.Destination)
		if r.codec == "" {
			p.add(r.position, r.path, "no codec for %s: name one here, for transport %q, or in the defaults", o.Destination, r.wire.name)
		}
		for _, need := range o.Needs {
			if !r.wire.features.Has(need) {
				p.add(r.position, r.path, "%s is a %s and needs Features.%.64s, which %s (transport %q) lacks: %s",
					o.Destination, o.Style, need, r.wire.features.Adapter, r.wire.name, c.alternative(need))
			}
		}
		c.checkPathOf(p, o)
		if !c.alone() && r.wire.direct() && c.owner(o.Destination) == nil {
			p.add(r.position, r.path, "%s has no home: %s (transport %q) has no broker, so a service must own it; add it to the owns of one",
				o.Destination, r.wire.features.Adapter, r.wire.name)
		}
	}
}

// alternative names who has the feature: a transport of the file, else adapters.
func (c *Config) alternative(feature string) string {
	var have []string
	for _, w := range c.transports {
		if w.features.Has(feature) {
			have = append(have, fmt.Sprintf("%q", w.name))
		}
	}
	if len(have) > 0 {
		return "route it to " + strings.Join(have, " or ")
	}
	for _, scheme := range c.options.Registry.Schemes() {
		for _, example := range []string{"://", "://localhost"} {
			f, err := c.options.Registry.Features(scheme + example)
			if err == nil && f.Has(feature) && !slices.Contains(have, f.Adapter) {
				have = append(have, f.Adapter)
			}
		}
	}
	if len(have) == 0 {
		return "no adapter here has it"
	}
	return "no transport of this file has it; adapters that do: " + strings.Join(have, ", ")
}

// owner is the service whose pattern fits destination; nil for none.
func (c *Config) owner(destination string) *service {
	for _, s := range c.services {
		for _, pattern := range s.Owns {
			if transport.Match(pattern, destination) {
				return s
			}
		}
	}
	return nil
}

func (c *Config) checkTypes(p *problems, s *contract.Service) {
	err := s.CheckTypes(func(destination string) codecs.Codec {
		return orMissing(c.codecOf(c.route(destination).codec))
	})
	if err != nil {
		p.lines(position{}, "", message(err))
	}
}

// noCodec stands for a codec that is missing, which checkOperations reports with its place.
type noCodec struct{ codecs.Codec }

func orMissing(c codecs.Codec) codecs.Codec {
	if c == nil {
		return noCodec{}
	}
	return c
}

// lines adds each line of a text that joins many errors.
func (p *problems) lines(at position, path, text string) {
	for line := range strings.SplitSeq(text, "\n") {
		p.add(at, path, "%s", line)
	}
}
