package contracttest_test

import (
	"slices"
	"testing"

	"github.com/polywire/polywire/adapters/amqpwire"
	"github.com/polywire/polywire/adapters/grpcwire"
	"github.com/polywire/polywire/adapters/httpwire"
	"github.com/polywire/polywire/adapters/kafkawire"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/conformance/contracttest"
	"github.com/polywire/polywire/conformance/transporttest"
	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/internal/wireharness"
	"github.com/polywire/polywire/transport"
)

func TestJSONOverHTTP(t *testing.T) {
	node := wireharness.Node{Registry: transport.NewRegistry(httpwire.Factory()), Scheme: "http", Listen: "attach"}
	contracttest.Suite{Codec: jsoncodec.New()}.Run(t, node.HTTP())
}

func TestJSONOverGRPC(t *testing.T) {
	node := wireharness.Node{Registry: transport.NewRegistry(grpcwire.Factory()), Scheme: "grpc", Listen: "attach"}
	contracttest.Suite{Codec: jsoncodec.New()}.Run(t, node.GRPC())
}

// Brokers take seconds for what is new to them, so they prove what their own suites do not: resources, and the rules beside.
func TestResourcesOverBrokers(t *testing.T) {
	for name, b := range map[string]struct {
		kind    brokertest.Kind
		factory transport.Factory
	}{
		"amqp":  {brokertest.RabbitMQ(), amqpwire.Factory()},
		"kafka": {brokertest.Kafka(), kafkawire.Factory()},
	} {
		t.Run(name, func(t *testing.T) {
			url := b.kind.URL(t) + "?prefix=" + brokertest.Unique() + "-"
			cases := slices.DeleteFunc(contracttest.Suite{Codec: jsoncodec.New()}.Cases(), func(c transporttest.Case) bool { return c.ID < "V025" })
			h := transporttest.FromURL(transport.NewRegistry(b.factory), url, url)
			// The client of Kafka makes goroutines for each fetch and each answer, which come and go by themselves.
			h.Share, h.Ignore = true, []string{"kgo.(*brokerCxn).handleResps", "kgo.(*broker).handleReqs", "kgo.(*source).", "kgo.(*Client).PollRecords"}
			report := transporttest.Execute(t.Context(), h, transporttest.Options{Cases: cases})
			if report.Err != "" || len(report.Results) < 2 {
				t.Errorf("%d cases ran: %s", len(report.Results), report.Err)
			}
			for _, r := range report.Results {
				if r.Status == transporttest.Failed {
					t.Errorf("%s: %s\n%s", r.ID, r.Rule, r.Reason)
				}
			}
		})
	}
}
