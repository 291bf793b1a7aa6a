// Package grpcwire carries polywire over gRPC, without a broker.
//
//	Request                ─▶ home of the destination ─┬▶ this process: its router
//	                                                   └▶ another: the method /acme.v1.Accounts/Verify for acme.v1.Accounts.Verify
//	Send, Publish, Gather  ─▶ home of the destination ─▶ likewise, by the service polywire.v1.Bus
//	Handle                 ─▶ the own router
//	Subscribe              ─▶ the own router, and a stream of the bus from every home whose topics the pattern can match
//
// A destination's home is the service that owns it (Setup.Services), and a topic
// lives at its publisher's home. Each process is a node: a router of
// internal/router, with a face of gRPC where it listens. Any client of gRPC
// calls a node, and a node calls any server; docs/wire/grpc.md specifies it.
package grpcwire

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/internal/homes"
	"github.com/polywire/polywire/internal/router"
	"github.com/polywire/polywire/internal/tlsfiles"
	"github.com/polywire/polywire/internal/unary"
	"github.com/polywire/polywire/transport"
)

// Factory opens nodes by URLs of the schemes grpc and, with TLS, grpcs:
//
//	grpc://localhost:9090           everything has its home there; this process is a client of that node, or of any server of gRPC
//	grpc://?listen=127.0.0.1:9090   this process is the home of everything, and serves it there
//	grpc://                         the table of services says who is the home of what, and where this process listens
//
// Options: listen=ADDRESS to serve at; connections=10000 served at once; age=30m,
// after which a client is asked to make its connection anew; attach,
// with which the node lets other processes handle destinations, and a Conn opened
// with its address binds handlers there.
//
// Of endpoints, which may be targets of resolvers (transport/endpoints): balance=round
// or least; renew=10m, after which a connection takes no new messages; idle; resolve=SCHEME for the URL's host.
//
// Of grpcs, files in PEM: cert and key, which a node needs to listen and shows to those
// it calls; ca, whose authorities it trusts instead of the system's; clientca,
// with which it takes only callers with a certificate of those authorities. A
// renewed certificate, or clientca, is used from the next handshake on. All that a Conn of
// grpcs reaches it reaches by TLS.
func Factory(opts ...Option) transport.Factory {
	f := newFactory(opts)
	return transport.Factory{
		Name:    "grpc",
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
		Adapter: "grpc",
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
	opts     options
	limits   limits
	setup    transport.Setup
	homes    *homes.Table[*target]
	router   *router.Router
	node     *node                         // the face of router; nil without a listener
	natives  []func(grpc.ServiceRegistrar) // of WithStreams
	attached *attach.Node                  // bindings, and links to where they come from
	calls    *pool                         // for messages that one answers
	gathers  *pool                         // for those that many answer
	streams  *pool                         // for streams and settlements, which must not wait for the others
	rooms    sync.Pool                     // of *[]string, for pairs of metadata
	methods  *names                        // of destinations
	base     context.Context
	cancel   context.CancelFunc // ends base, and with it what spawn started
	opening  context.Context    // of attempts to make links; ends as Close begins
	shut     context.CancelFunc // ends opening
	work     sync.WaitGroup     // goroutines of connections and streams; Close waits for them

	mu     sync.Mutex // guards closed, and adding to work
	closed bool
}

func (f *factory) open(ctx context.Context, s transport.Setup) (transport.Adapter, error) {
	opts, err := parseOptions(s.URL)
	if err != nil {
		return nil, err
	}
	var trust *tlsfiles.Trust
	if opts.Secure {
		if trust, err = opts.Files.Client(); err != nil {
			return nil, err
		}
	}
	a := &adapter{
		opts: opts, natives: f.natives, limits: defaultLimits(), setup: s, router: router.New(router.Options{}), methods: newNames(),
	}
	if err = a.checkCredentials(); err != nil {
		return nil, err
	}
	a.base, a.cancel = context.WithCancel(context.Background())
	a.opening, a.shut = context.WithCancel(a.base)
	a.calls, a.gathers, a.streams = newPool(a, trust), newPool(a, trust), newPool(a, trust)
	a.calls.unary = true
	if a.homes, err = homes.New(a.homesConfig(f)); err != nil {
		a.cancel()
		return nil, err
	}
	a.attached = &attach.Node{
		Router: a.router, Patience: a.limits.write, Opening: a.opening, Spawn: a.spawn, Dial: a.dialLink, Attach: a.openAttachment, Logger: a.setup.Logger,
	}
	if only := a.homes.Only(); only != nil {
		if _, fixed := only.Fixed(); fixed {
			a.attached.Told = s.Connected
		}
	}
	if err = a.start(ctx); err != nil {
		_ = a.Close(ctx) // err is the one to tell
		return nil, err
	}
	return a, nil
}

// start opens the listener and, where all has one home elsewhere, the connection to that.
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
	if only := a.homes.Only(); only != nil {
		if e, fixed := only.Fixed(); fixed {
			_, err := a.attached.Link(ctx, e)
			return err
		}
		return a.reach(ctx, only)
	}
	return nil
}

func (a *adapter) listen(ctx context.Context, at string) error {
	var identity *tls.Config
	if a.opts.Secure {
		var err error
		if identity, err = a.opts.Files.Server(a.opts.ClientCA, "h2"); err != nil {
			return err
		}
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", at)
	if err != nil {
		return transport.CodeUnavailable.Errorf("cannot listen at %.128q: %w", at, err)
	}
	a.node, err = newNode(a, l, identity)
	return err
}

func (a *adapter) Features() transport.Features { return features() }

// KeepsNothing tells the core that it may reuse what it passes: the router copies, messages are written
// within the call, and gRPC derives what it keeps longer from what the caller gave.
func (a *adapter) KeepsNothing() bool { return true }

// Addr is where the node listens; empty when it does not.
func (a *adapter) Addr() string {
	if a.node == nil {
		return ""
	}
	return a.node.listener.Addr().String()
}

// Ping asks the home of everything whether it is healthy, and then tells whether some home refuses a
// subscription. A node that is its own home is healthy until Close.
func (a *adapter) Ping(ctx context.Context) error {
	only := a.homes.Only()
	switch {
	case a.isClosed():
		return transport.ErrClosed
	case only == nil:
		return a.attached.Trouble()
	}
	c := &call{method: healthCheck, got: unary.Reply{Limit: a.limits.around}} // of a stranger, maybe
	if err := a.call(ctx, only, c, &transport.Envelope{Idempotent: true}); err != nil {
		return err
	}
	if s := c.got.Status; s != nil && s.Code() != codes.Unimplemented { // a server that tells nothing of its health, but answers
		return errorOf(s, c.got.Trailer)
	}
	return a.attached.Trouble()
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
	a.calls.cut()
	a.gathers.cut()
	if a.node != nil {
		a.node.stopListening()
	}
	a.attached.Close(ctx)
	a.cancel()
	err := a.router.Close(ctx)
	if a.node != nil {
		err = errors.Join(err, a.node.close(ctx))
	}
	a.calls.close()
	a.gathers.close()
	a.streams.close()
	return errors.Join(err, a.homes.Close(ctx), attach.Wait(ctx, &a.work))
}

func (a *adapter) isClosed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.closed
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
