package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Limits of what a gate takes.
const (
	maxName          = 256
	maxAuthorization = 16 << 10
	askTime          = 10 * time.Second // for an Authenticator that asks elsewhere
)

// A Gate is a [Policy] in force. An adapter finds it in Setup.Access, and asks it
// for every request and stream of others, and for credentials for every call of its own:
//
//	id, err := gate.Enter(ctx, evidence)       once for each request or stream
//	err = gate.Admit(ctx, id, verb, dest)      once for each, with the decoded destination
//	e.Peer = id                                on what goes to the router or the core
//
// All methods may be called concurrently. Errors have a code. A nil Gate is that of the
// zero Policy: it lets everybody do everything but Handle, of which it knows nothing.
type Gate struct {
	policy Policy
	fail   func(error) error
	watch  watch
}

// stranger is who has proved nothing.
var stranger = &Identity{} //nolint:gochecknoglobals // nobody writes to it; each request of a node without a policy would make one

// NewGate puts p in force. The core does it as a Conn opens; fail gives an error
// that wraps one of this package's the code that travels; nil leaves it as it is.
func NewGate(p Policy, fail func(error) error) *Gate {
	if fail == nil {
		fail = func(err error) error { return err }
	}
	g := &Gate{policy: p, fail: fail}
	g.watch.g, g.watch.revised = g, revisedOf(p.Authenticator, p.Authorizer)
	return g
}

// Guards reports whether the gate asks peers who they are, or what they may.
func (g *Gate) Guards() bool {
	return g != nil && (g.policy.Authenticator != nil || g.policy.Authorizer != nil)
}

// Decides reports whether an Authorizer says who may attach handlers, instead of an adapter's option.
func (g *Gate) Decides() bool { return g != nil && g.policy.Authorizer != nil }

// Enter finds out who a peer is. One that shows nothing is a stranger, whom Admit
// may yet refuse; one that shows something wrong is refused. The Identity is never nil without an error.
func (g *Gate) Enter(ctx context.Context, e Evidence) (*Identity, error) {
	if g == nil || g.policy.Authenticator == nil {
		return stranger, nil
	}
	id, err := g.enter(ctx, e)
	if err != nil {
		return nil, g.fail(err)
	}
	return id, nil
}

// enter is Enter before its error has a code.
func (g *Gate) enter(ctx context.Context, e Evidence) (*Identity, error) {
	if g.policy.Authenticator == nil {
		return stranger, nil
	}
	if len(e.Authorization) > maxAuthorization {
		return nil, refusal(ErrUnauthenticated, "the credentials are longer than %d bytes", maxAuthorization)
	}
	id, err := g.authenticate(ctx, e)
	switch {
	case errors.Is(err, ErrNoCredentials) && e.Authorization == "":
		return stranger, nil
	case errors.Is(err, ErrNoCredentials):
		return nil, refusal(ErrUnauthenticated, "credentials of this kind are not taken here")
	case err != nil:
		return nil, &failure{ErrUnauthenticated, "the credentials are not valid", err}
	case !proper(id):
		return nil, refusal(ErrUnauthenticated, "the authenticator gave no proper identity")
	case id.expired(time.Now()):
		return nil, errExpired
	}
	return id, nil
}

// authenticate gives the Authenticator a bound, unless it is one that never waits.
func (g *Gate) authenticate(ctx context.Context, e Evidence) (_ *Identity, err error) {
	defer recovered(&err)
	if _, ok := g.policy.Authenticator.(interface{ neverWaits() }); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, askTime)
		defer cancel()
	}
	return g.policy.Authenticator.Authenticate(ctx, e)
}

// proper reports whether id can stand in rules: a name, and none of those that have a meaning there.
func proper(id *Identity) bool {
	if id == nil || !properName(id.Name) || id.Name[0] == '@' {
		return false
	}
	for _, group := range id.Groups {
		if !properName(group) {
			return false
		}
	}
	return true
}

func properName(s string) bool {
	if s == "" || len(s) > maxName || s == Everybody || s == Known || !utf8.ValidString(s) {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool { return r <= 0x20 || r == 0x7f })
}

// Admit says whether id may do verb with destination; nil lets it pass. A
// message with a ReplyTo asks twice: the answer is a Send there.
func (g *Gate) Admit(ctx context.Context, id *Identity, verb Verb, destination string) error {
	if !g.Guards() {
		return nil
	}
	if err := g.admit(ctx, id, verb, destination); err != nil {
		return g.fail(err)
	}
	return nil
}

// admit is Admit of a gate that guards, before its error has a code.
func (g *Gate) admit(ctx context.Context, id *Identity, verb Verb, destination string) error {
	if id == nil {
		id = stranger
	}
	if id.expired(time.Now()) {
		return errExpired
	}
	if g.policy.Authorizer == nil {
		if id.known() {
			return nil
		}
		return refusal(ErrUnauthenticated, "this side asks for credentials, and got none")
	}
	err := g.authorize(ctx, id, verb, destination)
	switch {
	case err == nil:
		return nil
	case id.known():
		return &failure{ErrDenied, fmt.Sprintf("%q may not %s %.180q", id.Name, verb, destination), err}
	case g.policy.Authenticator == nil:
		return &failure{ErrDenied, fmt.Sprintf("strangers may not %s %.180q", verb, destination), err}
	}
	return &failure{ErrUnauthenticated, fmt.Sprintf("strangers may not %s %.180q: show credentials", verb, destination), err}
}

func (g *Gate) authorize(ctx context.Context, id *Identity, verb Verb, destination string) (err error) {
	defer recovered(&err)
	return g.policy.Authorizer.Authorize(ctx, id, verb, destination)
}

// recovered makes a panic of the application's part of a policy its error, which refuses: it may
// be on a goroutine of the core or of a library, where nobody else recovers it.
func recovered(err *error) {
	if v := recover(); v != nil {
		*err = panicked{v}
	}
}

// A panicked error is what a panic was about. The core finds it by Panicked, and logs it.
type panicked struct{ value any }

func (p panicked) Error() string { return "the policy panicked" }
func (p panicked) Panicked() any { return p.value }

// Shows reports whether this process has credentials to show.
func (g *Gate) Shows() bool { return g != nil && g.policy.Credentials != nil }

// Insecure reports whether credentials may be shown without TLS.
func (g *Gate) Insecure() bool { return g != nil && g.policy.InsecureCredentials }

// Prove gives the value of Authorization for a call to where, "scheme://host:port"; "" is none. It refuses to give any for a
// connection that is not encrypted, unless the policy's InsecureCredentials allow that. No error shows the value.
func (g *Gate) Prove(ctx context.Context, where string, encrypted bool) (string, error) {
	if !g.Shows() {
		return "", nil
	}
	if !encrypted && !g.policy.InsecureCredentials {
		return "", g.fail(refusal(ErrDenied, "credentials are not shown without TLS: use a URL with TLS, or allow it by InsecureCredentials"))
	}
	value, err := g.credentials(ctx, where)
	if err != nil {
		return "", g.fail(&failure{ErrUnauthenticated, fmt.Sprintf("no credentials to show to %.128q", where), err})
	}
	if len(value) > maxAuthorization || strings.ContainsFunc(value, func(r rune) bool { return r < 0x20 || r > 0x7e }) {
		return "", g.fail(refusal(ErrUnauthenticated, "the credentials for %.128q are no text of ASCII, or longer than %d bytes", where, maxAuthorization))
	}
	return value, nil
}

func (g *Gate) credentials(ctx context.Context, where string) (_ string, err error) {
	defer recovered(&err)
	return g.policy.Credentials(ctx, where)
}

// refusal is why a peer is not let in, in words for the peer.
func refusal(kind error, format string, args ...any) error {
	return &failure{kind, fmt.Sprintf(format, args...), nil}
}

// A failure is kind, in words for the peer. Its cause stays here.
type failure struct {
	kind  error
	text  string
	cause error
}

func (f *failure) Error() string   { return f.text }
func (f *failure) Unwrap() []error { return []error{f.kind, f.cause} }
