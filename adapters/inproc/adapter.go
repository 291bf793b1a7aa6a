// Package inproc is the adapter for services that live in one process: the
// in-memory exchange of internal/router with nothing around it.
//
//	Conn "a" ─┐                    ┌─ Handle, Subscribe of "a"
//	Conn "b" ─┼─▶ router of a name ┼─▶ … of "b"
//	Conn "c" ─┘                    └─▶ … of "c"
//
// Conns that one [Factory] value opened from URLs of one name, as inproc://shop,
// share a router and so reach each other; those of another name, or of another
// Factory value, are apart. The router lives from the first Conn's opening to the last one's
// closing. docs/wire/inproc.md says what is promised.
//
// For tests of how services bear a bad wire there is [Faulty].
package inproc

import (
	"context"
	"sync"

	"github.com/polywire/polywire/internal/router"
	"github.com/polywire/polywire/transport"
)

// An adapter is one Conn's face on a shared router.
type adapter struct {
	hub    *hub
	shared *shared
	router *router.Router // shared.router
	inline bool

	mu     sync.Mutex // guards the fields below
	bounds map[*bound]struct{}
	closed bool
}

// A bound remembers its adapter, whose Close must end it.
type bound struct {
	transport.Bound
	a *adapter
}

func (a *adapter) Features() transport.Features { return features(a.inline) }

func features(inline bool) transport.Features {
	return transport.Features{
		Adapter: "inproc",
		Send:    true, Request: true, Publish: true, Gather: true,
		Groups: true, Wildcards: true, OrderedByKey: true,
		Acceptance:       transport.Queued,
		DetectsNoHandler: true, DetectsNoHandlerOnRequest: true,
		CountsResponders: true, CancelsRemotely: true, RelativeExpiry: true,
		InProcess: true, Inline: inline,
	}
}

// KeepsNothing tells the core that it may reuse what it passes: the router copies, and waits within the call.
func (a *adapter) KeepsNothing() bool { return true }

// Ping answers Conn.Health: the router is there until Close.
func (a *adapter) Ping(context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return transport.ErrClosed
	}
	return nil
}

func (a *adapter) Close(ctx context.Context) error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return nil
	}
	a.closed = true
	open := a.bounds
	a.bounds = nil
	a.mu.Unlock()
	var failed error
	for b := range open {
		if err := b.Bound.(router.Abandoner).Abandon(ctx, transport.CodeUnavailable.Errorf("the handler's connection was closed before it answered")); err != nil {
			failed = err
		}
	}
	if err := a.hub.leave(ctx, a.shared); err != nil {
		failed = err
	}
	return failed
}
