package kafkawire

import (
	"testing"

	"github.com/polywire/polywire/internal/brokertest"
)

func TestABrokerThatIsKilledLosesNothing(t *testing.T) {
	b := kafka.Own(t)
	url := b.URL()
	o := brokertest.Outage{Broker: b, Server: openConn(t, url), Client: openConn(t, url)}
	o.LosesNothing(t)
}

func TestASilentBrokerDoesNotOutlastTheDeadline(t *testing.T) {
	b := kafka.Own(t)
	brokertest.OutlivesSilence(t, b, openConn(t, b.URL()))
}
