package compress_test

import (
	"bytes"
	"context"
	"testing"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/middleware/compress"
)

// FuzzInflate gives a handler any body in any encoding: it is refused, or inflated within the limit.
func FuzzInflate(f *testing.F) {
	const limit = 64 << 10
	for _, body := range [][]byte{nil, text(20), text(5000), make([]byte, limit), make([]byte, limit+1)} {
		f.Add("zstd", zstdOf(f, body))
		f.Add("gzip", gzipOf(f, body))
	}
	f.Add("zstd", append(zstdOf(f, text(100)), zstdOf(f, text(200))...))
	f.Add("zstd", []byte{0x50, 0x2a, 0x4d, 0x18, 1, 0, 0, 0, 'x'})
	f.Add("gzip, zstd", text(30))
	m := middleware(f, compress.WithLimit(limit))
	f.Fuzz(func(t *testing.T, encoding string, body []byte) {
		kept := bytes.Clone(body)
		msg := &transport.Message{Body: body}
		msg.Header.Add("content-encoding", encoding)
		ran := false
		_, err := m.Inbound(func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
			ran = true
			if encoding == "zstd" || encoding == "gzip" {
				if len(msg.Body) > limit || msg.Header.Len() != 0 {
					t.Errorf("%d bytes became %v", len(body), msg)
				}
			}
			clear(msg.Body)
			return nil, nil
		})(t.Context(), msg)
		if ran == (err != nil) {
			t.Errorf("the handler ran: %v, and the error is %v", ran, err)
		}
		if (encoding == "zstd" || encoding == "gzip") && !bytes.Equal(kept, body) {
			t.Error("the body that arrived was written to")
		}
	})
}

// FuzzRoundTrip sends any body there and back, with a threshold of one byte.
func FuzzRoundTrip(f *testing.F) {
	for _, body := range [][]byte{nil, {0}, text(20), text(5000), make([]byte, 70_000), noise(300)} {
		f.Add(body, true)
		f.Add(body, false)
	}
	pair := func(algorithm string) transport.Outbound {
		client := middleware(f, compress.WithAlgorithm(algorithm), compress.WithAgreement(), compress.WithThreshold(1))
		server := middleware(f, compress.WithThreshold(1))
		return client.Outbound(func(ctx context.Context, _ string, msg *transport.Message) (*transport.Message, error) {
			arrived := *msg
			return server.Inbound(echo)(ctx, &arrived)
		})
	}
	zstd, gzip := pair("zstd"), pair("gzip")
	f.Fuzz(func(t *testing.T, body []byte, faster bool) {
		call := gzip
		if faster {
			call = zstd
		}
		reply, err := call(t.Context(), "request", &transport.Message{Destination: "x", Body: body})
		if err != nil || !bytes.Equal(reply.Body, body) {
			t.Errorf("%d bytes came back as %v, %v", len(body), reply, err)
		}
	})
}
