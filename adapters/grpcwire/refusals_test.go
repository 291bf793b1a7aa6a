package grpcwire

import (
	"testing"

	"github.com/polywire/polywire/internal/peertest"
	"github.com/polywire/polywire/transport"
)

func TestARefusedStreamIsAskedElsewhere(t *testing.T) {
	peertest.RefusedStreamsAreAskedElsewhere(t, serve(t, ""), func(addresses ...string) *transport.Conn {
		return peertest.ClientOfAll(t, Factory(), "grpc://", addresses...)
	})
}
