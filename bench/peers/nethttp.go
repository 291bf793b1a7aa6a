package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

const (
	nethttpKind = "net/http alone: body read whole within a limit, two headers, deadline of the ctx, length declared; idle connections enough"
	quotePath   = "/request/trip.quote"
	maxReply    = 4 << 20 // what a careful program reads at most
)

// A httpServer serves on loopback.
type httpServer struct {
	server *http.Server
	url    string
	served chan error // written by Serve's goroutine as it ends, read by close
}

// serveHTTP serves h by HTTP/1.1, or with http2 by HTTP/2 without TLS alone.
func serveHTTP(h http.Handler, http2 bool) (*httpServer, error) {
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &httpServer{
		server: &http.Server{Handler: h, ReadHeaderTimeout: time.Minute},
		url:    "http://" + l.Addr().String(), served: make(chan error, 1),
	}
	if http2 {
		s.server.Protocols = new(http.Protocols)
		s.server.Protocols.SetUnencryptedHTTP2(true)
	}
	go func() { s.served <- s.server.Serve(l) }()
	return s, nil
}

func (s *httpServer) close() error {
	err := s.server.Close()
	if served := <-s.served; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

// httpClient keeps as many idle connections as there are callers; the default keeps two.
func httpClient(http2 bool) *http.Client {
	t := &http.Transport{MaxIdleConns: 256, MaxIdleConnsPerHost: 256, DisableCompression: true}
	if http2 {
		t.Protocols = new(http.Protocols)
		t.Protocols.SetUnencryptedHTTP2(true)
	}
	return &http.Client{Transport: t}
}

// A nethttp is what one writes by hand.
type nethttp struct {
	*httpServer
	client *http.Client
}

func openNetHTTP(_ context.Context, reply []byte) (requester, error) {
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+quotePath, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxReply))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		out := answer(reply, body)
		w.Header().Set("Content-Type", octets)
		w.Header().Set("Content-Length", strconv.Itoa(len(out)))
		_, _ = w.Write(out) // a client that is gone is seen by the client
	})
	s, err := serveHTTP(mux, false)
	if err != nil {
		return nil, err
	}
	return &nethttp{s, httpClient(false)}, nil
}

func (n *nethttp) caller(ctx context.Context, body []byte) (func() ([]byte, error), error) {
	return func() ([]byte, error) {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, n.url+quotePath, bytes.NewReader(body))
		if err != nil {
			return nil, err
		}
		req.Header.Set("Content-Type", octets)
		req.Header.Set(tenantKey, tenant)
		req.Header.Set(regionKey, region)
		resp, err := n.client.Do(req)
		if err != nil {
			return nil, err
		}
		defer resp.Body.Close()
		return io.ReadAll(io.LimitReader(resp.Body, maxReply))
	}, nil
}

func (n *nethttp) close() error {
	n.client.CloseIdleConnections()
	return n.httpServer.close()
}
