package httpwire

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/polywire/polywire/transport"
)

// homes knows the home of every destination: the service whose pattern of it
// is the most specific one. A nil *peers stands for this process, which is also
// the home of what nobody owns.
type homes struct {
	rest     *peers  // home of what no service owns, when the URL names a host
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
	peers  *peers // how to reach it; nil without endpoints
	own    bool   // this process is one of its instances
}

// newHomes reads the table. u has been checked to be one that needs it, or none.
func newHomes(o *options, s *transport.Setup) (*homes, error) {
	h := &homes{}
	if o.host != "" {
		h.rest = &peers{name: o.host, endpoints: []string{o.host}}
	}
	for i := range s.Services {
		row, err := newService(o, &s.Services[i], s.Service)
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

func newService(o *options, s *transport.Service, self string) (*service, error) {
	row := &service{name: s.Name, owns: s.Owns, listen: s.Listen, own: s.Name != "" && s.Name == self}
	var hosts []string
	for _, e := range s.Endpoints {
		host, err := o.endpoint(e)
		if err != nil {
			return nil, invalid("service %s: endpoint: %w", s.Name, err)
		}
		hosts = append(hosts, host)
	}
	if len(hosts) > 0 {
		row.peers = &peers{name: s.Name, endpoints: hosts}
	}
	if len(hosts) == 0 && len(s.Owns) > 0 && !row.own {
		return nil, invalid("service %s owns %q and has no endpoints: say where it is reached", s.Name, s.Owns[0])
	}
	return row, nil
}

// of finds the home of destination; nil is this process.
func (h *homes) of(destination string) *peers {
	for i := range h.owners {
		o := &h.owners[i]
		if transport.Match(o.pattern, destination) {
			if o.service.own {
				return nil
			}
			return o.service.peers
		}
	}
	return h.rest
}

// publishers lists who may be the home of a topic that pattern matches, besides
// this process.
func (h *homes) publishers(pattern string) []*peers {
	var found []*peers
	if h.rest != nil {
		found = append(found, h.rest)
	}
	for _, s := range h.services {
		if s.peers == nil || s.own || !slices.ContainsFunc(s.owns, func(owned string) bool { return overlap(owned, pattern) }) {
			continue
		}
		found = append(found, s.peers)
	}
	return found
}

// local reports whether this process is the home of anything.
func (h *homes) local() bool { return h.rest == nil || h.self != nil }

// only is the one home of everything, if there is one that is not this process.
func (h *homes) only() *peers {
	if len(h.owners) > 0 {
		return nil
	}
	return h.rest
}

// peers are the processes of one home: each is an instance of the same service.
type peers struct {
	name      string
	endpoints []string // host:port
	turn      atomic.Uint32
}

// order lists the endpoints to try for a message: those of one key begin with the same.
func (p *peers) order(key string) []string {
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
