// Package httpwire carries polywire over HTTP, without a broker.
//
//	Send, Request, Publish, Gather ─▶ home of the destination ─┬▶ this process: its router
//	                                                           └▶ another: POST /send/…, /request/… ─▶ its router
//	Handle    ─▶ the own router
//	Subscribe ─▶ the own router, and GET /subscribe/… at every home whose topics the pattern can match
//
// A destination's home is the service that owns it (Setup.Services), and a topic
// lives at its publisher's home. Each process is a node: a router of
// internal/router, with a face of HTTP where it listens. curl is a full peer;
// docs/wire/http.md specifies paths, headers and streams.
package httpwire

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"sync"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/internal/homes"
	"github.com/polywire/polywire/internal/router"
	"github.com/polywire/polywire/internal/tlsfiles"
	"github.com/polywire/polywire/transport"
)

// Factory opens nodes by URLs of the schemes http and, with TLS, https:
//
//	http://localhost:8080           everything has its home there; this process is a client of that node
//	http://?listen=127.0.0.1:8080   this process is the home of everything, and serves it there
//	http://                         the table of services says who is the home of what, and where this process listens
//
// Options: listen=ADDRESS to serve at; connections=10000 served at once, one more is
// refused; http=2 to call by HTTP/2, which without TLS the other side has to know
// (h2c), instead of HTTP/1.1 (a node serves both); attach, with which the node lets
// other processes handle destinations, and a Conn opened with its address binds
// handlers there; cors=https://app.example, the pages that may call the node from a
// browser, with commas between or * for any, and corscredentials, with which browsers
// send their credentials along for those named.
//
// Of endpoints, which may be targets of resolvers (transport/endpoints): balance=round
// or least; renew=10m, after which a connection takes no new messages; idle; resolve=SCHEME for the URL's host.
//
// Of https, files in PEM: cert and key, which a node needs to listen and shows to those
// it calls; ca, whose authorities it trusts instead of the system's; clientca,
// with which it takes only callers with a certificate of those authorities. A
// renewed certificate, or clientca, is used from the next handshake on. All that a Conn of
// https reaches it reaches by https.
func Factory(opts ...Option) transport.Factory {
	f := newFactory(opts)
	return transport.Factory{
		Name:    "http",
		Schemes: []string{schemePlain, schemeTLS},
		Features: func(u *url.URL) (transport.Features, error) {
			_, err := parseOptions(u)
			return features(), err
		},
		Open: f.open,
	}
}

func features() transport.Features {
	return transport.Features{
		Adapter: "http",
		Send:    true, Request: true, Publish: true, Gather: true,
		Groups: true, Wildcards: true, OrderedByKey: true,
		Acceptance:       transport.Queued,
		DetectsNoHandler: true, DetectsNoHandlerOnRequest: true,
		CountsResponders: true, CancelsRemotely: true, RelativeExpiry: true,
		TLS: true, Authentication: true,
	}
}

// An adapter is one node.
type adapter struct {
	opts    options
	limits  limits
	setup   transport.Setup
	homes   *homes.Table[*client]
	rest    *restTable
	router  *router.Router
	node    *node           // the face of router; nil without a listener
	trust   *tlsfiles.Trust // of clients; nil without TLS
	base    context.Context
	cancel  context.CancelFunc // ends base, and with it every stream
	opening context.Context    // of attempts to make links; ends as Close begins
	shut    context.CancelFunc // ends opening
	work    sync.WaitGroup     // goroutines of streams and gathers; Close waits for them

	attached *attach.Node // links and bindings

	mu     sync.Mutex // guards closed, and adding to work
	closed bool
}

func (f *factory) open(ctx context.Context, s transport.Setup) (transport.Adapter, error) {
	return f.openWithin(ctx, s, defaultLimits())
}

func (f *factory) openWithin(ctx context.Context, s transport.Setup, l limits) (transport.Adapter, error) {
	opts, err := parseOptions(s.URL)
	if err != nil {
		return nil, err
	}
	a := &adapter{opts: opts, limits: l, setup: s, router: router.New(router.Options{})}
	if opts.Secure {
		if a.trust, err = opts.Files.Client(); err != nil {
			return nil, err
		}
	}
	if err = a.checkCredentials(); err != nil {
		return nil, err
	}
	if a.homes, err = homes.New(a.homesConfig(f)); err != nil {
		return nil, err
	}
	if a.rest, err = newRestTable(s.Services, func(d string) bool { return a.homes.Of(d) == nil }); err != nil {
		return nil, err
	}
	a.base, a.cancel = context.WithCancel(context.Background())
	a.opening, a.shut = context.WithCancel(a.base)
	a.attached = a.newAttached()
	if err = a.start(ctx); err != nil {
		_ = a.Close(ctx) // err is the one to tell
		return nil, err
	}
	return a, nil
}

// newAttached keeps what is attached to other nodes. Where the URL names the one home of
// all, the Conn hears how the link to it fares.
func (a *adapter) newAttached() *attach.Node {
	n := &attach.Node{
		Router: a.router, Patience: a.limits.write, Opening: a.opening, Spawn: a.spawn, Dial: a.dialLink, Attach: a.openAttachment, Logger: a.setup.Logger,
	}
	if only := a.homes.Only(); only != nil {
		if _, fixed := only.Fixed(); fixed {
			n.Told = a.setup.Connected
		}
	}
	return n
}

// start opens the listener and, where all has one home elsewhere, the link to that.
func (a *adapter) start(ctx context.Context) error {
	listen := a.opts.Listen
	if listen == "" {
		listen = a.homes.Listen()
	}
	if listen != "" {
		if err := a.listen(ctx, listen); err != nil {
			return err
		}
	}
	only := a.homes.Only()
	if only == nil {
		return nil
	}
	e, fixed := only.Fixed()
	if !fixed {
		return a.ping(ctx, only)
	}
	_, err := a.attached.Link(ctx, e)
	return err
}

func (a *adapter) listen(ctx context.Context, at string) error {
	var identity *tls.Config
	if a.opts.Secure {
		var err error
		if identity, err = a.opts.Files.Server(a.opts.ClientCA, "h2", "http/1.1"); err != nil {
			return err
		}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", at)
	if err != nil {
		return transport.CodeUnavailable.Errorf("cannot listen at %.128q: %w", at, err)
	}
	a.node = newNode(a, l, identity)
	return nil
}

func (a *adapter) Features() transport.Features { return features() }

// KeepsNothing tells the core that it may reuse what it passes, where nothing of it goes to net/http.
func (a *adapter) KeepsNothing() bool { return a.homes.Alone() }

// Addr is where the node listens; empty when it does not.
func (a *adapter) Addr() string {
	if a.node == nil {
		return ""
	}
	return a.node.listener.Addr().String()
}

// Ping asks the home of everything whether it is there, and then tells whether some home refuses a
// subscription. A node that is its own home is there until Close.
func (a *adapter) Ping(ctx context.Context) error {
	a.mu.Lock()
	closed := a.closed
	a.mu.Unlock()
	only := a.homes.Only()
	switch {
	case closed:
		return transport.ErrClosed
	case only == nil:
		return a.attached.Trouble()
	}
	return cmp.Or(a.ping(ctx, only), a.attached.Trouble())
}

// Leave tells callers to go elsewhere, those that are let in as those that come.
func (a *adapter) Leave() (told func(context.Context)) {
	if a.node == nil {
		return func(context.Context) {}
	}
	return a.node.leave()
}

func (a *adapter) Close(ctx context.Context) error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return nil
	}
	a.closed = true
	a.mu.Unlock()
	a.shut()
	if a.node != nil {
		a.node.stopListening()
	}
	a.attached.Close(ctx)
	a.cancel()
	err := a.router.Close(ctx)
	if a.node != nil {
		err = errors.Join(err, a.node.close(ctx))
	}
	err = errors.Join(err, attach.Wait(ctx, &a.work))
	return errors.Join(err, a.homes.Close(ctx))
}

// spawn starts a goroutine that Close waits for; false when Close came first.
func (a *adapter) spawn(f func()) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return false
	}
	a.work.Go(f)
	return true
}
