// Package homes knows, for wires without a broker, which process is the home of a
// destination, where it is reached, and which of its instances a message goes to.
//
//	Table ─ Of(destination) ─▶ Peers ─ Tries(key) ─▶ Lease: an Endpoint and a connection to it
//	                             ▲                        └ Done(how it went) ─▶ health, load, next try
//	            resolvers ─ watch┘
//
// A [Table] is made of the rows of transport.Setup.Services: the home of a
// destination is the service whose pattern of it is the most specific one, and
// what nobody owns has its home at the host that the Conn's URL names, or in this process.
// [Peers] are the instances of one home. C is what an adapter has as a connection to one.
package homes

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/endpoints"
)

// A Config is what a [Table] is made from.
type Config[C any] struct {
	Rest     string              // host:port of the home of all that no service owns; empty for this process
	Service  string              // the service that this process is an instance of; may be empty
	Services []transport.Service // the table
	Options  Options

	// Resolvers are asked for endpoints with their schemes, as "dns" for dns:///host:port.
	Resolvers map[string]endpoints.Resolver
	// Address checks an address, of the table or of a resolver, and returns its host:port.
	Address func(endpoint string) (string, error)

	// Open makes the connection to an endpoint, or what makes them; it does not wait
	// for the network. It is called with a lock held.
	Open func(endpoints.Endpoint) C
	// Retire tells that nothing new begins on a connection, perhaps twice; then Close, once,
	// that nothing is in progress on it either, or that the table is closed.
	Retire, Close func(C)
	// Changed tells that endpoints of a home came or left; may be nil. Calls for one home do not overlap.
	Changed func(*Peers[C])
}

// A Table knows the home of every destination. A nil *[Peers] stands for this
// process, which is also the home of what nobody owns where the URL names no host.
// Its rows never change; its methods may be called concurrently.
type Table[C any] struct {
	pool     *pool[C]
	rest     *Peers[C]  // home of what no service owns, when the URL names a host
	owners   []owner[C] // most specific pattern first
	self     *service[C]
	services []*service[C]
}

type owner[C any] struct {
	pattern string
	service *service[C]
}

// A service is a row of the table of services.
type service[C any] struct {
	name   string
	owns   []string
	listen string
	peers  *Peers[C] // how to reach it; nil without endpoints
	own    bool      // this process is one of its instances
}

// New reads the table. Its errors are CodeInvalidArgument and name the row and the
// fix. It opens nothing; what is used later ends with Close.
func New[C any](c Config[C]) (*Table[C], error) {
	t := &Table[C]{pool: newPool(c)}
	if c.Rest != "" {
		entry := c.Rest
		if c.Options.Resolve != "" {
			entry = c.Options.Resolve + ":///" + c.Rest
		}
		var err error
		if t.rest, err = t.pool.peers(c.Rest, []string{entry}); err != nil {
			return nil, err
		}
	}
	for i := range c.Services {
		row, err := t.service(&c.Services[i])
		if err != nil {
			return nil, err
		}
		t.services = append(t.services, row)
		if row.own {
			t.self = row
		}
		for _, pattern := range row.owns {
			t.owners = append(t.owners, owner[C]{pattern, row})
		}
	}
	slices.SortStableFunc(t.owners, func(a, b owner[C]) int { return specificity(a.pattern, b.pattern) })
	for i := 1; i < len(t.owners); i++ {
		if a, b := t.owners[i-1], t.owners[i]; a.pattern == b.pattern && a.service != b.service {
			return nil, invalid("services %s and %s both own %q: give it to one", a.service.name, b.service.name, a.pattern)
		}
	}
	return t, nil
}

func (t *Table[C]) service(s *transport.Service) (*service[C], error) {
	row := &service[C]{name: s.Name, owns: s.Owns, listen: s.Listen, own: s.Name != "" && s.Name == t.pool.config.Service}
	if len(s.Endpoints) == 0 && len(s.Owns) > 0 && !row.own {
		return nil, invalid("service %s owns %q and has no endpoints: say where it is reached", s.Name, s.Owns[0])
	}
	if len(s.Endpoints) == 0 {
		return row, nil
	}
	var err error
	if row.peers, err = t.pool.peers(s.Name, s.Endpoints); err != nil {
		return nil, invalid("service %s: endpoint: %w", s.Name, err)
	}
	return row, nil
}

// Of finds the home of destination; nil is this process.
func (t *Table[C]) Of(destination string) *Peers[C] {
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
func (t *Table[C]) Publishers(pattern string) []*Peers[C] {
	var found []*Peers[C]
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
func (t *Table[C]) Local() bool { return t.rest == nil || t.self != nil }

// Alone reports whether this process is the home of everything.
func (t *Table[C]) Alone() bool {
	return t.rest == nil && !slices.ContainsFunc(t.services, func(s *service[C]) bool { return s.peers != nil && !s.own })
}

// Only is the one home of everything, if there is one that is not this process.
func (t *Table[C]) Only() *Peers[C] {
	if len(t.owners) > 0 {
		return nil
	}
	return t.rest
}

// Invited lists what may take a binding of a queue: this process alone (nil), or
// the host that the URL names, which may refuse it. What another service owns is
// handled in that service's own processes.
func (t *Table[C]) Invited(destination string) (*Peers[C], error) {
	home := t.Of(destination)
	if home == nil || home == t.rest {
		return home, nil
	}
	return nil, transport.CodePermissionDenied.Errorf(
		"%s belongs to service %[2]s, and is handled in its process alone: start this as %[2]s, or change what services own", destination, home.name)
}

// Listen is where this process's own row says that it listens; empty without one.
func (t *Table[C]) Listen() string {
	if t.self == nil {
		return ""
	}
	return t.self.listen
}

// Close ends what watches endpoints, and closes all connections. It waits within ctx for resolvers to return.
func (t *Table[C]) Close(ctx context.Context) error { return t.pool.close(ctx) }

// source reads an entry of the table: a target of a resolver, or a fixed address.
func (c *Config[C]) source(entry string) (*source, error) {
	scheme, _, ok := strings.Cut(entry, "://")
	r := c.Resolvers[scheme]
	if !ok || r == nil {
		address, err := c.Address(entry)
		if err != nil {
			return nil, err
		}
		return &source{fixed: []endpoints.Endpoint{{Address: address}}}, nil
	}
	target, err := url.Parse(entry)
	if err != nil {
		return nil, invalid("target %.128q cannot be read: use %s:///name", entry, scheme)
	}
	if check, ok := r.(interface{ Check(*url.URL) error }); ok {
		if err := check.Check(target); err != nil {
			return nil, invalid("%w", err)
		}
	}
	return &source{resolver: r, target: target, again: make(chan struct{}, 1)}, nil
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
