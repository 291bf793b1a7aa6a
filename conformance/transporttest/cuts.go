package transporttest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/conformance/faultproxy"
	"github.com/polywire/polywire/transport"
)

func cutCases() []Case {
	proxy := []string{AbilityProxy}
	request := []string{"Request"}
	return []Case{
		{ID: "T141", Group: "K", Sections: []string{"7.2", "7.3", "3.3"}, Needs: request, Abilities: proxy,
			Rule: "A connection that is cut at any byte, either way, ends each call with its own reply or Unavailable at once; no handler runs twice for one call, and the next call works.", Run: cutSweep(300)},
		{ID: "T141n", Group: "K", Sections: []string{"7.2", "7.3", "3.3"}, Needs: request, Abilities: proxy, Tier: Nightly,
			Rule: "The same at every byte of a long exchange, the next call at each.", Run: cutSweep(0)},
		{ID: "T149", Group: "K", Sections: []string{"7.3", "3.3"}, Needs: request, Abilities: proxy,
			Rule: "Under resets at chance bytes no request that is not idempotent is handled twice, and no caller gets another's reply.", Run: resetsAtChance(600, 20)},
		{ID: "T149n", Group: "K", Sections: []string{"7.3", "3.3"}, Needs: request, Abilities: proxy, Tier: Nightly,
			Rule: "The same for 100,000 requests, of which one in a hundred meets a reset.", Run: resetsAtChance(100_000, 100)},
	}
}

// An exactly handler echoes and counts how often it ran for each body.
type exactly struct {
	mu   sync.Mutex // guards ran
	ran  map[string]int
	most int
}

func newExactly() *exactly { return &exactly{ran: map[string]int{}} }

func (h *exactly) handle(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
	h.mu.Lock()
	h.ran[string(msg.Body)]++
	h.most = max(h.most, h.ran[string(msg.Body)])
	h.mu.Unlock()
	return echo(ctx, msg)
}

// once checks that nothing ran twice.
func (h *exactly) once() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.most <= 1 {
		return nil
	}
	for body, n := range h.ran {
		if n > 1 {
			return fmt.Errorf("a request that is not idempotent was handled %d times: %.60q", n, body)
		}
	}
	return nil
}

// A sweep cuts one exchange after the other, each a byte later.
type sweep struct {
	e       *Env
	dest    string
	handler *exactly
}

// cutSweep cuts at most offsets of each direction; 0 is all, with a check of the next call at each.
func cutSweep(most int) func(context.Context, *Env) error {
	return func(ctx context.Context, e *Env) error {
		server, _ := e.Fresh(ctx, ConnOptions{})
		s := &sweep{e, e.Name("cut"), newExactly()}
		e.Handle(ctx, server, s.dest, s.handler.handle)
		whole := e.Proxy(ctx, nil)
		if problem := s.exchange(ctx, whole, "whole", false); problem != "" {
			return fmt.Errorf("without a cut: %s", problem)
		}
		traffic := whole.Traffic()
		var workers sync.WaitGroup
		offsets := make(chan [2]int64, 1)
		for range 8 {
			workers.Go(func() {
				for at := range offsets {
					s.cut(ctx, faultproxy.Direction(at[0]), at[1], most == 0 || at[1]%16 == 0)
				}
			})
		}
		for d, n := range []int64{traffic.Up, traffic.Down} {
			step := e.step(n, most)
			for at := int64(0); at <= n && ctx.Err() == nil && !e.failed(); at += step {
				offsets <- [2]int64{int64(d), at}
			}
		}
		close(offsets)
		workers.Wait()
		return s.handler.once()
	}
}

// step is by how many bytes a sweep of n goes on, to make most cuts at most; fewer where opening is a broker's work.
func (e *Env) step(n int64, most int) int64 {
	switch {
	case most == 0:
		return 1
	case e.Features.Durable:
		most /= 10
	}
	return 1 + n/int64(e.Count(most))
}

// cut opens a client whose connections are cut at byte at of direction d, and makes two calls.
func (s *sweep) cut(ctx context.Context, d faultproxy.Direction, at int64, next bool) {
	p, err := faultproxy.Listen(ctx, faultproxy.Options{Upstream: s.e.h.Upstream(s.e.current.raw)})
	if err != nil {
		s.e.Errorf("start a proxy: %v", err)
		return
	}
	defer func() { _ = p.Close() }()
	how := [...]faultproxy.Action{faultproxy.Close, faultproxy.Reset}[at/3%2] // at every third byte in turn, too
	p.Trap(d, faultproxy.Fault{At: at, Do: how})
	name := fmt.Sprintf("%v %d", d, at)
	if problem := s.exchange(ctx, p, name, next); problem != "" {
		s.e.Errorf("%v at byte %d %v: %s", how, at, d, problem)
	}
	if !next {
		return
	}
	p.Disarm()
	if problem := s.exchange(ctx, p, "after "+name, false); problem != "" {
		s.e.Errorf("after a %v at byte %d %v, a new client: %s", how, at, d, problem)
	}
}

// exchange opens a client by way of p and makes two calls at once, and with next another that must succeed. It tells what is wrong.
func (s *sweep) exchange(ctx context.Context, p *faultproxy.Proxy, name string, next bool) string {
	e := s.e
	long, cancel := context.WithTimeout(ctx, e.Patience/2)
	defer cancel()
	start := time.Now()
	raw, err := e.h.Via(long, p.Addr())
	if err != nil {
		return s.failure(p, err, start, "open")
	}
	c := e.h.dress(raw)
	defer s.close(c, name)
	problems := make(chan string, 2)
	for i := range 2 {
		go func() { problems <- s.call(long, p, c, fmt.Sprintf("%s, call %d", name, i)) }() // ends with the call
	}
	problem := <-problems + <-problems
	if problem != "" || !next {
		return problem
	}
	for i := 0; ; i++ {
		_, err := c.Request(long, &transport.Message{Destination: s.dest, Body: fmt.Appendf(nil, "%s, next call %d", name, i)})
		if err == nil {
			return ""
		}
		if !errors.Is(err, transport.CodeUnavailable) {
			return fmt.Sprintf("the next call: %v", err)
		}
		e.Pause(e.Tick / 10)
	}
}

func (s *sweep) close(c Conn, name string) {
	start := time.Now()
	if err := c.Close(); err != nil && !errors.Is(err, transport.ErrClosed) {
		s.e.Errorf("%s: close: %v", name, err)
	}
	if d := time.Since(start); d > 30*s.e.Tick {
		s.e.Errorf("%s: Close took %v", name, d)
	}
}

// call makes one request, whose body is its own.
func (s *sweep) call(ctx context.Context, p *faultproxy.Proxy, c Conn, body string) string {
	start := time.Now()
	reply, err := c.Request(ctx, &transport.Message{Destination: s.dest, Body: []byte(body)})
	switch {
	case err != nil:
		return s.failure(p, err, start, "request")
	case string(reply.Body) != body:
		return fmt.Sprintf("the request %q got the reply %q; ", body, reply.Body)
	}
	return ""
}

// failure tells what is wrong with an error: that nothing was cut, that it is not Unavailable, or that it came late.
func (s *sweep) failure(p *faultproxy.Proxy, err error, start time.Time, what string) string {
	took := time.Since(start)
	switch {
	case p.Traffic().Faults == 0:
		return fmt.Sprintf("%s: %v, although nothing was cut; ", what, err)
	case took > s.e.Patience/2-s.e.Tick:
		return fmt.Sprintf("%s failed after %v, want at once: %v; ", what, took, err)
	}
	if problem := wrongCode(err, transport.CodeUnavailable); problem != "" {
		return fmt.Sprintf("%s: %s; ", what, problem)
	}
	return ""
}

// resetsAtChance makes n requests from many clients; a connection is reset after so many of them, on average.
func resetsAtChance(n, between int) func(context.Context, *Env) error {
	return func(ctx context.Context, e *Env) error {
		server, _ := e.Fresh(ctx, ConnOptions{})
		dest, handler := e.Name("resets"), newExactly()
		e.Handle(ctx, server, dest, handler.handle)
		up, down, err := e.sizeOfCall(ctx, dest)
		if err != nil {
			return err
		}
		p := e.Proxy(ctx, resets(up, down, between))
		clients := 8 + n/4000
		callers := &chancers{e: e, dest: dest, n: e.Count(n) / clients}
		for i := range clients {
			callers.work.Go(func() { callers.run(ctx, p, i) })
		}
		callers.work.Wait()
		faults, failed := p.Traffic().Faults, callers.failed.Load()
		if callers.n >= 50 && (faults == 0 || failed > int64(clients*callers.n/2)) {
			e.Errorf("%d of %d requests failed and %d connections were reset: too few or too many to tell", failed, clients*callers.n, faults)
		}
		if n > 10_000 {
			e.measured = fmt.Sprintf("%d requests by %d clients, %d connections reset, %d requests failed", clients*callers.n, clients, faults, failed)
		}
		return handler.once()
	}
}

// sizeOfCall is how many bytes one more request and its reply say, on a connection that is there.
func (e *Env) sizeOfCall(ctx context.Context, dest string) (up, down int64, err error) {
	p := e.Proxy(ctx, nil)
	c, err := e.Via(ctx, p)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = c.Close() }()
	var before faultproxy.Traffic
	for i := range 11 {
		if i == 1 {
			before = p.Traffic()
		}
		if _, err := c.Request(ctx, &transport.Message{Destination: dest, Body: fmt.Appendf(nil, "size %d", i)}); err != nil {
			return 0, 0, err
		}
	}
	after := p.Traffic()
	return max(1, (after.Up-before.Up)/10), max(1, (after.Down-before.Down)/10), nil
}

// resets is a script that resets each connection once, after between calls of up bytes there and down bytes back, on average.
func resets(up, down int64, between int) func(int) faultproxy.Script {
	return func(n int) faultproxy.Script {
		random := rand.New(rand.NewPCG(149, uint64(n)))
		cut := func(size int64) faultproxy.Flow {
			return faultproxy.Flow{Faults: []faultproxy.Fault{{At: random.Int64N(2*size*int64(between)) + 1, Do: faultproxy.Reset}}}
		}
		if n%2 == 0 {
			return faultproxy.Script{Up: cut(up)}
		}
		return faultproxy.Script{Down: cut(down)}
	}
}

// chancers make requests until each had its number.
type chancers struct {
	e      *Env
	dest   string
	n      int // requests of each
	work   sync.WaitGroup
	failed atomic.Int64
}

// open opens a client; nil where a reset was first.
func (c *chancers) open(ctx context.Context, p *faultproxy.Proxy) Conn {
	conn, err := c.e.Via(ctx, p)
	if err == nil {
		return conn
	}
	if problem := wrongCode(err, transport.CodeUnavailable); problem != "" {
		c.e.Errorf("open: %s", problem)
	}
	return nil
}

func (c *chancers) run(ctx context.Context, p *faultproxy.Proxy, caller int) {
	var conn Conn
	for i := 0; i < c.n && ctx.Err() == nil && !c.e.failed(); {
		if conn == nil {
			conn = c.open(ctx, p)
			continue
		}
		body := fmt.Sprintf("%d/%d", caller, i)
		i++
		reply, err := conn.Request(ctx, &transport.Message{Destination: c.dest, Body: []byte(body)})
		switch {
		case err == nil && string(reply.Body) != body:
			c.e.Errorf("request %s got the reply %q", body, reply.Body)
		case err == nil:
		case errors.Is(err, transport.CodeUnavailable):
			c.failed.Add(1)
		default:
			c.e.Errorf("request %s ended with %v, want its reply or Unavailable", body, err)
		}
	}
}
