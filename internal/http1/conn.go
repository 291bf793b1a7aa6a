package http1

import (
	"bufio"
	"context"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"syscall"
	"time"
)

var (
	errUnsent = errors.New("http1: no byte of the request was sent")
	errHead   = errors.New("http1: the head of the response is longer than the limit")
	errInterm = errors.New("http1: the server answered by interim responses alone, or switched the protocol")
	errClosed = errors.New("http1: read after Close")
)

// lastWords is how long a server that takes no more of a request may take to say why.
const lastWords = time.Second

// maxInterim is how many responses 1xx a server may send before the one that counts.
const maxInterim = 5

// A conn serves one call at a time, whose goroutine owns it.
type conn struct {
	net.Conn // with TLS where there is one
	c        *Client
	raw      syscall.RawConn // of the socket; nil where it has none
	peek     func(fd uintptr) bool
	open     bool // set by peek: the socket is open and has nothing to read
	in       *bufio.Reader
	left     int64        // bytes that in may read
	asked    http.Request // what net/http has to know of a request to read its response: the method
	abort    func()
	release  func() bool
	used     bool      // it served a call
	since    time.Time // free since then
}

func newConn(c *Client, socket net.Conn) *conn {
	n := &conn{Conn: socket, c: c}
	if s, ok := socket.(syscall.Conn); ok {
		n.raw, _ = s.SyscallConn() // without it, see quiet
	}
	n.peek = n.peekAt
	n.abort = func() { _ = n.SetDeadline(time.Unix(1, 0)) } // long ago
	n.release = context.AfterFunc(c.Life, func() { _ = socket.Close() })
	n.in = bufio.NewReader(limited{n})
	return n
}

func (n *conn) close() {
	n.release()
	_ = n.Conn.Close() // nothing is in progress whose fate it could change
}

// limited reads from its conn as much as the conn lets it.
type limited struct{ n *conn }

func (r limited) Read(p []byte) (int, error) {
	if r.n.left <= 0 {
		return 0, errHead
	}
	if int64(len(p)) > r.n.left {
		p = p[:r.n.left]
	}
	got, err := r.n.Read(p)
	r.n.left -= int64(got)
	return got, err
}

// An exchange is one request on its way.
type exchange struct {
	ctx    context.Context
	out    []byte // the head, and the body where that is small
	rest   []byte // else the body
	method string
}

// watch calls f when ctx ends. Where that is the core's, its caller's is watched instead, for less
// than a timer costs: the deadline is the connection's, which ends with its client as well.
func watch(ctx context.Context, f func()) (stop func() bool) {
	if c, ok := ctx.(interface {
		Caller() (context.Context, bool)
	}); ok {
		if caller, _ := c.Caller(); caller != nil {
			ctx = caller
		}
	}
	if ctx.Done() == nil {
		return func() bool { return true }
	}
	return context.AfterFunc(ctx, f)
}

// serve writes a request and reads the head of the response. After an error n is of no use.
func (n *conn) serve(x *exchange) (*http.Response, error) {
	b := &body{n: n, ctx: x.ctx, stop: watch(x.ctx, n.abort)}
	if x.rest != nil {
		b.writing = make(chan error, 1)
		go func() { // ends with n, for which all wait who read writing
			defer close(b.writing)
			b.writing <- n.writeAll(x.out, x.rest)
		}()
	} else if sent, failed := n.Write(x.out); failed != nil {
		b.stop()
		if sent == 0 && n.used {
			return nil, errors.Join(errUnsent, failed)
		}
		return n.lastWord(b, x, failed)
	}
	resp, err := n.head(x)
	if err != nil {
		b.stop()
		if b.writing != nil {
			_ = n.Conn.Close()
			err = errors.Join(err, <-b.writing)
		}
		return nil, err
	}
	b.from, b.size, b.keep = resp.Body, resp.ContentLength, !resp.Close
	if resp.Body == http.NoBody {
		b.end(io.EOF)
	} else {
		resp.Body = b
	}
	return resp, nil
}

// lastWord reads the response of a server that closed before it had the whole request.
func (n *conn) lastWord(b *body, x *exchange, failed error) (*http.Response, error) {
	resp, err := n.head(x)
	if err != nil {
		return nil, failed
	}
	b.from, b.size = resp.Body, resp.ContentLength
	resp.Body = b
	return resp, nil
}

// writeAll writes the head and the body. After a failure the server may have said why.
func (n *conn) writeAll(head, body []byte) error {
	_, err := n.Write(head)
	if err == nil {
		_, err = n.Write(body)
	}
	if err != nil {
		_ = n.SetReadDeadline(time.Now().Add(lastWords)) // a connection without deadlines has no words either
	}
	return err
}

// head reads the head of the response.
func (n *conn) head(x *exchange) (*http.Response, error) {
	n.asked.Method = x.method
	n.left = int64(n.c.Head)
	for range maxInterim + 1 {
		resp, err := http.ReadResponse(n.in, &n.asked)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode >= http.StatusOK {
			n.left = math.MaxInt64
			resp.Request = nil
			return resp, nil
		}
		if resp.StatusCode == http.StatusSwitchingProtocols {
			break
		}
	}
	return nil, errInterm
}

// A body is that of a response. Its end gives the connection back.
type body struct {
	n       *conn // nil once given back
	from    io.ReadCloser
	ctx     context.Context
	stop    func() bool
	writing chan error
	keep    bool
	size    int64 // of the whole; -1 is not known
	err     error // of reads after the end
}

func (b *body) Read(p []byte) (int, error) {
	if b.n == nil {
		return 0, b.err
	}
	got, err := b.from.Read(p)
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		b.end(io.EOF)
	default:
		b.keep = false
		err = reason(b.ctx, err)
		b.end(err)
	}
	return got, err
}

// Close before the end closes the connection, unless all is here: what is left could cost more than a new one.
func (b *body) Close() error {
	if b.n != nil && 0 <= b.size && b.size <= int64(b.n.in.Buffered()) {
		_, _ = io.Copy(io.Discard, b) // ends it
	}
	if b.n != nil {
		b.keep = false
		b.end(errClosed)
	}
	return nil
}

func (b *body) end(err error) {
	n := b.n
	b.n, b.err = nil, err
	keep := b.stop() && b.keep && n.in.Buffered() == 0
	if b.writing != nil && !b.written(n, keep) {
		keep = false
	}
	if keep {
		n.c.keep(n)
	} else {
		n.close()
	}
	<-n.c.slots
}

// writerLate is how long a server may have had the whole request before the goroutine that wrote it has said so.
const writerLate = 50 * time.Millisecond

// written reports whether the whole request was, and ends its writing: after a moment where n is else to be kept.
func (b *body) written(n *conn, patient bool) bool {
	select {
	case failed := <-b.writing:
		return failed == nil
	default:
	}
	if patient {
		late := time.NewTimer(writerLate)
		defer late.Stop()
		select {
		case failed := <-b.writing:
			return failed == nil
		case <-late.C: // the server answered before it had all
		}
	}
	_ = n.Conn.Close()
	for range b.writing { // why it failed is no news
	}
	return false
}
