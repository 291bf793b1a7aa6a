package grpcwire

import (
	"cmp"
	"context"
	"net"

	"google.golang.org/grpc"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/internal/homes"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/endpoints"
)

type (
	peers    = homes.Peers[*target]
	endpoint = homes.Endpoint[*target]
)

// An Option changes what a [Factory] opens, where a URL cannot say it.
type Option func(*factory)

type factory struct {
	natives   []func(grpc.ServiceRegistrar) // of WithStreams
	resolvers map[string]endpoints.Resolver // by scheme
}

// WithResolver lets endpoints of the table of services be targets of that scheme,
// as consul:///orders, and a URL have resolve=consul. It replaces a built-in resolver (dns, srv, file) of that name.
func WithResolver(scheme string, r endpoints.Resolver) Option {
	return func(f *factory) { f.resolvers[scheme] = r }
}

func newFactory(opts []Option) *factory {
	f := &factory{resolvers: endpoints.Builtin()}
	for _, o := range opts {
		o(f)
	}
	return f
}

// A target is an endpoint until its connection is to be made new: the pool has one connection for each.
type target struct {
	address   string // host:port
	authority string // what the endpoint is called by, where that is not the address
}

// homesConfig says how the table of homes reaches endpoints.
func (a *adapter) homesConfig(f *factory) homes.Config[*target] {
	return homes.Config[*target]{
		Rest: a.opts.Host, Service: a.setup.Service, Services: a.setup.Services, Options: a.opts.Homes,
		Resolvers: f.resolvers, Address: a.opts.Endpoint,
		Open: newTarget, Retire: a.retire, Close: a.retire, Changed: a.changed,
	}
}

// retire takes the connections to a target out of use: each closes when its last call or stream ends.
func (a *adapter) retire(t *target) {
	a.calls.retire(t)
	a.gathers.retire(t)
	a.streams.retire(t)
}

// changed follows a home whose endpoints came or left.
func (a *adapter) changed(p *peers) { a.attached.Follow(attach.From(p)) }

// stream returns the connection for streams to a place, which is an endpoint. The caller ends its use by done.
func (a *adapter) stream(ctx context.Context, at attach.Place) (*conn, error) {
	e := at.(*endpoint) // which attach.From gave
	l, ok := e.Take()
	if !ok {
		return nil, transport.CodeUnavailable.Errorf("%s is no endpoint of its service any more", e.Address)
	}
	defer l.Release() // the pool counts what uses a connection
	return a.streams.get(ctx, l.Conn)
}

func newTarget(e endpoints.Endpoint) *target {
	t := &target{address: e.Address}
	if e.Name != "" {
		_, port, _ := net.SplitHostPort(e.Address) // which has been checked
		t.authority = net.JoinHostPort(e.Name, port)
	}
	return t
}

// reach makes a connection to one endpoint of home.
func (a *adapter) reach(ctx context.Context, home *peers) error {
	tries := home.Tries("", true)
	for {
		l, err := tries.Next(ctx)
		if err != nil {
			return err
		}
		c, err := a.calls.get(ctx, l.Conn)
		if err == nil {
			c.done()
			l.Done(homes.Answered)
			return nil
		}
		if !tries.Again(ctx, l, unreached(ctx)) {
			return err
		}
	}
}

// name is what the endpoint is called by, and has to prove that it is.
func (t *target) name() string { return cmp.Or(t.authority, t.address) }
