package httpwire

import (
	"context"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
)

const authorization = "Authorization"

// admit is the one way in for visitors of every path: it finds out who they are, once
// for each request, and asks whether they may do verb with a destination, or a pattern, as it is
// once decoded. Envelopes of v say afterwards whom it let in.
func (v *visit) admit(verb access.Verb, destination string) error {
	if err := v.authenticate(); err != nil {
		return err
	}
	return v.n.a.setup.Access.Admit(v.r.Context(), v.peer, verb, destination)
}

// authenticate sets v.peer.
func (v *visit) authenticate() error {
	if v.peer != nil {
		return nil
	}
	var err error
	v.peer, err = v.n.a.setup.Access.Enter(v.r.Context(), v.evidence())
	return err
}

// attaches reports whether the visitor may handle destination in another process: by
// the rules, where there are some, else by the node's option.
func (v *visit) attaches(destination string) error {
	if !v.n.a.opts.Attach && !v.n.a.setup.Access.Decides() {
		return transport.CodePermissionDenied.Errorf("this node takes no handlers of other processes: handle the destination in its own process, or open it with ?attach")
	}
	return v.admit(access.Handle, destination)
}

// checkCredentials refuses at once what would fail with every call.
func (a *adapter) checkCredentials() error {
	if g := a.setup.Access; g.Shows() && !a.opts.Secure && !g.Insecure() {
		return invalid("credentials are not shown without TLS: use https, or allow it by access.Policy's InsecureCredentials")
	}
	return nil
}

// evidence is what the visitor shows of itself.
func (v *visit) evidence() access.Evidence {
	return access.EvidenceOf(v.r.Header[authorization], v.r.TLS)
}

// claim is what the visitor was let in for, whose stream that is.
func (v *visit) claim(verb access.Verb, destination string) access.Claim {
	return access.Claim{Evidence: v.evidence(), Peer: v.peer, Verb: verb, Destination: destination}
}

// claimOf is claim of a binding.
func (v *visit) claimOf(b *transport.Binding) access.Claim {
	if b.Kind == transport.KindQueue {
		return v.claim(access.Handle, b.Pattern)
	}
	return v.claim(access.Subscribe, b.Pattern)
}

// life is the ctx of an answer of many events, which ends with the visitor's identity, and with its right to c.
func (v *visit) life(c access.Claim) (context.Context, context.CancelFunc) {
	return v.n.a.setup.Access.Life(v.r.Context(), c)
}

// dismissed tells a visitor why its stream ends, when that is the end of what it was let in by.
func (v *visit) dismissed(ctx context.Context, w *eventWriter) {
	if err := v.n.a.setup.Access.Ended(ctx); err != nil {
		_ = w.failed(asError(err)) // a peer that is gone needs no reason
	}
}
