package config

import (
	"net/url"
	"slices"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/internal/glob"
)

// direct reports whether peers of w talk to each other without a broker, and so
// must be told who owns which destination: a queue at the destination's home is
// what acceptance Queued means, and a URL with a host names one home for all.
func (w *wire) direct() bool {
	u, err := url.Parse(w.url)
	return err == nil && u.Host == "" && w.features.Acceptance == transport.Queued && !w.features.InProcess
}

// listens reports whether w would listen at the address of the service that this process is.
func (w *wire) listens() bool {
	u, err := url.Parse(w.url)
	return err == nil && w.direct() && !u.Query().Has("listen")
}

// alone reports whether this process is the whole system, so that every destination is local.
func (c *Config) alone() bool { return c.options.Service == "" && !c.options.Client }

// self is the service that this process is; nil for none.
func (c *Config) self() *service {
	for _, s := range c.services {
		if s.Name == c.options.Service {
			return s
		}
	}
	return nil
}

// homes checks that what travels without a broker can be reached.
func (d *decoder) homes() {
	c := d.config
	if c.alone() {
		return
	}
	for _, s := range c.services {
		for _, pattern := range s.Owns {
			if checkPattern(pattern) == nil {
				d.reachable(s, pattern)
			}
		}
	}
	if self := c.self(); self != nil && self.Listen != "" {
		d.listeners(self)
	}
}

// reachable checks that s says where it is, when a direct transport carries what it owns.
func (d *decoder) reachable(s *service, pattern string) {
	for _, w := range d.config.spanned(pattern) {
		path := join("services", s.Name)
		switch self := s.Name == d.config.options.Service; {
		case self && s.Listen == "" && w.listens():
			d.add(s.position, path, "owns %s on transport %q, which has no broker, and listens nowhere: give it an address, as listen: \":8081\"", pattern, w.name)
		case !self && len(s.Endpoints) == 0 && w.direct():
			d.add(s.position, path, "owns %s on transport %q, which has no broker, and has no endpoints: say where others reach it, as endpoints: [\"localhost:8081\"]", pattern, w.name)
		}
	}
}

// listeners lets one transport of this process listen at its service's address, and no second.
func (d *decoder) listeners(self *service) {
	var first *wire
	for _, w := range d.config.used() {
		switch {
		case !w.listens():
		case first == nil:
			first = w
		case first.url != w.url:
			d.add(w.position, join("transports", w.name), "would listen at %s of service %s, as transport %q does: give it an address of its own with ?listen=host:port, or give one of the two all the routes",
				self.Listen, self.Name, first.name)
		}
	}
}

// spanned lists the wires that destinations of pattern, or some of them, are routed to.
func (c *Config) spanned(pattern string) []*wire {
	var wires []*wire
	add := func(w *wire) {
		if !slices.Contains(wires, w) {
			wires = append(wires, w)
		}
	}
	for _, r := range c.routes {
		if glob.Overlap(r.pattern, pattern) != "" {
			add(r.wire)
		}
		if glob.Includes(r.pattern, pattern) { // nothing of pattern is left for wider routes
			return wires
		}
	}
	add(c.fallback.wire)
	return wires
}
