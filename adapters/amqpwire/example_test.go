package amqpwire_test

import (
	"fmt"
	"net/url"

	"github.com/polywire/polywire/adapters/amqpwire"
)

// What an adapter can do is known from its URL, without a broker.
func ExampleFactory() {
	for _, raw := range []string{"amqp://localhost", "amqp://localhost?single=1", "amqp://broker.example"} {
		u, err := url.Parse(raw)
		if err != nil {
			fmt.Println(err)
			continue
		}
		f, err := amqpwire.Factory().Features(u)
		fmt.Println(f.Acceptance, f.DetectsNoHandlerOnRequest, f.OrderedByKey, err)
	}
	// Output:
	// stored true false <nil>
	// stored true true <nil>
	// default false false invalid_argument: amqp:// would send the password to another machine in the clear: use amqps://, or allow it with ?insecure=plaintext
}
