package transporttest

import (
	"context"

	"github.com/polywire/polywire/conformance/faultproxy"
	"github.com/polywire/polywire/transport"
)

// Proxy starts a proxy before the server opened last; script says what happens
// to its connections, nil is nothing. It ends after the Conns of the case.
func (e *Env) Proxy(ctx context.Context, script func(n int) faultproxy.Script) *faultproxy.Proxy {
	e.Pair(ctx)
	p, err := faultproxy.Listen(ctx, faultproxy.Options{Upstream: e.h.Upstream(e.current.raw), Script: script, Seed: 1})
	e.Must(err, "start a proxy")
	e.mu.Lock()
	defer e.mu.Unlock()
	e.proxies = append(e.proxies, p)
	return p
}

// Via opens one more client, by way of p. The suite closes it.
func (e *Env) Via(ctx context.Context, p *faultproxy.Proxy, opts ...transport.Option) (Conn, error) {
	c, err := e.h.Via(ctx, p.Addr(), opts...)
	if err != nil {
		return nil, err
	}
	e.keep(c)
	return e.h.dress(c), nil
}

// Proxied opens a server, and a client that reaches it by way of a proxy, for this case alone. Pair returns them from now on.
func (e *Env) Proxied(ctx context.Context, script func(n int) faultproxy.Script) (server, client Conn, p *faultproxy.Proxy) {
	server, direct := e.Fresh(ctx, ConnOptions{})
	_ = direct.Close()
	p = e.Proxy(ctx, script)
	client, err := e.Via(ctx, p)
	e.Must(err, "open by way of a proxy")
	e.mu.Lock()
	defer e.mu.Unlock()
	e.current = &pair{raw: e.current.raw, server: server, client: client}
	return server, client, p
}

// part puts a proxy between server and client of p, which stands for their peer.
func (e *Env) part(ctx context.Context, p *pair, o ConnOptions) {
	e.mu.Lock()
	e.current = p
	e.mu.Unlock()
	if c, ok := undress(p.client); ok {
		_ = c.Close()
	}
	proxy := e.Proxy(ctx, nil)
	e.mu.Lock()
	e.peer = &proxyPeer{proxy}
	e.mu.Unlock()
	client, err := e.Via(ctx, proxy, o.Client...)
	e.Must(err, "open by way of a proxy")
	p.client = client
}

// A proxyPeer kills the peer, as far as its clients can tell.
type proxyPeer struct{ *faultproxy.Proxy }

func (p *proxyPeer) Kill(context.Context) error {
	p.Refuse(true)
	p.Cut(faultproxy.Reset)
	return nil
}

func (p *proxyPeer) Restart(context.Context) error {
	p.Refuse(false)
	return nil
}

func (p *proxyPeer) Pause(context.Context) error {
	p.Proxy.Pause()
	return nil
}

func (p *proxyPeer) Resume(context.Context) error {
	p.Proxy.Resume()
	return nil
}
