package contract

import (
	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/transport"
)

// A Bus carries the messages of typed endpoints and knows their formats. The
// Bus of package config is one; Use makes one of a Conn.
//
// All methods may be called concurrently.
type Bus interface {
	transport.Sender
	transport.Requester
	transport.Publisher
	transport.Receiver

	// Codecs returns the codec of the route of destination, in which requests
	// and messages are written, and all codecs that inbound messages may name by
	// their content type. A nil Codec means that no route, transport or default
	// names one: endpoints then fail at once. Neither changes in the life of the Bus.
	Codecs(destination string) (codecs.Codec, *codecs.Registry)
}

// Use makes a Bus of conn, usually a *transport.Conn, on which every
// destination is written in codec. What peers send may also be in one of more.
// It fails on a nil codec, and on two of one name or media type.
func Use(conn interface {
	transport.Sender
	transport.Requester
	transport.Publisher
	transport.Receiver
}, codec codecs.Codec, more ...codecs.Codec) (Bus, error) {
	registry, err := codecs.NewRegistry(append([]codecs.Codec{codec}, more...)...)
	if err != nil {
		return nil, transport.CodeInvalidArgument.Errorf("contract: %w", err)
	}
	return &bus{conn, codec, registry}, nil
}

// A bus is what Use makes.
type bus struct {
	verbs
	codec    codecs.Codec
	registry *codecs.Registry
}

// verbs are what a Bus has in common with a Conn.
type verbs interface {
	transport.Sender
	transport.Requester
	transport.Publisher
	transport.Receiver
}

// Codecs implements Bus.
func (b *bus) Codecs(string) (codecs.Codec, *codecs.Registry) { return b.codec, b.registry }
