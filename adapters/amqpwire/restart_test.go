package amqpwire

import (
	"testing"

	"github.com/polywire/polywire/internal/brokertest"
)

func TestABrokerThatIsKilledLosesNothing(t *testing.T) {
	b := rabbitmq.Own(t)
	url := b.URL() + "?single=1" // for order
	o := brokertest.Outage{Broker: b, Server: openConn(t, url), Client: openConn(t, url), Repeat: true}
	o.LosesNothing(t)
}

func TestASilentBrokerDoesNotOutlastTheDeadline(t *testing.T) {
	b := rabbitmq.Own(t)
	brokertest.OutlivesSilence(t, b, openConn(t, b.URL()))
}
