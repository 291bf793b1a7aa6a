//go:build !race

package grpcwire

import (
	"context"
	"testing"

	"github.com/polywire/polywire/transport"
)

// TestAllocations asserts what a native call allocates, both ends together: 128 bytes each way, and two header fields
// there. grpc-go alone takes 164 for as much, of which 12 are windows that adapt; nearly all that is left here is its server. Who raises the limit for a good reason says so in docs/benchmarks.md.
func TestAllocations(t *testing.T) {
	const most = 69
	node := serve(t, "")
	made := &transport.Message{ContentType: "application/octet-stream", Body: make([]byte, 128)}
	handle(t, node, "trip.quote", func(context.Context, *transport.Message) (*transport.Message, error) { return made, nil })
	client := clientOf(t, node)
	msg := &transport.Message{Destination: "trip.quote", ContentType: "application/octet-stream", Body: make([]byte, 128)}
	msg.Header.Set("tenant", "t1")
	msg.Header.Set("region", "eu")
	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	defer cancel()
	got := testing.AllocsPerRun(500, func() {
		if _, err := client.Request(ctx, msg); err != nil {
			t.Fatal(err)
		}
	})
	if got > most {
		t.Errorf("got %v allocations, want at most %d", got, most)
	}
}
