package amqpwire

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/transport"
)

const (
	readBuffer  = 64 << 10
	keepBuffer  = 1 << 20 // a write buffer that grew beyond is not kept
	closeFlush  = 250 * time.Millisecond
	frameHeader = 7 // type, channel, size
	frameEnd    = 1
	typeMethod  = 1
	typeHeader  = 2  // of a content header frame
	leadSize    = 12 // class, method or weight, and a number
	classBasic  = 60
	methodAck   = 80
	methodNack  = 120
)

// A pipe is the socket under an AMQP connection.
//
// The client library writes from the goroutine of whoever publishes or acks, and
// flushes after every message; a broker that stops reading would block them all
// where no ctx reaches. So Write only appends, and one goroutine writes what has
// gathered: verbs obey their ctx, and many small messages cost one system call.
// What may gather is bounded by the publisher's window and by what was delivered.
//
// Reading passes a guard, because the library collects a body of any size that a
// content header declares.
type pipe struct {
	net.Conn
	in        *bufio.Reader // read by the library's one reader
	guard     guard
	published atomic.Uint64 // messages handed to the library, or about to be
	ended     chan struct{} // closed by run as it returns

	mu      sync.Mutex // guards the fields below
	out     []byte
	closed  bool
	err     error
	wake    chan struct{} // capacity 1: written by Write and Close, read by run
	queued  uint64        // bytes appended so far
	sent    uint64        // bytes that the kernel took
	waiters []flushWaiter
}

type flushWaiter struct {
	upTo uint64
	done chan error // capacity 1: written once, by run
}

func newPipe(conn net.Conn, limit uint64) *pipe {
	p := &pipe{
		Conn: conn, in: bufio.NewReaderSize(conn, readBuffer),
		ended: make(chan struct{}), wake: make(chan struct{}, 1),
	}
	p.guard = guard{limit: limit, published: p.published.Load}
	go p.run() // ends with Close or a failed write; the session waits for it
	return p
}

func (p *pipe) Read(b []byte) (int, error) {
	n, err := p.in.Read(b)
	if bad := p.guard.pass(b[:n]); bad != nil {
		return 0, bad
	}
	return n, err
}

func (p *pipe) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err != nil {
		return 0, p.err
	}
	if p.closed {
		return 0, net.ErrClosed
	}
	p.out = append(p.out, b...)
	p.queued += uint64(len(b))
	p.signal()
	return len(b), nil
}

// Close lets what is queued leave, for a moment, and then closes the socket; it does not wait for that.
func (p *pipe) Close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closed {
		p.closed = true
		_ = p.SetWriteDeadline(time.Now().Add(closeFlush))
	}
	p.signal()
	return nil
}

// flush returns nil when the kernel has all that was written before.
func (p *pipe) flush(ctx context.Context) error {
	select {
	case err := <-p.flushed():
		if err != nil {
			return transport.CodeUnavailable.Errorf("the connection to the broker was lost: %w", err)
		}
		return ctx.Err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *pipe) flushed() <-chan error {
	p.mu.Lock()
	defer p.mu.Unlock()
	done := make(chan error, 1)
	if p.sent == p.queued || p.err != nil {
		done <- p.err
	} else {
		p.waiters = append(p.waiters, flushWaiter{p.queued, done})
	}
	return done
}

func (p *pipe) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

func (p *pipe) run() {
	defer close(p.ended)
	defer p.Conn.Close() // frees the library's reader
	var spare []byte
	for range p.wake {
		for {
			p.mu.Lock()
			batch, closed := p.out, p.closed
			p.out = spare[:0]
			p.mu.Unlock()
			if len(batch) == 0 {
				if closed {
					p.finish(net.ErrClosed)
					return
				}
				spare = batch
				break
			}
			if _, err := p.Conn.Write(batch); err != nil {
				p.finish(err)
				return
			}
			p.advance(len(batch))
			if spare = batch; cap(batch) > keepBuffer {
				spare = nil
			}
		}
	}
}

func (p *pipe) advance(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent += uint64(n)
	rest := p.waiters[:0]
	for _, w := range p.waiters {
		if w.upTo <= p.sent {
			w.done <- nil
		} else {
			rest = append(rest, w)
		}
	}
	p.waiters = rest
}

func (p *pipe) finish(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err, p.out = err, nil
	for _, w := range p.waiters {
		w.done <- err
	}
	p.waiters = nil
}

// A guard follows the frames of an inbound stream and refuses what the library
// would follow without end: a content header that declares more than limit, and a
// confirm of what was never published, up to which it counts.
//
//	type channel size | payload: class weight bodysize … | end     header frame
//	type channel size | payload: class method tag …      | end     method frame
type guard struct {
	limit     uint64
	published func() uint64 // how many messages this connection wrote

	head  [frameHeader]byte
	have  int            // bytes of head
	left  uint64         // bytes of payload and end octet to come
	start [leadSize]byte // of the payload
	at    int            // offset in the payload, as far as start goes
}

func (g *guard) pass(b []byte) error {
	for len(b) > 0 {
		if g.left == 0 {
			n := copy(g.head[g.have:], b)
			g.have += n
			b = b[n:]
			if g.have == frameHeader {
				g.have, g.at, g.left = 0, 0, uint64(binary.BigEndian.Uint32(g.head[3:]))+frameEnd
			}
			continue
		}
		part := b[:min(g.left, uint64(len(b)))]
		if g.at < leadSize {
			g.at += copy(g.start[g.at:], part)
			if g.at == leadSize {
				if err := g.check(); err != nil {
					return err
				}
			}
		}
		g.left -= uint64(len(part))
		b = b[len(part):]
	}
	return nil
}

// check is called with the first bytes of a payload in start.
func (g *guard) check() error {
	n := binary.BigEndian.Uint64(g.start[4:])
	switch kind, class, method := g.head[0], binary.BigEndian.Uint16(g.start[:]), binary.BigEndian.Uint16(g.start[2:]); {
	case kind == typeHeader && n > g.limit:
		return fmt.Errorf("the broker declares a body of %d bytes: at most %d", n, g.limit)
	case kind == typeMethod && class == classBasic && (method == methodAck || method == methodNack) && n > g.published():
		return fmt.Errorf("the broker confirms message %d, which was not published", n)
	}
	return nil
}
