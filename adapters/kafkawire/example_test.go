package kafkawire_test

import (
	"fmt"
	"net/url"

	"github.com/polywire/polywire/adapters/kafkawire"
)

// What an adapter can do, and whether its URL is right, is known without a broker.
func ExampleFactory() {
	for _, raw := range []string{"kafka://localhost:9092?prefix=acme-", "kafkas://user:secret@broker.example", "kafka://user:secret@broker.example"} {
		u, err := url.Parse(raw)
		if err != nil {
			fmt.Println(err)
			continue
		}
		f, err := kafkawire.Factory().Features(u)
		if err != nil {
			fmt.Println(err)
			continue
		}
		fmt.Println(f.Acceptance, f.OrderedByKey)
	}
	// Output:
	// stored true
	// stored true
	// invalid_argument: a password would travel in the clear: use the scheme kafkas, or say insecure-auth=true
}
