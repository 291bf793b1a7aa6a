package main

import (
	"context"
	"errors"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const grpcgoKind = "grpc-go alone: a message of bytes as Protobuf, metadata of two fields, deadline enforced; one connection"

// quoteService is what protoc-gen-go-grpc writes of a service whose method takes and returns bytes.
func quoteService(reply []byte) *grpc.ServiceDesc {
	made := wrapperspb.Bytes(reply)
	quote := func(_ context.Context, in any) (any, error) {
		if reply == nil {
			return wrapperspb.Bytes(in.(*wrapperspb.BytesValue).Value), nil
		}
		return made, nil
	}
	return &grpc.ServiceDesc{ServiceName: "trip.v1.Trips", HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{{
		MethodName: "Quote",
		Handler: func(srv any, ctx context.Context, dec func(any) error, interceptor grpc.UnaryServerInterceptor) (any, error) {
			in := new(wrapperspb.BytesValue)
			if err := dec(in); err != nil {
				return nil, err
			}
			if interceptor == nil {
				return quote(ctx, in)
			}
			return interceptor(ctx, in, &grpc.UnaryServerInfo{Server: srv, FullMethod: quoteProcedure}, quote)
		},
	}}}
}

// A grpcgo is grpc-go's client and server on loopback.
type grpcgo struct {
	server *grpc.Server
	conn   *grpc.ClientConn
	served chan error // written by Serve's goroutine as it ends, read by close
}

func openGRPCGo(ctx context.Context, reply []byte) (requester, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	g := &grpcgo{server: grpc.NewServer(), served: make(chan error, 1)}
	g.server.RegisterService(quoteService(reply), nil)
	go func() { g.served <- g.server.Serve(l) }()
	g.conn, err = grpc.NewClient(l.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	return g, err
}

func (g *grpcgo) caller(ctx context.Context, body []byte) (func() ([]byte, error), error) {
	return quoteCaller(ctx, g.conn, body), nil
}

// quoteCaller calls as a generated client does.
func quoteCaller(ctx context.Context, conn grpc.ClientConnInterface, body []byte) func() ([]byte, error) {
	in := wrapperspb.Bytes(body)
	return func() ([]byte, error) {
		out := new(wrapperspb.BytesValue)
		ctx := metadata.AppendToOutgoingContext(ctx, tenantKey, tenant, regionKey, region)
		err := conn.Invoke(ctx, quoteProcedure, in, out)
		return out.Value, err
	}
}

func (g *grpcgo) close() error {
	err := g.conn.Close()
	g.server.Stop()
	return errors.Join(err, <-g.served)
}
