package homes

import (
	"context"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/transport/endpoints"
)

// Bounds of how long an endpoint that refused is set aside.
const (
	firstAside = time.Second
	lastAside  = 30 * time.Second
	probing    = 5 * time.Second // others wait as long for the first message after that
)

// An Endpoint is one instance of a home, as long as the table or a resolver names it.
// One that leaves and comes back is another Endpoint.
type Endpoint[C any] struct {
	endpoints.Endpoint // never changes; Priority and Weight are those of its coming

	pool  *pool[C]
	home  *Peers[C]
	hash  uint64       // of its address, for keys
	load  atomic.Int64 // leases not done
	until atomic.Int64 // set aside until then, in Unix nanoseconds; 0 is in service
	fails atomic.Int32 // refusals in a row

	mu      sync.Mutex     // guards the fields below
	current *generation[C] // what new leases get; nil before the first, and after it has left
	gone    bool
}

// A generation is a connection to an endpoint from its making until it is too old.
// Guarded by the mutex of its endpoint, but for conn, which never changes.
type generation[C any] struct {
	conn    C
	expires time.Time // zero is never
	leases  int
	retired bool
}

// A Lease is the use of an endpoint's connection, by one message or one stream.
// Done ends it, once.
type Lease[C any] struct {
	Endpoint   *Endpoint[C]
	Conn       C
	generation *generation[C]
}

// Take leases a connection to e, for a stream; messages get theirs by [Peers.Tries]. False when e has left.
func (e *Endpoint[C]) Take() (Lease[C], bool) {
	var retired *generation[C]
	e.mu.Lock()
	if e.gone {
		e.mu.Unlock()
		return Lease[C]{}, false
	}
	if g := e.current; g != nil && !g.expires.IsZero() && time.Now().After(g.expires) {
		retired, e.current = g, nil
		g.retired = true
	}
	if e.current == nil {
		e.current = e.pool.open(e)
		if e.current == nil { // the table is closed
			e.gone = true
			e.mu.Unlock()
			e.drop(retired)
			return Lease[C]{}, false
		}
	}
	g := e.current
	g.leases++
	e.mu.Unlock()
	e.load.Add(1)
	e.drop(retired)
	return Lease[C]{e, g.conn, g}, true
}

// drop ends a generation that was retired, at once or with its last lease.
func (e *Endpoint[C]) drop(g *generation[C]) {
	if g == nil {
		return
	}
	e.pool.retire(g)
	e.mu.Lock()
	unused := g.leases == 0
	e.mu.Unlock()
	if unused {
		e.pool.discard(g)
	}
}

// Release ends the lease and says nothing of the endpoint's health.
func (l *Lease[C]) Release() {
	l.Endpoint.load.Add(-1)
	l.Endpoint.mu.Lock()
	l.generation.leases--
	last := l.generation.leases == 0 && l.generation.retired
	l.Endpoint.mu.Unlock()
	if last {
		l.Endpoint.pool.discard(l.generation)
	}
}

// leave ends e: nothing new begins there, and what is in progress goes on.
func (e *Endpoint[C]) leave() {
	e.mu.Lock()
	g := e.current
	e.current, e.gone = nil, true
	if g != nil {
		g.retired = true
	}
	e.mu.Unlock()
	e.drop(g)
}

// Left reports whether the endpoint is none of its home any more.
func (e *Endpoint[C]) Left() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.gone
}

func (e *Endpoint[C]) healthy(now int64) bool {
	until := e.until.Load()
	return until == 0 || until <= now
}

// claim lets one message try an endpoint that was set aside, and the others wait for how that went.
func (e *Endpoint[C]) claim(now int64) bool {
	until := e.until.Load()
	return until == 0 || e.until.CompareAndSwap(until, now+int64(probing))
}

// answered takes the endpoint back into service.
func (e *Endpoint[C]) answered() {
	if e.until.Load() != 0 {
		e.fails.Store(0)
		e.until.Store(0)
	}
}

// refused sets the endpoint aside, each time for longer.
func (e *Endpoint[C]) refused() {
	n := min(e.fails.Add(1)-1, 5)
	wait := min(firstAside<<n, lastAside)
	e.rest(wait/2 + rand.N(wait/2))
}

// rest sets the endpoint aside for so long.
func (e *Endpoint[C]) rest(wait time.Duration) {
	e.until.Store(time.Now().Add(wait).UnixNano())
	e.home.unwell.Store(true)
}

// A pool holds all connections of a table.
type pool[C any] struct {
	config   Config[C]
	life     context.Context
	end      context.CancelFunc
	watching sync.WaitGroup // goroutines of sources

	mu     sync.Mutex // guards the fields below
	alive  map[*generation[C]]bool
	closed bool
}

func newPool[C any](c Config[C]) *pool[C] {
	p := &pool[C]{config: c, alive: map[*generation[C]]bool{}}
	p.life, p.end = context.WithCancel(context.Background())
	return p
}

// open makes a generation; nil once the pool is closed.
func (p *pool[C]) open(e *Endpoint[C]) *generation[C] {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil
	}
	g := &generation[C]{conn: p.config.Open(e.Endpoint)}
	age := p.config.Options.Renew
	if age == 0 {
		age = DefaultRenew
	}
	if age > 0 {
		g.expires = time.Now().Add(age*9/10 + rand.N(age/5+1))
	}
	p.alive[g] = true
	return g
}

func (p *pool[C]) retire(g *generation[C]) {
	p.mu.Lock()
	live := p.alive[g]
	p.mu.Unlock()
	if live {
		p.config.Retire(g.conn)
	}
}

func (p *pool[C]) discard(g *generation[C]) {
	p.mu.Lock()
	live := p.alive[g]
	delete(p.alive, g)
	p.mu.Unlock()
	if live {
		p.config.Close(g.conn)
	}
}

// start runs f until the pool closes; false when that came first.
func (p *pool[C]) start(f func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.watching.Go(f)
	return true
}

func (p *pool[C]) close(ctx context.Context) error {
	p.mu.Lock()
	p.closed = true
	all := slices.Collect(maps.Keys(p.alive))
	p.mu.Unlock()
	p.end()
	for _, g := range all {
		p.retire(g)
		p.discard(g)
	}
	done := make(chan struct{})
	go func() { // ends with the resolvers, whose context has ended
		p.watching.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func hashOf(s string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(s)) // never fails
	return h.Sum64()
}

// mix makes every bit depend on every other, so that near hashes are far apart (splitmix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
