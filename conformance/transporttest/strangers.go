package transporttest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/transport"
)

// strangerCases dial a listener as no client of ours does.
func strangerCases() []Case {
	request, crowd := []string{AbilityRequest}, []string{AbilityRequest, AbilityCrowd}
	requests := []string{"Request"}
	return []Case{
		{ID: "T161", Group: "L", Sections: []string{"8.3", "6.3"}, Needs: requests, Abilities: request, Tier: Nightly,
			Rule: "A client that never reads its replies holds little memory, and its connection ends.", Run: neverReads},
		{ID: "T176", Group: "O", Sections: []string{"8.3"}, Needs: requests, Abilities: request,
			Rule: "A declared length allocates nothing: a body of 4 MiB that does not come costs a connection's buffers.", Run: declaredLengths},
		{ID: "T177", Group: "O", Sections: []string{"8.3"}, Needs: requests, Abilities: request,
			Rule: "Connections full of random bytes, and of requests with random changes, disturb nobody.", Run: randomBytes(1000)},
		{ID: "T177n", Group: "O", Sections: []string{"8.3"}, Needs: requests, Abilities: request, Tier: Nightly,
			Rule: "The same for 10,000 connections.", Run: randomBytes(10_000)},
		{ID: "T178", Group: "O", Sections: []string{"2.4"}, Needs: requests, Abilities: request,
			Rule: "A request that ends too early, at any byte, reaches no handler.", Run: truncated},
		{ID: "T179", Group: "O", Sections: []string{"8.3"}, Needs: requests, Abilities: request,
			Rule: "Five hundred connections that say a byte now and then delay nobody.", Run: slowloris},
		{ID: "T179n", Group: "O", Sections: []string{"8.3"}, Needs: requests, Abilities: request, Tier: Nightly,
			Rule: "A request that comes a byte now and then is not waited for: its connection ends within a minute.", Run: slowlorisEnds},
		{ID: "T180", Group: "O", Sections: []string{"8.3"}, Needs: requests, Abilities: crowd,
			Rule: "A listener serves as many connections as it may and no more, and room that is left is taken again.", Run: crowded},
	}
}

// busy makes requests until stop, and returns what was wrong with them: an error, or one in a hundred that took longer than ten ticks.
func (e *Env) busy(ctx context.Context, c Conn, dest string, stop <-chan struct{}) error {
	var slow, all int
	most := 10 * e.Tick
	for {
		start := time.Now()
		if _, err := c.Request(ctx, &transport.Message{Destination: dest, Body: []byte("served")}); err != nil {
			return fmt.Errorf("meanwhile a client's request ended with %w", err)
		}
		all++
		took := time.Since(start)
		if took > most {
			slow++
		}
		if took > 3*most {
			return fmt.Errorf("meanwhile a client's request took %v", took)
		}
		select {
		case <-stop:
			if slow > 1+all/100 {
				return fmt.Errorf("meanwhile %d of a client's %d requests took longer than %v", slow, all, most)
			}
			return nil
		case <-time.After(e.Tick / 20):
		}
	}
}

// meanwhile runs f while the client is served, each request within ten ticks.
func (e *Env) meanwhile(ctx context.Context, f func()) error {
	server, client := e.Pair(ctx)
	dest := e.Name("served")
	sub := e.Handle(ctx, server, dest, echo)
	defer func() { _ = sub.Close(ctx) }()
	stop, served := make(chan struct{}), make(chan error, 1)
	go func() { served <- e.busy(ctx, client, dest, stop) }() // ends by stop
	f()
	close(stop)
	return <-served
}

// grown checks that the heap is no more than most bytes larger than before.
func grown(before, most int64, what string) error {
	if now := heap(); now > before+most {
		return fmt.Errorf("%s: the heap grew by %d KiB, want %d at most", what, (now-before)>>10, most>>10)
	}
	return nil
}

func declaredLengths(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("declared")
	in := newInbox(e)
	e.Handle(ctx, server, dest, in.echo)
	largest := min(e.maxBody(), 4<<20)
	whole := e.h.Request(dest, make([]byte, largest))
	head := whole[:len(e.h.Request(dest, nil))+10] // and a few bytes of its body
	before := heap()
	for range 50 {
		if _, err := e.Raw(ctx).Write(head); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	e.Pause(e.Tick) // so that each is read
	if err := grown(before, 50*256<<10, "50 bodies of the largest size were declared, and did not come"); err != nil {
		return err
	}
	if n := in.len(); n > 0 {
		return fmt.Errorf("%d requests without their body were handled", n)
	}
	_, err := client.Request(ctx, &transport.Message{Destination: dest})
	return err
}

// A crowd makes connections from many goroutines.
func crowd(n, workers int, each func(i int)) {
	var work sync.WaitGroup
	var next atomic.Int64
	for range workers {
		work.Go(func() {
			for i := next.Add(1); i <= int64(n); i = next.Add(1) {
				each(int(i))
			}
		})
	}
	work.Wait()
}

// stranger makes a connection; nil where none is to be had, which is a listener's right.
func (e *Env) stranger(ctx context.Context) net.Conn {
	c, err := e.h.Raw(ctx, e.current.raw)
	if err != nil {
		return nil
	}
	_ = c.SetDeadline(time.Now().Add(e.Patience))
	return c
}

func randomBytes(n int) func(context.Context, *Env) error {
	return func(ctx context.Context, e *Env) error {
		e.Pair(ctx)
		valid := e.h.Request(e.Name("served"), []byte("a body"))
		return e.meanwhile(ctx, func() {
			crowd(e.Count(n), 16, func(i int) {
				c := e.stranger(ctx)
				if c == nil {
					return
				}
				defer func() { _ = c.Close() }()
				_, _ = c.Write(garbage(uint64(i), valid)) // may be cut off
				if t, ok := c.(interface{ CloseWrite() error }); ok && i%4 == 0 && t.CloseWrite() == nil {
					_, _ = io.Copy(io.Discard, c)
				}
			})
		})
	}
}

// garbage is random bytes, or valid with some of its bytes changed.
func garbage(seed uint64, valid []byte) []byte {
	random := rand.New(rand.NewPCG(177, seed))
	if seed%2 == 0 {
		b := append([]byte(nil), valid...)
		for range 1 + random.IntN(8) {
			b[random.IntN(len(b))] = byte(random.Uint32())
		}
		return b
	}
	b := make([]byte, 1+random.IntN(512))
	for i := range b {
		b[i] = byte(random.Uint32())
	}
	return b
}

func truncated(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("truncated")
	in := newInbox(e)
	e.Handle(ctx, server, dest, in.echo)
	whole := e.h.Request(dest, []byte("the whole body"))
	if _, err := e.Raw(ctx).Write(whole); err != nil {
		return err
	}
	if got := string(in.wait(1)[0].Body); got != "the whole body" {
		return fmt.Errorf("a whole request came as %q", got)
	}
	crowd(len(whole), 8, func(n int) {
		c := e.stranger(ctx)
		if c == nil {
			return
		}
		defer func() { _ = c.Close() }()
		_, _ = c.Write(whole[:n-1])
		if t, ok := c.(interface{ CloseWrite() error }); ok && t.CloseWrite() == nil {
			_, _ = io.Copy(io.Discard, c) // until it has been thrown away
		}
	})
	_, err := client.Request(ctx, &transport.Message{Destination: dest, Body: []byte("last")})
	e.Must(err, "a request afterwards")
	if got := in.all(); len(got) != 2 {
		return fmt.Errorf("%d messages were handled, want the two that were whole: %.60q", len(got), got[1].Body)
	}
	return nil
}

func slowloris(ctx context.Context, e *Env) error {
	e.Pair(ctx)
	whole := e.h.Request(e.Name("served"), []byte("slow"))
	return e.meanwhile(ctx, func() {
		crowd(500, 500, func(int) {
			c := e.stranger(ctx)
			if c == nil {
				return
			}
			defer func() { _ = c.Close() }()
			for i := range 10 {
				_, _ = c.Write(whole[i : i+1])
				e.Pause(e.Tick)
			}
		})
	})
}

func slowlorisEnds(ctx context.Context, e *Env) error {
	e.Pair(ctx)
	whole := e.h.Request(e.Name("slow"), make([]byte, 1000))
	for _, from := range []int{len(whole) / 20, len(whole) - 900} { // within the head, and within the body
		c := e.stranger(ctx)
		_ = c.SetDeadline(time.Time{})
		ended := make(chan struct{})
		go func() { defer close(ended); _, _ = io.Copy(io.Discard, c) }() // ends with the connection
		_, _ = c.Write(whole[:from])
		start := time.Now()
		for i := from; time.Since(start) < time.Minute && !closed(ended); i++ {
			_, _ = c.Write(whole[i : i+1])
			e.Pause(5 * e.Tick)
		}
		over := closed(ended)
		_ = c.Close()
		if <-ended; !over {
			return fmt.Errorf("a request that came byte by byte from byte %d on was still waited for after a minute", from)
		}
	}
	return nil
}

func closed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

func neverReads(ctx context.Context, e *Env) error {
	server, _ := e.Pair(ctx)
	dest := e.Name("unread")
	large := make([]byte, min(1<<20, e.maxBody()))
	e.Handle(ctx, server, dest, func(context.Context, *transport.Message) (*transport.Message, error) {
		return &transport.Message{Body: large}, nil
	})
	one := e.h.Request(dest, nil)
	before := heap()
	var all []net.Conn
	for range 20 {
		c := e.Raw(ctx)
		deaf(c)
		_ = c.SetWriteDeadline(time.Now().Add(e.Tick))
		for range 10 { // of which HTTP/2 takes the first and ends the connection by the second's preface, which is well
			_, _ = c.Write(one)
		}
		all = append(all, c)
	}
	e.Pause(5 * e.Tick)
	if err := grown(before, 64<<20, "200 replies of 1 MiB were not read"); err != nil {
		return err
	}
	for _, c := range all {
		_ = c.SetDeadline(time.Time{})
		if !poll(time.Minute, func() bool { return refusesBytes(c) }) {
			return errors.New("a connection that reads nothing was still there after a minute")
		}
	}
	return nil
}

// refusesBytes reports whether the other side of c is gone, or takes nothing any more.
func refusesBytes(c net.Conn) bool {
	_ = c.SetWriteDeadline(time.Now().Add(10 * time.Millisecond))
	_, err := c.Write([]byte{0})
	var ne net.Error
	return err != nil && (!errors.As(err, &ne) || !ne.Timeout())
}

func crowded(ctx context.Context, e *Env) error {
	const room = 8
	raw, client, err := e.h.Crowded(ctx, room)
	e.Must(err, "open a listener that serves few")
	e.keep(raw)
	e.keep(client)
	e.current = &pair{raw: raw, server: e.h.dress(raw), client: e.h.dress(client)}
	dest := e.Name("crowded")
	in, release := newInbox(e), make(chan struct{})
	e.Handle(ctx, e.current.server, dest, func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		in.add(msg)
		select {
		case <-release:
		case <-ctx.Done():
		}
		return nil, nil
	})
	ask := func() error {
		_, err := e.current.client.Request(ctx, &transport.Message{Destination: e.Name("nobody")})
		if errors.Is(err, transport.ErrNoHandler) {
			return nil
		}
		return fmt.Errorf("a client that was there before got %w, want to be served", err)
	}
	if err := ask(); err != nil {
		return err
	}
	ended := make(chan int, 3*room)
	conns := make([]net.Conn, 3*room)
	for i := range conns {
		if conns[i] = e.stranger(ctx); conns[i] == nil {
			ended <- i
			continue
		}
		defer func() { _ = conns[i].Close() }()
		_ = conns[i].SetDeadline(time.Time{}) // their end is the other side's
		_, _ = conns[i].Write(e.h.Request(dest, []byte("let me in")))
		go func() { // ends with the connection
			_, _ = io.Copy(io.Discard, conns[i])
			ended <- i
		}()
	}
	for range len(conns) - room {
		recv(e, ended, "connections beyond the bound end")
	}
	e.Pause(e.Tick)
	if n := in.len(); n > room || n == 0 {
		return fmt.Errorf("%d connections were served at once, want 1 to %d", n, room)
	}
	if err := ask(); err != nil {
		return err
	}
	close(release)
	for _, c := range conns {
		if c != nil {
			_ = c.Close()
		}
	}
	e.takenAgain(ctx, dest, in)
	return nil
}

// takenAgain asks as strangers do until one more message is in.
func (e *Env) takenAgain(ctx context.Context, dest string, in *inbox) {
	before := in.len()
	e.Until("room that was left is taken again", func() bool {
		c := e.stranger(ctx)
		if c == nil {
			return false
		}
		defer func() { _ = c.Close() }()
		_, _ = c.Write(e.h.Request(dest, []byte("me too")))
		_, _ = c.Read(make([]byte, 1))
		return in.len() > before
	})
}
