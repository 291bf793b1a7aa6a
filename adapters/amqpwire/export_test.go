package amqpwire

import "testing"

// OwnBroker is ownBroker, for the tests outside of the package.
func OwnBroker(t *testing.T) *broker { return ownBroker(t) }

// URL is where the broker listens.
func (b *broker) URL() string { return b.url }
