package grpcwire

import (
	"testing"
	"time"

	"github.com/polywire/polywire/conformance/transporttest"
	"github.com/polywire/polywire/internal/wireharness"
	"github.com/polywire/polywire/transport"
)

// TestEverySeededFaultOfAccessIsNoticed proves the suite's cases of who may do what, which need a wire that asks.
func TestEverySeededFaultOfAccessIsNoticed(t *testing.T) {
	transporttest.MutateBy(t, wireharness.PeerFaults(), func(wrap func(transport.Factory) transport.Factory) transporttest.Harness {
		h := wireharness.Node{Registry: transport.NewRegistry(wrap(Factory())), Scheme: "grpc"}.GRPC()
		h.Tick = 50 * time.Millisecond
		return h
	})
}
