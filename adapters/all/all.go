// Package all lists every adapter of this module, for the command line and for
// quick starts. A program that knows which it needs names those instead, and
// compiles no other client library:
//
//	transport.NewRegistry(httpwire.Factory(), kafkawire.Factory())
package all

import (
	"github.com/polywire/polywire/adapters/amqpwire"
	"github.com/polywire/polywire/adapters/grpcwire"
	"github.com/polywire/polywire/adapters/httpwire"
	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/adapters/kafkawire"
	"github.com/polywire/polywire/transport"
)

// Factories returns one new Factory of each adapter. Conns of one inproc
// Factory reach each other, and nobody else's.
func Factories() []transport.Factory {
	return []transport.Factory{inproc.Factory(), httpwire.Factory(), grpcwire.Factory(), amqpwire.Factory(), kafkawire.Factory()}
}

// Registry returns a new Registry of [Factories].
func Registry() *transport.Registry { return transport.NewRegistry(Factories()...) }
