package httpwire

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/polywire/polywire/conformance/transporttest"
	"github.com/polywire/polywire/transport"
)

// A hub is a node of its own that both sides attach to, so that it can be killed.
type hub struct {
	t   *testing.T
	reg *transport.Registry
	at  string

	mu   sync.Mutex // guards conn
	conn *transport.Conn
}

func newHub(t *testing.T, reg *transport.Registry) *hub {
	h := &hub{t: t, reg: reg, at: "127.0.0.1:0"}
	if err := h.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.at = h.conn.Addr()
	t.Cleanup(func() { _ = h.Kill(context.Background()) })
	return h
}

func (h *hub) Restart(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var err error
	h.conn, err = h.reg.Open(ctx, "http://?attach&listen="+h.at)
	return err
}

func (h *hub) Kill(context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.conn.Close()
}

// TestConformanceByAHub runs the suite between two processes' worth of Conns that
// meet at a third node, and kills that where a case asks for it.
func TestConformanceByAHub(t *testing.T) {
	reg := transport.NewRegistry(Factory())
	h := newHub(t, reg)
	harness := transporttest.FromURL(reg, "http://"+h.at, "http://"+h.at)
	harness.Peer = h
	harness.Tick, harness.Scale = 200*time.Millisecond, 0.3 // each message goes through three nodes in one process
	harness.Adapter = func(ctx context.Context, _ *transport.Conn) (transport.Adapter, error) {
		return openAdapter(ctx, "http://"+h.at)
	}
	harness.Ignore = []string{"httpwire.newNode", "httpwire.(*node)", "net/http.(*conn).serve", "net/http.(*connReader)"} // the hub's, which comes and goes
	transporttest.Run(t, harness)
}
