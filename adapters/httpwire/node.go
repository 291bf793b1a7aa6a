package httpwire

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"log/slog"
)

// A node is the face of a router to other processes.
type node struct {
	a        *adapter
	listener net.Listener
	server   *http.Server
	closing  chan struct{} // closed by close; long answers end then
	serving  sync.WaitGroup

	mu      sync.Mutex // guards the fields below, and adding to serving
	streams map[string]*stream
	closed  bool
}

// newNode serves at l, with TLS where there is an identity.
func newNode(a *adapter, l net.Listener, identity *tls.Config) *node {
	n := &node{a: a, closing: make(chan struct{}), streams: map[string]*stream{}}
	n.listener = &limitListener{Listener: l, free: make(chan struct{}, a.opts.connections)}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	n.server = &http.Server{
		// Pages of other sites must not reach a node through their visitor's browser.
		Handler:           http.NewCrossOriginProtection().Handler(n),
		Protocols:         protocols,
		TLSConfig:         identity,
		ReadHeaderTimeout: a.limits.header, ReadTimeout: a.limits.header + a.limits.body,
		WriteTimeout: a.limits.header + a.limits.body + a.limits.write, IdleTimeout: a.limits.idle,
		MaxHeaderBytes: a.limits.headers,
		ErrorLog:       slog.NewLogLogger(a.setup.Logger.Handler(), slog.LevelDebug),
	}
	serve := n.server.Serve
	if identity != nil {
		serve = func(l net.Listener) error { return n.server.ServeTLS(l, "", "") }
	}
	n.serving.Go(func() { _ = serve(n.listener) }) // ends with the listener
	return n
}

func (n *node) enter() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	n.serving.Add(1)
	return true
}

// stopListening frees the port.
func (n *node) stopListening() { _ = n.listener.Close() }

// close ends every answer and connection. The router is closed already, so that requests have their errors.
func (n *node) close(ctx context.Context) error {
	n.mu.Lock()
	n.closed = true
	n.mu.Unlock()
	close(n.closing)
	soon, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	_ = n.server.Shutdown(soon) // lets answers out that are ready
	err := n.server.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil // stopListening was first
	}
	return errors.Join(err, wait(ctx, &n.serving))
}

func (n *node) stream(token string) *stream {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.streams[token]
}

// A limitListener serves so many connections at once; more wait in the system's queue.
type limitListener struct {
	net.Listener
	free chan struct{} // holds one for each connection
}

func (l *limitListener) Accept() (net.Conn, error) {
	l.free <- struct{}{}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.free
		return nil, err
	}
	return &limitConn{Conn: c, free: l.free}, nil
}

type limitConn struct {
	net.Conn
	once sync.Once
	free chan struct{}
}

func (c *limitConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(func() { <-c.free })
	return err
}
