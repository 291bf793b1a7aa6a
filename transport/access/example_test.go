package access_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"

	"github.com/polywire/polywire/adapters/httpwire"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
)

// A node that knows its callers by tokens, and lets each do what the rules say.
func Example() {
	token := access.NewToken() // given to the caller once; the node keeps its hash
	hash, err := access.HashToken(token)
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := access.ParseTokens([]byte("orders " + hash + " @services"))
	if err != nil {
		log.Fatal(err)
	}
	rules, err := access.NewRules(
		access.Rule{Who: []string{"@services"}, May: []access.Verb{access.Request}, What: []string{"stock.>"}},
		access.Rule{Who: []string{"auditor"}, May: []access.Verb{access.Request}, What: []string{"stock.audit"}},
	)
	if err != nil {
		log.Fatal(err)
	}
	ctx := context.Background()
	reg := transport.NewRegistry(httpwire.Factory())
	node, err := reg.Open(ctx, "http://?listen=127.0.0.1:0", transport.WithAccess(access.Policy{Authenticator: tokens, Authorizer: rules}))
	if err != nil {
		log.Fatal(err)
	}
	defer node.Close()
	hello := func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
		return &transport.Message{Body: []byte("hello " + access.Peer(ctx).Name)}, nil
	}
	for _, destination := range []string{"stock.count", "stock.audit"} {
		if _, err := node.Handle(ctx, destination, hello); err != nil {
			log.Fatal(err)
		}
	}
	caller, err := reg.Open(ctx, "http://"+node.Addr(), transport.WithAccess(access.Policy{
		Credentials:         access.BearerToken(token),
		InsecureCredentials: true, // on this machine; https needs no such word
	}))
	if err != nil {
		log.Fatal(err)
	}
	defer caller.Close()
	reply, err := caller.Request(ctx, &transport.Message{Destination: "stock.count"})
	fmt.Println(string(reply.Body), err)
	_, err = caller.Request(ctx, &transport.Message{Destination: "stock.audit"})
	fmt.Println(errors.Is(err, transport.CodePermissionDenied))
	// Output:
	// hello orders <nil>
	// true
}

// Services of one authority know each other by the names in their certificates, people by tokens of a file.
func ExampleEither() {
	file := filepath.Join(os.TempDir(), "no-such-tokens")
	_, err := access.OpenTokens(file)
	fmt.Println(errors.Is(err, os.ErrNotExist))
	services := access.NewCertificates(map[string]access.Identity{
		"uri:spiffe://example.org/orders": {Name: "orders", Groups: []string{"services"}},
	})
	people, _ := access.ParseTokens(nil)
	policy := access.Policy{Authenticator: access.Either(services, people), Credentials: access.BearerFile("/run/secrets/token")}
	gate := access.NewGate(policy, nil)
	_, err = gate.Enter(context.Background(), access.EvidenceOf([]string{"Bearer made-up"}, nil))
	fmt.Println(err)
	// Output:
	// true
	// the credentials are not valid
}
