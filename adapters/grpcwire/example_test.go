package grpcwire_test

import (
	"context"
	"fmt"

	"github.com/polywire/polywire/adapters/grpcwire"
	"github.com/polywire/polywire/transport"
)

// A node that listens, and a client of it. So could grpcurl be, or a generated client of
// the service acme.v1.Greeter:
//
//	grpcurl -plaintext -proto greeter.proto -d '{"name":"Ann"}' 127.0.0.1:9090 acme.v1.Greeter/Greet
func Example() {
	ctx := context.Background()
	reg := transport.NewRegistry(grpcwire.Factory())
	node, err := reg.Open(ctx, "grpc://?listen=127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()
	_, err = node.Handle(ctx, "acme.v1.Greeter.Greet", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		return &transport.Message{Body: append([]byte("Hello, "), msg.Body...)}, nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := reg.Open(ctx, "grpc://"+node.Addr())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	reply, err := client.Request(ctx, &transport.Message{Destination: "acme.v1.Greeter.Greet", Body: []byte("Ann")})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(reply.Body))
	// Output: Hello, Ann
}
