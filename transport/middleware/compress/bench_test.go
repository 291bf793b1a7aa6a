package compress_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/middleware/compress"
)

func TestBodiesBelowTheThresholdCostNoAllocation(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	m := middleware(t, compress.WithAgreement())
	reply := &transport.Message{Body: text(1000)}
	out := m.Outbound(func(context.Context, string, *transport.Message) (*transport.Message, error) { return reply, nil })
	in := m.Inbound(func(context.Context, *transport.Message) (*transport.Message, error) { return reply, nil })
	msg := &transport.Message{Destination: "small", Body: text(1000)}
	asking := &transport.Message{Destination: "small", Body: text(1000)}
	asking.Header.Set("accept-encoding", "zstd, gzip")
	for name, run := range map[string]func() (*transport.Message, error){
		"a request":      func() (*transport.Message, error) { return out(t.Context(), "request", msg) },
		"a notification": func() (*transport.Message, error) { return out(t.Context(), "send", msg) },
		"a handler":      func() (*transport.Message, error) { return in(t.Context(), asking) },
	} {
		var err error
		if n := testing.AllocsPerRun(1000, func() { _, err = run() }); n != 0 || err != nil {
			t.Errorf("%s costs %v allocations, %v; want 0", name, n, err)
		}
	}
}

// BenchmarkRequest asks for an echo without the middleware (off), with it and a body below the threshold, and compressed.
func BenchmarkRequest(b *testing.B) {
	for _, size := range []int{512, 16 << 10, 256 << 10} {
		body := text(size)
		for _, w := range wires() {
			for _, algorithm := range []string{"off", "zstd", "gzip"} {
				b.Run(fmt.Sprintf("size=%d/wire=%s/compress=%s", size, w.name, algorithm), func(b *testing.B) {
					var server, client []transport.Option
					if algorithm != "off" {
						server = middleware(b).Options()
						client = middleware(b, compress.WithAlgorithm(algorithm), compress.WithAgreement()).Options()
					}
					s, c := w.pair(b, server, client)
					if _, err := s.Handle(b.Context(), "echo", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
						return &transport.Message{Body: msg.Body}, nil
					}); err != nil {
						b.Fatal(err)
					}
					msg := &transport.Message{Destination: "echo", Body: body}
					b.SetBytes(int64(size))
					b.ReportAllocs()
					for b.Loop() {
						if reply, err := c.Request(b.Context(), msg); err != nil || len(reply.Body) != size {
							b.Fatal(reply, err)
						}
					}
				})
			}
		}
	}
}

func BenchmarkBody(b *testing.B) {
	for _, size := range []int{1 << 10, 16 << 10, 256 << 10, 4 << 20} {
		plain := text(size)
		for name, packed := range map[string][]byte{"zstd": zstdOf(b, plain), "gzip": gzipOf(b, plain)} {
			b.Run(fmt.Sprintf("compress=%s/size=%d/op=inflate", name, size), func(b *testing.B) {
				h := middleware(b).Inbound(func(context.Context, *transport.Message) (*transport.Message, error) { return nil, nil })
				b.SetBytes(int64(size))
				b.ReportAllocs()
				var header transport.Header
				header.Set("content-encoding", name)
				for b.Loop() {
					msg := transport.Message{Body: packed, Header: header}
					if _, err := h(b.Context(), &msg); err != nil || len(msg.Body) != size {
						b.Fatal(err)
					}
				}
			})
			b.Run(fmt.Sprintf("compress=%s/size=%d/op=compress", name, size), func(b *testing.B) {
				wire := 0
				out := middleware(b, compress.WithAlgorithm(name), compress.WithAgreement()).Outbound(
					func(_ context.Context, _ string, msg *transport.Message) (*transport.Message, error) {
						wire = len(msg.Body)
						return nil, nil
					})
				b.SetBytes(int64(size))
				b.ReportAllocs()
				msg := &transport.Message{Destination: "x", Body: plain}
				for b.Loop() {
					if _, err := out(b.Context(), "send", msg); err != nil {
						b.Fatal(err)
					}
				}
				b.ReportMetric(float64(wire)/float64(size), "wire/body")
			})
		}
	}
}
