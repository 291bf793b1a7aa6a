// Package homes knows, for wires without a broker, which process is the home of a
// destination and where it is reached.
//
// A [Table] is made of the rows of transport.Setup.Services: the home of a
// destination is the service whose pattern of it is the most specific one, and
// what nobody owns has its home at the host that the Conn's URL names, or in this process.
// [Peers] are the instances of one home.
package homes

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/polywire/polywire/transport"
)

// A Config is what a [Table] is made from.
type Config struct {
	Rest     string              // host:port of the home of all that no service owns; empty for this process
	Service  string              // the service that this process is an instance of; may be empty
	Services []transport.Service // the table
	// Address checks an endpoint of the table and returns its host:port.
	Address func(endpoint string) (string, error)
}

// A Table knows the home of every destination. A nil *[Peers] stands for this
// process, which is also the home of what nobody owns where the URL names no host.
// It never changes; its methods may be called concurrently.
type Table struct {
	rest     *Peers  // home of what no service owns, when the URL names a host
	owners   []owner // most specific pattern first
	self     *service
	services []*service
}

type owner struct {
	pattern string
	service *service
}

// A service is a row of the table of services.
type service struct {
	name   string
	owns   []string
	listen string
	peers  *Peers // how to reach it; nil without endpoints
	own    bool   // this process is one of its instances
}

// New reads the table. Its errors are CodeInvalidArgument and name the row and the fix.
func New(c Config) (*Table, error) {
	h := &Table{}
	if c.Rest != "" {
		h.rest = &Peers{name: c.Rest, endpoints: []string{c.Rest}}
	}
	for i := range c.Services {
		row, err := newService(&c, &c.Services[i])
		if err != nil {
			return nil, err
		}
		h.services = append(h.services, row)
		if row.own {
			h.self = row
		}
		for _, pattern := range row.owns {
			h.owners = append(h.owners, owner{pattern, row})
		}
	}
	slices.SortStableFunc(h.owners, func(a, b owner) int { return specificity(a.pattern, b.pattern) })
	for i := 1; i < len(h.owners); i++ {
		if a, b := h.owners[i-1], h.owners[i]; a.pattern == b.pattern && a.service != b.service {
			return nil, invalid("services %s and %s both own %q: give it to one", a.service.name, b.service.name, a.pattern)
		}
	}
	return h, nil
}

func newService(c *Config, s *transport.Service) (*service, error) {
	row := &service{name: s.Name, owns: s.Owns, listen: s.Listen, own: s.Name != "" && s.Name == c.Service}
	var hosts []string
	for _, e := range s.Endpoints {
		host, err := c.Address(e)
		if err != nil {
			return nil, invalid("service %s: endpoint: %w", s.Name, err)
		}
		hosts = append(hosts, host)
	}
	if len(hosts) > 0 {
		row.peers = &Peers{name: s.Name, endpoints: hosts}
	}
	if len(hosts) == 0 && len(s.Owns) > 0 && !row.own {
		return nil, invalid("service %s owns %q and has no endpoints: say where it is reached", s.Name, s.Owns[0])
	}
	return row, nil
}

// Of finds the home of destination; nil is this process.
func (t *Table) Of(destination string) *Peers {
	for i := range t.owners {
		o := &t.owners[i]
		if transport.Match(o.pattern, destination) {
			if o.service.own {
				return nil
			}
			return o.service.peers
		}
	}
	return t.rest
}

// Publishers lists who may be the home of a topic that pattern matches, besides
// this process.
func (t *Table) Publishers(pattern string) []*Peers {
	var found []*Peers
	if t.rest != nil {
		found = append(found, t.rest)
	}
	for _, s := range t.services {
		if s.peers == nil || s.own || !slices.ContainsFunc(s.owns, func(owned string) bool { return overlap(owned, pattern) }) {
			continue
		}
		found = append(found, s.peers)
	}
	return found
}

// Local reports whether this process is the home of anything.
func (t *Table) Local() bool { return t.rest == nil || t.self != nil }

// Only is the one home of everything, if there is one that is not this process.
func (t *Table) Only() *Peers {
	if len(t.owners) > 0 {
		return nil
	}
	return t.rest
}

// Invited lists what may take a binding of a queue: this process alone (nil), or
// the host that the URL names, which may refuse it. What another service owns is
// handled in that service's own processes.
func (t *Table) Invited(destination string) (*Peers, error) {
	home := t.Of(destination)
	if home == nil || home == t.rest {
		return home, nil
	}
	return nil, transport.CodePermissionDenied.Errorf(
		"%s belongs to service %[2]s, and is handled in its process alone: start this as %[2]s, or change what services own", destination, home.name)
}

// Listen is where this process's own row says that it listens; empty without one.
func (t *Table) Listen() string {
	if t.self == nil {
		return ""
	}
	return t.self.listen
}

// Peers are the processes of one home: each is an instance of the same service.
// Methods may be called concurrently.
type Peers struct {
	name      string
	endpoints []string // host:port
	turn      atomic.Uint32
}

// Name is the service's, or the host:port of the URL.
func (p *Peers) Name() string { return p.name }

// Endpoints lists all, as host:port. The caller must not change it.
func (p *Peers) Endpoints() []string { return p.endpoints }

// Order lists the endpoints to try for a message, as host:port: those of one key begin
// with the same, the others take turns. The caller must not change it.
func (p *Peers) Order(key string) []string {
	n := len(p.endpoints)
	if n == 1 {
		return p.endpoints
	}
	first := int(p.turn.Add(1)) % n
	if key != "" {
		h := fnv.New32a()
		_, _ = h.Write([]byte(key)) // never fails
		first = int(h.Sum32() % uint32(n))
	}
	return append(slices.Clone(p.endpoints[first:]), p.endpoints[:first]...)
}

// specificity orders patterns so that of all that match one destination the
// most specific comes first: token by token, a literal before * before >.
func specificity(a, b string) int {
	for {
		at, aRest, aMore := strings.Cut(a, ".")
		bt, bRest, bMore := strings.Cut(b, ".")
		if c := cmp.Compare(rank(at), rank(bt)); c != 0 {
			return c
		}
		if c := strings.Compare(at, bt); c != 0 {
			return c
		}
		if !aMore || !bMore {
			return cmp.Compare(len(bRest), len(aRest))
		}
		a, b = aRest, bRest
	}
}

func rank(token string) int {
	switch token {
	case "*":
		return 1
	case ">":
		return 2
	}
	return 0
}

// overlap reports whether some destination matches both patterns.
func overlap(a, b string) bool {
	for {
		at, aRest, aMore := strings.Cut(a, ".")
		bt, bRest, bMore := strings.Cut(b, ".")
		switch {
		case at == ">" || bt == ">":
			return true
		case at != bt && at != "*" && bt != "*":
			return false
		case !aMore || !bMore:
			return aMore == bMore
		}
		a, b = aRest, bRest
	}
}

func invalid(format string, args ...any) *transport.Error {
	return transport.CodeInvalidArgument.Errorf(format, args...)
}
