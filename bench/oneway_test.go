package bench

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/polywire/polywire/transport"
)

// A one-way benchmark ends when all that was accepted is handled, and so counts both ends.

func BenchmarkSend(b *testing.B) {
	for _, h := range handlers {
		b.Run("handlers="+h.name, func(b *testing.B) {
			conn, count := open(b, h.url), newCounter()
			handle(b, conn, "trip.log", count.handle)
			msg := message("trip.log", small)
			b.ReportAllocs()
			for b.Loop() {
				must(b, conn.Send(b.Context(), msg))
			}
			count.reach(b, b.N)
		})
	}
}

// BenchmarkPublish also reports what one delivery costs.
func BenchmarkPublish(b *testing.B) {
	for _, h := range handlers {
		for _, n := range []int{0, 1, 10, 100, 1000} {
			b.Run(fmt.Sprintf("handlers=%s/subscribers=%d", h.name, n), func(b *testing.B) {
				conn, count := open(b, h.url), newCounter()
				for range n {
					subscribe(b, conn, "trip.created", count.handle)
				}
				msg := message("trip.created", small)
				b.ReportAllocs()
				for b.Loop() {
					must(b, conn.Publish(b.Context(), msg))
				}
				count.reach(b, n*b.N)
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(max(n, 1)), "ns/delivery")
			})
		}
	}
}

func BenchmarkGather(b *testing.B) {
	for _, h := range handlers {
		b.Run("handlers="+h.name+"/subscribers=10", func(b *testing.B) {
			conn := open(b, h.url)
			for range 10 {
				subscribe(b, conn, "driver.bids", echo(small))
			}
			msg := message("driver.bids", small)
			b.ReportAllocs()
			for b.Loop() {
				if n := gather(b, conn, msg); n != 10 {
					b.Fatalf("got %d answers, want 10", n)
				}
			}
		})
	}
}

func gather(t testing.TB, conn *transport.Conn, msg *transport.Message) (answers int) {
	g, err := conn.Gather(t.Context(), msg)
	must(t, err)
	for r := range g.All() {
		must(t, r.Err)
		answers++
	}
	return answers
}

// A counter counts what its handler got; it costs the handler one addition.
type counter struct {
	n    atomic.Int64
	goal atomic.Int64  // to be told of
	done chan struct{} // capacity 1: written by whoever reaches goal, read by reach
}

func newCounter() *counter { return &counter{done: make(chan struct{}, 1)} }

func (c *counter) handle(context.Context, *transport.Message) (*transport.Message, error) {
	if c.n.Add(1) == c.goal.Load() {
		c.tell()
	}
	return nil, nil
}

func (c *counter) tell() {
	select {
	case c.done <- struct{}{}:
	default:
	}
}

// reach returns once n in all were handled, never fewer and never more.
func (c *counter) reach(t testing.TB, n int) {
	c.goal.Store(int64(n))
	if c.n.Load() == int64(n) {
		c.tell()
	}
	<-c.done
	if got := c.n.Load(); got != int64(n) {
		t.Errorf("handled: got %d, want %d", got, n)
	}
}
