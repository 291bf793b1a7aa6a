package transport_test

import (
	"context"
	"errors"
	"net/url"
	"testing"
	"testing/synctest"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
)

// A forgetful adapter has a face that asks nobody: what it delivers has no Peer.
type forgetful struct{ *wire }

func (f forgetful) Send(ctx context.Context, e *transport.Envelope) error {
	c := *e
	c.Peer = nil // nothing that travels has one
	return f.wire.Send(ctx, &c)
}

func (f forgetful) Publish(ctx context.Context, e *transport.Envelope) error { return f.Send(ctx, e) }

func openForgetful(t *testing.T, p access.Policy) *transport.Conn {
	t.Helper()
	w := &wire{bindings: map[string]transport.Sink{}}
	w.features = transport.Features{Adapter: "wire", Send: true, Request: true, Publish: true, Gather: true, Wildcards: true, Acceptance: transport.Stored}
	conn, err := transport.NewRegistry(transport.Factory{
		Name: "wire", Schemes: []string{"wire"},
		Features: func(*url.URL) (transport.Features, error) { return w.features, nil },
		Open:     func(context.Context, transport.Setup) (transport.Adapter, error) { return forgetful{w}, nil },
	}).Open(t.Context(), "wire://", transport.WithAccess(p))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestAnAdapterThatAsksNobodyLetsNobodyIn(t *testing.T) {
	rules, err := access.NewRules(access.Rule{Who: []string{access.Known}, May: access.Verbs(), What: []string{">"}},
		access.Rule{Who: []string{access.Everybody}, May: []access.Verb{access.Request}, What: []string{"open.>"}})
	if err != nil {
		t.Fatal(err)
	}
	for name, p := range map[string]access.Policy{
		"rules": {Authenticator: access.Either(), Authorizer: rules}, "rules alone": {Authorizer: rules}, "an authenticator alone": {Authenticator: access.Either()},
	} {
		synctest.Test(t, func(t *testing.T) { letsNobodyIn(t, name, p) })
	}
}

func letsNobodyIn(t *testing.T, name string, p access.Policy) {
	conn := openForgetful(t, p)
	entered := make(chan string, 10)
	h := func(ctx context.Context, m *transport.Message) (*transport.Message, error) {
		entered <- m.Destination
		if access.Peer(ctx) != nil {
			t.Errorf("%s: a stranger has a name", name)
		}
		return &transport.Message{}, nil
	}
	handle(t, conn, "closed.x", h)
	handle(t, conn, "open.x", h)
	if _, err := conn.Subscribe(t.Context(), "closed.x", h); err != nil {
		t.Fatal(err)
	}
	want := transport.CodeUnauthenticated
	if p.Authenticator == nil {
		want = transport.CodePermissionDenied // there is no way to be known
	}
	if _, err := conn.Request(t.Context(), text("closed.x", "")); !errors.Is(err, want) {
		t.Errorf("%s: a request ended with %v, want %v", name, err, want)
	}
	before := conn.Stats().Denied
	for _, send := range []func() error{
		func() error { return conn.Send(t.Context(), text("closed.x", "")) },
		func() error { return conn.Publish(t.Context(), text("closed.x", "")) },
	} {
		if err := send(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	g, err := conn.Gather(t.Context(), text("closed.x", ""), transport.WithMax(1))
	if err != nil {
		t.Fatal(err)
	}
	for r := range g.All() {
		if !errors.Is(r.Err, want) {
			t.Errorf("%s: a gather brought %v", name, r.Err)
		}
	}
	synctest.Wait() // what was sent has come to its end: Drain gives back what has not begun
	if err := conn.Drain(t.Context()); err != nil {
		t.Error(err)
	}
	if n := conn.Stats().Denied - before; n < 3 {
		t.Errorf("%s: %d refusals, want 3", name, n)
	}
	if len(entered) > 0 {
		t.Errorf("%s: the handler of %s was entered", name, <-entered)
	}
}

func TestAnAuthorizerThatPanicsRefuses(t *testing.T) {
	conn := openForgetful(t, access.Policy{Authorizer: access.AuthorizerFunc(func(context.Context, *access.Identity, access.Verb, string) error { panic("no table") })})
	handle(t, conn, "x", func(context.Context, *transport.Message) (*transport.Message, error) {
		t.Error("the handler was entered")
		return nil, nil
	})
	if _, err := conn.Request(t.Context(), text("x", "")); !errors.Is(err, transport.CodePermissionDenied) {
		t.Errorf("got %v, want %v", err, transport.CodePermissionDenied)
	}
	if s := conn.Stats(); s.Panics != 1 || s.Denied != 1 {
		t.Errorf("got %d panics and %d refusals, want one of each", s.Panics, s.Denied)
	}
}

func TestStrangersMayDoWhatRulesSayOfAnyone(t *testing.T) {
	rules, err := access.NewRules(access.Rule{Who: []string{access.Everybody}, May: []access.Verb{access.Request}, What: []string{"open.>"}})
	if err != nil {
		t.Fatal(err)
	}
	conn := openForgetful(t, access.Policy{Authorizer: rules})
	handle(t, conn, "open.x", echo)
	if reply, err := conn.Request(t.Context(), text("open.x", "x")); err != nil || string(reply.Body) != "x" {
		t.Errorf("got %v, %v", reply, err)
	}
	with := text("open.x", "x")
	with.ReplyTo = "closed.x"
	if _, err := conn.Request(t.Context(), with); !errors.Is(err, transport.CodePermissionDenied) {
		t.Errorf("with a reply-to that nobody may send to: %v", err)
	}
}
