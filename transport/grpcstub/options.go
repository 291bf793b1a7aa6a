package grpcstub

import (
	"google.golang.org/grpc"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/transport"
)

// An Option changes a Client or a Server. One that only the other has fails New… .
type Option func(*options)

type options struct {
	codecs     []codecs.Codec // the first writes
	clientOnly string         // name of an option that only a Client has
	serverOnly string
	calls      []grpc.CallOption
	client     []grpc.UnaryClientInterceptor
	server     []grpc.UnaryServerInterceptor
	bind       []transport.BindOption
}

// WithCodec writes messages in codec, whatever the route says, and understands
// more beside it. A Client may choose one of more for a call with
// grpc.CallContentSubtype; a Server answers each request in its own format.
func WithCodec(codec codecs.Codec, more ...codecs.Codec) Option {
	return func(o *options) { o.codecs = append([]codecs.Codec{codec}, more...) }
}

// WithClientInterceptor wraps the calls of a Client; the first interceptor is the
// outermost. They are given a nil *grpc.ClientConn, as there is none.
func WithClientInterceptor(interceptors ...grpc.UnaryClientInterceptor) Option {
	return func(o *options) {
		o.client = append(o.client, interceptors...)
		o.clientOnly = "WithClientInterceptor"
	}
}

// WithCallOptions gives all calls of a Client these options before their own, as
// grpc.WithDefaultCallOptions does.
func WithCallOptions(opts ...grpc.CallOption) Option {
	return func(o *options) {
		o.calls = append(o.calls, opts...)
		o.clientOnly = "WithCallOptions"
	}
}

// WithServerInterceptor wraps the handlers of a Server; the first interceptor is the outermost.
func WithServerInterceptor(interceptors ...grpc.UnaryServerInterceptor) Option {
	return func(o *options) {
		o.server = append(o.server, interceptors...)
		o.serverOnly = "WithServerInterceptor"
	}
}

// WithBind gives the handlers of a Server these options, as transport.WithConcurrency.
func WithBind(opts ...transport.BindOption) Option {
	return func(o *options) {
		o.bind = append(o.bind, opts...)
		o.serverOnly = "WithBind"
	}
}

func apply(opts []Option) *options {
	o := &options{}
	for _, opt := range opts {
		opt(o)
	}
	return o
}
