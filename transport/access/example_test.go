package access_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"sync/atomic"

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

// A policy that is changed while the process runs says so by its Revision, so that streams do not outlive their right.
func ExampleRevised() {
	node := &rulesOfToday{}
	node.set(access.Rule{Who: []string{access.Everybody}, May: []access.Verb{access.Subscribe}, What: []string{"news.>"}})
	gate := access.NewGate(access.Policy{Authorizer: node}, nil)
	claim := access.Claim{Verb: access.Subscribe, Destination: "news.sport"} // as an adapter makes one of a stream that it let in
	ctx, end := gate.Life(context.Background(), claim)
	defer end()
	node.set() // nobody may do anything from now on
	<-ctx.Done()
	fmt.Println(gate.Ended(ctx))
	// Output: strangers may not subscribe "news.sport"
}

// rulesOfToday are rules that can be set anew.
type rulesOfToday struct {
	rules    atomic.Pointer[access.Rules]
	revision atomic.Uint64
}

func (r *rulesOfToday) set(rules ...access.Rule) {
	checked, err := access.NewRules(rules...)
	if err != nil {
		log.Fatal(err)
	}
	r.rules.Store(checked)
	r.revision.Add(1)
}

func (r *rulesOfToday) Revision() uint64 { return r.revision.Load() }

func (r *rulesOfToday) Authorize(ctx context.Context, id *access.Identity, verb access.Verb, destination string) error {
	return r.rules.Load().Authorize(ctx, id, verb, destination)
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
