package endpoints_test

import (
	"context"
	"fmt"
	"net/url"

	"github.com/polywire/polywire/adapters/httpwire"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/endpoints"
)

// registryOfOurs finds services in a registry of the house.
type registryOfOurs map[string][]string

func (r registryOfOurs) Resolve(_ context.Context, target *url.URL) (endpoints.Answer, error) {
	var a endpoints.Answer
	for _, address := range r[target.Path] {
		a.Endpoints = append(a.Endpoints, endpoints.Endpoint{Address: address})
	}
	return a, nil
}

// An application's own Resolver serves a scheme of the table of services.
func Example() {
	ctx := context.Background()
	server, err := transport.NewRegistry(httpwire.Factory()).Open(ctx, "http://?listen=127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	_, err = server.Handle(ctx, "orders.count", func(context.Context, *transport.Message) (*transport.Message, error) {
		return &transport.Message{Body: []byte("42")}, nil
	})
	if err != nil {
		fmt.Println(err)
		return
	}

	found := registryOfOurs{"/orders": {server.Addr()}}
	reg := transport.NewRegistry(httpwire.Factory(httpwire.WithResolver("house", found)))
	client, err := reg.Open(ctx, "http://", transport.WithService("shop",
		transport.Service{Name: "orders", Owns: []string{"orders.>"}, Endpoints: []string{"house:///orders"}}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	reply, err := client.Request(ctx, &transport.Message{Destination: "orders.count"})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(string(reply.Body))
	// Output: 42
}

func ExampleCheck() {
	fmt.Println(endpoints.Check("dns:///orders.svc"))
	// Output: target "dns:///orders.svc" needs a host and a port, as dns:///orders.svc:8080
}
