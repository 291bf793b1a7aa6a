package kafkawire

import (
	"testing"

	"github.com/polywire/polywire/internal/brokertest"
)

// OwnBroker starts a broker for the tests outside of the package.
func OwnBroker(t *testing.T) *brokertest.Broker { return kafka.Own(t) }
