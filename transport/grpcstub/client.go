package grpcstub

import (
	"context"
	"slices"

	"google.golang.org/grpc"

	"github.com/polywire/polywire/transport"
)

// A Requester is what a Client calls through: a *transport.Conn, or the Bus of package config.
type Requester interface {
	Request(ctx context.Context, msg *transport.Message, opts ...transport.CallOption) (*transport.Message, error)
}

// A Client is a grpc.ClientConnInterface over any transport, for generated stubs:
//
//	accounts := pb.NewAccountsClient(client)
//
// Its errors are found by package status, and as *transport.Error. A call without
// a deadline has that of the transport, 30 s. It is safe for concurrent use, holds nothing that
// would have to be closed, and serves until its transport is closed.
type Client struct {
	conn     Requester
	formats  *formats
	features transport.Features
	invoke   grpc.UnaryInvoker // with all interceptors around it
}

var _ grpc.ClientConnInterface = (*Client)(nil)

// NewClient returns a Client that calls through conn. Messages are written in the codec
// of their route where conn is a Bus, else as Protobuf; WithCodec overrides both.
func NewClient(conn Requester, opts ...Option) (*Client, error) {
	o := apply(opts)
	switch {
	case conn == nil:
		return nil, transport.CodeInvalidArgument.Errorf("grpcstub: NewClient(nil): pass a *transport.Conn or a *config.Bus")
	case o.serverOnly != "":
		return nil, transport.CodeInvalidArgument.Errorf("grpcstub: %s is for NewServer", o.serverOnly)
	}
	f, err := newFormats(conn, o.codecs)
	if err != nil {
		return nil, err
	}
	c := &Client{conn: conn, formats: f, features: featuresOf(conn)}
	c.invoke = func(ctx context.Context, method string, args, reply any, _ *grpc.ClientConn, opts ...grpc.CallOption) error {
		call := &call{method: method, args: args, reply: reply}
		return c.run(ctx, call.with(o.calls).with(opts))
	}
	for _, interceptor := range slices.Backward(o.client) {
		c.invoke = wrapInvoker(interceptor, c.invoke)
	}
	return c, nil
}

// Invoke makes one unary call. Generated code calls it.
func (c *Client) Invoke(ctx context.Context, method string, args, reply any, opts ...grpc.CallOption) error {
	return c.invoke(ctx, method, args, reply, nil, opts...)
}

// NewStream refuses: a request of polywire carries one message each way.
func (c *Client) NewStream(_ context.Context, _ *grpc.StreamDesc, method string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	return nil, refused(method, streaming(method))
}

// streaming is why a method that streams is not served.
func streaming(method string) error {
	return transport.CodeUnimplemented.Errorf("%s streams, and a request carries one message each way: publish and subscribe, gather, or call a gRPC server with grpc.NewClient", clip(method))
}

func (c *Client) run(ctx context.Context, call *call) error {
	err := c.exchange(ctx, call)
	for _, finish := range call.finish {
		finish(err)
	}
	return err
}

// exchange sends one request and reads its reply. Its errors are statuses.
func (c *Client) exchange(ctx context.Context, call *call) error {
	msg, f, err := c.message(ctx, call)
	if err != nil {
		return refused(call.method, err)
	}
	answer, err := c.conn.Request(ctx, msg, call.options(idempotent(msg.Destination))...)
	if err != nil {
		call.failed(err)
		return fromTransport(err)
	}
	call.answered(answer, c.features.Adapter)
	if call.maxRecv > 0 && len(answer.Body) > call.maxRecv {
		return refused(call.method, transport.CodeResourceExhausted.Errorf("the reply has %d bytes, and grpc.MaxCallRecvMsgSize allows %d", len(answer.Body), call.maxRecv))
	}
	if err := f.read(answer, call.reply); err != nil {
		return refused(call.method, transport.CodeInternal.Errorf("the reply cannot be read: %w", err))
	}
	return nil
}

// message makes the request, and tells its format.
func (c *Client) message(ctx context.Context, call *call) (*transport.Message, format, error) {
	if err := call.check(&c.features); err != nil {
		return nil, format{}, err
	}
	destination, err := destinationOf(call.method)
	if err != nil {
		return nil, format{}, err
	}
	f, err := c.formats.of(destination)
	if err == nil {
		f, err = f.named(call.subtype)
	}
	if err != nil {
		return nil, f, err
	}
	body, err := f.write(call.args)
	if err != nil {
		return nil, f, err
	}
	if call.maxSend > 0 && len(body) > call.maxSend {
		return nil, f, transport.CodeResourceExhausted.Errorf("the request has %d bytes, and grpc.MaxCallSendMsgSize allows %d", len(body), call.maxSend)
	}
	msg := &transport.Message{Destination: destination, ContentType: f.codec.ContentType(), Body: body}
	return msg, f, call.annotate(ctx, msg)
}

// featuresOf are those of conn. A Bus has many, so that the little which stubs ask for is not known.
func featuresOf(conn any) transport.Features {
	if c, ok := conn.(interface{ Features() transport.Features }); ok {
		return c.Features()
	}
	return transport.Features{Adapter: "polywire"}
}

func wrapInvoker(with grpc.UnaryClientInterceptor, next grpc.UnaryInvoker) grpc.UnaryInvoker {
	return func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, opts ...grpc.CallOption) error {
		return with(ctx, method, req, reply, cc, next, opts...)
	}
}
