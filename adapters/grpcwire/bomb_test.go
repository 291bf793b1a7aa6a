package grpcwire

import (
	"context"
	"runtime"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/polywire/polywire/transport"
)

// S07: what a stranger compressed is bounded as it is unpacked, and reaches no handler.
func TestABodyThatInflatesBeyondTheLimitIsRefusedAtTheLimit(t *testing.T) {
	node := serve(t, "")
	handle(t, node, "acme.v1.Accounts.Verify", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		t.Errorf("a handler got %d bytes", len(msg.Body))
		return nil, nil
	})
	const size = 256 << 20
	cc := dial(t, node.Addr())
	bomb := &payload{data: make([]byte, size), owned: true}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	err := cc.Invoke(t.Context(), "/acme.v1.Accounts/Verify", bomb, &payload{}, grpc.ForceCodecV2(passThrough{}), grpc.UseCompressor("gzip"))
	runtime.ReadMemStats(&after)
	if status.Code(err) != codes.ResourceExhausted {
		t.Errorf("got %v, want ResourceExhausted", err)
	}
	if got := after.TotalAlloc - before.TotalAlloc; got > 32<<20 {
		t.Errorf("both ends allocated %d MiB for a bomb of %d", got>>20, size>>20)
	}
}
