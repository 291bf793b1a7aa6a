package grpcwire

import (
	"bytes"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"
	v1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	v1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/polywire/polywire/internal/apiproto"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
)

// describe is the destination at which a service that wants to be asked tells what it offers.
const describe = "polywire.describe"

// A mirror tells clients what a node offers, by gRPC's reflection: what this
// process's handler of polywire.describe says, what generated code is linked into the program, and the bus.
type mirror struct {
	n   *node
	bus *protoregistry.Files

	mu       sync.Mutex // guards the fields below
	document []byte     // that api was made from
	api      *apiproto.API
}

func (n *node) register() error {
	bus, err := busFiles()
	if err != nil {
		return err
	}
	m := &mirror{n: n, bus: bus}
	opts := reflection.ServerOptions{Services: m, DescriptorResolver: m}
	v1.RegisterServerReflectionServer(own{n}, reflection.NewServerV1(opts))
	v1alpha.RegisterServerReflectionServer(own{n}, reflection.NewServer(opts))
	return nil
}

// described asks this process's own handler, which few have.
func (m *mirror) described() *apiproto.API {
	ctx, cancel := context.WithTimeout(m.n.a.base, 5*time.Second)
	defer cancel()
	e := &transport.Envelope{Kind: transport.KindQueue}
	e.Destination, e.ID, e.Time, e.Timeout = describe, "reflection", time.Now(), 5*time.Second
	reply, err := m.n.a.router.Request(ctx, e)
	if err != nil || reply.Err != nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.api != nil && bytes.Equal(m.document, reply.Body) {
		return m.api
	}
	api, err := apiproto.Read(reply.Body)
	if err != nil {
		m.n.a.setup.Logger.Warn("reflection: the description of the service cannot be read", "error", err.Error())
		return nil
	}
	m.document, m.api = bytes.Clone(reply.Body), api
	return api
}

// GetServiceInfo lists the services by name.
func (m *mirror) GetServiceInfo() map[string]grpc.ServiceInfo {
	all := m.n.server.GetServiceInfo()
	all[busService] = grpc.ServiceInfo{}
	if api := m.described(); api != nil {
		for _, name := range api.Services {
			all[name] = grpc.ServiceInfo{}
		}
	}
	for _, name := range m.n.health.services() {
		if d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(name)); err == nil {
			if _, ok := d.(protoreflect.ServiceDescriptor); ok {
				all[name] = grpc.ServiceInfo{}
			}
		}
	}
	return all
}

// FindFileByPath implements protodesc.Resolver.
func (m *mirror) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	if f, err := protoregistry.GlobalFiles.FindFileByPath(path); err == nil {
		return f, nil
	}
	if api := m.described(); api != nil {
		if f, err := api.Files.FindFileByPath(path); err == nil {
			return f, nil
		}
	}
	return m.bus.FindFileByPath(path)
}

// FindDescriptorByName implements protodesc.Resolver.
func (m *mirror) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	if d, err := protoregistry.GlobalFiles.FindDescriptorByName(name); err == nil {
		return d, nil
	}
	if api := m.described(); api != nil {
		if d, err := api.Files.FindDescriptorByName(name); err == nil {
			return d, nil
		}
	}
	return m.bus.FindDescriptorByName(name)
}

// own is where every call and stream of health and reflection comes in. Whoever reaches the node may see whether it
// lives; what it offers is told to those who may ask polywire.describe. The caller calls leave when it has ended.
func (n *node) own(ctx context.Context, service string) (leave func(), err error) {
	v := visitOf(ctx)
	if !n.enter() {
		return nil, v.refusal(transport.ErrClosed)
	}
	if strings.HasPrefix(service, "grpc.reflection.") {
		if err = v.authenticate(); err == nil {
			err = v.admit(access.Request, describe)
		}
	}
	if err != nil {
		n.serving.Done()
		return nil, v.refusal(err)
	}
	return n.serving.Done, nil
}

// refusal is the status of err, for a stranger.
func (v *visit) refusal(err error) error {
	s, _ := statusOf(err, false)
	return status.ErrorProto(s)
}

var ownServices = []string{"grpc.health.v1.", "grpc.reflection."}

// taken reports whether a destination's method is one of a node's own.
func taken(destination string) bool {
	return strings.HasPrefix(destination, busService+".") ||
		slices.ContainsFunc(ownServices, func(s string) bool { return strings.HasPrefix(destination, s) })
}
