package contracttest_test

import (
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

func TestJSONOverBrokers(t *testing.T) {
	for name, b := range map[string]struct {
		kind    brokertest.Kind
		factory transport.Factory
	}{
		"amqp":  {brokertest.RabbitMQ(), amqpwire.Factory()},
		"kafka": {brokertest.Kafka(), kafkawire.Factory()},
	} {
		t.Run(name, func(t *testing.T) {
			url := b.kind.URL(t) + "?prefix=" + brokertest.Unique() + "-"
			contracttest.Suite{Codec: jsoncodec.New()}.Run(t, transporttest.FromURL(transport.NewRegistry(b.factory), url, url))
		})
	}
}
