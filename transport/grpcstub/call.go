package grpcstub

import (
	"context"
	"errors"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"

	"github.com/polywire/polywire/transport"
)

// A call is one call, and what its options say.
type call struct {
	method            string
	args, reply       any
	headers, trailers []*metadata.MD
	peers             []*peer.Peer
	finish            []func(error)
	creds             credentials.PerRPCCredentials
	subtype           string
	waits             bool // for the connection, where it is lost
	maxSend, maxRecv  int  // bytes; 0 leaves it to the transport
	forced            string
}

// with is c after more options.
func (c *call) with(opts []grpc.CallOption) *call {
	for _, o := range opts {
		c.take(o)
	}
	return c
}

// take reads one option. Those of transports that do not exist here, as an authority, change nothing.
func (c *call) take(opt grpc.CallOption) {
	switch o := opt.(type) {
	case grpc.HeaderCallOption:
		c.headers = append(c.headers, o.HeaderAddr)
	case grpc.TrailerCallOption:
		c.trailers = append(c.trailers, o.TrailerAddr)
	case grpc.PeerCallOption:
		c.peers = append(c.peers, o.PeerAddr)
	case grpc.OnFinishCallOption:
		c.finish = append(c.finish, o.OnFinish)
	case grpc.FailFastCallOption:
		c.waits = !o.FailFast
	case grpc.PerRPCCredsCallOption:
		c.creds = o.Creds
	case grpc.ContentSubtypeCallOption:
		c.subtype = o.ContentSubtype
	case grpc.MaxSendMsgSizeCallOption:
		c.maxSend = o.MaxSendMsgSize
	case grpc.MaxRecvMsgSizeCallOption:
		c.maxRecv = o.MaxRecvMsgSize
	case grpc.ForceCodecCallOption:
		c.forced = "grpc.ForceCodec"
	case grpc.ForceCodecV2CallOption:
		c.forced = "grpc.ForceCodecV2"
	case grpc.CustomCodecCallOption:
		c.forced = "grpc.CallCustomCodec"
	}
}

// check refuses what no transport here can do.
func (c *call) check(f *transport.Features) error {
	switch {
	case c.forced != "":
		return transport.CodeUnimplemented.Errorf("%s: messages are written by codecs of polywire; choose one by the route, WithCodec, or grpc.CallContentSubtype", c.forced)
	case c.creds != nil && c.creds.RequireTransportSecurity() && !f.InProcess:
		return transport.CodeUnauthenticated.Errorf("grpc.PerRPCCredentials ask for a transport that is encrypted, which a stub cannot see: give the credentials to the transport, or let RequireTransportSecurity return false where it is")
	}
	return nil
}

// annotate adds the metadata of ctx and of the credentials.
func (c *call) annotate(ctx context.Context, msg *transport.Message) error {
	if md, ok := metadata.FromOutgoingContext(ctx); ok {
		outgoing(msg, md)
	}
	if c.creds == nil {
		return nil
	}
	fields, err := c.creds.GetRequestMetadata(ctx, c.method)
	if err != nil {
		return transport.CodeUnauthenticated.Errorf("grpc.PerRPCCredentials: %w", err)
	}
	for key, value := range fields {
		add(&msg.Header, key, value)
	}
	return nil
}

// options are those of the transport.
func (c *call) options(idempotent bool) []transport.CallOption {
	var opts []transport.CallOption
	if !c.waits {
		opts = append(opts, transport.WithFailFast())
	}
	if idempotent {
		opts = append(opts, transport.WithIdempotent())
	}
	return opts
}

// answered stores what the options ask to know of the reply.
func (c *call) answered(reply *transport.Message, adapter string) {
	if len(c.headers)+len(c.trailers) > 0 {
		header, trailer := answered(reply)
		for _, addr := range c.headers {
			*addr = header
		}
		for _, addr := range c.trailers {
			*addr = trailer
		}
	}
	for _, addr := range c.peers {
		*addr = peer.Peer{Addr: source{adapter, reply.Source}}
	}
}

// failed stores the metadata that came with an error.
func (c *call) failed(err error) {
	var e *transport.Error
	if len(c.headers)+len(c.trailers) == 0 || !errors.As(err, &e) {
		return
	}
	h, _ := metadataOf(e.Details)
	header, trailer := answered(&transport.Message{Header: h})
	for _, addr := range c.headers {
		*addr = header
	}
	for _, addr := range c.trailers {
		*addr = trailer
	}
}

// A source is the address of a peer: the adapter, and the "service/instance" that it calls itself.
type source struct{ adapter, name string }

// Network is the name of the adapter, as "kafka".
func (s source) Network() string { return s.adapter }

func (s source) String() string { return s.name }
