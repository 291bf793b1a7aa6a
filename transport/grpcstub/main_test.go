package grpcstub_test

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"go.uber.org/goleak"

	"github.com/polywire/polywire/adapters/all"
	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/internal/testpb/accountspb"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/grpcstub"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("net/http.(*conn).closeWriteAndWait"), // half a second, also after Close
		goleak.IgnoreAnyFunction("github.com/twmb/franz-go/pkg/kgo.(*brokerCxn).handleResps"))
}

// A wire is one transport: where its two ends are opened.
type wire struct {
	name string
	open func(t *testing.T) (client, server *transport.Conn)
}

// wires are all transports that there are; brokers where this machine has them.
func wires() []wire {
	return []wire{
		{"inproc", inprocWire},
		{"http", func(t *testing.T) (client, server *transport.Conn) { return nodes(t, "http") }},
		{"grpc", func(t *testing.T) (client, server *transport.Conn) { return nodes(t, "grpc") }},
		{"kfake", kfakeWire},
		{"amqp", func(t *testing.T) (client, server *transport.Conn) {
			return ends(t, brokertest.RabbitMQ().URL(t)+"?expires=1m&prefix="+brokertest.Unique()+".")
		}},
		{"kafka", func(t *testing.T) (client, server *transport.Conn) {
			return ends(t, brokertest.Kafka().URL(t)+"?prefix="+brokertest.Unique()+"-")
		}},
	}
}

func inprocWire(t *testing.T) (client, server *transport.Conn) {
	c := open(t, all.Registry(), "inproc://")
	return c, c
}

// nodes are a server that listens and a client of it.
func nodes(t *testing.T, scheme string) (client, server *transport.Conn) {
	server = open(t, all.Registry(), scheme+"://?listen=127.0.0.1:0")
	return open(t, all.Registry(), scheme+"://"+server.Addr()), server
}

// ends are two connections to one broker.
func ends(t *testing.T, url string) (client, server *transport.Conn) {
	return open(t, all.Registry(), url), open(t, all.Registry(), url)
}

func kfakeWire(t *testing.T) (client, server *transport.Conn) {
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.GroupMinSessionTimeout(100*time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return ends(t, "kafka://"+c.ListenAddrs()[0])
}

func open(t *testing.T, r *transport.Registry, url string) *transport.Conn {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), brokertest.Patience)
	defer cancel()
	c, err := r.Open(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// everywhere runs a test of the stubs over every wire.
func everywhere(t *testing.T, test func(t *testing.T, w *world)) {
	for _, w := range wires() {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			client, server := w.open(t)
			test(t, newWorld(t, client, server))
		})
	}
}

// A world is a service and a client of it.
type world struct {
	accountspb.AccountsClient
	conn     *transport.Conn // the client's
	accounts *accounts
}

func newWorld(t *testing.T, client, server *transport.Conn, opts ...grpcstub.Option) *world {
	t.Helper()
	impl := &accounts{left: make(chan error, 1)}
	serve(t, server, impl, opts...)
	return &world{stubs(t, client, opts...), client, impl}
}

// serve starts a server as it was before Audit was added.
func serve(t *testing.T, conn grpcstub.Receiver, impl accountspb.AccountsServer, opts ...grpcstub.Option) *grpcstub.Server {
	t.Helper()
	s, err := grpcstub.NewServer(conn, opts...)
	if err != nil {
		t.Fatal(err)
	}
	s.RegisterService(older(), impl)
	if err := s.Start(brokertest.Context(t)); err != nil {
		t.Fatal(err)
	}
	return s
}

func stubs(t *testing.T, conn grpcstub.Requester, opts ...grpcstub.Option) accountspb.AccountsClient {
	t.Helper()
	c, err := grpcstub.NewClient(conn, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return accountspb.NewAccountsClient(c)
}
