package transport

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net/url"
	"slices"
	"strings"

	"github.com/polywire/polywire/internal/rest"
	"github.com/polywire/polywire/transport/access"
	"github.com/polywire/polywire/transport/internal/limit"
)

// A Registry opens connections by URL. It is a value without global state and never changes.
type Registry struct {
	factories map[string]*Factory // by scheme
	err       error               // of NewRegistry, told by Open
}

// NewRegistry makes a registry of factories. Two that serve one scheme are a
// mistake, which Open and Features report.
func NewRegistry(factories ...Factory) *Registry {
	r := &Registry{factories: make(map[string]*Factory)}
	for i := range factories {
		f := &factories[i]
		for _, scheme := range f.Schemes {
			if other := r.factories[scheme]; other != nil {
				r.err = CodeInvalidArgument.Errorf("scheme %q is served by %s and by %s: register one of them", scheme, other.Name, f.Name)
			}
			r.factories[scheme] = f
		}
	}
	return r
}

// Schemes lists the URL schemes that can be opened, sorted.
func (r *Registry) Schemes() []string { return slices.Sorted(maps.Keys(r.factories)) }

// Features tells, without connecting, what a connection to rawURL will offer.
func (r *Registry) Features(rawURL string) (Features, error) {
	u, f, err := r.resolve(rawURL)
	if err != nil {
		return Features{}, err
	}
	return f.Features(u)
}

// Open connects to the system that rawURL names, as "amqp://localhost:5672" or
// "inproc://". It makes one attempt within ctx and fails with CodeUnavailable when
// nobody answers; once open, the Conn reconnects by itself. The caller closes it.
func (r *Registry) Open(ctx context.Context, rawURL string, opts ...Option) (*Conn, error) {
	u, f, err := r.resolve(rawURL)
	if err != nil {
		return nil, err
	}
	o := connOptions{logger: slog.New(slog.DiscardHandler), maxBody: defaultMaxBody}
	for _, opt := range opts {
		opt(&o)
	}
	if err := o.check(); err != nil {
		return nil, &Error{Op: "open", Adapter: f.Name, Code: codeOf(err), Message: err.Error(), cause: err}
	}
	c := newConn(&o)
	c.name, c.server = f.Name, u.Host
	setup := Setup{
		URL: u, Source: c.source, Service: o.service, Services: o.services,
		MaxBody: o.maxBody, Logger: o.logger, Connected: c.connectedChanged, Access: c.access,
	}
	adapter, err := f.Open(ctx, setup)
	if err != nil {
		c.cancel(ErrClosed)
		c.features.Adapter = f.Name
		return nil, c.fail("open", "", err)
	}
	c.attach(adapter, &o)
	return c, nil
}

func (r *Registry) resolve(rawURL string) (*url.URL, *Factory, error) {
	if r.err != nil {
		return nil, nil, r.err
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, nil, invalid("the transport's URL does not parse: check scheme://host:port, and escape special characters of a password")
	}
	f := r.factories[u.Scheme]
	if f == nil {
		return nil, nil, invalid("unknown scheme %q (known: %s)", clip(u.Scheme, 32), strings.Join(r.Schemes(), ", "))
	}
	return u, f, nil
}

func (o *connOptions) check() error {
	if o.maxBody < 1 || o.maxBody > 1<<30 {
		return invalid("WithMaxBody(%d): use 1 to %d", o.maxBody, 1<<30)
	}
	if o.logger == nil {
		return invalid("WithLogger(nil): leave the option out for silence")
	}
	if len(o.service) > maxGroup || o.service != "" && CheckDestination(o.service) != nil {
		return invalid("service name %q: use [A-Za-z0-9_-.]{1,%d}", clip(o.service, maxGroup), maxGroup)
	}
	for _, s := range o.services {
		for _, pattern := range s.Owns {
			if err := CheckPattern(pattern); err != nil {
				return fmt.Errorf("service %s owns: %w", quoteName(s.Name), err)
			}
		}
		if err := s.checkPaths(); err != nil {
			return invalid("service %s paths: %w", quoteName(s.Name), err)
		}
	}
	return nil
}

func (s *Service) checkPaths() error {
	for destination := range s.Paths {
		if err := CheckDestination(destination); err != nil {
			return err
		}
	}
	_, err := rest.ParseTable(s.Paths)
	return err
}

func newConn(o *connOptions) *Conn {
	c := &Conn{
		logger: o.logger, maxBody: o.maxBody, inbound: o.inbound, steps: len(o.outbound),
		gate:     limit.NewGate(maxWaiters, maxWaitingBytes),
		bindings: make(map[*binding]struct{}),
	}
	service := o.service
	if service == "" {
		service = "-"
	}
	c.source = service + "/" + c.ids.ID()[:12]
	c.self = &access.Identity{Name: o.service, Proof: access.ProofProcess}
	if o.access != nil {
		c.access = access.NewGate(*o.access, c.refused)
	}
	c.base, c.cancel = context.WithCancelCause(context.Background())
	c.outbound = c.transmit
	for _, wrap := range slices.Backward(o.outbound) {
		c.outbound = wrap(c.outbound)
	}
	c.replies.init(c)
	return c
}

// attach completes c with its adapter, before anybody else sees c.
func (c *Conn) attach(adapter Adapter, o *connOptions) {
	c.adapter, c.features = adapter, adapter.Features()
	c.exchange, _ = adapter.(Exchange)
	if a, ok := adapter.(interface{ KeepsNothing() bool }); ok {
		c.reuses = a.KeepsNothing()
	}
	if c.features.MaxBody > 0 {
		c.maxBody = min(o.maxBody, c.features.MaxBody)
	}
	c.state.CompareAndSwap(stateConnecting, stateReady)
}
