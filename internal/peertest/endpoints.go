package peertest

import (
	"context"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/polywire/polywire/conformance/faultproxy"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/endpoints"
)

// A Directory is a resolver whose answer a test changes.
type Directory struct {
	mu      sync.Mutex // guards the fields below
	list    []endpoints.Endpoint
	changed chan struct{} // closed and replaced by Set
}

// NewDirectory returns one that answers with addresses.
func NewDirectory(addresses ...string) *Directory {
	d := &Directory{changed: make(chan struct{})}
	d.Set(addresses...)
	return d
}

// Set makes addresses the answer.
func (d *Directory) Set(addresses ...string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.list = nil
	for _, a := range addresses {
		d.list = append(d.list, endpoints.Endpoint{Address: a})
	}
	close(d.changed)
	d.changed = make(chan struct{})
}

// Resolve makes it an [endpoints.Resolver].
func (d *Directory) Resolve(context.Context, *url.URL) (endpoints.Answer, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return endpoints.Answer{Endpoints: d.list, TTL: time.Hour, Changed: d.changed}, nil
}

// ClientBy opens a client of service s, which owns s.> and is where the resolver "test" of f finds it.
func ClientBy(t testing.TB, f transport.Factory, url string) *transport.Conn {
	t.Helper()
	return Open(t, f, url, transport.WithService("client", transport.Service{Name: "s", Owns: []string{"s.>"}, Endpoints: []string{"test:///s"}}))
}

// WhatLeftIsNotInUse makes calls of all styles, which end in all ways, at an endpoint that then leaves. All its
// connections must be closed soon: one that a call has forgotten to give back stays open for good. Both
// nodes listen; client opens one of service s by a resolver.
func WhatLeftIsNotInUse(t *testing.T, leaves, stays *transport.Conn, client func(endpoints.Resolver) *transport.Conn) {
	for _, node := range []*transport.Conn{leaves, stays} {
		Handle(t, node, "s.echo", Echo)
		Handle(t, node, "s.fail", func(context.Context, *transport.Message) (*transport.Message, error) {
			return nil, transport.CodeNotFound.Errorf("no such thing")
		})
		Handle(t, node, "s.slow", func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		for range 2 {
			if _, err := node.Subscribe(t.Context(), "s.ask", Echo); err != nil {
				t.Fatal(err)
			}
		}
	}
	p, err := faultproxy.Listen(t.Context(), faultproxy.Options{Upstream: leaves.Addr()})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = p.Close() }()
	d := NewDirectory(p.Addr())
	u := &user{t, client(d), p}
	heard, err := u.conn.Subscribe(t.Context(), "s.news", Echo)
	if err != nil {
		t.Fatal(err)
	}
	u.work()
	if err := heard.Close(t.Context()); err != nil {
		t.Error(err)
	}
	d.Set(stays.Addr())
	limit := time.Now().Add(Patience)
	for p.Traffic().Open > 0 && time.Now().Before(limit) {
		u.request("s.echo")
	}
	if n := p.Traffic().Open; n > 0 {
		t.Errorf("%d connections of an endpoint that has left are still open", n)
	}
}

// A user calls in all styles. Only that everything ends is of interest.
type user struct {
	t    *testing.T
	conn *transport.Conn
	p    *faultproxy.Proxy // on the way
}

func (u *user) work() {
	calls := []func(){
		func() { u.request("s.echo") }, func() { u.request("s.fail") }, func() { u.request("s.slow") }, u.giveUp, u.cancel,
		u.send, u.publish, func() { u.gather(true) }, func() { u.gather(false) },
	}
	var all sync.WaitGroup
	for range 4 {
		for _, call := range calls {
			all.Go(func() {
				for range 3 {
					call()
				}
			})
		}
	}
	all.Go(func() { u.request("s.slow"); u.p.Cut(faultproxy.Reset) })
	all.Wait()
}

func message(destination string) *transport.Message {
	return &transport.Message{Destination: destination, Body: []byte("x"), Timeout: 50 * time.Millisecond}
}

func (u *user) request(destination string) {
	_, _ = u.conn.Request(u.t.Context(), message(destination))
}
func (u *user) send()    { _ = u.conn.Send(u.t.Context(), message("s.echo")) }
func (u *user) publish() { _ = u.conn.Publish(u.t.Context(), message("s.news")) }

func (u *user) giveUp() {
	ctx, cancel := context.WithCancel(u.t.Context())
	stop := time.AfterFunc(5*time.Millisecond, cancel)
	defer stop.Stop()
	_, _ = u.conn.Request(ctx, message("s.slow"))
	cancel()
}

func (u *user) cancel() {
	f, err := u.conn.RequestAsync(u.t.Context(), message("s.slow"))
	if err != nil {
		return // the connection was cut
	}
	f.Cancel()
	<-f.Done()
}

func (u *user) gather(whole bool) {
	g, err := u.conn.Gather(u.t.Context(), message("s.ask"))
	if err != nil {
		return // likewise
	}
	defer g.Close()
	for range g.All() {
		if !whole {
			return
		}
	}
}

// AskedElsewhere holds that an idempotent request, whose handler's Conn is closed before it answers, is asked of another endpoint.
func AskedElsewhere(t *testing.T, closes, stays *transport.Conn, client *transport.Conn) {
	entered, over := make(chan struct{}), make(chan struct{})
	defer close(over)
	Handle(t, closes, "s.x", func(context.Context, *transport.Message) (*transport.Message, error) {
		close(entered)
		<-over // whatever its ctx says
		return nil, nil
	})
	Handle(t, stays, "s.x", Echo)
	var asking sync.WaitGroup
	for range 2 { // one of each endpoint
		asking.Go(func() {
			reply, err := client.Request(t.Context(), &transport.Message{Destination: "s.x", Body: []byte("x")}, transport.WithIdempotent())
			if err != nil || string(reply.Body) != "x" {
				t.Errorf("got %v, %v", reply, err)
			}
		})
	}
	<-entered
	if err := closes.Close(); err != nil {
		t.Error(err)
	}
	asking.Wait()
}
