package grpcwire

import (
	"context"
	"errors"
	"net/url"
	"testing"

	"github.com/polywire/polywire/internal/tlsfiles/tlstest"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
)

// TestACertificateIsAnIdentity holds that callers are known by a verified certificate, and lack what rules give to others.
func TestACertificateIsAnIdentity(t *testing.T) {
	ours := tlstest.NewAuthority(t)
	files := func(name string) string {
		cert, key := ours.Issue(t, name)
		return url.Values{"ca": {ours.File}, "cert": {cert}, "key": {key}}.Encode()
	}
	rules, err := access.NewRules(access.Rule{Who: []string{"orders"}, May: []access.Verb{access.Request}, What: []string{"who.is"}})
	if err != nil {
		t.Fatal(err)
	}
	node := openConn(t, "grpcs://?listen=127.0.0.1:0&clientca="+url.QueryEscape(ours.File)+"&"+files("localhost"), transport.WithAccess(access.Policy{
		Authorizer:    rules,
		Authenticator: access.NewCertificates(map[string]access.Identity{"dns:orders.test": {Name: "orders"}, "dns:other.test": {Name: "other"}}),
	}))
	handle(t, node, "who.is", func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
		p := access.Peer(ctx)
		return &transport.Message{Body: []byte(p.Name + " by " + p.Proof)}, nil
	})
	for name, want := range map[string]error{"orders.test": nil, "other.test": transport.CodePermissionDenied, "unknown.test": transport.CodeUnauthenticated} {
		c := openConn(t, "grpcs://"+node.Addr()+"?"+files(name))
		reply, err := c.Request(t.Context(), &transport.Message{Destination: "who.is"})
		switch {
		case want != nil && !errors.Is(err, want), want == nil && (err != nil || string(reply.Body) != "orders by certificate"):
			t.Errorf("%s: got %v, %v, want %v", name, reply, err, want)
		}
	}
}
