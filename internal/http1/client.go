// Package http1 is the client side of HTTP/1.1 (RFC 9112) towards one server,
// for calls that are many and small.
//
//	Do ─▶ a free connection, or a new one ─▶ write ─▶ read the head ─▶ Response
//	             ▲                                                        │
//	             └─────────────── the end of its Body ◀───────────────────┘
//
// The caller's goroutine writes and reads. net/http gives each connection two
// goroutines, and handing a call to them and back costs a third of what a small call
// does. The responses are parsed by net/http all the same. There is no proxy,
// no redirect, no upgrade, and no compression, and a request is never sent again
// once a byte of it has been: that is for those who know whether it may run twice.
package http1

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
	"time"
)

// A Client calls one server. It is safe for concurrent use.
type Client struct {
	Dial    func(ctx context.Context) (net.Conn, error)
	TLS     func() *tls.Config // of the next handshake, with ServerName; nil is no TLS
	Life    context.Context    // connections end with it
	Most    int                // calls at once; one more waits
	Free    int                // connections kept that do nothing
	Idle    time.Duration      // they are kept so long
	Dialing time.Duration      // at most, for the handshake of TLS
	Head    int                // bytes of the head of a response, at most

	once  sync.Once
	slots chan struct{} // holds one for each call
	out   sync.Pool     // of *[]byte, for what is written

	mu    sync.Mutex // guards the fields below
	free  []*conn    // in the order of their last use
	over  bool       // those that become free are closed
	sweep *time.Timer
}

// maxOut bounds what is written at once, and kept to write the next request.
const maxOut = 64 << 10

func (c *Client) init() {
	c.slots = make(chan struct{}, c.Most)
	c.out.New = func() any { return new([]byte) }
}

// Do writes r and reads the head of its response, whose Request is nil. The Body is to be read
// to its end, or closed; it is not for several goroutines. It ends early with ctx. Do reads r until the
// Body has ended. An error that wraps a [net.OpError] of "dial" says that nothing was sent.
func (c *Client) Do(ctx context.Context, r *Request) (*http.Response, error) {
	c.once.Do(c.init)
	select {
	case c.slots <- struct{}{}:
	default:
		select {
		case c.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	resp, err := c.call(ctx, r)
	if err != nil {
		<-c.slots
		return nil, reason(ctx, err)
	}
	return resp, nil
}

func (c *Client) call(ctx context.Context, r *Request) (*http.Response, error) {
	out := c.out.Get().(*[]byte) //nolint:forcetypeassert // see init
	defer c.out.Put(out)
	var err error
	if *out, err = r.appendHead((*out)[:0]); err != nil {
		return nil, err
	}
	x := exchange{ctx: ctx, method: r.Method, out: *out, rest: r.Body}
	if len(*out)+len(r.Body) <= maxOut {
		*out = append(*out, r.Body...)
		x.out, x.rest = *out, nil
	}
	for {
		n, err := c.take(ctx)
		if err != nil {
			return nil, err
		}
		resp, err := n.serve(&x)
		if err == nil {
			return resp, nil
		}
		n.close()
		if !errors.Is(err, errUnsent) || !n.used {
			return nil, err
		}
	}
}

// take gives a connection on which nothing is in progress.
func (c *Client) take(ctx context.Context) (*conn, error) {
	deadline, _ := ctx.Deadline()
	for {
		c.mu.Lock()
		c.over = false
		last := len(c.free) - 1
		if last < 0 {
			c.mu.Unlock()
			return c.dial(ctx)
		}
		n := c.free[last]
		c.free[last] = nil
		c.free = c.free[:last]
		c.mu.Unlock()
		if n.SetDeadline(deadline) == nil && n.quiet() {
			return n, nil
		}
		n.close()
	}
}

func (c *Client) dial(ctx context.Context) (*conn, error) {
	socket, err := c.Dial(ctx)
	if err != nil {
		return nil, err
	}
	n := newConn(c, socket)
	if c.TLS != nil {
		secure := tls.Client(socket, c.TLS())
		within, cancel := context.WithTimeout(ctx, c.Dialing)
		defer cancel()
		if err := secure.HandshakeContext(within); err != nil {
			n.close()
			return nil, unmade(socket, err)
		}
		n.Conn = secure
	}
	deadline, _ := ctx.Deadline()
	return n, n.SetDeadline(deadline)
}

// unmade is the error of a handshake that the network or the server ended: as of a dial, since no request was sent.
func unmade(socket net.Conn, err error) error {
	op := new(net.OpError)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.As(err, &op) && (op.Op == "read" || op.Op == "write") {
		return &net.OpError{Op: "dial", Net: "tcp", Source: socket.LocalAddr(), Addr: socket.RemoteAddr(), Err: err}
	}
	return err
}

// keep takes back a connection whose exchange is over.
func (c *Client) keep(n *conn) {
	now := time.Now()
	n.used, n.since = true, now
	c.mu.Lock()
	var old *conn
	if c.over || c.Life.Err() != nil || c.Free == 0 {
		old = n
	} else {
		if len(c.free) == c.Free {
			old = c.free[0]
			c.free = append(c.free[:0], c.free[1:]...)
		}
		c.free = append(c.free, n)
		if c.sweep == nil {
			c.sweep = time.AfterFunc(c.Idle, c.clean)
		}
	}
	c.mu.Unlock()
	if old != nil {
		old.close()
	}
}

// clean closes what did nothing for too long, and comes back for the others.
func (c *Client) clean() {
	now := time.Now()
	c.mu.Lock()
	n := 0
	for n < len(c.free) && now.Sub(c.free[n].since) >= c.Idle {
		n++
	}
	old := append([]*conn(nil), c.free[:n]...)
	c.free = append(c.free[:0], c.free[n:]...)
	if c.sweep = nil; len(c.free) > 0 {
		c.sweep = time.AfterFunc(c.Idle-now.Sub(c.free[0].since), c.clean)
	}
	c.mu.Unlock()
	for _, n := range old {
		n.close()
	}
}

// CloseIdleConnections closes those that do nothing now, and the others as they become free, unless there is a new call.
func (c *Client) CloseIdleConnections() {
	c.mu.Lock()
	old := c.free
	c.free, c.over = nil, true
	if c.sweep != nil {
		c.sweep.Stop()
		c.sweep = nil
	}
	c.mu.Unlock()
	for _, n := range old {
		n.close()
	}
}

// reason is the error of who waited under ctx: that ctx ended, where it did.
func reason(ctx context.Context, err error) error {
	if failed := ctx.Err(); failed != nil {
		return failed
	}
	var out net.Error
	if at, ok := ctx.Deadline(); ok && errors.As(err, &out) && out.Timeout() && !time.Now().Before(at) {
		<-ctx.Done() // whose timer is not the connection's, and just about to fire
		return ctx.Err()
	}
	return err
}
