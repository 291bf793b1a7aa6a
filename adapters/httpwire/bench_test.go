package httpwire

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/polywire/polywire/transport"
)

// BenchmarkRequest compares a request through a node with the same POST by net/http alone.
func BenchmarkRequest(b *testing.B) {
	body := make([]byte, 1024)
	b.Run("polywire", func(b *testing.B) {
		node := serve(b, "")
		handle(b, node, "echo", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
			return &transport.Message{Body: msg.Body}, nil
		})
		client := clientOf(b, node)
		msg := &transport.Message{Destination: "echo", Body: body}
		b.ReportAllocs()
		for b.Loop() {
			reply, err := client.Request(b.Context(), msg)
			if err != nil || len(reply.Body) != len(body) {
				b.Fatal(reply, err)
			}
		}
	})
	b.Run("nethttp", func(b *testing.B) {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got, err := io.ReadAll(r.Body)
			if err != nil {
				b.Error(err)
			}
			_, _ = w.Write(got)
		}))
		b.Cleanup(server.Close)
		client := server.Client()
		b.ReportAllocs()
		for b.Loop() {
			req, err := http.NewRequestWithContext(b.Context(), http.MethodPost, server.URL+"/request/echo", bytes.NewReader(body))
			if err != nil {
				b.Fatal(err)
			}
			resp, err := client.Do(req)
			if err != nil {
				b.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || len(got) != len(body) {
				b.Fatal(len(got), err)
			}
		}
	})
}

// BenchmarkSubscribers publishes by a Conn, 64 messages ahead of plain subscribers by server-sent events at most.
func BenchmarkSubscribers(b *testing.B) {
	for _, n := range []int{1, 16} {
		b.Run(fmt.Sprintf("subscribers=%d", n), func(b *testing.B) {
			node := serve(b, "")
			all := followAll(b, n, node.Addr(), "/subscribe/trip.created", 3)
			msg := &transport.Message{Destination: "trip.created", Body: payload(), ContentType: "application/octet-stream"}
			msg.Header.Set("tenant", "t1")
			msg.Header.Set("region", "eu")
			b.ReportAllocs()
			b.ResetTimer()
			for left := b.N; left > 0; left -= 64 {
				if err := all.count(min(left, 64), func() error { return node.Publish(b.Context(), msg) }); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
