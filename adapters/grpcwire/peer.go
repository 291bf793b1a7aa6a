package grpcwire

import "google.golang.org/grpc"

// An Option changes what a [Factory] opens, where a URL cannot say it.
type Option func(*factory)

type factory struct {
	natives []func(grpc.ServiceRegistrar) // of WithStreams
}

func newFactory(opts []Option) *factory {
	f := &factory{}
	for _, o := range opts {
		o(f)
	}
	return f
}
