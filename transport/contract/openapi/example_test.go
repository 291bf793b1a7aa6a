package openapi_test

import (
	"context"
	"fmt"
	"strings"

	"github.com/polywire/polywire/adapters/httpwire"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
	"github.com/polywire/polywire/transport/contract/openapi"
)

type greeting struct {
	Name string `wire:"name,1"`
}

var greeter = contract.NewService("greeter", contract.NewMethod[greeting, greeting]("greet",
	contract.HTTP("GET /greet/{name}"), contract.Param("name", func(g *greeting) *string { return &g.Name })))

// A browser finds the page at /try, and tools the document at /openapi.json.
func ExampleServe() {
	ctx := context.Background()
	conn, err := transport.NewRegistry(httpwire.Factory()).Open(ctx, "http://?listen=127.0.0.1:0",
		transport.WithService("", transport.Service{Name: greeter.Name(), Paths: greeter.Paths()}))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	fmt.Println(openapi.Serve(ctx, conn, greeter))
	// Output:
	// <nil>
}

func ExampleDocument() {
	d, err := greeter.Describe()
	if err != nil {
		fmt.Println(err)
		return
	}
	doc, err := openapi.Document(d)
	fmt.Println(strings.Contains(string(doc), `"/greet/{name}"`), err)
	// Output:
	// true <nil>
}
