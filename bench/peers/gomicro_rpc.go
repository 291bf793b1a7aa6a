package main

import (
	"context"
	"errors"

	"go-micro.dev/v5/broker"
	"go-micro.dev/v5/client"
	raw "go-micro.dev/v5/codec/bytes"
	"go-micro.dev/v5/logger"
	"go-micro.dev/v5/metadata"
	"go-micro.dev/v5/registry"
	"go-micro.dev/v5/selector"
	"go-micro.dev/v5/server"
	microtransport "go-micro.dev/v5/transport"
)

const gomicroRPCKind = "client and server over its memory transport, registry and selector; own goroutine, own ctx; deadline enforced; bytes as they are in gob through a pipe; headers"

// A gomicroRPC is go-micro as its users meet it: a named service, found in a registry.
type gomicroRPC struct {
	server   server.Server
	client   client.Client
	selector selector.Selector
}

// Trips is the service, in the form that go-micro finds by reflection.
type Trips struct{ reply []byte }

// Quote answers with the reply, or with what came.
func (t *Trips) Quote(_ context.Context, in, out *raw.Frame) error {
	out.Data = answer(t.reply, in.Data)
	return nil
}

func openGomicroRPC(_ context.Context, reply []byte) (requester, error) {
	silent := logger.NewLogger(logger.WithLevel(logger.ErrorLevel))
	wire, names := microtransport.NewMemoryTransport(), registry.NewMemoryRegistry()
	chosen := selector.NewSelector(selector.Registry(names))
	g := &gomicroRPC{
		selector: chosen,
		server: server.NewRPCServer(server.Name("trips"), server.Address("127.0.0.1:0"), server.Transport(wire),
			server.Registry(names), server.Broker(broker.NewMemoryBroker()), server.WithLogger(silent)),
		client: client.NewClient(client.Transport(wire), client.Registry(names), client.ContentType(octets),
			client.Selector(chosen), client.WithLogger(silent)),
	}
	if err := g.server.Handle(g.server.NewHandler(&Trips{reply})); err != nil {
		return nil, err
	}
	return g, g.server.Start()
}

func (g *gomicroRPC) caller(ctx context.Context, body []byte) (func() ([]byte, error), error) {
	ctx = metadata.MergeContext(ctx, headers(), true)
	call := g.client.NewRequest("trips", "Trips.Quote", &raw.Frame{Data: body})
	return func() ([]byte, error) {
		var out raw.Frame
		err := g.client.Call(ctx, call, &out)
		return out.Data, err
	}, nil
}

func (g *gomicroRPC) close() error {
	return errors.Join(g.selector.Close(), g.server.Stop())
}
