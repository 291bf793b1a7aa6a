package grpcwire

import (
	"net"
	"testing"

	"github.com/polywire/polywire/internal/wireharness"
	"github.com/polywire/polywire/transport"
)

func TestARefusedStreamIsAskedElsewhere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refuser := wireharness.NewRefuser(l)
	defer refuser.Close()
	node := serve(t, "")
	handle(t, node, "s.x", echo)
	c := openConn(t, "grpc://", transport.WithService("client", transport.Service{Name: "s", Owns: []string{"s.>"}, Endpoints: []string{refuser.Addr(), node.Addr()}}))
	for i := range 4 { // not idempotent: what was refused has not run
		reply, err := c.Request(t.Context(), &transport.Message{Destination: "s.x", Body: []byte("body")})
		if err != nil || string(reply.Body) != "body" {
			t.Errorf("request %d: got %v, %v", i, reply, err)
		}
	}
	if refuser.Refused() == 0 {
		t.Error("the server that refuses was never asked")
	}
}
