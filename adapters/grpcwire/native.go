package grpcwire

import (
	"errors"
	"slices"

	"google.golang.org/grpc"

	"github.com/polywire/polywire/transport"
)

// WithStreams lets nodes serve the methods that stream of generated services, as gRPC itself does, beside their destinations:
//
//	grpcwire.Factory(grpcwire.WithStreams(func(s grpc.ServiceRegistrar) { pb.RegisterAccountsServer(s, impl) }))
//
// Unary methods among them are left out: those are destinations, as Handle and package grpcstub bind
// them. No other adapter has such methods. register is called by each Open of a node that listens.
func WithStreams(register func(s grpc.ServiceRegistrar)) Option {
	return func(f *factory) { f.natives = append(f.natives, register) }
}

// A registrar takes the methods that stream of services, and nothing else.
type registrar struct {
	n     *node
	known []string
	err   error // of the first service that cannot be served
}

// RegisterService takes a service; what is wrong with it is told by Open, where gRPC would end the process.
func (r *registrar) RegisterService(desc *grpc.ServiceDesc, impl any) {
	own := taken(desc.ServiceName + ".")
	switch {
	case r.err != nil || len(desc.Streams) == 0:
		return
	case own || slices.Contains(r.known, desc.ServiceName):
		r.err = invalid("WithStreams: service %.128q is served already: leave it out", desc.ServiceName)
		return
	}
	r.known = append(r.known, desc.ServiceName)
	d := grpc.ServiceDesc{ServiceName: desc.ServiceName, HandlerType: desc.HandlerType, Metadata: desc.Metadata}
	for _, s := range desc.Streams {
		s.Handler = r.n.native(s.Handler)
		d.Streams = append(d.Streams, s)
	}
	r.n.server.RegisterService(&d, impl)
}

// native is where every stream comes in that is not of the bus, health or reflection.
func (n *node) native(serve grpc.StreamHandler) grpc.StreamHandler {
	return func(srv any, stream grpc.ServerStream) error {
		v := visitOf(stream.Context())
		v.stream = stream
		if !n.enter() {
			return v.statusError(transport.ErrClosed)
		}
		defer n.serving.Done()
		err := v.nativeStream(func(s grpc.ServerStream) error { return serve(srv, s) })
		if refused := new(transport.Error); errors.As(err, &refused) {
			return v.statusError(refused)
		}
		return err
	}
}
