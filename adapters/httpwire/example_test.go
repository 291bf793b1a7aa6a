package httpwire_test

import (
	"context"
	"fmt"

	"github.com/polywire/polywire/adapters/httpwire"
	"github.com/polywire/polywire/transport"
)

// A node that listens, and a client of it. So could curl be:
//
//	curl -d Ann http://127.0.0.1:8080/request/greet
func Example() {
	ctx := context.Background()
	reg := transport.NewRegistry(httpwire.Factory())
	node, err := reg.Open(ctx, "http://?listen=127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer node.Close()
	_, err = node.Handle(ctx, "greet", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		return &transport.Message{Body: append([]byte("Hello, "), msg.Body...)}, nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client, err := reg.Open(ctx, "http://"+node.Addr())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	reply, err := client.Request(ctx, &transport.Message{Destination: "greet", Body: []byte("Ann")})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(reply.Body))
	// Output: Hello, Ann
}
