package inproc_test

import (
	"context"
	"fmt"

	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/transport"
)

// Conns of one name meet, those of another are apart.
func ExampleFactory() {
	ctx := context.Background()
	reg := transport.NewRegistry(inproc.Factory())
	shop, err := reg.Open(ctx, "inproc://shop")
	check(err)
	defer shop.Close()
	till, err := reg.Open(ctx, "inproc://shop")
	check(err)
	defer till.Close()
	bank, err := reg.Open(ctx, "inproc://bank")
	check(err)
	defer bank.Close()

	_, err = shop.Handle(ctx, "price", func(context.Context, *transport.Message) (*transport.Message, error) {
		return &transport.Message{Body: []byte("9.99")}, nil
	})
	check(err)
	reply, err := till.Request(ctx, &transport.Message{Destination: "price"})
	check(err)
	fmt.Println(string(reply.Body))
	_, err = bank.Request(ctx, &transport.Message{Destination: "price"})
	fmt.Println(err)
	// Output:
	// 9.99
	// inproc: request price: unavailable: no handler for this destination: start the service that handles it, or check the name
}

// A wire that delivers everything twice shows that a service charges an order
// once. Messages that come again, for whatever reason, have the same ID.
func ExampleFaulty() {
	ctx := context.Background()
	reg := transport.NewRegistry(inproc.Faulty(inproc.Faults{Duplicate: 1, Only: "order.charge"}))
	conn, err := reg.Open(ctx, "inproc://")
	check(err)
	defer conn.Close()

	handled := make(chan string)
	seen := map[string]bool{} // one handler at a time uses it
	_, err = conn.Handle(ctx, "order.charge", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		if seen[msg.ID] {
			handled <- "known already"
			return nil, nil
		}
		seen[msg.ID] = true
		handled <- "charged " + string(msg.Body)
		return nil, nil
	}, transport.WithConcurrency(1))
	check(err)

	check(conn.Send(ctx, &transport.Message{Destination: "order.charge", Body: []byte("order 7")}))
	fmt.Println(<-handled)
	fmt.Println(<-handled)
	// Output:
	// charged order 7
	// known already
}

// One seed is one story: a test that failed fails again.
func ExampleFaults() {
	ctx := context.Background()
	reg := transport.NewRegistry(inproc.Faulty(inproc.Faults{
		Seed: 7, Drop: 0.2, Fail: 0.1,
		Observe: func(fault, destination string) { fmt.Println(fault, destination) },
	}))
	conn, err := reg.Open(ctx, "inproc://")
	check(err)
	defer conn.Close()
	_, err = conn.Subscribe(ctx, "tick", func(context.Context, *transport.Message) (*transport.Message, error) { return nil, nil })
	check(err)

	for i := range 10 {
		if err := conn.Publish(ctx, &transport.Message{Destination: "tick"}); err != nil {
			fmt.Println(i, err)
		}
	}
	// Output:
	// drop tick
	// drop tick
	// fail tick
	// 8 inproc: publish tick: unavailable: a fault that the test asked for (inproc.Faults.Fail); nothing was sent
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
	}
}
