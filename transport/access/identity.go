package access

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/polywire/polywire/transport/internal/hooks"
)

// How an identity was proved, in Identity.Proof.
const (
	ProofBearer      = "bearer"      // a token
	ProofBasic       = "basic"       // a name and a secret
	ProofCertificate = "certificate" // a verified certificate of TLS
	ProofProcess     = "process"     // the message comes from this process itself
	ProofHome        = "home"        // the node that this process attached to let it in, and does not tell whom
)

// An Identity is who a peer has proved to be. It does not change once made, and is shared.
type Identity struct {
	Name    string    // unique among the identities of an Authenticator; empty is a stranger
	Groups  []string  // for rules of many, as "@staff"
	Proof   string    // how it was proved, as "bearer"
	Expires time.Time // when it ends, and with it the streams that it opened; zero is never
}

// In reports whether the identity is of a group.
func (id *Identity) In(group string) bool {
	if id == nil {
		return false
	}
	for _, g := range id.Groups {
		if g == group {
			return true
		}
	}
	return false
}

// known reports whether id has proved who it is.
func (id *Identity) known() bool { return id != nil && id.Name != "" }

func (id *Identity) expired(now time.Time) bool {
	return id != nil && !id.Expires.IsZero() && !now.Before(id.Expires)
}

// Peer returns who sent the message that the handler of ctx is handling; nil for a stranger,
// and outside of handlers. No header sets it.
func Peer(ctx context.Context) *Identity {
	if in, ok := ctx.Value(hooks.Handling{}).(interface{ Peer() *Identity }); ok {
		if id := in.Peer(); id.known() {
			return id
		}
	}
	return nil
}

// WithPeer gives Peer id to return, for handlers that the core does not call, as those of generated gRPC streams.
func WithPeer(ctx context.Context, id *Identity) context.Context {
	return context.WithValue(ctx, hooks.Handling{}, peerOf{id})
}

type peerOf struct{ id *Identity }

func (p peerOf) Peer() *Identity { return p.id }

// Evidence is what a peer shows of itself with a request, or as it opens a stream.
// Printed, it shows none of it.
type Evidence struct {
	Authorization string            // value of the Authorization field; empty when there was none
	Certificate   *x509.Certificate // of the peer, verified up to a trusted authority; nil when there was none
}

// EvidenceOf takes the values of the Authorization field, of which one is allowed, and
// the state of the TLS connection, or nil. A certificate that was not verified counts as none.
func EvidenceOf(authorization []string, state *tls.ConnectionState) Evidence {
	e := Evidence{Authorization: strings.Join(authorization, ", ")} // of several no scheme reads anything
	if state != nil && len(state.VerifiedChains) > 0 && len(state.VerifiedChains[0]) > 0 {
		e.Certificate = state.VerifiedChains[0][0]
	}
	return e
}

// Format prints no secret, whatever the verb.
func (e Evidence) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte("access.Evidence")) }

// Errors that an Authenticator and an Authorizer wrap. A peer learns which of
// them it was, as Unauthenticated or PermissionDenied, and no text of an Authenticator.
var (
	ErrNoCredentials   = errors.New("no credentials that this side understands")
	ErrUnauthenticated = errors.New("the credentials are not valid")
	ErrDenied          = errors.New("permission denied")
)
