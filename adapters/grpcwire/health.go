package grpcwire

import (
	"context"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	"github.com/polywire/polywire/transport"
)

// A checkup tells by grpc.health.v1 what a node serves: each service whose methods
// are handled, and with the empty name the node as a whole.
//
// A service is serving while one of its destinations has a handler, here or attached. The node is
// until its last handler has gone, as when it drains, and again with the next.
type checkup struct {
	server *health.Server

	mu       sync.Mutex     // guards the fields below
	handlers map[string]int // by service
	all      int
}

func newCheckup() *checkup { return &checkup{server: health.NewServer(), handlers: map[string]int{}} }

func serviceOf(destination string) string {
	i := strings.LastIndexByte(destination, '.')
	return destination[:max(i, 0)]
}

// bound counts a handler of destination; the caller calls what it returns once, when that has gone.
func (c *checkup) bound(destination string) (gone func()) {
	c.add(serviceOf(destination), 1)
	return sync.OnceFunc(func() { c.add(serviceOf(destination), -1) })
}

func (c *checkup) add(service string, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all += n
	c.handlers[service] += n
	c.server.SetServingStatus("", serving(c.all))
	if service != "" {
		c.server.SetServingStatus(service, serving(c.handlers[service]))
	}
	if c.handlers[service] == 0 {
		delete(c.handlers, service)
	}
}

func serving(handlers int) healthpb.HealthCheckResponse_ServingStatus {
	if handlers > 0 {
		return healthpb.HealthCheckResponse_SERVING
	}
	return healthpb.HealthCheckResponse_NOT_SERVING
}

// services lists those that have handlers, unsorted.
func (c *checkup) services() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for name := range c.handlers {
		if name != "" {
			names = append(names, name)
		}
	}
	return names
}

// A counted binding of a queue is a part of a node's health until it is unbound.
type counted struct {
	transport.Bound
	gone func()
}

func (c *counted) Unbind(ctx context.Context) error {
	c.gone()
	return c.Bound.Unbind(ctx)
}

// An own registrar takes health and reflection, whose calls and streams all pass through node.own.
type own struct{ n *node }

func (o own) RegisterService(desc *grpc.ServiceDesc, impl any) {
	d := grpc.ServiceDesc{ServiceName: desc.ServiceName, HandlerType: desc.HandlerType, Metadata: desc.Metadata}
	for _, m := range desc.Methods {
		serve := m.Handler
		m.Handler = func(srv any, ctx context.Context, dec func(any) error, with grpc.UnaryServerInterceptor) (any, error) {
			leave, err := o.n.own(ctx, desc.ServiceName)
			if err != nil {
				return nil, err
			}
			defer leave()
			return serve(srv, ctx, dec, with)
		}
		d.Methods = append(d.Methods, m)
	}
	for _, s := range desc.Streams {
		serve := s.Handler
		s.Handler = func(srv any, stream grpc.ServerStream) error {
			leave, err := o.n.own(stream.Context(), desc.ServiceName)
			if err != nil {
				return err
			}
			defer leave()
			return serve(srv, stream)
		}
		d.Streams = append(d.Streams, s)
	}
	o.n.server.RegisterService(&d, impl)
}
