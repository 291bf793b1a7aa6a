package main

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/wrapperspb"
)

const connect1Kind = "own goroutine, own ctx; deadline enforced; encoded as Protobuf, not compressed, over HTTP/2 through a pipe"

// A connect1 is connect's first version, which has no in-process transport: like its
// own tests it speaks HTTP/2 over net.Pipe, without a socket.
type connect1 struct {
	client *connect.Client[wrapperspb.BytesValue, wrapperspb.BytesValue]
	http   *http.Client
	server *http.Server
	served chan error // written by Serve's goroutine as it ends, read by close
}

func openConnect1(_ context.Context, reply []byte) (requester, error) {
	mux := http.NewServeMux()
	mux.Handle(quoteProcedure, connect.NewUnaryHandler(quoteProcedure,
		func(_ context.Context, in *connect.Request[wrapperspb.BytesValue]) (*connect.Response[wrapperspb.BytesValue], error) {
			return connect.NewResponse(wrapperspb.Bytes(answer(reply, in.Msg.Value))), nil
		}))
	http2 := new(http.Protocols)
	http2.SetUnencryptedHTTP2(true)
	pipes := newPipes()
	c := &connect1{
		http:   &http.Client{Transport: &http.Transport{DialContext: pipes.dial, Protocols: http2}},
		server: &http.Server{Handler: mux, Protocols: http2},
		served: make(chan error, 1),
	}
	go func() { c.served <- c.server.Serve(pipes) }()
	c.client = connect.NewClient[wrapperspb.BytesValue, wrapperspb.BytesValue](c.http, "http://pipe"+quoteProcedure,
		connect.WithAcceptCompression("gzip", nil, nil)) // else every reply is compressed, whatever its size
	return c, nil
}

func (c *connect1) caller(ctx context.Context, body []byte) (func() ([]byte, error), error) {
	in := wrapperspb.Bytes(body)
	return func() ([]byte, error) {
		request := connect.NewRequest(in)
		request.Header().Set(tenantKey, tenant)
		request.Header().Set(regionKey, region)
		out, err := c.client.CallUnary(ctx, request)
		if err != nil {
			return nil, err
		}
		return out.Msg.Value, nil
	}, nil
}

func (c *connect1) close() error {
	err := c.server.Close()
	c.http.CloseIdleConnections()
	if served := <-c.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// pipes is a net.Listener whose connections are made by dial.
type pipes struct {
	waiting chan net.Conn // written by dial, read by Accept
	closed  chan struct{} // closed by Close
	once    sync.Once
}

func newPipes() *pipes {
	return &pipes{waiting: make(chan net.Conn), closed: make(chan struct{})}
}

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case p.waiting <- theirs:
		return ours, nil
	case <-p.closed:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.waiting:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	p.once.Do(func() { close(p.closed) })
	return nil
}

func (p *pipes) Addr() net.Addr { return pipeAddr{} }

type pipeAddr struct{}

func (pipeAddr) Network() string { return "pipe" }
func (pipeAddr) String() string  { return "pipe" }
