package main

import (
	"context"
	"errors"

	"github.com/polywire/polywire/adapters/grpcwire"
	"github.com/polywire/polywire/adapters/httpwire"
	"github.com/polywire/polywire/transport"
)

const (
	ownHTTPKind = "own goroutine, own ctx; deadline travels; id, source, time, two headers, limits and checks both ways; one plain POST"
	ownGRPCKind = "own goroutine, own ctx; deadline travels; id, source, time, two headers, limits and checks both ways; native unary, raw bytes"
)

// A polywirePair is a node that listens and a Conn whose home it is.
type polywirePair struct {
	polywire // that calls
	node     polywire
}

// overWire requests from a node of scheme on loopback.
func overWire(scheme string) answerer {
	return func(ctx context.Context, reply []byte) (requester, error) { return openPair(ctx, scheme, reply) }
}

func openPair(ctx context.Context, scheme string, reply []byte, opts ...transport.Option) (*polywirePair, error) {
	r := transport.NewRegistry(httpwire.Factory(), grpcwire.Factory())
	node, err := r.Open(ctx, scheme+"://?listen=127.0.0.1:0", opts...)
	if err != nil {
		return nil, err
	}
	if err := handleQuotes(ctx, node, reply); err != nil {
		return nil, errors.Join(err, node.Close())
	}
	conn, err := r.Open(ctx, scheme+"://"+node.Addr(), opts...)
	if err != nil {
		return nil, errors.Join(err, node.Close())
	}
	return &polywirePair{polywire{conn}, polywire{node}}, nil
}

func (p *polywirePair) close() error { return errors.Join(p.polywire.close(), p.node.close()) }
