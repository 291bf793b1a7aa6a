package grpcwire

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/connectivity"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/keepalive"

	"github.com/polywire/polywire/internal/tlsfiles"
	"github.com/polywire/polywire/internal/unary"
	"github.com/polywire/polywire/transport"
)

// A pool holds one connection to each peer, made when it is first wanted and
// made anew when it is wanted after it was lost.
type pool struct {
	a     *adapter
	trust *tlsfiles.Trust // nil without TLS
	unary bool            // its connections make calls, and no streams

	mu     sync.Mutex // guards the fields below, and those of conns that say so
	conns  map[*target]*conn
	all    map[*conn]struct{} // also those that are out of use and have streams yet
	closed bool
}

// A conn is one connection of HTTP/2: one of package unary, or a ClientConn that never makes a second.
//
//	dialing ─▶ in use ─▶ out of use, once the connection is lost or the peer wants no more calls ─▶ closed, when its last call ends
//	   └─────▶ failed
type conn struct {
	p     *pool
	to    *target
	host  string           // its address
	calls *unary.Conn      // of a pool that is unary
	cc    *grpc.ClientConn // of another
	ready chan struct{}    // closed by run, when err is set or the connection can be used
	err   error
	lost  chan struct{} // closed by run, when it is out of use
	ours  atomic.Bool   // a node has answered

	dialed atomic.Bool // it has its one connection

	// p.mu guards the fields below.
	users int
	gone  bool

	noting sync.Mutex // guards the fields below
	why    error      // the first failure of the network
	raw    net.Conn   // once there is one
}

func newPool(a *adapter, trust *tlsfiles.Trust) *pool {
	return &pool{a: a, trust: trust, conns: map[*target]*conn{}, all: map[*conn]struct{}{}}
}

// get returns the connection to a target, and makes one within ctx. The caller ends its use by done.
func (p *pool) get(ctx context.Context, to *target) (*conn, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, transport.ErrClosed
	}
	c := p.conns[to]
	if c == nil {
		c = &conn{p: p, to: to, host: to.address, ready: make(chan struct{}), lost: make(chan struct{})}
		if !p.a.spawn(c.run) {
			p.mu.Unlock()
			return nil, transport.ErrClosed
		}
		p.conns[to] = c
		p.all[c] = struct{}{}
	}
	c.users++
	p.mu.Unlock()
	select {
	case <-c.ready:
	default:
		select {
		case <-c.ready:
		case <-ctx.Done():
			c.done()
			return nil, ctx.Err()
		}
	}
	if c.err != nil {
		c.done()
		return nil, c.err
	}
	return c, nil
}

// retire takes the connection out of use, as run does a little later.
func (c *conn) retire() {
	c.p.mu.Lock()
	defer c.p.mu.Unlock()
	c.gone = true
	if c.p.conns[c.to] == c {
		delete(c.p.conns, c.to)
	}
}

func (c *conn) done() {
	c.p.mu.Lock()
	c.users--
	last := c.gone && c.users == 0
	c.p.mu.Unlock()
	if last {
		c.close()
	}
}

// run makes the connection and waits until it is out of use.
func (c *conn) run() {
	c.err = c.dial(c.p.a.base)
	close(c.ready)
	switch {
	case c.err != nil:
	case c.p.unary:
		select {
		case <-c.calls.Gone():
		case <-c.p.a.base.Done():
		}
	default:
		c.cc.WaitForStateChange(c.p.a.base, connectivity.Ready)
	}
	c.p.mu.Lock()
	c.gone = true
	if c.p.conns[c.to] == c {
		delete(c.p.conns, c.to)
	}
	unused := c.users == 0
	c.p.mu.Unlock()
	close(c.lost)
	if unused {
		c.close()
	}
}

func (c *conn) close() {
	c.p.mu.Lock()
	delete(c.p.all, c)
	c.p.mu.Unlock()
	<-c.ready
	switch {
	case c.calls != nil:
		c.calls.Close()
	case c.cc != nil:
		_ = c.cc.Close() // fails when it is closed already
	}
}

// dial makes one attempt.
func (c *conn) dial(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.p.a.limits.dial)
	defer cancel()
	if c.p.unary {
		return c.dialCalls(ctx)
	}
	cc, err := grpc.NewClient("passthrough:///"+c.host, c.options()...)
	if err != nil {
		return invalid("address %.128q: %w", c.host, err)
	}
	c.cc = cc
	cc.Connect()
	for changed := false; ; changed = true {
		s := cc.GetState()
		switch {
		case s == connectivity.Ready:
			return nil
		case s == connectivity.TransientFailure, s == connectivity.Shutdown, s == connectivity.Idle && changed: // ready, and lost, unseen
			_ = cc.Close()
			return c.failed()
		}
		if !cc.WaitForStateChange(ctx, s) {
			_ = cc.Close()
			if c.p.a.base.Err() != nil {
				return transport.ErrClosed
			}
			return c.failed()
		}
	}
}

// dialCalls makes a connection for unary calls.
func (c *conn) dialCalls(ctx context.Context) error {
	l := &c.p.a.limits
	raw, err := new(net.Dialer).DialContext(ctx, "tcp", c.host)
	switch {
	case c.p.a.base.Err() != nil && err != nil:
		return transport.ErrClosed
	case err != nil:
		return unavailable(c.host, err)
	}
	config := unary.Config{
		Scheme: "http", Authority: c.to.name(), UserAgent: "polywire",
		Window: int(l.window), Headers: l.headers, Streams: l.calls, Alive: l.sign, Answer: l.answer,
	}
	var secure *tls.Config
	if c.p.trust != nil {
		config.Scheme = "https"
		name, _, _ := net.SplitHostPort(c.to.name()) // which has been checked
		secure = c.p.trust.Config(name, "h2")
	}
	calls, err := unary.New(ctx, raw, secure, config)
	if err != nil {
		return c.unmade(err)
	}
	c.calls = calls
	return nil
}

// unmade is the error of a connection that there never was.
func (c *conn) unmade(err error) error {
	var late net.Error
	switch {
	case c.p.a.base.Err() != nil:
		return transport.ErrClosed
	case errors.As(err, &late) && late.Timeout():
		return transport.CodeUnavailable.Errorf("%s cannot be reached: it did not answer as a server of HTTP/2 in time", c.host)
	}
	return unavailable(c.host, err)
}

func (c *conn) options() []grpc.DialOption {
	l := &c.p.a.limits
	security := insecure.NewCredentials()
	if c.p.trust != nil {
		security = &noting{credentials.NewTLS(c.p.trust.Config("")), c}
	}
	dialer := &net.Dialer{Timeout: l.dial}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(security),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) {
			if c.dialed.Swap(true) { // for a stream that gRPC opens again, as the peer has not seen it
				return nil, unary.ErrUnsent
			}
			raw, err := dialer.DialContext(ctx, "tcp", address)
			if err != nil {
				c.note(err)
				return nil, err
			}
			c.noting.Lock()
			c.raw = raw
			c.noting.Unlock()
			return &notedConn{raw, c}, nil
		}),
		grpc.WithUserAgent("polywire"),
		grpc.WithDisableServiceConfig(), grpc.WithDisableRetry(), grpc.WithDisableHealthCheck(), grpc.WithNoProxy(),
		grpc.WithIdleTimeout(0),
		grpc.WithMaxHeaderListSize(uint32(l.headers)), //nolint:gosec // a constant
		// Windows that adapt would cost a ping each way with nearly every call.
		grpc.WithStaticStreamWindowSize(l.window), grpc.WithStaticConnWindowSize(4 * l.window),
		grpc.WithKeepaliveParams(keepalive.ClientParameters{Time: l.sign, Timeout: l.answer}),
	}
	if c.to.authority != "" {
		options = append(options, grpc.WithAuthority(c.to.authority)) // which the certificate must name, too
	}
	return options
}

// note keeps the first failure, which tells why better than what gRPC makes of it.
func (c *conn) note(err error) {
	c.noting.Lock()
	defer c.noting.Unlock()
	if c.why == nil {
		c.why = err
	}
}

func (c *conn) failed() error {
	c.noting.Lock()
	defer c.noting.Unlock()
	if c.why == nil {
		return transport.CodeUnavailable.Errorf("%s cannot be reached: it did not answer as a server of HTTP/2 in time", c.host)
	}
	return unavailable(c.host, c.why)
}

// retire takes the connection to a target out of use: it closes when its last call ends.
func (p *pool) retire(to *target) {
	p.mu.Lock()
	c := p.conns[to]
	unused := false
	if c != nil {
		delete(p.conns, to)
		c.gone = true
		unused = c.users == 0
	}
	p.mu.Unlock()
	if unused {
		p.a.spawn(c.close) // else the pool's own close does it
	}
}

// cut ends at once what is under way by any connection, where close might first wait for a peer that takes nothing.
func (p *pool) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.all {
		c.noting.Lock()
		if c.raw != nil {
			_ = c.raw.Close() // gRPC notices
		}
		c.noting.Unlock()
		select {
		case <-c.ready:
			if c.calls != nil {
				c.calls.Cut()
			}
		default:
		}
	}
}

// close ends all connections, and what still uses them.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	var open []*conn
	for c := range p.all {
		open = append(open, c)
	}
	p.mu.Unlock()
	for _, c := range open {
		c.close()
	}
}

// A noting tells a conn why a handshake failed.
type noting struct {
	credentials.TransportCredentials
	c *conn
}

func (n *noting) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	secure, info, err := n.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if err != nil {
		n.c.note(err)
		return nil, nil, err
	}
	return &notedConn{secure, n.c}, info, nil
}

func (n *noting) Clone() credentials.TransportCredentials {
	return &noting{n.TransportCredentials.Clone(), n.c}
}

// A notedConn tells a conn why reading failed: how a server refuses a certificate, for one.
type notedConn struct {
	net.Conn
	c *conn
}

func (n *notedConn) Read(b []byte) (int, error) {
	k, err := n.Conn.Read(b)
	if err != nil {
		n.c.note(err)
	}
	return k, err
}

// unavailable is the error of a peer that gave no answer.
func unavailable(host string, err error) *transport.Error {
	if untrusted := new(tls.CertificateVerificationError); errors.As(err, &untrusted) {
		return transport.CodeUnauthenticated.Errorf("%s shows a certificate that is not trusted; name the file of its authority by ca: %w", host, untrusted.Err)
	}
	if op := new(net.OpError); errors.As(err, &op) && op.Op == "remote error" { // an alert of TLS
		return transport.CodeUnauthenticated.Errorf("%s ended the handshake of TLS; where it asks for a certificate, give cert and key that it trusts: %w", host, op.Err)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return transport.CodeUnavailable.Errorf("%s closed the connection: %w", host, err)
	}
	return transport.CodeUnavailable.Errorf("%s cannot be reached: %w", host, err)
}

// received is how many bytes an answer may have.
func received(limit int) grpc.CallOption { return grpc.MaxCallRecvMsgSize(min(limit, math.MaxInt32)) }
