package httpwire

import (
	"testing"

	"github.com/polywire/polywire/internal/peertest"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/endpoints"
)

var secure = peertest.Wire{Scheme: "https", Factory: func(r endpoints.Resolver) transport.Factory { return Factory(WithResolver("test", r)) }}

func TestACertificateIsAnIdentity(t *testing.T) { secure.CertificatesAreIdentities(t) }

func TestEachEndpointHasToProveItsOwnName(t *testing.T) { secure.EndpointsProveTheirNames(t) }

func TestAuthoritiesOfServersAreReadAgain(t *testing.T) {
	for _, version := range []string{"", "http=2"} {
		t.Run("options "+version, func(t *testing.T) { secure.AuthoritiesAreReadAgain(t, version) })
	}
}
