package kafkawire

import (
	"context"
	"net"
	"testing"

	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/transport"
)

// OwnBroker starts a broker for the tests outside of the package.
func OwnBroker(t *testing.T) *brokertest.Broker { return kafka.Own(t) }

// FactoryTo is Factory with every broker at one address, wherever the cluster says that it is.
func FactoryTo(address string) transport.Factory {
	return factoryBy(func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	})
}
