package transporttest

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/polywire/polywire/conformance/faultproxy"
	"github.com/polywire/polywire/transport"
)

func networkCases() []Case {
	proxy := []string{AbilityProxy}
	request := []string{"Request"}
	return []Case{
		{ID: "T131", Group: "J", Sections: []string{"7.1"}, Abilities: proxy,
			Rule: "Close while the connection is being made to somebody who never answers returns at once.", Run: closeIntoTheDark},
		{ID: "T135", Group: "K", Sections: []string{"7.2"}, Abilities: proxy, Tier: Nightly,
			Rule: "Two hundred clients that lose their peer at once come back spread over time.", Run: herd},
		{ID: "T139", Group: "K", Sections: []string{"3.3", "7.2"}, Needs: request, Abilities: proxy,
			Rule: "While the network swallows what the peer says, calls end by their deadline, and no later call gets their replies.", Run: halfOpen},
		{ID: "T142", Group: "K", Sections: []string{"2.0", "2.3", "2.4"}, Abilities: proxy,
			Rule: "A stream that arrives byte by byte means the same.", Run: slowly(faultproxy.Flow{Slice: 1}, 1)},
		{ID: "T143", Group: "K", Sections: []string{"2.0", "2.3", "3.3"}, Abilities: proxy,
			Rule: "A slow network with jitter changes nothing but time.", Run: slowly(faultproxy.Flow{Delay: 2 * time.Millisecond, Jitter: 6 * time.Millisecond, Rate: 512 << 10}, 2)},
		{ID: "T143n", Group: "K", Sections: []string{"2.0", "2.3", "3.3"}, Abilities: proxy, Tier: Nightly,
			Rule: "A network of 50 ms, as much jitter, and 64 KiB a second changes nothing but time.", Run: slowly(faultproxy.Flow{Delay: 50 * time.Millisecond, Jitter: 50 * time.Millisecond, Rate: 64 << 10}, 20)},
		{ID: "T144", Group: "K", Sections: []string{"3.3", "4.2"}, Needs: request, Abilities: proxy,
			Rule: "A byte that the network changes ends in a typed error by the deadline, or in a reply, which is the right one where the wire is encrypted.", Run: corruption(300)},
		{ID: "T144n", Group: "K", Sections: []string{"3.3", "4.2"}, Needs: request, Abilities: proxy, Tier: Nightly,
			Rule: "The same for 10,000 bytes.", Run: corruption(10_000)},
		{ID: "T247", Group: "O", Sections: []string{"2.1"}, Abilities: proxy,
			Rule: "What is refused before it is sent, and what had ended before, writes no byte.", Run: refusedUnwritten},
	}
}

// both is a script of one flow each way, for every connection.
func both(f faultproxy.Flow) func(int) faultproxy.Script {
	return faultproxy.Always(faultproxy.Script{Up: f, Down: f})
}

// calm lists cases that a slow network must not change, and which take one pair as it is.
var calm = []string{"T003", "T007", "T008", "T014", "T018", "T020", "T023", "T026", "T031", "T033", "T061", "T080", "T101", "T109", "T211", "T212", "T217", "T219"}

// slowly runs calm cases by way of a proxy, with ticks that are longer by stretch.
func slowly(f faultproxy.Flow, stretch time.Duration) func(context.Context, *Env) error {
	return func(ctx context.Context, e *Env) error {
		e.Tick *= stretch
		e.Patience *= stretch
		e.Proxied(ctx, both(f))
		prefix := e.prefix
		for _, c := range Cases() {
			if !slices.Contains(calm, c.ID) || !e.suits(&c) {
				continue
			}
			e.prefix = prefix + strings.ToLower(c.ID) + "."
			if err := c.Run(ctx, e); err != nil {
				e.Errorf("%s: %v", c.ID, err)
			}
		}
		return nil
	}
}

// suits reports whether c needs nothing that is missing.
func (e *Env) suits(c *Case) bool {
	missing := func(f string) bool { return !e.Features.Has(f) }
	return !slices.ContainsFunc(c.Needs, missing) && (c.Unless == "" || missing(c.Unless)) && e.h.lacks(c) == ""
}

func halfOpen(ctx context.Context, e *Env) error {
	server, client, p := e.Proxied(ctx, nil)
	dest, handler := e.Name("half"), newExactly()
	e.Handle(ctx, server, dest, handler.handle)
	call := func(ctx context.Context, body string) error {
		reply, err := client.Request(ctx, &transport.Message{Destination: dest, Body: []byte(body)})
		if err == nil && string(reply.Body) != body {
			e.Errorf("the request %q got the reply %q", body, reply.Body)
		}
		return err
	}
	e.Must(call(ctx, "before"), "a request before")
	p.Pause()
	w := e.watch()
	var calls sync.WaitGroup
	for i := range 20 {
		calls.Go(func() {
			short, cancel := context.WithTimeout(ctx, 5*e.Tick)
			defer cancel()
			start := w.lap()
			err := call(short, fmt.Sprintf("dark %d", i))
			if !errors.Is(err, transport.CodeDeadlineExceeded) && !errors.Is(err, transport.CodeUnavailable) {
				e.Errorf("a call into the dark ended with %v, want DeadlineExceeded or Unavailable", err)
			}
			if d := start.took(); d > 8*e.Tick {
				e.Errorf("a call into the dark took %v, want %v", d, 5*e.Tick)
			}
		})
	}
	calls.Wait()
	p.Resume()
	long, cancel := context.WithTimeout(ctx, e.Patience)
	defer cancel()
	for i := range 20 {
		err := call(long, fmt.Sprintf("after %d", i))
		for errors.Is(err, transport.CodeUnavailable) && long.Err() == nil {
			e.Pause(e.Tick / 10)
			err = call(long, fmt.Sprintf("after %d", i))
		}
		e.Must(err, "a request afterwards")
	}
	return nil
}

func closeIntoTheDark(ctx context.Context, e *Env) error {
	_, client, p := e.Proxied(ctx, nil)
	p.SetScript(faultproxy.Always(faultproxy.Script{BlackHole: true}))
	accepted := p.Traffic().Accepted
	p.Cut(faultproxy.Reset)
	go func() { _ = e.anyCall(ctx, client, e.Name("dark")) }() // ends by Close
	e.Until("the client dials into the dark", func() bool { return p.Traffic().Accepted > accepted })
	start := e.watch().lap()
	if err := client.Close(); err != nil {
		e.Errorf("close: %v", err)
	}
	if d := start.took(); d > 10*e.Tick {
		return fmt.Errorf("Close took %v", d)
	}
	return nil
}

// corruption makes n exchanges, each with one byte changed.
func corruption(n int) func(context.Context, *Env) error {
	return func(ctx context.Context, e *Env) error {
		server, _ := e.Fresh(ctx, ConnOptions{})
		dest := e.Name("corrupt")
		e.Handle(ctx, server, dest, echo)
		c := &corrupter{e, dest}
		whole := e.Proxy(ctx, nil)
		if err := c.exchange(ctx, whole, "whole", e.Patience); err != nil {
			return fmt.Errorf("with nothing changed: %w", err)
		}
		t := whole.Traffic()
		random := rand.New(rand.NewPCG(144, 144))
		var workers sync.WaitGroup
		faults := make(chan func(), 1)
		for range 16 {
			workers.Go(func() {
				for f := range faults {
					f()
				}
			})
		}
		if e.Features.Durable {
			n /= 10
		}
		for range e.Count(n) {
			d, size := faultproxy.Up, t.Up
			if random.IntN(2) == 1 {
				d, size = faultproxy.Down, t.Down
			}
			f := faultproxy.Fault{At: random.Int64N(size), Do: faultproxy.Corrupt, Mask: byte(1 << random.IntN(8))}
			faults <- func() { c.corrupt(ctx, d, f) }
		}
		close(faults)
		workers.Wait()
		_, client := e.Pair(ctx)
		_, err := client.Request(ctx, &transport.Message{Destination: dest})
		return err
	}
}

type corrupter struct {
	e    *Env
	dest string
}

func (c *corrupter) corrupt(ctx context.Context, d faultproxy.Direction, f faultproxy.Fault) {
	p, err := faultproxy.Listen(ctx, faultproxy.Options{Upstream: c.e.h.Upstream(c.e.current.raw)})
	if err != nil {
		c.e.Errorf("start a proxy: %v", err)
		return
	}
	defer func() { _ = p.Close() }()
	p.Trap(d, f)
	deadline := 5 * c.e.Tick
	start := time.Now()
	err = c.exchange(ctx, p, fmt.Sprintf("%v %d", d, f.At), deadline)
	var te *transport.Error
	if err != nil && !errors.As(err, &te) {
		c.e.Errorf("byte %d %v changed: got %v (%T), want a *transport.Error", f.At, d, err, err)
	}
	if took := time.Since(start); took > c.e.Patience {
		c.e.Errorf("byte %d %v changed: it took %v, want an end by the deadline of %v", f.At, d, took, deadline)
	}
}

// exchange opens a client and makes a request, by deadline each.
func (c *corrupter) exchange(ctx context.Context, p *faultproxy.Proxy, body string, deadline time.Duration) error {
	opening, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	raw, err := c.e.h.Via(opening, p.Addr())
	if err != nil {
		return err
	}
	defer raw.Close()
	short, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	reply, err := c.e.h.dress(raw).Request(short, &transport.Message{Destination: c.dest, Body: []byte(body)})
	if err == nil && c.e.h.Sealed && string(reply.Body) != body {
		c.e.Errorf("a changed byte passed for genuine: the request %q got the reply %q", body, reply.Body)
	}
	return err
}

func refusedUnwritten(ctx context.Context, e *Env) error {
	server, client, p := e.Proxied(ctx, nil)
	dest := e.Name("unwritten")
	e.anyHandler(ctx, server, dest, echo)
	e.Must(e.anyCall(ctx, client, dest), "a call before")
	gone, cancel := context.WithCancel(ctx)
	cancel()
	late, cancel := context.WithDeadline(ctx, time.Now().Add(-time.Second))
	defer cancel()
	large := &transport.Message{Destination: dest, Body: make([]byte, e.maxBody()+1)}
	before := e.quiet(p)
	for _, name := range hostileNames() {
		if e.anyCall(ctx, client, name) == nil {
			e.Errorf("%.40q was taken for a destination", name)
		}
	}
	for what, err := range map[string]error{
		"a call whose ctx was cancelled": e.anyCall(gone, client, dest), "a call whose deadline had passed": e.anyCall(late, client, dest),
		"a body above the limit": e.say(ctx, client, large),
	} {
		if err == nil {
			e.Errorf("%s succeeded", what)
		}
	}
	if wrote := p.Traffic().Up - before; wrote != 0 {
		return fmt.Errorf("%d bytes were written for calls that were refused", wrote)
	}
	return nil
}

// quiet waits until the client has nothing more to say, and returns how many bytes it said.
func (e *Env) quiet(p *faultproxy.Proxy) int64 {
	for {
		before := p.Traffic().Up
		e.Pause(e.Tick / 2)
		if after := p.Traffic().Up; after == before {
			return after
		}
	}
}

// herd cuts two hundred clients off and watches when they dial again: of the second
// over which the first attempts are spread, no tenth may see half of them: five
// times as many as chance gives, as a busy machine takes what waited at once.
func herd(ctx context.Context, e *Env) error {
	const clients = 200
	e.Fresh(ctx, ConnOptions{})
	p := e.Proxy(ctx, nil)
	for range clients {
		_, err := e.Via(ctx, p)
		e.Must(err, "open a client")
	}
	p.Refuse(true)
	p.Cut(faultproxy.Reset)
	worst, last, before := 0.0, time.Now(), p.Traffic().Refused
	for tick := time.NewTicker(e.Tick); before < clients && ctx.Err() == nil; {
		<-tick.C
		now, refused := time.Now(), p.Traffic().Refused
		worst = max(worst, float64(refused-before)/(float64(now.Sub(last))/float64(100*time.Millisecond)))
		last, before = now, refused
	}
	p.Refuse(false)
	if worst > clients/2 {
		return fmt.Errorf("%.0f of %d clients dialled again within one tenth of a second, want them spread over a second", worst, clients)
	}
	return nil
}
