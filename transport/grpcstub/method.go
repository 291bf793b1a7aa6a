package grpcstub

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"

	"github.com/polywire/polywire/transport"
)

// destinationOf is where the messages of a method go: /pkg.Service/Method is pkg.Service.Method.
func destinationOf(method string) (string, error) {
	service, name, ok := strings.Cut(strings.TrimPrefix(method, "/"), "/")
	if !ok || service == "" || name == "" || strings.ContainsAny(name, "./") || !strings.HasPrefix(method, "/") {
		return "", transport.CodeInvalidArgument.Errorf("method %q: want /package.Service/Method", clip(method))
	}
	destination := service + "." + name
	if err := transport.CheckDestination(destination); err != nil {
		return "", transport.CodeInvalidArgument.Errorf("method %q cannot be a destination: %w", clip(method), err)
	}
	return destination, nil
}

// idempotent reports whether the .proto declares that calling the method twice does no harm.
func idempotent(destination string) bool {
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(destination))
	if err != nil {
		return false
	}
	m, ok := d.(protoreflect.MethodDescriptor)
	if !ok {
		return false
	}
	o, ok := m.Options().(*descriptorpb.MethodOptions)
	return ok && o.GetIdempotencyLevel() != descriptorpb.MethodOptions_IDEMPOTENCY_UNKNOWN
}

// clip bounds a name that goes into an error.
func clip(name string) string {
	const most = 200
	if len(name) > most {
		return strings.ToValidUTF8(name[:most], "") + "…"
	}
	return name
}
