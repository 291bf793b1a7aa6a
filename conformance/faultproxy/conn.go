package faultproxy

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// linger is how long a side has to see the end of a connection that was closed
// in order; until then what it says is read and dropped, so that no reset overtakes the last bytes.
const linger = 200 * time.Millisecond

// A conn is one connection through the proxy: run owns it, and two pumps work for run.
type conn struct {
	p      *Proxy
	n      int
	script Script
	ctx    context.Context // ends with the connection
	cancel context.CancelFunc
	done   chan struct{} // closed by run as it returns

	mu    sync.Mutex // guards the fields below
	ends  []*net.TCPConn
	ended bool // no byte is to pass any more
	reset bool // the sockets are closed
}

func newConn(p *Proxy, client *net.TCPConn, n int, s Script) *conn {
	c := &conn{p: p, n: n, script: s, ends: []*net.TCPConn{client}, done: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(p.ctx)
	return c
}

func (c *conn) run() {
	defer close(c.done)
	defer c.p.forget(c)
	defer c.cancel()
	client := c.ends[0]
	if !c.p.open(c.ctx) {
		c.end(Reset)
		return
	}
	if c.script.BlackHole {
		drain(client)
		c.end(Reset)
		return
	}
	upstream := c.dial()
	if upstream == nil {
		c.end(Reset)
		return
	}
	var pumps sync.WaitGroup
	up := &pump{c: c, d: Up, src: client, dst: upstream, flow: c.script.Up}
	if c.script.Duplicate {
		if up.twin = c.dial(); up.twin != nil {
			pumps.Go(func() { drain(up.twin) }) // ends with the twin, which up ends
		}
	}
	pumps.Go(up.run)
	pumps.Go((&pump{c: c, d: Down, src: upstream, dst: client, flow: c.script.Down}).run)
	pumps.Wait()
	c.finish()
}

// dial connects upstream; nil where nobody answers, or the connection ended meanwhile.
func (c *conn) dial() *net.TCPConn {
	d := net.Dialer{Timeout: 10 * time.Second}
	up, err := d.DialContext(c.ctx, "tcp", c.p.opts.Upstream)
	if err != nil {
		return nil
	}
	t, _ := up.(*net.TCPConn) // of a TCP dial
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended {
		reset(t)
		return nil
	}
	c.ends = append(c.ends, t)
	return t
}

// end ends the connection; pumps notice. A reset is at once, a close leaves the rest to finish.
func (c *conn) end(how Action) {
	c.cancel()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = true
	if how == Reset && !c.reset {
		c.reset = true
		for _, e := range c.ends {
			reset(e)
		}
	}
	if c.reset {
		return
	}
	for _, e := range c.ends {
		_ = e.CloseWrite()
		_ = e.SetDeadline(time.Now()) // ends what pumps wait for
	}
}

// broken ends the connection by a reset, unless it has ended in another way.
func (c *conn) broken() {
	c.mu.Lock()
	ended := c.ended
	c.mu.Unlock()
	if !ended {
		c.end(Reset)
	}
}

// finish lets both sides see the end, and closes.
func (c *conn) finish() {
	c.mu.Lock()
	ends, over := c.ends, c.reset
	if !over {
		for _, e := range ends {
			_ = e.SetDeadline(time.Now().Add(linger))
		}
	}
	c.mu.Unlock()
	for _, e := range ends {
		if !over {
			drain(e)
		}
		_ = e.Close()
	}
}

// reset closes t so that its peer sees a reset.
func reset(t *net.TCPConn) {
	_ = t.SetLinger(0)
	_ = t.Close()
}

// drain reads and drops until the end.
func drain(t *net.TCPConn) { _, _ = io.Copy(io.Discard, t) }

// A pump carries one direction of a connection, until its source ends or a fault does.
type pump struct {
	c        *conn
	d        Direction
	src, dst *net.TCPConn
	twin     *net.TCPConn // gets a copy; nil is none
	flow     Flow
	passed   int64 // bytes so far
	swallow  bool
	random   *rand.Rand
}

func (p *pump) run() {
	p.random = p.chance()
	if p.twin != nil {
		defer func() { _ = p.twin.Close() }()
	}
	if !p.due(nil) {
		return
	}
	buf := make([]byte, 32<<10)
	for {
		n, err := p.src.Read(buf)
		if n > 0 && !p.pass(buf[:n]) {
			return
		}
		switch {
		case err == nil:
			continue
		case !p.c.p.open(p.c.ctx) || p.swallow:
		case errors.Is(err, io.EOF):
			_ = p.dst.CloseWrite()
		default:
			p.c.broken() // as the source is
		}
		return
	}
}

// chance is the stream of this direction of this connection.
func (p *pump) chance() *rand.Rand {
	return rand.New(rand.NewPCG(p.c.p.opts.Seed, uint64(2*p.c.n+int(p.d)))) // repeatable, which is what is wanted
}

// pass writes chunk on; false when the connection has ended.
func (p *pump) pass(chunk []byte) bool {
	for len(chunk) > 0 {
		if p.swallow {
			return true
		}
		if !p.due(chunk) {
			return false
		}
		n, trapped := p.c.p.spring(p.d, p.piece(len(chunk)))
		if n > 0 && !p.write(chunk[:n]) {
			return false
		}
		chunk = chunk[n:]
		if trapped != nil && !p.happen(*trapped, chunk) || !p.due(chunk) {
			return false
		}
	}
	return true
}

// piece is how many of n bytes the next write takes.
func (p *pump) piece(n int) int {
	if p.flow.Slice > 0 {
		n = min(n, p.flow.Slice)
	}
	if p.flow.Rate > 0 {
		n = min(n, max(1, p.flow.Rate/50))
	}
	if len(p.flow.Faults) > 0 {
		if left := p.flow.Faults[0].At - p.passed; left > 0 {
			n = int(min(int64(n), left))
		}
	}
	return n
}

// due lets the faults happen whose byte it is; next is what comes after it, as far as it is there.
func (p *pump) due(next []byte) bool {
	for len(p.flow.Faults) > 0 && p.flow.Faults[0].At <= p.passed && !p.swallow {
		f := p.flow.Faults[0]
		if f.Do == Corrupt && len(next) == 0 {
			return true
		}
		p.flow.Faults = p.flow.Faults[1:]
		if !p.happen(f, next) {
			return false
		}
	}
	return true
}

// happen does f; false when the connection has ended.
func (p *pump) happen(f Fault, next []byte) bool {
	p.c.p.happened()
	switch f.Do {
	case Close, Reset:
		p.c.end(f.Do)
		return false
	case Replace:
		p.replace(f)
		return false
	case Swallow:
		p.swallow = true
	case Corrupt:
		if f.Mask == 0 {
			f.Mask = 0xff
		}
		next[0] ^= f.Mask
	}
	return true
}

// replace says what f has to say, for as long as anybody takes it, and ends the connection.
func (p *pump) replace(f Fault) {
	said := len(f.Data) == 0 || p.write(f.Data)
	for said && len(f.Repeat) > 0 {
		said = p.write(f.Repeat)
	}
	p.c.end(Close)
}

// write passes b on in its time.
func (p *pump) write(b []byte) bool {
	wait := p.flow.Delay
	if p.flow.Jitter > 0 {
		wait += time.Duration(p.random.Int64N(int64(p.flow.Jitter)))
	}
	if !sleep(p.c.ctx, wait) || !p.c.p.open(p.c.ctx) {
		return false
	}
	if _, err := p.dst.Write(b); err != nil {
		p.c.broken()
		return false
	}
	if p.twin != nil {
		_, _ = p.twin.Write(b) // whoever listens there has no say
	}
	p.passed += int64(len(b))
	p.c.p.count(p.d, len(b))
	if p.flow.Rate <= 0 {
		return true
	}
	return sleep(p.c.ctx, time.Duration(len(b))*time.Second/time.Duration(p.flow.Rate))
}

// sleep waits; false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
