package main

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/valyala/fasthttp"
)

const fasthttpKind = "own HTTP/1.1 engine: no ctx for handlers, deadline of the client alone; buffers used again, valid until the next call; no HTTP/2"

// A fast is fasthttp as it is best used.
type fast struct {
	server *fasthttp.Server
	client *fasthttp.HostClient
	url    string
	served chan error // written by Serve's goroutine as it ends, read by close
}

func openFastHTTP(ctx context.Context, reply []byte) (requester, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	f := &fast{
		server: &fasthttp.Server{MaxRequestBodySize: maxReply, Handler: func(c *fasthttp.RequestCtx) {
			if string(c.Path()) != quotePath || !c.IsPost() {
				c.Error("not found", fasthttp.StatusNotFound)
				return
			}
			c.SetContentType(octets)
			c.SetBody(answer(reply, c.PostBody()))
		}},
		client: &fasthttp.HostClient{Addr: l.Addr().String(), MaxConns: 256, MaxResponseBodySize: maxReply},
		url:    "http://" + l.Addr().String() + quotePath, served: make(chan error, 1),
	}
	go func() { f.served <- f.server.Serve(l) }()
	return f, nil
}

func (f *fast) caller(ctx context.Context, body []byte) (func() ([]byte, error), error) {
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(time.Hour)
	}
	req, resp := new(fasthttp.Request), new(fasthttp.Response)
	return func() ([]byte, error) {
		req.Reset()
		req.SetRequestURI(f.url)
		req.Header.SetMethod(fasthttp.MethodPost)
		req.Header.SetContentType(octets)
		req.Header.Set(tenantKey, tenant)
		req.Header.Set(regionKey, region)
		req.SetBody(body)
		if err := f.client.DoDeadline(req, resp, deadline); err != nil {
			return nil, err
		}
		if resp.StatusCode() != fasthttp.StatusOK {
			return nil, errors.New(string(resp.Body()))
		}
		return resp.Body(), nil
	}, nil
}

func (f *fast) close() error {
	f.client.CloseIdleConnections()
	return errors.Join(f.server.Shutdown(), <-f.served)
}
