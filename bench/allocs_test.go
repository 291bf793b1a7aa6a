//go:build !race

package bench

import (
	"context"
	"testing"

	"github.com/polywire/polywire/transport"
)

// TestAllocations asserts what a call through Conn allocates in process, both ends
// together: 128 bytes and two header fields each way, defaults on. Who raises a limit
// for a good reason says so in docs/benchmarks.md.
func TestAllocations(t *testing.T) {
	for _, h := range handlers {
		conn, count := open(t, h.url), newCounter()
		handle(t, conn, "trip.quote", echo(small))
		handle(t, conn, "trip.log", count.handle)
		subscribe(t, conn, "trip.created", count.handle)
		for range 100 {
			subscribe(t, conn, "trip.moved", count.handle)
		}
		request := func(ctx context.Context, m *transport.Message) error {
			_, err := conn.Request(ctx, m)
			return err
		}
		send := func(ctx context.Context, m *transport.Message) error { return conn.Send(ctx, m) }
		publish := func(ctx context.Context, m *transport.Message) error { return conn.Publish(ctx, m) }
		for _, c := range []struct {
			name    string
			most    float64
			handled int64 // by count
			to      string
			do      func(context.Context, *transport.Message) error
		}{
			{"Request", 4, 0, "trip.quote", request},
			{"Send", 2, 1, "trip.log", send},
			{"Publish to nobody", 0, 0, "trip.ended", publish},
			{"Publish to one", 2, 1, "trip.created", publish},
			{"Publish to 100", 110, 100, "trip.moved", publish},
		} {
			t.Run(c.name+"/"+h.name, func(t *testing.T) {
				ctx, msg := t.Context(), message(c.to, small)
				got := testing.AllocsPerRun(200, func() {
					count.goal.Store(count.n.Load() + c.handled)
					must(t, c.do(ctx, msg))
					if c.handled > 0 {
						<-count.done
					}
				})
				if got > c.most {
					t.Errorf("got %v allocations, want at most %v", got, c.most)
				}
			})
		}
	}
}
