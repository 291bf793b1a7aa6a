package faultproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Options are what a [Proxy] starts with. Only Upstream is needed.
type Options struct {
	Upstream string             // host:port that connections go to
	Listen   string             // address to listen at; empty is a free port of 127.0.0.1
	Script   func(n int) Script // of the n-th connection, from 1; nil changes nothing
	Seed     uint64             // of jitter; each connection has a stream of its own
}

// Traffic counts what passed. Bytes count once they are written on.
type Traffic struct {
	Accepted int64 // connections
	Refused  int64 // connections that Refuse ended
	Open     int64 // connections that are there now
	Up, Down int64 // bytes
	Faults   int64 // that happened, of scripts and traps
}

// A Proxy passes TCP connections on, and breaks them as told. Its methods may
// be called at any time from any goroutine. Close ends it.
//
// Lock order: Proxy.mu alone; no I/O happens while it is held.
type Proxy struct {
	opts     Options
	listener net.Listener
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	work     sync.WaitGroup // every goroutine; Close waits for them

	mu      sync.Mutex // guards the fields below
	script  func(n int) Script
	traffic Traffic
	conns   map[*conn]struct{}
	traps   [2]*trap      // by direction; nil is none
	refuse  bool          // connections are ended as they come
	paused  chan struct{} // closed by Resume; nil while all passes
	closed  bool
}

// A trap is a fault for whichever connection carries its byte.
type trap struct {
	left  int64 // bytes until it springs
	fault Fault
}

// Listen starts a proxy. It listens when it returns.
func Listen(ctx context.Context, o Options) (*Proxy, error) {
	if _, _, err := net.SplitHostPort(o.Upstream); err != nil {
		return nil, fmt.Errorf("faultproxy: upstream %.128q: use host:port", o.Upstream)
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("faultproxy: %w", err)
	}
	p := &Proxy{opts: o, listener: l, script: o.Script, conns: map[*conn]struct{}{}}
	if p.script == nil {
		p.script = Always(Script{})
	}
	p.ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	p.work.Go(p.accept)
	return p, nil
}

// Addr is where clients dial, as host:port.
func (p *Proxy) Addr() string { return p.listener.Addr().String() }

// SetScript changes the script of connections that come from now on.
func (p *Proxy) SetScript(s func(n int) Script) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.script = s
}

// Trap lets f happen once f.At more bytes have passed, counted over all
// connections, to the one that carries the last of them; at 0, to the one that
// has the next byte to say, which does not pass. It replaces the trap of that direction before it.
func (p *Proxy) Trap(d Direction, f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.traps[d] = &trap{f.At, f}
}

// Disarm takes traps away that have not sprung.
func (p *Proxy) Disarm() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.traps = [2]*trap{}
}

// Cut ends all connections, by Close or Reset, and returns when they have ended.
func (p *Proxy) Cut(how Action) {
	p.mu.Lock()
	all := make([]*conn, 0, len(p.conns))
	for c := range p.conns {
		all = append(all, c)
	}
	p.mu.Unlock()
	for _, c := range all {
		c.end(how)
	}
	for _, c := range all {
		<-c.done
	}
}

// Refuse ends connections as they come, or takes them again. Those that are there stay.
func (p *Proxy) Refuse(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = on
}

// Pause holds up everything: no byte passes until Resume, and no connection ends. Both ends see a
// peer that stands still.
func (p *Proxy) Pause() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paused == nil {
		p.paused = make(chan struct{})
	}
}

// Resume lets everything pass again.
func (p *Proxy) Resume() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.paused != nil {
		close(p.paused)
		p.paused = nil
	}
}

// Traffic tells what passed so far.
func (p *Proxy) Traffic() Traffic {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.traffic
	t.Open = int64(len(p.conns))
	return t
}

// Close ends the listener and every connection, and waits for their goroutines.
// It may be called twice.
func (p *Proxy) Close() error {
	p.mu.Lock()
	again := p.closed
	p.closed = true
	p.mu.Unlock()
	p.cancel()
	var err error
	if !again {
		err = p.listener.Close()
	}
	p.Cut(Reset)
	p.work.Wait()
	return err
}

// accept ends with the listener.
func (p *Proxy) accept() {
	for {
		c, err := p.listener.Accept()
		switch {
		case errors.Is(err, net.ErrClosed):
			return
		case err != nil: // a connection that was gone before it was taken, or no descriptor for it
			if !sleep(p.ctx, 5*time.Millisecond) {
				return
			}
			continue
		}
		client, _ := c.(*net.TCPConn) // of a TCP listener
		if p.take(client) == nil {
			reset(client)
		}
	}
}

// take starts the work on a connection; nil where it is refused.
func (p *Proxy) take(client *net.TCPConn) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.refuse {
		p.traffic.Refused++
		return nil
	}
	p.traffic.Accepted++
	n := int(p.traffic.Accepted)
	c := newConn(p, client, n, p.script(n))
	p.conns[c] = struct{}{}
	p.work.Go(c.run)
	return c
}

func (p *Proxy) forget(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// open waits until nothing is paused; false when ctx ended first.
func (p *Proxy) open(ctx context.Context) bool {
	for {
		p.mu.Lock()
		paused := p.paused
		p.mu.Unlock()
		if paused == nil {
			return ctx.Err() == nil
		}
		select {
		case <-paused:
		case <-ctx.Done():
			return false
		}
	}
}

// spring counts n bytes that are about to pass and tells how many may before
// the trap of that direction, and its fault when it springs.
func (p *Proxy) spring(d Direction, n int) (pass int, f *Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.traps[d]
	if t == nil {
		return n, nil
	}
	if int64(n) < t.left || int64(n) == t.left && t.fault.Do == Corrupt { // which needs the byte itself
		t.left -= int64(n)
		return n, nil
	}
	p.traps[d] = nil
	return int(t.left), &t.fault
}

func (p *Proxy) count(d Direction, n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if d == Up {
		p.traffic.Up += int64(n)
	} else {
		p.traffic.Down += int64(n)
	}
}

func (p *Proxy) happened() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.traffic.Faults++
}
