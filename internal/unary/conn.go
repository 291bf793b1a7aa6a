package unary

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

var (
	errClosed   = errors.New("the connection is closed")
	errSilent   = errors.New("the connection gave no sign of life")
	errNoHTTP2  = errors.New("the server does not speak HTTP/2")
	errFlood    = errors.New("the server sends faster than it takes answers")
	errProtocol = errors.New("the server broke the rules of HTTP/2")
)

// A Conn is a connection to one server. Methods may be called concurrently.
//
// Two goroutines are its own, for which Close waits: one reads, and one writes what no caller waits for.
type Conn struct {
	cfg   Config
	sock  *socket
	net   net.Conn      // sock, or TLS over it
	gone  chan struct{} // closed by leave
	pool  sync.Pool     // of *exchange
	work  sync.WaitGroup
	reads atomic.Uint64 // from the network
	reader

	mu      sync.Mutex // guards the fields below
	encoder *encoder
	out     []byte // frames that nobody writes yet
	spare   []byte
	leading bool // somebody writes
	live    map[uint32]*exchange
	next    uint32 // id
	active  int    // calls that are live, or about to be
	most    int    // of active
	queue   queue
	blocked []*exchange // live, with more to send than the server or out takes
	window  int64       // bytes that the server takes by the connection
	initial int64       // and by a new call
	frame   int         // bytes of a frame, at most
	headers int         // bytes of a header that the server takes
	left    bool        // gone is closed
	last    uint32      // of the ids that the server has dealt with, by GOAWAY
	failed  error       // the connection is lost

	timer  *time.Timer // runs tick
	armed  time.Time   // zero is not
	check  time.Time   // when the connection may not have been silent since the last time
	heard  uint64      // reads at that time
	pinged bool        // it was silent, and the server has been asked
}

// Bounds of HTTP/2's own, and of what waits to be written.
const (
	minFrame  = 16 << 10
	maxFrame  = 1<<24 - 1
	maxWindow = 1<<31 - 1
	maxOut    = 256 << 10 // bytes of calls that wait to be written before more wait for them
	maxFlood  = 2 << 20   // with what the reader answers
	maxKept   = 128 << 10 // of a buffer that is used again
)

// New begins HTTP/2 by a connection, with TLS where there is a config, and returns when the server has answered,
// within ctx. It owns raw. An error says that nothing was asked.
func New(ctx context.Context, raw net.Conn, secure *tls.Config, cfg Config) (*Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(time.Unix(1, 0)) }) // long ago
	c, err := begin(ctx, raw, secure, cfg)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = raw.Close() // err tells more
		return nil, err
	}
	c.work.Go(c.read)
	c.work.Go(c.write)
	return c, nil
}

func begin(ctx context.Context, raw net.Conn, secure *tls.Config, cfg Config) (*Conn, error) {
	c := &Conn{
		cfg: cfg, sock: newSocket(raw, cfg.Answer), gone: make(chan struct{}), encoder: newEncoder(), live: map[uint32]*exchange{},
		next: 1, most: cfg.Streams, window: 1<<16 - 1, initial: 1<<16 - 1, frame: minFrame, headers: math.MaxInt32, last: math.MaxUint32,
	}
	c.net = c.sock
	if secure != nil {
		t := tls.Client(c.sock, secure)
		if err := t.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		if t.ConnectionState().NegotiatedProtocol != "h2" {
			return nil, errNoHTTP2
		}
		c.net = t
	}
	c.timer = time.AfterFunc(math.MaxInt64, c.tick)
	c.timer.Stop()
	c.framer = http2.NewFramer(nil, bufio.NewReaderSize(counted{c}, 32<<10))
	c.framer.SetReuseFrames()
	c.framer.SetMaxReadFrameSize(minFrame)
	c.decoder = hpack.NewDecoder(tableSize, c.fields.add)
	c.decoder.SetMaxStringLength(cfg.Headers + minFrame)
	c.fields.most = cfg.Headers
	return c, c.greet()
}

// greet sends the preface and reads that of the server, which is its settings.
func (c *Conn) greet() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.out = append(c.out, http2.ClientPreface...)
	c.appendSettings()
	c.appendWindow(0, 4*c.cfg.Window-(1<<16-1))
	if _, err := c.net.Write(c.out); err != nil {
		return err
	}
	c.out = c.out[:0]
	f, err := c.framer.ReadFrame()
	if err != nil {
		return err
	}
	settings, ok := f.(*http2.SettingsFrame)
	if !ok || settings.IsAck() {
		return errNoHTTP2
	}
	if err := c.onSettings(settings); err != nil {
		return err
	}
	_, err = c.net.Write(c.out)
	c.out = c.out[:0]
	c.sock.mu.Lock()
	c.sock.open = true
	c.sock.mu.Unlock()
	return err
}

// counted counts what is read.
type counted struct{ c *Conn }

func (r counted) Read(p []byte) (int, error) {
	r.c.reads.Add(1)
	return r.c.net.Read(p)
}

// Gone is closed once the connection takes no more calls: it is lost, or the server wants none. Those that have begun go on.
func (c *Conn) Gone() <-chan struct{} { return c.gone }

// Err is why the connection is lost; nil as long as it is not.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// Cut closes the connection at once, with what is under way. Close is still to be called.
func (c *Conn) Cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fail(errClosed)
}

// Close tells the server, ends what is under way and waits for the goroutines.
func (c *Conn) Close() {
	c.mu.Lock()
	if c.failed == nil {
		c.appendGoAway()
		c.flush()
		c.fail(errClosed)
	}
	c.mu.Unlock()
	c.work.Wait()
}

// leave takes no more calls. Called with c.mu held, as all that follows.
func (c *Conn) leave() {
	if c.left {
		return
	}
	c.left = true
	close(c.gone)
	for c.queue.n > 0 {
		c.end(c.queue.first, ErrUnsent)
	}
}

// fail ends the connection and all that is under way.
func (c *Conn) fail(err error) {
	if c.failed != nil {
		return
	}
	c.failed = err
	c.leave()
	c.timer.Stop()
	_ = c.net.Close() // that it fails is no news
	c.sock.wake()
	for _, x := range c.live {
		c.end(x, err)
	}
}

// arm lets tick run at due, or earlier.
func (c *Conn) arm(due time.Time) {
	if c.armed.IsZero() {
		c.check, c.heard, c.pinged = time.Now().Add(c.cfg.Alive), c.reads.Load(), false
		c.set(c.check)
	}
	if !due.IsZero() && due.Before(c.armed) {
		c.set(due)
	}
}

func (c *Conn) set(at time.Time) {
	c.armed = at
	c.timer.Reset(time.Until(at))
}

// restOfEach is how long tick rests for each call that it has looked at, so that tens of thousands with times of their own cost a part of the processor.
const restOfEach = 200 * time.Nanosecond

// tick ends calls whose time is up, and asks a silent server whether it lives.
func (c *Conn) tick() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.failed != nil {
		return
	}
	now := time.Now()
	soonest := c.expire(now)
	if n := len(c.live) + c.queue.n; n == 0 {
		c.armed = time.Time{}
	} else if c.alive(now) {
		if soonest.IsZero() || c.check.Before(soonest) {
			soonest = c.check
		}
		if rest := now.Add(time.Duration(n) * restOfEach); soonest.Before(rest) {
			soonest = rest
		}
		c.set(soonest)
	}
	c.flush()
}

// expire returns when the next call's time is up.
func (c *Conn) expire(now time.Time) (soonest time.Time) {
	next := func(x *exchange) bool {
		if x.due.IsZero() || now.Before(x.due) {
			if !x.due.IsZero() && (soonest.IsZero() || x.due.Before(soonest)) {
				soonest = x.due
			}
			return false
		}
		return true
	}
	for _, x := range c.live {
		if next(x) {
			c.reset(x, http2.ErrCodeCancel)
			c.end(x, context.DeadlineExceeded)
		}
	}
	for x := c.queue.first; x != nil; {
		after := x.after
		if next(x) {
			c.end(x, context.DeadlineExceeded)
		}
		x = after
	}
	return soonest
}

// alive reports whether the connection is to be kept.
func (c *Conn) alive(now time.Time) bool {
	if now.Before(c.check) {
		return true
	}
	heard := c.reads.Load()
	switch {
	case heard != c.heard:
		c.heard, c.pinged, c.check = heard, false, now.Add(c.cfg.Alive)
	case !c.pinged:
		c.pinged, c.check = true, now.Add(c.cfg.Answer)
		c.appendPing(false, [8]byte{})
	default:
		c.fail(errSilent)
		return false
	}
	return true
}
