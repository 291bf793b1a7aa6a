package peertest

import (
	"context"
	"sync"
	"testing"

	"github.com/polywire/polywire/transport/access"
)

// A Revoker takes away what a policy of [Guard] gives. It says that it has changed.
type Revoker struct {
	p access.Policy

	mu       sync.Mutex // guards the fields below
	revision uint64
	unknown  map[string]bool // names whose tokens are gone
	denied   map[string]bool // names that may nothing more
}

// Revocable is Guard with a Revoker.
func Revocable(t testing.TB, rules ...access.Rule) (*Revoker, access.Policy) {
	t.Helper()
	r := &Revoker{p: Guard(t, 0, rules...), unknown: map[string]bool{}, denied: map[string]bool{}}
	return r, access.Policy{Authenticator: r, Authorizer: r}
}

// Forget takes the token of name away.
func (r *Revoker) Forget(name string) { r.change(r.unknown, name) }

// Deny takes all that name may do away.
func (r *Revoker) Deny(name string) { r.change(r.denied, name) }

func (r *Revoker) change(names map[string]bool, name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	names[name] = true
	r.revision++
}

// Revision implements [access.Revised].
func (r *Revoker) Revision() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.revision
}

// Authenticate implements [access.Authenticator].
func (r *Revoker) Authenticate(ctx context.Context, e access.Evidence) (*access.Identity, error) {
	id, err := r.p.Authenticator.Authenticate(ctx, e)
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil && r.unknown[id.Name] {
		return nil, access.ErrUnauthenticated
	}
	return id, err
}

// Authorize implements [access.Authorizer].
func (r *Revoker) Authorize(ctx context.Context, id *access.Identity, verb access.Verb, destination string) error {
	r.mu.Lock()
	denied := r.denied[id.Name]
	r.mu.Unlock()
	if denied {
		return access.ErrDenied
	}
	return r.p.Authorizer.Authorize(ctx, id, verb, destination)
}
