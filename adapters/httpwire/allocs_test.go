//go:build !race

package httpwire

import (
	"context"
	"net/url"
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
	wantAllocations(t, client, msg, 72)
}

// It is 89 for both ends, with six of the handler.
func TestAllocationsOfARequestByVerbAndPath(t *testing.T) {
	node := shop(t, "")
	client := openConn(t, "http://", transport.WithService("", transport.Service{Name: "shop", Owns: []string{"orders.>"}, Endpoints: []string{node.Addr()}, Paths: shopPaths}))
	msg := &transport.Message{Destination: "orders.replace", Params: url.Values{"id": {"7 up"}}, Body: make([]byte, 1<<10)}
	wantAllocations(t, client, msg, 96)
}

func wantAllocations(t *testing.T, client *transport.Conn, msg *transport.Message, most float64) {
	t.Helper()
	got := testing.AllocsPerRun(500, func() {
		if reply, err := client.Request(t.Context(), msg); err != nil || len(reply.Body) < len(msg.Body) {
			t.Fatal(reply, err)
		}
	})
	if got > most {
		t.Errorf("a request and its reply take %.0f allocations, want %.0f at most", got, most)
	}
}
