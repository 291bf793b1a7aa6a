//go:build !race

package httpwire

import (
	"context"
	"testing"

	"github.com/polywire/polywire/transport"
)

// It is 61 to 66 for both ends, as pools empty with each collection. A POST by net/http alone takes 84.
func TestAllocationsOfARequest(t *testing.T) {
	node := serve(t, "")
	body := make([]byte, 1<<10)
	handle(t, node, "echo", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		return &transport.Message{Body: msg.Body}, nil
	})
	client := clientOf(t, node)
	msg := &transport.Message{Destination: "echo", Body: body}
	got := testing.AllocsPerRun(500, func() {
		if reply, err := client.Request(t.Context(), msg); err != nil || len(reply.Body) != len(body) {
			t.Fatal(reply, err)
		}
	})
	if got > 72 {
		t.Errorf("a request and its reply take %.0f allocations, want 72 at most", got)
	}
}
