package transporttest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/conformance/faultproxy"
	"github.com/polywire/polywire/transport"
)

// An Env is what one case runs in: fresh names, Conns, and ways to fail. Its
// methods that fail stop the case, so they are for the case's own goroutine;
// Errorf alone is for all.
type Env struct {
	Features transport.Features
	Tick     time.Duration // unit of ceilings: what should be quick is within one
	Patience time.Duration // how long to wait for what must come
	Fake     bool          // the clock is that of testing/synctest

	h      *Harness
	prefix string
	shared *pair
	parted bool // the case parts client and server, and no Harness.Peer can

	mu       sync.Mutex // guards the fields below
	failures []string
	measured string
	current  *pair
	opened   []*transport.Conn
	proxies  []*faultproxy.Proxy
	peer     *proxyPeer // stands for Harness.Peer; nil where there is that
	cleanup  []func(ctx context.Context)
}

// A pair is a server and a client as the Harness opened them, and as the case sees them.
type pair struct {
	raw            *transport.Conn // the server
	server, client Conn
}

func newEnv(h *Harness, c *Case, f transport.Features, shared *pair) *Env {
	var random [4]byte
	rand.Read(random[:]) // never fails, by its contract
	return &Env{
		Features: f, Tick: h.tick(), Patience: 100 * h.tick(), h: h, shared: shared,
		prefix: "c" + hex.EncodeToString(random[:]) + "." + strings.ToLower(c.ID) + ".",
		parted: h.Peer == nil && (slices.Contains(c.Abilities, AbilityRestart) || slices.Contains(c.Abilities, AbilityPause)),
	}
}

// Name makes a destination, or pattern, that no other case uses, which ends in s.
func (e *Env) Name(s string) string { return e.prefix + s }

// Count scales a number of messages by Harness.Scale; it is at least 2.
func (e *Env) Count(n int) int {
	if e.h.Scale <= 0 {
		return n
	}
	return max(2, int(math.Round(float64(n)*e.h.Scale)))
}

// Pair is the case's server and client. All calls return the same; with
// Harness.Share other cases use them too, so a case that closes them, or stops their peer, uses Fresh.
func (e *Env) Pair(ctx context.Context) (server, client Conn) {
	e.mu.Lock()
	p := e.current
	e.mu.Unlock()
	if p == nil {
		p = e.shared
	}
	if p == nil {
		p = e.open(ctx, ConnOptions{})
	}
	e.mu.Lock()
	e.current = p
	e.mu.Unlock()
	return p.server, p.client
}

// Fresh opens a server and a client for this case alone.
func (e *Env) Fresh(ctx context.Context, o ConnOptions) (server, client Conn) {
	p := e.open(ctx, o)
	if e.parted {
		e.part(ctx, p, o)
	}
	e.mu.Lock()
	e.current = p
	e.mu.Unlock()
	return p.server, p.client
}

// Another opens one more Conn, which reaches the server opened last.
func (e *Env) Another(ctx context.Context, opts ...transport.Option) Conn {
	e.Pair(ctx)
	e.mu.Lock()
	server := e.current.raw
	e.mu.Unlock()
	c, err := e.another(ctx, server, opts...)
	e.Must(err, "open another Conn")
	e.keep(c)
	return e.h.dress(c)
}

// another opens one more Conn, by way of what stands for the peer.
func (e *Env) another(ctx context.Context, server *transport.Conn, opts ...transport.Option) (*transport.Conn, error) {
	if e.peer != nil {
		return e.h.Via(ctx, e.peer.Addr(), opts...)
	}
	return e.h.Another(ctx, server, opts...)
}

// Adapter opens an adapter without a Conn, which reaches the server opened last, and closes it after the case.
func (e *Env) Adapter(ctx context.Context) transport.Adapter {
	e.Pair(ctx)
	a, err := e.h.Adapter(ctx, e.current.raw)
	e.Must(err, "open an adapter")
	e.Cleanup(func(ctx context.Context) { _ = a.Close(ctx) })
	return a
}

// Peer is the other side of the wire, or the proxy before it.
func (e *Env) Peer() Peer {
	if e.peer != nil {
		return e.peer
	}
	return e.h.Peer
}

// Raw dials the listener of the server opened last; the connection is closed after the case.
func (e *Env) Raw(ctx context.Context) net.Conn {
	e.Pair(ctx)
	c, err := e.h.Raw(ctx, e.current.raw)
	e.Must(err, "dial the listener")
	e.Cleanup(func(context.Context) { _ = c.Close() })
	return c
}

func (e *Env) open(ctx context.Context, o ConnOptions) *pair {
	p, err := e.h.open(ctx, o)
	e.Must(err, "open")
	e.keep(p.raw)
	if c, ok := undress(p.client); ok {
		e.keep(c)
	}
	return p
}

// open makes a pair. A Harness may return one Conn as both.
func (h *Harness) open(ctx context.Context, o ConnOptions) (*pair, error) {
	server, client, err := h.New(ctx, o)
	if err != nil {
		return nil, err
	}
	return &pair{raw: server, server: h.dress(server), client: h.dress(client)}, nil
}

// dress puts a seeded fault around c.
func (h *Harness) dress(c *transport.Conn) Conn {
	if h.wrap == nil {
		return c
	}
	return dressed{h.wrap(c), c}
}

// A dressed Conn has a seeded fault, and knows what is below.
type dressed struct {
	Conn
	raw *transport.Conn
}

func undress(c Conn) (*transport.Conn, bool) {
	if d, ok := c.(dressed); ok {
		return d.raw, true
	}
	raw, ok := c.(*transport.Conn)
	return raw, ok
}

func (e *Env) keep(c *transport.Conn) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.opened = append(e.opened, c)
}

// Handle is c.Handle that must work, and ends with the case.
func (e *Env) Handle(ctx context.Context, c Conn, destination string, h transport.Handler, opts ...transport.BindOption) *transport.Subscription {
	sub, err := c.Handle(ctx, destination, h, opts...)
	e.Must(err, "handle")
	e.Cleanup(func(ctx context.Context) { _ = sub.Close(ctx) })
	return sub
}

// Subscribe is c.Subscribe that must work, and ends with the case.
func (e *Env) Subscribe(ctx context.Context, c Conn, pattern string, h transport.Handler, opts ...transport.BindOption) *transport.Subscription {
	sub, err := c.Subscribe(ctx, pattern, h, opts...)
	e.Must(err, "subscribe")
	e.Cleanup(func(ctx context.Context) { _ = sub.Close(ctx) })
	return sub
}

// sendEach sends each of msgs from a goroutine of its own, as a Send lasts as long
// as its handler where Features.Inline, and counts what is accepted. The case ends when all have returned.
func (e *Env) sendEach(ctx context.Context, c Conn, msgs ...*transport.Message) (accepted *atomic.Int64) {
	accepted = new(atomic.Int64)
	var sends sync.WaitGroup
	for _, m := range msgs {
		sends.Go(func() {
			if err := c.Send(ctx, m); err != nil {
				e.Errorf("send: %v", err)
				return
			}
			accepted.Add(1)
		})
	}
	e.Cleanup(func(context.Context) { sends.Wait() })
	return accepted
}

// Cleanup arranges that f runs after the case, last first, before its Conns are closed.
func (e *Env) Cleanup(f func(ctx context.Context)) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cleanup = append(e.cleanup, f)
}

// Errorf records a failure and goes on.
func (e *Env) Errorf(format string, args ...any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.failures) < maxFailures {
		e.failures = append(e.failures, fmt.Sprintf(format, args...))
	}
}

const maxFailures = 10

// failed reports whether the case has failed already.
func (e *Env) failed() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.failures) > 0
}

// Fatalf records a failure and stops the case, as testing.T's does.
func (e *Env) Fatalf(format string, args ...any) {
	e.Errorf(format, args...)
	runtime.Goexit()
}

// Must stops the case unless err is nil.
func (e *Env) Must(err error, what string) {
	if err != nil {
		e.Fatalf("%s: %v", what, err)
	}
}

// WantCode stops the case unless err is an *transport.Error with that code.
func (e *Env) WantCode(err error, code transport.Code, what string) {
	if problem := wrongCode(err, code); problem != "" {
		e.Fatalf("%s: %s", what, problem)
	}
}

func wrongCode(err error, code transport.Code) string {
	var te *transport.Error
	switch {
	case err == nil:
		return fmt.Sprintf("got no error, want code %v", code)
	case !errors.As(err, &te):
		return fmt.Sprintf("got %v (%T), want a *transport.Error with code %v", err, err, code)
	case te.Code != code || !errors.Is(err, code):
		return fmt.Sprintf("got code %v (%v), want %v", te.Code, err, code)
	}
	return ""
}

// Wait stops the case unless done is closed in time.
func (e *Env) Wait(done <-chan struct{}, what string) { recv(e, done, what) }

// Pause lets d pass, where a case must see that nothing happens.
func (e *Env) Pause(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	<-t.C
}

// Until stops the case unless cond becomes true in time; it is for states that nothing tells of.
func (e *Env) Until(what string, cond func() bool) {
	if !poll(e.Patience, cond) {
		e.Fatalf("%s: not so within %v", what, e.Patience)
	}
}

func poll(patience time.Duration, cond func() bool) bool {
	deadline := time.Now().Add(patience)
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for !cond() {
		if time.Now().After(deadline) {
			return false
		}
		<-ticker.C
	}
	return true
}

// recv takes one value of ch, or stops the case.
func recv[T any](e *Env, ch <-chan T, what string) T {
	t := time.NewTimer(e.Patience)
	defer t.Stop()
	var v T
	select {
	case v = <-ch:
	case <-t.C:
		e.Fatalf("%s: not within %v", what, e.Patience)
	}
	return v
}

// finish ends what the case opened and returns its failures.
func (e *Env) finish(ctx context.Context) []string {
	e.mu.Lock()
	cleanup, opened, proxies := e.cleanup, e.opened, e.proxies
	e.cleanup, e.opened, e.proxies = nil, nil, nil
	e.mu.Unlock()
	for i := len(cleanup) - 1; i >= 0; i-- {
		cleanup[i](ctx)
	}
	for i := len(opened) - 1; i >= 0; i-- {
		if n := settled(opened[i], e.Patience); n != "" {
			e.Errorf("left behind: %s", n)
		}
		if err := opened[i].Close(); err != nil && !errors.Is(err, transport.ErrClosed) {
			e.Errorf("close: %v", err)
		}
	}
	for _, p := range proxies {
		_ = p.Close()
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.failures
}

// settled waits until no call of c waits for a reply any more, and tells what does.
func settled(c *transport.Conn, patience time.Duration) string {
	if c.State() == "closed" {
		return ""
	}
	if !poll(patience, func() bool { return c.Stats().Waiting == 0 }) {
		return fmt.Sprintf("%d calls that wait for a reply", c.Stats().Waiting)
	}
	return ""
}
