package httpwire

import (
	"os"
	"testing"

	"github.com/polywire/polywire/conformance/transporttest"
	"github.com/polywire/polywire/internal/wireharness"
	"github.com/polywire/polywire/transport"
)

// TestEverySeededFaultOfTheNetworkIsNoticed proves the suite's cases of the network, which need one.
func TestEverySeededFaultOfTheNetworkIsNoticed(t *testing.T) {
	if os.Getenv("POLYWIRE_TEST_FAULTS") == "" {
		t.Skip("it takes half a minute: set POLYWIRE_TEST_FAULTS=1")
	}
	transporttest.MutateBy(t, wireharness.NetworkFaults(), func(wrap func(transport.Factory) transport.Factory) transporttest.Harness {
		h := wireharness.Node{Registry: transport.NewRegistry(wrap(Factory())), Scheme: "http"}.HTTP()
		h.Scale = 0.2
		return h
	})
}
