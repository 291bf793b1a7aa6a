package bench

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/polywire/polywire/transport"
)

func BenchmarkRequest(b *testing.B) {
	for _, h := range handlers {
		b.Run("handlers="+h.name, func(b *testing.B) {
			conn := open(b, h.url)
			handle(b, conn, "trip.quote", echo(small))
			requests(b, conn, message("trip.quote", small))
		})
	}
}

// BenchmarkRequestWithDeadline has a caller whose ctx can end, as a server's usually can.
func BenchmarkRequestWithDeadline(b *testing.B) {
	for _, h := range handlers {
		b.Run("handlers="+h.name, func(b *testing.B) {
			conn := open(b, h.url)
			handle(b, conn, "trip.quote", echo(small))
			ctx, cancel := context.WithTimeout(b.Context(), time.Hour)
			defer cancel()
			msg := message("trip.quote", small)
			b.ReportAllocs()
			for b.Loop() {
				request(ctx, b, conn, msg)
			}
		})
	}
}

// BenchmarkRequestBlocking has a handler that hands its work to another
// goroutine and waits for it, so that the caller must really wait.
func BenchmarkRequestBlocking(b *testing.B) {
	conn := open(b, "inproc://")
	work := make(chan chan struct{})
	defer close(work)
	go func() { // ends when work is closed
		for w := range work {
			w <- struct{}{}
		}
	}()
	done, answer := make(chan struct{}), echo(small)
	handle(b, conn, "trip.quote", func(ctx context.Context, m *transport.Message) (*transport.Message, error) {
		work <- done
		<-done
		return answer(ctx, m)
	})
	requests(b, conn, message("trip.quote", small))
}

// BenchmarkRequestSize sends and gets bodies from 128 B to 1 MiB.
func BenchmarkRequestSize(b *testing.B) {
	for size := small; size <= 1<<20; size *= 8 {
		b.Run(fmt.Sprintf("bytes=%d", size), func(b *testing.B) {
			conn := open(b, "inproc://")
			handle(b, conn, "trip.quote", echo(size))
			b.SetBytes(int64(2 * size))
			requests(b, conn, message("trip.quote", size))
		})
	}
}

func BenchmarkRequestCallers(b *testing.B) {
	for _, callers := range []int{1, 4, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			conn := open(b, "inproc://")
			handle(b, conn, "trip.quote", echo(small))
			b.ReportAllocs()
			var all sync.WaitGroup
			for i := range callers {
				n := b.N / callers
				if i < b.N%callers {
					n++
				}
				all.Go(func() {
					msg := message("trip.quote", small)
					for range n {
						request(b.Context(), b, conn, msg)
					}
				})
			}
			all.Wait()
		})
	}
}

func BenchmarkRequestAsync(b *testing.B) {
	conn := open(b, "inproc://")
	handle(b, conn, "trip.quote", echo(small))
	msg := message("trip.quote", small)
	b.ReportAllocs()
	for b.Loop() {
		f, err := conn.RequestAsync(b.Context(), msg)
		if err == nil {
			_, err = f.Await(b.Context())
		}
		must(b, err)
	}
}

// BenchmarkMiddleware adds middleware that does nothing, on both sides.
func BenchmarkMiddleware(b *testing.B) {
	for _, n := range []int{0, 1, 4} {
		b.Run(fmt.Sprintf("steps=%d", n), func(b *testing.B) {
			conn := open(b, "inproc://", idle(n)...)
			handle(b, conn, "trip.quote", echo(small))
			requests(b, conn, message("trip.quote", small))
		})
	}
}

// idle is n steps of middleware that do nothing, outbound and inbound.
func idle(n int) []transport.Option {
	var opts []transport.Option
	for range n {
		opts = append(opts,
			transport.WithOutbound(func(next transport.Outbound) transport.Outbound {
				return func(ctx context.Context, op string, m *transport.Message) (*transport.Message, error) {
					return next(ctx, op, m)
				}
			}),
			transport.WithInbound(func(next transport.Handler) transport.Handler {
				return func(ctx context.Context, m *transport.Message) (*transport.Message, error) { return next(ctx, m) }
			}))
	}
	return opts
}

func requests(b *testing.B, conn *transport.Conn, msg *transport.Message) {
	b.ReportAllocs()
	for b.Loop() {
		request(b.Context(), b, conn, msg)
	}
}

// request checks what came back, so that nothing is measured that did not work.
func request(ctx context.Context, t testing.TB, conn *transport.Conn, msg *transport.Message) {
	reply, err := conn.Request(ctx, msg)
	if err != nil || len(reply.Body) != len(msg.Body) {
		t.Errorf("request: got %v, %v, want a reply of %d bytes", reply, err, len(msg.Body))
	}
}
