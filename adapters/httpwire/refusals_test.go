package httpwire

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/polywire/polywire/internal/peertest"
	"github.com/polywire/polywire/transport"
)

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
	c := peertest.ClientOfAll(t, Factory(), "http://", a, b)
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
	peertest.RefusedStreamsAreAskedElsewhere(t, serve(t, ""), func(addresses ...string) *transport.Conn {
		return peertest.ClientOfAll(t, Factory(), "http://?http=2", addresses...)
	})
}
