package all_test

import (
	"fmt"
	"strings"

	"github.com/polywire/polywire/adapters/all"
)

// What a transport can do is known before anything is connected.
func ExampleRegistry() {
	reg := all.Registry()
	fmt.Println(strings.Join(reg.Schemes(), " "))
	for _, url := range []string{"inproc://", "kafka://localhost:9092"} {
		f, err := reg.Features(url)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(f.Adapter, f.Acceptance, "durable:", f.Durable)
	}
	// Output:
	// amqp amqps grpc grpcs http https inproc kafka kafkas
	// inproc queued durable: false
	// kafka stored durable: true
}

func ExampleFactories() {
	for _, f := range all.Factories() {
		fmt.Println(f.Name, f.Schemes)
	}
	// Output:
	// inproc [inproc]
	// http [http https]
	// grpc [grpc grpcs]
	// amqp [amqp amqps]
	// kafka [kafka kafkas]
}
