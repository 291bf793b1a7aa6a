package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	adapters "github.com/polywire/polywire/adapters/all"
	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/conformance/transporttest"
	"github.com/polywire/polywire/internal/tlsfiles"
	"github.com/polywire/polywire/internal/wireharness"
	"github.com/polywire/polywire/transport"
)

// harness makes the two ends that the suite runs between.
func (a *app) harness(where string) (transporttest.Harness, error) {
	if !strings.Contains(where, ":") {
		where += "://"
	}
	u, err := url.Parse(where)
	if err != nil {
		return transporttest.Harness{}, usage(fmt.Errorf("URL %.128q: %w", where, err))
	}
	f, err := a.registry.Features(where)
	if err != nil {
		t := target{a: a, url: where}
		return transporttest.Harness{}, usage(t.explain(err))
	}
	h := transporttest.FromURL(a.registry, where, where)
	h.Adapter = func(ctx context.Context, _ *transport.Conn) (transport.Adapter, error) { return bare(ctx, u) }
	switch {
	case f.Durable: // a broker: opening is slow, and its messages are
		h.Share, h.Scale, h.Tick = true, 0.2, 200*time.Millisecond
		h.Ignore = []string{"kgo.(*brokerCxn).handleResps", "kgo.(*broker).handleReqs", "kgo.(*source).", "kgo.(*Client).PollRecords"} // of the Kafka client: end with their answer
	case slices.Contains([]string{"http", "https", "grpc", "grpcs"}, u.Scheme) && u.Host == "":
		if h, err = a.nodes(u); err != nil {
			return h, err
		}
	case f.InProcess:
		h = inMemory(where)
	}
	h.Name = f.Adapter
	return h, nil
}

// nodes makes a harness of a node of HTTP or gRPC, on a free port, and its client, both with the options of u.
func (a *app) nodes(u *url.URL) (transporttest.Harness, error) {
	listen, dial := u.Query(), url.Values{}
	listen.Del("listen")
	listen.Set("attach", "true")
	var files tlsfiles.Files
	for name, values := range listen {
		if files.Set(name, values[0]) || name == "http" {
			dial[name] = values
		}
	}
	n := wireharness.Node{Registry: a.registry, Scheme: u.Scheme, Listen: listen.Encode(), Dial: dial.Encode()}
	if u.Scheme == "https" || u.Scheme == "grpcs" {
		if !dial.Has("cert") || !dial.Has("key") || !dial.Has("ca") {
			return transporttest.Harness{}, usage(fmt.Errorf("conform opens a node of %s itself: name files by ?cert=, &key= and &ca=, of a certificate for 127.0.0.1", u.Scheme))
		}
		trust, err := files.Client()
		if err != nil {
			return transporttest.Harness{}, usage(err)
		}
		n.TLS = trust.Config("", "h2")
	}
	h := n.HTTP()
	if strings.HasPrefix(u.Scheme, "grpc") {
		h = n.GRPC()
	}
	h.Adapter = func(ctx context.Context, server *transport.Conn) (transport.Adapter, error) {
		return bare(ctx, &url.URL{Scheme: u.Scheme, Host: server.Addr(), RawQuery: n.Dial})
	}
	return h, nil
}

// inMemory makes a harness of one process, whose connections can be cut.
func inMemory(where string) transporttest.Harness {
	factory, peer := transporttest.Outage(inproc.Factory())
	h := transporttest.FromURL(transport.NewRegistry(factory), where, where)
	h.Peer = peer
	h.Adapter = func(ctx context.Context, _ *transport.Conn) (transport.Adapter, error) {
		return factory.Open(ctx, setup(&url.URL{Scheme: "inproc"}))
	}
	return h
}

// bare opens an adapter without a Conn around it.
func bare(ctx context.Context, u *url.URL) (transport.Adapter, error) {
	for _, f := range adapters.Factories() {
		if slices.Contains(f.Schemes, u.Scheme) {
			return f.Open(ctx, setup(u))
		}
	}
	return nil, fmt.Errorf("no adapter for the scheme %q", u.Scheme)
}

func setup(u *url.URL) transport.Setup {
	return transport.Setup{URL: u, Source: "raw/1", MaxBody: 4 << 20, Logger: slog.New(slog.DiscardHandler), Connected: func(error) {}}
}
