package amqpwire

import (
	"bufio"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/transport"
)

const (
	readBuffer = frameMax + 4<<10 // the guard looks at whole frames
	keepBuffer = 1 << 20          // a write buffer that grew beyond is not kept
	closeFlush = 250 * time.Millisecond
)

// A pipe is the socket under an AMQP connection.
//
// The client library writes from the goroutine of whoever publishes or acks, and
// flushes after every message; a broker that stops reading would block them all
// where no ctx reaches. So Write only appends, and one goroutine writes what has
// gathered: verbs obey their ctx, and many small messages cost one system call.
// What may gather is bounded by the publisher's window and by what was delivered.
//
// Reading passes the guard.
type pipe struct {
	net.Conn
	guard     guard         // read by the library's one reader
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
	p := &pipe{Conn: conn, ended: make(chan struct{}), wake: make(chan struct{}, 1)}
	p.guard = guard{in: bufio.NewReaderSize(conn, readBuffer), limit: limit, published: p.published.Load}
	go p.run() // ends with Close or a failed write; the session waits for it
	return p
}

func (p *pipe) Read(b []byte) (int, error) { return p.guard.Read(b) }

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
	defer func() { _ = p.Conn.Close() }() // frees the library's reader
	var spare []byte
	for range p.wake {
		if err := p.drain(&spare); err != nil {
			p.finish(err)
			return
		}
	}
}

// drain writes until nothing waits. spare is the room of the last batch, for the next one.
func (p *pipe) drain(spare *[]byte) error {
	for {
		batch, closed := p.take(*spare)
		switch {
		case len(batch) == 0 && closed:
			return net.ErrClosed
		case len(batch) == 0:
			*spare = batch
			return nil
		}
		if _, err := p.Conn.Write(batch); err != nil {
			return err
		}
		p.advance(len(batch))
		if *spare = batch; cap(batch) > keepBuffer {
			*spare = nil
		}
	}
}

// take is what waits, and leaves room for more in its place.
func (p *pipe) take(room []byte) (batch []byte, closed bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	batch, p.out = p.out, room[:0]
	return batch, p.closed
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
