package httpwire

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/internal/router"
	"github.com/polywire/polywire/transport"
)

// A node is the face of a router to other processes.
type node struct {
	a        *adapter
	listener net.Listener
	server   *http.Server
	closing  chan struct{} // closed by close; long answers end then
	open     chan struct{} // holds one for each connection
	serving  sync.WaitGroup
	unheard  chan struct{} // closed once every connection that the listener accepted is counted in open; by the goroutine that serves
	rooms    sync.Pool     // of *eventRoom
	timers   router.Timers
	latest   atomic.Pointer[post]
	frames   frames        // of what audiences read
	arrivals atomic.Uint64 // of connections and requests
	leaving  atomic.Bool   // every answer ends its connection
	waiting  atomic.Int64  // bytes of events that audiences have read and not begun to write

	mu        sync.Mutex // guards the fields below, and adding to serving
	streams   map[string]*stream
	audiences map[*audience]struct{}
	closed    bool
}

// newNode serves at l, with TLS where there is an identity.
func newNode(a *adapter, l net.Listener, identity *tls.Config) *node {
	n := &node{a: a, closing: make(chan struct{}), unheard: make(chan struct{}), streams: map[string]*stream{}, audiences: map[*audience]struct{}{}}
	n.rooms.New = func() any { return new(eventRoom) }
	limited := &limitListener{Listener: l, node: n, free: make(chan struct{}, a.opts.Connections), late: make(chan struct{}, maxLate)}
	n.open = limited.free
	if identity == nil {
		limited.word = refusal()
	}
	n.listener = limited
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetHTTP2(true)
	protocols.SetUnencryptedHTTP2(true)
	n.server = &http.Server{
		Handler:           a.opts.cors.wrap(n),
		Protocols:         protocols,
		TLSConfig:         identity,
		ReadHeaderTimeout: a.limits.header, ReadTimeout: a.limits.header + a.limits.body,
		WriteTimeout: a.limits.header + a.limits.body + a.limits.write, IdleTimeout: a.limits.idle,
		MaxHeaderBytes: a.limits.headers, HTTP2: a.limits.http2(),
		ErrorLog: slog.NewLogLogger(a.setup.Logger.Handler(), slog.LevelDebug),
	}
	serve := n.server.Serve
	if identity != nil {
		serve = func(l net.Listener) error { return n.server.ServeTLS(l, "", "") }
	}
	n.serving.Go(func() { // ends with the listener
		defer close(n.unheard)
		_ = serve(n.listener)
	})
	return n
}

func (n *node) enter() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	n.serving.Add(1)
	n.arrivals.Add(1)
	return true
}

// How long a node that listens no more answers those that it has let in, and tells those that stay that they are to go.
const (
	lastAnswers = time.Second
	lastWords   = 250 * time.Millisecond
)

// leave ends connections with the answers that they get, so that callers go elsewhere. It goes on listening: what the
// system has accepted for a listener that closes is reset, and the request in it with it. Those that came
// last, and may still be at the handshake of TLS, have their answer from a node that listens no more; but not from a
// server that shuts down, as net/http drops what it reads then.
func (n *node) leave() (told func(context.Context)) {
	n.leaving.Store(true)
	return func(ctx context.Context) {
		attach.Told(ctx, n.open, &n.arrivals)
		n.stopListening()
		<-n.unheard
		if len(n.open) == 0 {
			return
		}
		last, cancel := context.WithTimeout(ctx, lastAnswers)
		defer cancel()
		attach.Told(last, n.open, &n.arrivals)
		words, cancel := context.WithTimeout(ctx, lastWords)
		defer cancel()
		_ = n.server.Shutdown(words) // whoever is there when its time is up is told by close
	}
}

// stopListening frees the port.
func (n *node) stopListening() { _ = n.listener.Close() }

// close ends every answer and connection. The router is closed already, so that requests have their errors.
func (n *node) close(ctx context.Context) error {
	n.mu.Lock()
	n.closed = true
	for a := range n.audiences {
		go a.end(nil) // ends with the audience, which serving counts
	}
	n.mu.Unlock()
	close(n.closing)
	soon, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	_ = n.server.Shutdown(soon) // lets answers out that are ready
	err := n.server.Close()
	if errors.Is(err, net.ErrClosed) {
		err = nil // stopListening was first
	}
	return errors.Join(err, attach.Wait(ctx, &n.serving))
}

func (n *node) stream(token string) *stream {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.streams[token]
}

// maxLate is how many refused connections are kept for a moment, so that their callers read why.
const maxLate = 64

// A limitListener serves so many connections at once, and refuses one more at once:
// a caller that waited in the system's queue would learn nothing until its time is up.
type limitListener struct {
	net.Listener
	free chan struct{} // holds one for each connection
	late chan struct{} // holds one for each refused one that is not closed yet
	word []byte        // what a refused connection hears: nothing where it could not read it
	node *node
}

func (l *limitListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.free <- struct{}{}:
			l.node.arrivals.Add(1)
			return &limitConn{Conn: c, free: l.free}, nil
		default:
			l.refuse(c)
		}
	}
}

// refuse says why and closes c, once its caller has read that or half a second later.
func (l *limitListener) refuse(c net.Conn) {
	select {
	case l.late <- struct{}{}:
	default:
		_ = c.Close()
		return
	}
	_ = c.SetDeadline(time.Now().Add(500 * time.Millisecond))
	release := context.AfterFunc(l.node.a.base, func() { _ = c.Close() })
	l.node.serving.Go(func() { // ends by the deadline, or with the node; whose listener is one of serving too
		defer func() { <-l.late }()
		defer c.Close()
		defer release()
		_, _ = c.Write(l.word)
		if t, ok := c.(*net.TCPConn); ok && t.CloseWrite() == nil {
			_, _ = io.Copy(io.Discard, c) // what is closed unread is reset, and the word with it
		}
	})
}

// refusal is what a connection hears for which there is no room.
func refusal() []byte {
	h := http.Header{"Connection": {"close"}}
	status, body := encodeError(h, &transport.Error{
		Code: transport.CodeUnavailable, RetryAfter: time.Second,
		Message: "this node serves as many connections as it may: try again, or raise its option connections",
	})
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", status, http.StatusText(status))
	_ = h.Write(&b) // a buffer never fails
	b.WriteString("\r\n")
	b.Write(body)
	return b.Bytes()
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
