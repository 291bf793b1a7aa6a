package config

import (
	"cmp"
	"slices"
	"strings"

	"github.com/polywire/polywire/transport/internal/glob"
)

// routes reads the defaults and the routes, and in the final pass fills in what they leave out.
func (d *decoder) routes(v *value, at func(key string) string) {
	c := d.config
	fallback := &route{position: v.position, path: at("defaults")}
	if defaults := v.get("defaults"); defaults != nil && d.keys(defaults, fallback.path, routeKeys) {
		fallback.position = defaults.position
		d.route(fallback, defaults)
	}
	var routes []*route
	for _, e := range d.named(v.get("routes"), at("routes"), nil) {
		r := &route{position: e.position, path: join(at("routes"), e.key), pattern: e.key}
		if err := checkRoute(e.key); err != "" {
			d.add(e.position, r.path, "%s", err)
		} else {
			routes = append(routes, r)
		}
		if d.keys(e.val, r.path, routeKeys) {
			d.route(r, e.val)
		}
	}
	if !d.final || len(c.transports) == 0 {
		return
	}
	if len(routes) > maxPatterns {
		d.add(routes[maxPatterns].position, at("routes"), "%d routes: at most %d; use wildcards", len(routes), maxPatterns)
		return
	}
	d.fallback(fallback)
	for _, r := range routes {
		d.complete(r, fallback)
	}
	c.fallback, c.routes = fallback, routes
	slices.SortStableFunc(c.routes, func(a, b *route) int { return glob.Narrower(a.pattern, b.pattern) })
}

func checkRoute(pattern string) string {
	if err := checkPattern(pattern); err != nil {
		return err.Error()
	}
	if strings.HasPrefix(pattern, deadPrefix) {
		return "dead letters stay on the transport of the destination that they come from: leave this route out"
	}
	return ""
}

// route reads what r says itself.
func (d *decoder) route(r *route, v *value) {
	r.own.codec, r.own.timeout = d.codec(v, r.path), d.timeout(v, r.path)
	t := v.get("transport")
	if t == nil {
		return
	}
	path := r.path + ".transport"
	name, ok := d.text(t, path, false)
	if !ok || !d.final {
		return
	}
	r.own.transport = name
	if r.wire = d.wire(name); r.wire == nil {
		names := make([]string, len(d.config.transports))
		for i, w := range d.config.transports {
			names[i] = w.name
		}
		d.add(t.position, path, "unknown transport %s%s", d.show(name), known(name, names))
		r.wire = d.config.transports0()
	}
}

func (d *decoder) wire(name string) *wire {
	for _, w := range d.config.transports {
		if w.name == name {
			return w
		}
	}
	return nil
}

// transports0 is the first transport, in the place of one that is unknown, so that reading goes on; nil without one.
func (c *Config) transports0() *wire {
	if len(c.transports) == 0 {
		return nil
	}
	return c.transports[0]
}

// fallback completes the defaults: a file's only transport needs not be named there.
func (d *decoder) fallback(r *route) {
	c := d.config
	if r.wire == nil {
		r.wire = c.transports[0]
		if len(c.transports) > 1 {
			d.add(r.position, "defaults.transport", "is missing: say which of the %d transports carries what no route names", len(c.transports))
		}
	}
	if c.options.Codec != "" {
		if err := d.checkCodec(c.options.Codec); err != nil {
			d.add(position{}, "", "the codec that this process was started with: %s", err)
		}
	}
	d.complete(r, r)
}

// complete fills in what r leaves out: the codec is that of the route, of its transport, of the defaults.
func (d *decoder) complete(r, fallback *route) {
	if r.wire == nil {
		r.wire = fallback.wire
	}
	if r.timeout = r.own.timeout; r.timeout == 0 {
		r.timeout = fallback.own.timeout
	}
	own, last := r.own.codec, fallback.own.codec
	if r == fallback {
		own = ""
	}
	r.codec = cmp.Or(d.config.options.Codec, own, r.wire.codec, last)
}

// routeTies reports routes of which neither is the narrower one for a destination that both fit.
func (d *decoder) routeTies() {
	routes := slices.Clone(d.config.routes)
	slices.SortStableFunc(routes, func(a, b *route) int { return a.line - b.line })
	patterns := make([]string, len(routes))
	for i, r := range routes {
		patterns[i] = r.pattern
	}
	glob.Ties(patterns, func(first, second int, common string) {
		d.add(routes[second].position, routes[second].path, "ties with %q in line %d for %s: neither is the narrower one; add a route %q, or change one",
			patterns[first], routes[first].line, common, common)
	})
}

// services checks who owns what, and which of them this process is.
func (d *decoder) services() {
	c := d.config
	var names, patterns []string
	var owners []*service
	var places []position
	for _, s := range c.services {
		names = append(names, s.Name)
		for i, pattern := range s.Owns {
			if checkPattern(pattern) == nil {
				patterns, owners, places = append(patterns, pattern), append(owners, s), append(places, s.owned[i])
			}
		}
	}
	d.checkPaths()
	if want := c.options.Service; want != "" && !slices.Contains(names, want) {
		d.add(position{}, "services", "this process is to be %s, an unknown service%s", d.show(want), known(want, names))
	}
	if c.options.Service != "" && c.options.Client {
		d.add(position{}, "services", "this process is to be %s and a client: choose one", d.show(c.options.Service))
	}
	if len(patterns) > maxPatterns {
		d.add(places[maxPatterns], "services", "%d patterns are owned: at most %d; use wildcards", len(patterns), maxPatterns)
		return
	}
	for second, pattern := range patterns {
		if first := slices.Index(patterns[:second], pattern); first >= 0 {
			d.add(places[second], join("services", owners[second].Name)+".owns", "%s is owned by %s already, in line %d: one service is the home of a destination",
				pattern, owners[first].Name, places[first].line)
		}
	}
	glob.Ties(patterns, func(first, second int, common string) {
		if owners[first] != owners[second] && patterns[first] != patterns[second] {
			d.add(places[second], join("services", owners[second].Name)+".owns", "%s and %s of %s in line %d tie for %s: give %q to one of them",
				patterns[second], patterns[first], owners[first].Name, places[first].line, common, common)
		}
	})
}
