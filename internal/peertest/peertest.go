// Package peertest is what tests of wires without a broker share: Conns that end with the test, transcripts, a policy, and rules that
// each of them has to keep.
package peertest

import (
	"context"
	"errors"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/internal/tlsfiles/tlstest"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
	"github.com/polywire/polywire/transport/endpoints"
)

// Guard is a policy that knows tokens as "token-NAME" and, as "token-brief-NAME", identities that expire in brief.
func Guard(t testing.TB, brief time.Duration, rules ...access.Rule) access.Policy {
	t.Helper()
	r, err := access.NewRules(rules...)
	if err != nil {
		t.Fatal(err)
	}
	return access.Policy{Authorizer: r, Authenticator: access.AuthenticatorFunc(func(_ context.Context, e access.Evidence) (*access.Identity, error) {
		token, ok, err := access.ParseBearer(e.Authorization)
		name, known := strings.CutPrefix(token, "token-")
		switch {
		case err != nil:
			return nil, err
		case !ok:
			return nil, access.ErrNoCredentials
		case !known:
			return nil, access.ErrUnauthenticated
		}
		id := &access.Identity{Name: name, Proof: access.ProofBearer}
		if short, ok := strings.CutPrefix(name, "brief-"); ok {
			id.Name, id.Expires = short, time.Now().Add(brief)
		}
		return id, nil
	})}
}

// A Wire is a scheme with TLS, and how its Factory is made with a resolver of the scheme test; nil is none.
type Wire struct {
	Scheme  string
	Factory func(endpoints.Resolver) transport.Factory
}

func (w Wire) open(t *testing.T, r endpoints.Resolver, rest string, opts ...transport.Option) *transport.Conn {
	t.Helper()
	c, err := transport.NewRegistry(w.Factory(r)).Open(t.Context(), w.Scheme+"://"+rest, opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// answers makes c handle destination with what say returns.
func answers(t *testing.T, c *transport.Conn, destination string, say func(context.Context) string) {
	t.Helper()
	_, err := c.Handle(t.Context(), destination, func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
		return &transport.Message{Body: []byte(say(ctx))}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// CertificatesAreIdentities holds that callers are known by a verified certificate, and lack what rules give to others.
func (w Wire) CertificatesAreIdentities(t *testing.T) {
	ours := tlstest.NewAuthority(t)
	files := func(name string) string {
		cert, key := ours.Issue(t, name)
		return url.Values{"ca": {ours.File}, "cert": {cert}, "key": {key}}.Encode()
	}
	rules, err := access.NewRules(access.Rule{Who: []string{"orders"}, May: []access.Verb{access.Request}, What: []string{"who.is"}})
	if err != nil {
		t.Fatal(err)
	}
	node := w.open(t, nil, "?listen=127.0.0.1:0&clientca="+url.QueryEscape(ours.File)+"&"+files("localhost"), transport.WithAccess(access.Policy{
		Authorizer:    rules,
		Authenticator: access.NewCertificates(map[string]access.Identity{"dns:orders.test": {Name: "orders"}, "dns:other.test": {Name: "other"}}),
	}))
	answers(t, node, "who.is", func(ctx context.Context) string {
		p := access.Peer(ctx)
		return p.Name + " by " + p.Proof
	})
	for name, want := range map[string]error{"orders.test": nil, "other.test": transport.CodePermissionDenied, "unknown.test": transport.CodeUnauthenticated} {
		c := w.open(t, nil, node.Addr()+"?"+files(name))
		reply, err := c.Request(t.Context(), &transport.Message{Destination: "who.is"})
		switch {
		case want != nil && !errors.Is(err, want), want == nil && (err != nil || string(reply.Body) != "orders by certificate"):
			t.Errorf("%s: got %v, %v, want %v", name, reply, err, want)
		}
	}
}

// A named directory answers with endpoints that say what they are called.
type named []endpoints.Endpoint

func (n named) Resolve(context.Context, *url.URL) (endpoints.Answer, error) {
	return endpoints.Answer{Endpoints: n}, nil
}

// EndpointsProveTheirNames holds for those of a resolver, as SRV, which say what they are called.
func (w Wire) EndpointsProveTheirNames(t *testing.T) {
	ours := tlstest.NewAuthority(t)
	at := func(name string) string {
		cert, key := ours.Issue(t, name)
		node := w.open(t, nil, "?"+url.Values{"listen": {"127.0.0.1:0"}, "cert": {cert}, "key": {key}}.Encode())
		answers(t, node, "s.x", func(context.Context) string { return name })
		return node.Addr()
	}
	one, two := at("one.test"), at("two.test")
	ask := func(list named) (got map[string]int, last error) {
		t.Helper()
		c := w.open(t, list, "?ca="+url.QueryEscape(ours.File),
			transport.WithService("client", transport.Service{Name: "s", Owns: []string{"s.>"}, Endpoints: []string{"test:///s"}}))
		got = map[string]int{}
		for range 4 {
			reply, err := c.Request(t.Context(), &transport.Message{Destination: "s.x"})
			if err != nil {
				last = err
				continue
			}
			got[string(reply.Body)]++
		}
		return got, last
	}
	if got, err := ask(named{{Address: one, Name: "one.test"}, {Address: two, Name: "two.test"}}); err != nil || got["one.test"] != 2 || got["two.test"] != 2 {
		t.Errorf("each by its own name: got %v, %v; want two answers of each", got, err)
	}
	if got, err := ask(named{{Address: one, Name: "two.test"}}); len(got) > 0 || !errors.Is(err, transport.CodeUnauthenticated) {
		t.Errorf("one by the other's name: got %v, %v; want unauthenticated", got, err)
	}
}

// AuthoritiesAreReadAgain holds that a client whose file of authorities has changed goes by it from the next connection on.
func (w Wire) AuthoritiesAreReadAgain(t *testing.T, options string) {
	old, renewed := tlstest.NewAuthority(t), tlstest.NewAuthority(t)
	file := filepath.Join(t.TempDir(), "ca.pem")
	trust := func(a *tlstest.Authority, at time.Time) {
		t.Helper()
		pem, err := os.ReadFile(a.File)
		if err == nil {
			err = os.WriteFile(file, pem, 0o600)
		}
		if err == nil {
			err = os.Chtimes(file, at, at)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	node := func(address string, a *tlstest.Authority) *transport.Conn {
		t.Helper()
		cert, key := a.Issue(t, "localhost")
		n := w.open(t, nil, "?"+url.Values{"listen": {address}, "cert": {cert}, "key": {key}}.Encode())
		answers(t, n, "s.x", func(context.Context) string { return "here" })
		return n
	}
	trust(old, time.Now())
	first := node("127.0.0.1:0", old)
	address := first.Addr()
	c := w.open(t, nil, address+"?"+options+"&ca="+url.QueryEscape(file))
	ask := func(within time.Duration) error {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		_, err := c.Request(ctx, &transport.Message{Destination: "s.x"})
		return err
	}
	if err := ask(20 * time.Second); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	second := node(address, renewed)
	err := ask(time.Second)
	if err == nil {
		t.Fatal("a server of an authority that is not in the file is trusted")
	}
	trust(renewed, time.Now().Add(time.Minute))
	for until := time.Now().Add(20 * time.Second); err != nil && time.Now().Before(until); {
		err = ask(20 * time.Second)
	}
	if err != nil || second.Addr() != address {
		t.Errorf("once the file has its authority: got %v", err)
	}
}
