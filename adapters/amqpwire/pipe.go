package amqpwire

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/polywire/polywire/transport"
)

const (
	readBuffer  = 64 << 10
	keepBuffer  = 1 << 20 // a write buffer that grew beyond is not kept
	closeFlush  = 250 * time.Millisecond
	frameHeader = 7 // type, channel, size
	frameEnd    = 1
	typeHeader  = 2 // of a content header frame
	sizeOffset  = 4 // of the body size in its payload, after class and weight
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
	in    *bufio.Reader // read by the library's one reader
	guard guard
	ended chan struct{} // closed by run as it returns

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
		Conn: conn, in: bufio.NewReaderSize(conn, readBuffer), guard: guard{limit: limit},
		ended: make(chan struct{}), wake: make(chan struct{}, 1),
	}
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

// A guard follows the frames of an inbound stream and refuses a content header
// that declares more than limit.
//
//	type channel size | payload: class weight bodysize … | end
type guard struct {
	limit uint64
	head  [frameHeader]byte
	have  int    // bytes of head
	kind  byte   // of the frame in progress
	at    int    // offset in its payload
	left  uint64 // bytes of payload and end octet to come
	size  uint64 // declared, while it is read
}

func (g *guard) pass(b []byte) error {
	for len(b) > 0 {
		if g.left == 0 {
			n := copy(g.head[g.have:], b)
			g.have += n
			b = b[n:]
			if g.have == frameHeader {
				g.have, g.at, g.size = 0, 0, 0
				g.kind, g.left = g.head[0], uint64(binary.BigEndian.Uint32(g.head[3:]))+frameEnd
			}
			continue
		}
		n := int(min(g.left, uint64(len(b))))
		if g.kind == typeHeader && g.at < sizeOffset+8 {
			if err := g.inspect(b[:n]); err != nil {
				return err
			}
		}
		g.at += n
		g.left -= uint64(n)
		b = b[n:]
	}
	return nil
}

func (g *guard) inspect(payload []byte) error {
	for i, c := range payload {
		switch at := g.at + i; {
		case at < sizeOffset:
		case at < sizeOffset+8:
			g.size = g.size<<8 | uint64(c)
		default:
			return g.check()
		}
	}
	return g.check()
}

func (g *guard) check() error {
	if g.size > g.limit { // a prefix of the number is never larger than the number
		return fmt.Errorf("the broker declares a body of %d bytes or more: at most %d", g.size, g.limit)
	}
	return nil
}
