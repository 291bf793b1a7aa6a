// Command hello serves and calls one destination in one process.
package main

import (
	"context"
	"fmt"
	"log"

	"github.com/polywire/polywire/adapters/all"
	"github.com/polywire/polywire/transport"
)

func main() {
	ctx := context.Background()
	conn, err := all.Registry().Open(ctx, "inproc://")
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	greet := func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		return &transport.Message{ContentType: m.ContentType, Body: append([]byte("hello, "), m.Body...)}, nil
	}
	if _, err := conn.Handle(ctx, "hello", greet); err != nil {
		log.Fatal(err)
	}
	reply, err := conn.Request(ctx, &transport.Message{Destination: "hello", Body: []byte("Ada")})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s\n", reply.Body)
}
