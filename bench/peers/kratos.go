package main

import (
	"context"
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/go-kratos/kratos/v2/log"
	kratosgrpc "github.com/go-kratos/kratos/v2/transport/grpc"
	kratoshttp "github.com/go-kratos/kratos/v2/transport/http"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const (
	kratosPostKind = "its router, selector and codecs over net/http: a message of bytes as Protobuf, both ways; timeout of the server"
	kratosGRPCKind = "its interceptors and selector over grpc-go: a message of bytes as Protobuf"
	protoType      = "application/proto"
)

// quiet keeps kratos from telling on stderr that it listens. Its logger is the program's, and its servers read it unguarded: once, before the first.
var quiet = sync.OnceFunc(func() { log.SetLogger(log.NewStdLogger(io.Discard)) }) //nolint:gochecknoglobals // as what it sets

// A kratosHTTP is called as its generated clients call.
type kratosHTTP struct {
	server *kratoshttp.Server
	client *kratoshttp.Client
	idle   *http.Client
	served chan error // written by Start's goroutine as it ends, read by close
}

func openKratosHTTP(ctx context.Context, reply []byte) (requester, error) {
	return openKratos(ctx, func(r *kratoshttp.Router) {
		r.POST(quotePath[1:], func(c kratoshttp.Context) error {
			var in wrapperspb.BytesValue
			if err := c.Bind(&in); err != nil {
				return err
			}
			h := c.Middleware(func(context.Context, any) (any, error) { return wrapperspb.Bytes(answer(reply, in.Value)), nil })
			out, err := h(c, &in)
			if err != nil {
				return err
			}
			return c.Result(http.StatusOK, out)
		})
	})
}

func openKratos(ctx context.Context, route func(*kratoshttp.Router)) (*kratosHTTP, error) {
	quiet()
	k := &kratosHTTP{server: kratoshttp.NewServer(kratoshttp.Address("127.0.0.1:0")), served: make(chan error, 1)}
	route(k.server.Route("/"))
	at, err := k.server.Endpoint()
	if err != nil {
		return nil, err
	}
	go func() { k.served <- k.server.Start(context.WithoutCancel(ctx)) }()
	k.idle = httpClient(false)
	k.client, err = kratoshttp.NewClient(ctx, kratoshttp.WithEndpoint(at.Host), kratoshttp.WithTransport(k.idle.Transport), kratoshttp.WithTimeout(0))
	return k, err
}

func (k *kratosHTTP) caller(ctx context.Context, body []byte) (func() ([]byte, error), error) {
	in := wrapperspb.Bytes(body)
	return func() ([]byte, error) {
		header := http.Header{"Accept": {protoType}, "Tenant": {tenant}, "Region": {region}}
		out := new(wrapperspb.BytesValue)
		err := k.client.Invoke(ctx, http.MethodPost, quotePath, in, out, kratoshttp.ContentType(protoType), kratoshttp.Header(&header))
		return out.Value, err
	}, nil
}

func (k *kratosHTTP) close() error {
	k.idle.CloseIdleConnections()
	return errors.Join(k.client.Close(), k.server.Server.Close(), <-k.served)
}

// A kratosGRPC is grpc-go as kratos sets it up.
type kratosGRPC struct {
	server *kratosgrpc.Server
	conn   *grpc.ClientConn
	served chan error // written by Start's goroutine as it ends, read by close
}

func openKratosGRPC(ctx context.Context, reply []byte) (requester, error) {
	quiet()
	k := &kratosGRPC{server: kratosgrpc.NewServer(kratosgrpc.Address("127.0.0.1:0")), served: make(chan error, 1)}
	k.server.RegisterService(quoteService(reply), nil)
	at, err := k.server.Endpoint()
	if err != nil {
		return nil, err
	}
	go func() { k.served <- k.server.Start(context.WithoutCancel(ctx)) }()
	k.conn, err = kratosgrpc.DialInsecure(ctx, kratosgrpc.WithEndpoint(at.Host), kratosgrpc.WithTimeout(0))
	return k, err
}

func (k *kratosGRPC) caller(ctx context.Context, body []byte) (func() ([]byte, error), error) {
	return quoteCaller(ctx, k.conn, body), nil
}

func (k *kratosGRPC) close() error {
	err := k.conn.Close()
	k.server.Server.Stop()
	return errors.Join(err, <-k.served)
}
