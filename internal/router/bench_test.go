package router

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"testing"
	"time"

	"github.com/polywire/polywire/transport"
)

// A drain is the cheapest sink: it accepts at once, on the goroutine that delivers.
type drain struct{ n atomic.Int64 }

func (s *drain) Deliver(d transport.Delivery) { s.n.Add(1); _ = d.Accept(context.Background()) }
func (s *drain) Lost(error)                   {}

// An answering sink replies from one goroutine of its own, as a core with one worker would.
type answering struct{ in chan transport.Delivery }

func serve(b testing.TB) *answering {
	s := &answering{in: make(chan transport.Delivery, 1024)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for d := range s.in {
			acceptAndReply(d)
		}
	}()
	b.Cleanup(func() { close(s.in); <-ended })
	return s
}

func (s *answering) Deliver(d transport.Delivery) { s.in <- d }
func (s *answering) Lost(error)                   {}

func pong() *transport.Envelope {
	e := &transport.Envelope{}
	e.Body = make([]byte, 128)
	return e
}

func acceptAndReply(d transport.Delivery) {
	accept(d)
	_ = d.Reply(context.Background(), pong())
}

// sample is the envelope of all benchmarks: 128 bytes, an id, two header fields.
func sample(to string) *transport.Envelope {
	e := &transport.Envelope{}
	e.ID, e.Destination, e.Timeout, e.Body = "0123456789abcdef", to, time.Minute, make([]byte, 128)
	e.Header.Set("tenant", "t1")
	e.Header.Set("region", "eu")
	return e
}

func BenchmarkRequest(b *testing.B) {
	r := start(b, Options{})
	bind(b, r, queueOf("a", 512), serve(b))
	ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
	defer cancel()
	e := sample("a")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Request(ctx, e); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRequestInline(b *testing.B) {
	r := start(b, Options{})
	if _, err := r.BindInline(b.Context(), queueOf("a", 512), &calling{acceptAndReply}); err != nil {
		b.Fatal(err)
	}
	e := sample("a")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.Request(b.Context(), e); err != nil {
			b.Fatal(err)
		}
	}
}

// A calling sink runs a function for each delivery and keeps none.
type calling struct{ on func(transport.Delivery) }

func (s *calling) Deliver(d transport.Delivery) { s.on(d) }
func (s *calling) Lost(error)                   {}

func BenchmarkSend(b *testing.B) {
	r := start(b, Options{})
	bind(b, r, queueOf("a", 512), &drain{})
	e := sample("a")
	b.ReportAllocs()
	for b.Loop() {
		_ = r.Send(b.Context(), e)
	}
}

func BenchmarkSendKeyedToMembers(b *testing.B) {
	r := start(b, Options{})
	for range 8 {
		bind(b, r, queueOf("a", 512), &drain{})
	}
	e := sample("a")
	e.Key = "trip-7"
	b.ReportAllocs()
	for b.Loop() {
		_ = r.Send(b.Context(), e)
	}
}

func BenchmarkPublish(b *testing.B) {
	for _, n := range []int{0, 1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("to=%d", n), func(b *testing.B) {
			r := start(b, Options{})
			for range n {
				bind(b, r, topicOf("trip.created", "", 512), &drain{})
			}
			e := sample("trip.created")
			b.ReportAllocs()
			for b.Loop() {
				_ = r.Publish(b.Context(), e)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(max(n, 1)), "ns/delivery")
		})
	}
}

func BenchmarkParallelSend(b *testing.B) {
	r := start(b, Options{})
	bind(b, r, queueOf("a", 512), &drain{})
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		e := sample("a")
		for pb.Next() {
			_ = r.Send(b.Context(), e)
		}
	})
}

// BenchmarkRoute looks destinations up among n subscriptions, a fifth of them with wildcards.
func BenchmarkRoute(b *testing.B) {
	for _, n := range []int{100, 10_000, 1_000_000} {
		t, names := bigTable(n)
		for _, hot := range []int{64, len(names)} {
			b.Run(fmt.Sprintf("subscriptions=%d/destinations=%d", n, hot), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 2))
				b.ReportAllocs()
				for b.Loop() {
					if len(t.match(names[rng.IntN(hot)]).all) == 0 {
						b.Fatal("no match")
					}
				}
			})
		}
	}
}

func bigTable(n int) (*table, []string) {
	t := &table{}
	names := make([]string, 0, n)
	for i := range n {
		name := fmt.Sprintf("region%d.shop%d.order.item%d", i%17, i%1009, i)
		names = append(names, name)
		switch i % 10 {
		case 0:
			name = fmt.Sprintf("region%d.*.order.item%d", i%17, i)
		case 1:
			name = fmt.Sprintf("region%d.shop%d.x%d.>", i%17, i%1009, i)
			t.add(&queue{name: names[i]})
		}
		t.add(&queue{name: name})
	}
	return t, names
}

func BenchmarkBindUnbind(b *testing.B) {
	r := start(b, Options{})
	b.ReportAllocs()
	for b.Loop() {
		if err := bind(b, r, topicOf("trip.created", "", 1), &drain{}).Unbind(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
