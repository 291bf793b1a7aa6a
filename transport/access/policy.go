package access

import "context"

// A Policy says who peers are, what they may do, and what this process shows of
// itself. The zero Policy asks nobody and shows nothing. It does not change once in use.
type Policy struct {
	// Authenticator finds out who a peer is. nil knows nobody: all are strangers.
	Authenticator Authenticator

	// Authorizer says what an identity may do, as [Rules]. nil lets all that
	// Authenticator knows do everything but attach, which the adapter's own option then allows.
	Authorizer Authorizer

	// Credentials are what this process shows to those it calls. nil shows nothing.
	Credentials Credentials

	// InsecureCredentials shows Credentials on connections without TLS too, where
	// everybody on the way can read them. It is for tests, and networks that encrypt below.
	InsecureCredentials bool
}

// An Authenticator finds out who a peer is. It is called concurrently.
//
// Authenticate returns ErrNoCredentials, wrapped, when there is nothing in e that it reads, so that
// another may, and any other error when it is not satisfied. An Authenticator that cannot
// tell now, as its server is away, returns an error of CodeUnavailable of package transport. It keeps nothing of e. One whose answers change is also [Revised].
type Authenticator interface {
	Authenticate(ctx context.Context, e Evidence) (*Identity, error)
}

// AuthenticatorFunc makes an Authenticator of a function.
type AuthenticatorFunc func(ctx context.Context, e Evidence) (*Identity, error)

// Authenticate calls f.
func (f AuthenticatorFunc) Authenticate(ctx context.Context, e Evidence) (*Identity, error) {
	return f(ctx, e)
}

// A Verb is what a peer wants to do with a destination.
type Verb string

// The verbs. Gather is a Publish that asks for answers; Handle attaches a handler
// of another process; for Subscribe the destination is a pattern, all of which must be allowed.
const (
	Request   Verb = "request"
	Send      Verb = "send"
	Publish   Verb = "publish"
	Gather    Verb = "gather"
	Subscribe Verb = "subscribe"
	Handle    Verb = "handle"
)

// Verbs lists them, in a fixed order.
func Verbs() []Verb { return []Verb{Request, Send, Publish, Gather, Subscribe, Handle} }

// An Authorizer says what an identity may do. It is called concurrently, once for each
// request and each stream, with the destination as the handler will see it.
//
// Authorize returns nil to let it pass, and ErrDenied, wrapped, to refuse; any other error refuses too.
// The identity of a stranger has no Name, and is never nil. One whose answers change is also [Revised].
type Authorizer interface {
	Authorize(ctx context.Context, id *Identity, verb Verb, destination string) error
}

// AuthorizerFunc makes an Authorizer of a function.
type AuthorizerFunc func(ctx context.Context, id *Identity, verb Verb, destination string) error

// Authorize calls f.
func (f AuthorizerFunc) Authorize(ctx context.Context, id *Identity, verb Verb, destination string) error {
	return f(ctx, id, verb, destination)
}

// Credentials give the value of the Authorization field for a peer, as "Bearer …"; "" for
// one that is shown nothing. where is "https://host:port", as the configuration names it. It is
// called for each request, concurrently, and keeps what is costly to get; its errors must not hold the secret.
type Credentials func(ctx context.Context, where string) (string, error)
