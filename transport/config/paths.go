package config

import (
	"errors"
	"slices"

	"github.com/polywire/polywire/internal/rest"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// A path is what a service's paths say of one destination.
type path struct {
	position
	at          string // in the file
	destination string
	rule        *rest.Rule
}

// paths reads the rules of REST of s: destinations that it owns, with verbs and paths.
func (d *decoder) paths(s *service, v *value, at string) {
	for _, e := range d.named(v, at, checkDestination) {
		p := path{position: e.val.position, at: join(at, e.key), destination: e.key}
		text, ok := d.checked(e.val, p.at, func(text string) (err error) {
			if p.rule, err = rest.Parse(text); err != nil {
				return errors.New(d.config.secrets.scrub(err.Error()))
			}
			return nil
		})
		if !ok || p.rule == nil || checkDestination(e.key) != nil {
			continue
		}
		if s.Paths == nil {
			s.Paths = make(map[string]string)
		}
		s.Paths[e.key] = text
		s.rules = append(s.rules, p)
	}
}

func checkDestination(name string) error {
	if err := transport.CheckDestination(name); err != nil {
		return errors.New(message(err))
	}
	return nil
}

// checkPaths reports rules of destinations that their service does not own, and those that no request can tell apart.
func (d *decoder) checkPaths() {
	for _, s := range d.config.services {
		for i := range s.rules {
			d.checkPath(s, i)
		}
	}
}

func (d *decoder) checkPath(s *service, i int) {
	p := &s.rules[i]
	if !s.homeOf(p.destination) {
		d.add(p.position, p.at, "service %s does not own this destination: add it to the owns of %s, or take the path away", s.Name, s.Name)
	}
	for _, other := range s.rules[:i] {
		if err := rest.Conflict(other.rule, p.rule); err != nil {
			d.add(p.position, p.at, "conflicts with %s in line %d: %s", other.destination, other.line, d.config.secrets.scrub(err.Error()))
		}
	}
}

func (s *service) homeOf(destination string) bool {
	return slices.ContainsFunc(s.Owns, func(pattern string) bool { return transport.Match(pattern, destination) })
}

// contractPaths adds what the contracts of this process say to the services of the file.
func (d *decoder) contractPaths() {
	c := d.config
	for _, offered := range c.options.Contracts {
		if err := offered.Err(); err != nil {
			d.lines(position{}, "", message(err))
			continue
		}
		homeless := transport.Service{Name: offered.Name()}
		for destination, rule := range offered.Paths() {
			if owner := c.owner(destination); owner != nil {
				addPath(&owner.Service, destination, rule)
			} else {
				addPath(&homeless, destination, rule)
			}
		}
		if homeless.Paths != nil {
			c.unowned = append(c.unowned, homeless)
		}
	}
	for _, s := range c.services {
		if _, err := rest.ParseTable(s.Paths); err != nil {
			d.add(s.position, join("services", s.Name), "its paths, with those of contracts: %s", d.config.secrets.scrub(err.Error()))
		}
	}
}

// addPath adds a rule, unless the destination has one.
func addPath(s *transport.Service, destination, rule string) {
	if s.Paths == nil {
		s.Paths = make(map[string]string)
	}
	if s.Paths[destination] == "" {
		s.Paths[destination] = rule
	}
}

// pathOf is the rule of destination on REST; empty for none.
func (c *Config) pathOf(destination string) string {
	for _, s := range c.services {
		if rule := s.Paths[destination]; rule != "" {
			return rule
		}
	}
	for _, s := range c.unowned {
		if rule := s.Paths[destination]; rule != "" {
			return rule
		}
	}
	return ""
}

// checkPathOf holds the file's rule of an operation against what its contract binds.
func (c *Config) checkPathOf(p *problems, o *contract.Operation) {
	rule := c.ruleOf(o.Destination)
	if rule == nil {
		return
	}
	if o.Style != "method" && o.Style != "queue" {
		p.add(rule.position, rule.at, "%s is a %s, which has many receivers: a path is for a method or a queue", o.Destination, o.Style)
	}
	query, _ := rule.rule.Query()
	for _, name := range slices.Concat(rule.rule.Vars(), query) {
		if !slices.ContainsFunc(o.Params, func(x contract.Shape) bool { return x.Name == name }) {
			p.add(rule.position, rule.at, "%q is no param of %s: its contract binds no field to that name", name, o.Destination)
		}
	}
}

// ruleOf is what the file says of destination; nil for nothing.
func (c *Config) ruleOf(destination string) *path {
	for _, s := range c.services {
		for i := range s.rules {
			if s.rules[i].destination == destination {
				return &s.rules[i]
			}
		}
	}
	return nil
}
