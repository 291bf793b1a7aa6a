package httpwire

import (
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/polywire/polywire/internal/wireharness"
	"github.com/polywire/polywire/transport"
)

// clientOfAll opens a client of service s, which has these addresses.
func clientOfAll(t *testing.T, rawURL string, addresses ...string) *transport.Conn {
	t.Helper()
	return openConn(t, rawURL, transport.WithService("client", transport.Service{Name: "s", Owns: []string{"s.>"}, Endpoints: addresses}))
}

func TestAServerThatAsksToBeLeftAloneIsLeftAlone(t *testing.T) {
	var tired, fresh atomic.Int64
	count := func(n *atomic.Int64, h http.HandlerFunc) string {
		where := foreign(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			n.Add(1)
			h(w, r)
		}))
		return strings.TrimPrefix(where, "http://")
	}
	a := count(&tired, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "20")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	b := count(&fresh, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "fresh") })
	c := clientOfAll(t, "http://", a, b)
	failed := 0
	for range 20 {
		if _, err := c.Request(t.Context(), &transport.Message{Destination: "s.x"}); err != nil {
			failed++
		}
	}
	if failed != 1 || tired.Load() != 1 || fresh.Load() != 19 {
		t.Errorf("%d of 20 requests failed, one server got %d, the other %d; want 1, 1 and 19", failed, tired.Load(), fresh.Load())
	}
}

func TestARefusedStreamOfHTTP2IsAskedElsewhere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refuser := wireharness.NewRefuser(l)
	defer refuser.Close()
	node := openConn(t, "http://?listen=127.0.0.1:0")
	handle(t, node, "s.x", echo)
	c := clientOfAll(t, "http://?http=2", refuser.Addr(), node.Addr())
	for i := range 4 { // not idempotent: what was refused has not run
		reply, err := c.Request(t.Context(), &transport.Message{Destination: "s.x", Body: []byte("body")})
		if err != nil || string(reply.Body) != "body" {
			t.Errorf("request %d: got %v, %v", i, reply, err)
		}
	}
	if refuser.Refused() == 0 {
		t.Error("the server that refuses was never asked")
	}
}
