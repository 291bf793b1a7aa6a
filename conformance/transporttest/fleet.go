package transporttest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/transport"
)

// fleetCases check what servers do that come, go and come back at an address of their own.
func fleetCases() []Case {
	fleet := []string{AbilityFleet}
	return []Case{
		{ID: "T123", Group: "J", Sections: []string{"7.1", "7.3"}, Needs: []string{"Request"}, Abilities: fleet,
			Rule: "While two servers of one service are drained and started again in turn, every request is answered and none is handled twice.", Run: rollingRestart(3_000)},
		{ID: "T123n", Group: "J", Sections: []string{"7.1", "7.3"}, Needs: []string{"Request"}, Abilities: fleet, Tier: Nightly,
			Rule: "The same for 100,000 requests.", Run: rollingRestart(100_000)},
		{ID: "T128", Group: "J", Sections: []string{"7.1"}, Needs: []string{"Request"}, Abilities: fleet,
			Rule: "Close frees the address, also under clients that are connected: a server listens there again at once, a hundred times.", Run: listenAgain},
	}
}

// member opens a server at address, or anywhere where that is empty; the case or the suite closes it.
func (e *Env) member(ctx context.Context, address string) Conn {
	c, err := e.h.Member(ctx, address)
	e.Must(err, "open a server at "+address)
	e.keep(c)
	return e.h.dress(c)
}

// balanced opens a client of all addresses.
func (e *Env) balanced(ctx context.Context, service string, addresses ...string) Conn {
	c, err := e.h.Balanced(ctx, service, addresses)
	e.Must(err, "open a client of "+fmt.Sprint(addresses))
	e.keep(c)
	return e.h.dress(c)
}

// at is where a server listens.
func (e *Env) at(c Conn) string {
	raw, _ := undress(c)
	return e.h.Upstream(raw)
}

// A roll is a service of two servers, its callers, and what they have asked.
type roll struct {
	e       *Env
	dest    string
	handler *exactly
	client  Conn
	total   int64
	asked   atomic.Int64
	callers sync.WaitGroup
}

// restarts of servers in a roll, by turns: one that goes away without a word is not noticed each time.
const restarts = 6

func rollingRestart(requests int) func(context.Context, *Env) error {
	return func(ctx context.Context, e *Env) error {
		r := &roll{e: e, dest: e.Name("roll"), handler: newExactly(), total: int64(e.Count(requests))}
		servers := [2]Conn{r.serve(ctx, ""), r.serve(ctx, "")}
		r.client = e.balanced(ctx, e.Name(">"), e.at(servers[0]), e.at(servers[1]))
		for range 32 {
			r.callers.Go(func() { r.call(ctx) })
		}
		for i := range restarts {
			r.reaches(ctx, r.total*int64(i+1)/(restarts+2))
			s := &servers[i%len(servers)]
			address := e.at(*s)
			e.Must((*s).Drain(ctx), "drain")
			*s = r.serve(ctx, address)
		}
		r.callers.Wait()
		r.handler.mu.Lock()
		handled := int64(len(r.handler.ran))
		r.handler.mu.Unlock()
		if handled != r.total && !e.failed() {
			e.Errorf("%d of %d requests were handled", handled, r.total)
		}
		return r.handler.once()
	}
}

// reaches waits until so many requests were begun, or the case has failed.
func (r *roll) reaches(ctx context.Context, n int64) {
	for r.asked.Load() < n && ctx.Err() == nil && !r.e.failed() {
		r.e.Pause(time.Millisecond)
	}
}

// serve opens a server at address that handles the service.
func (r *roll) serve(ctx context.Context, address string) Conn {
	s := r.e.member(ctx, address)
	r.e.Handle(ctx, s, r.dest, func(ctx context.Context, m *transport.Message) (*transport.Message, error) {
		t := time.NewTimer(time.Millisecond) // so that some are in progress whenever the server is drained
		defer t.Stop()
		<-t.C
		return r.handler.handle(ctx, m)
	})
	return s
}

func (r *roll) call(ctx context.Context) {
	for n := r.asked.Add(1); n <= r.total && !r.e.failed(); n = r.asked.Add(1) {
		body := fmt.Sprint(n)
		reply, err := r.client.Request(ctx, &transport.Message{Destination: r.dest, Body: []byte(body)})
		switch {
		case err != nil:
			r.e.Errorf("request %d of %d: %v", n, r.total, err)
		case string(reply.Body) != body:
			r.e.Errorf("request %d got the reply %q", n, reply.Body)
		}
	}
}

func listenAgain(ctx context.Context, e *Env) error {
	dest, address := e.Name("again"), ""
	n := e.Count(100)
	for i := range n + 1 {
		server := e.member(ctx, address)
		address = e.at(server)
		_, err := server.Handle(ctx, dest, echo)
		e.Must(err, "handle")
		client := e.balanced(ctx, e.Name(">"), address)
		_, err = client.Request(ctx, &transport.Message{Destination: dest})
		e.Must(err, fmt.Sprintf("request of server %d at one address", i))
		e.Must(server.Close(), "close")
		if i%2 == 0 { // else the client is there for the next one, and closed with the case
			e.Must(client.Close(), "close the client")
		}
	}
	return nil
}
