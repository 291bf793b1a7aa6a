package transport

import (
	"context"
	"errors"

	"github.com/polywire/polywire/transport/access"
)

// admits reports whether the policy of c lets a message reach its handler. One that a face
// of the adapter let in, or that comes from this process, has a Peer; any other is asked about here, as
// a stranger's, so that an adapter which asks nobody lets nobody in whom the rules do not.
func (c *Conn) admits(ctx context.Context, e *Envelope) error {
	if !c.access.Guards() || e.Peer != nil {
		return nil
	}
	if err := c.access.Admit(ctx, nil, verbOf(e), e.Destination); err != nil {
		return err
	}
	if e.ReplyTo == "" {
		return nil
	}
	return c.access.Admit(ctx, nil, access.Send, e.ReplyTo)
}

// verbOf is what the sender of e did.
func verbOf(e *Envelope) access.Verb {
	switch {
	case e.Kind == KindTopic && e.Gather:
		return access.Gather
	case e.Kind == KindTopic:
		return access.Publish
	case e.ReplyAddress != "":
		return access.Request
	}
	return access.Send
}

// refused counts a refusal of the gate, and gives it a code. An Authenticator that cannot
// tell is no refusal of the peer, who may try again.
func (c *Conn) refused(err error) error {
	code := CodePermissionDenied
	if errors.Is(err, access.ErrUnauthenticated) {
		code = CodeUnauthenticated
	}
	var policy interface{ Panicked() any }
	if errors.As(err, &policy) {
		c.panicked(c.base, "", policy.Panicked())
	}
	var cause Code
	var e *Error
	switch {
	case errors.As(err, &e):
		cause = e.Code
	case !errors.As(err, &cause) && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)):
		cause = CodeUnavailable
	}
	if cause == CodeUnavailable || cause == CodeResourceExhausted || cause == CodeDeadlineExceeded {
		return CodeUnavailable.Errorf("who asks, or what they may, cannot be told now: %w", untold{err})
	}
	c.counts.denied.Add(1)
	return code.Errorf("%w", err)
}

// An untold error is none of a refusal, which the gate finds by Untold: it ends no stream.
type untold struct{ error }

func (u untold) Untold()       {}
func (u untold) Unwrap() error { return u.error }

// Peer is for access.Peer, which finds it in the ctx of a handler.
func (in *inbound) Peer() *access.Identity { return in.env.Peer }
