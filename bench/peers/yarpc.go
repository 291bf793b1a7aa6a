package main

import (
	"context"
	"errors"
	"net"

	"go.uber.org/yarpc"
	yarpctransport "go.uber.org/yarpc/api/transport"
	"go.uber.org/yarpc/encoding/raw"
	yarpcgrpc "go.uber.org/yarpc/transport/grpc"
	yarpchttp "go.uber.org/yarpc/transport/http"
)

const (
	yarpcPostKind = "its dispatcher and headers over net/http: raw bytes, deadline enforced"
	yarpcGRPCKind = "its dispatcher over grpc-go: raw bytes, deadline enforced"
)

// A yarpcPair is a dispatcher that serves and one that calls.
type yarpcPair struct {
	server, client *yarpc.Dispatcher
	raw            raw.Client
}

func openYARPCHTTP(ctx context.Context, reply []byte) (requester, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	at := l.Addr().String()
	if err := l.Close(); err != nil { // its inbound takes an address alone
		return nil, err
	}
	in, out := yarpchttp.NewTransport(), yarpchttp.NewTransport(yarpchttp.MaxIdleConnsPerHost(256))
	return openYARPC(in.NewInbound(at), out.NewSingleOutbound("http://"+at+"/yarpc"), reply)
}

func openYARPCGRPC(ctx context.Context, reply []byte) (requester, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	in, out := yarpcgrpc.NewTransport(), yarpcgrpc.NewTransport()
	return openYARPC(in.NewInbound(l), out.NewSingleOutbound(l.Addr().String()), reply)
}

func openYARPC(in yarpctransport.Inbound, out yarpctransport.UnaryOutbound, reply []byte) (requester, error) {
	p := &yarpcPair{
		server: yarpc.NewDispatcher(yarpc.Config{Name: "trips", Inbounds: yarpc.Inbounds{in}}),
		client: yarpc.NewDispatcher(yarpc.Config{Name: "caller", Outbounds: yarpc.Outbounds{"trips": {Unary: out}}}),
	}
	p.server.Register(raw.Procedure("trip.quote", func(_ context.Context, body []byte) ([]byte, error) {
		return answer(reply, body), nil
	}))
	if err := p.server.Start(); err != nil {
		return nil, err
	}
	if err := p.client.Start(); err != nil {
		return nil, errors.Join(err, p.server.Stop())
	}
	p.raw = raw.New(p.client.ClientConfig("trips"))
	return p, nil
}

func (p *yarpcPair) caller(ctx context.Context, body []byte) (func() ([]byte, error), error) {
	return func() ([]byte, error) {
		return p.raw.Call(ctx, "trip.quote", body, yarpc.WithHeader(tenantKey, tenant), yarpc.WithHeader(regionKey, region))
	}, nil
}

func (p *yarpcPair) close() error { return errors.Join(p.client.Stop(), p.server.Stop()) }
