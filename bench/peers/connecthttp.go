package main

import (
	"context"
	"net/http"

	"connectrpc.com/connect"
	connect2api "connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	connectPostKind = "own ctx, deadline enforced; a message of bytes as Protobuf, not compressed; Connect's protocol over HTTP/1.1"
	connectGRPCKind = "own ctx, deadline enforced; a message of bytes as Protobuf, not compressed; gRPC's protocol over net/http's HTTP/2"
	quoteProcedure  = "/trip.v1.Trips/Quote"
)

// A connectHTTP1 is connect's first version on loopback.
type connectHTTP1 struct {
	connect1
	*httpServer
}

// connect1HTTP calls by Connect's protocol over HTTP/1.1, or by gRPC's over HTTP/2.
func connect1HTTP(grpc bool) answerer {
	return func(_ context.Context, reply []byte) (requester, error) {
		mux := http.NewServeMux()
		mux.Handle(quoteProcedure, connect.NewUnaryHandler(quoteProcedure,
			func(_ context.Context, in *connect.Request[wrapperspb.BytesValue]) (*connect.Response[wrapperspb.BytesValue], error) {
				return connect.NewResponse(wrapperspb.Bytes(answer(reply, in.Msg.Value))), nil
			}))
		s, err := serveHTTP(mux, grpc)
		if err != nil {
			return nil, err
		}
		opts := []connect.ClientOption{connect.WithAcceptCompression("gzip", nil, nil)} // else every reply is compressed, whatever its size
		if grpc {
			opts = append(opts, connect.WithGRPC())
		}
		c := &connectHTTP1{connect1{http: httpClient(grpc)}, s}
		c.client = connect.NewClient[wrapperspb.BytesValue, wrapperspb.BytesValue](c.http, s.url+quoteProcedure, opts...)
		return c, nil
	}
}

func (c *connectHTTP1) close() error {
	c.http.CloseIdleConnections()
	return c.httpServer.close()
}

// A connectHTTP2 is connect's second version on loopback.
type connectHTTP2 struct {
	connect2
	*httpServer
	http *http.Client
}

// connect2HTTP calls by Connect's protocol over HTTP/1.1, or by gRPC's over HTTP/2.
func connect2HTTP(grpc bool) answerer {
	return func(_ context.Context, reply []byte) (requester, error) {
		server, spec := connect2Server(reply)
		mux := http.NewServeMux()
		connecthttp.Mount(mux, server, connecthttp.WithCompressors())
		s, err := serveHTTP(mux, grpc)
		if err != nil {
			return nil, err
		}
		opts := []connecthttp.Option{connecthttp.WithCompressors()}
		if grpc {
			opts = append(opts, connecthttp.WithGRPC())
		}
		c := &connectHTTP2{httpServer: s, http: httpClient(grpc)}
		c.connect2 = connect2{client: connect2api.NewClient(connecthttp.NewTransport(c.http, s.url, opts...)), spec: spec}
		return c, nil
	}
}

func (c *connectHTTP2) close() error {
	c.http.CloseIdleConnections()
	return c.httpServer.close()
}
