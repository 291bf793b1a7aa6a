package grpcwire

import (
	"context"
	"errors"
	"net"
	"net/url"
	"testing"

	"github.com/polywire/polywire/internal/tlsfiles/tlstest"
	"github.com/polywire/polywire/internal/wireharness"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/endpoints"
)

func TestARefusedStreamIsAskedElsewhere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refuser := wireharness.NewRefuser(l)
	defer refuser.Close()
	node := serve(t, "")
	handle(t, node, "s.x", echo)
	c := openConn(t, "grpc://", transport.WithService("client", transport.Service{Name: "s", Owns: []string{"s.>"}, Endpoints: []string{refuser.Addr(), node.Addr()}}))
	for i := range 4 { // not idempotent: what was refused has not run
		reply, err := c.Request(t.Context(), &transport.Message{Destination: "s.x", Body: []byte("body")})
		if err != nil || string(reply.Body) != "body" {
			t.Errorf("request %d: got %v, %v", i, reply, err)
		}
	}
	if refuser.Refused() == 0 {
		t.Error("the server that refuses was never asked")
	}
}

// A named directory answers with endpoints that say what they are called.
type named []endpoints.Endpoint

func (n named) Resolve(context.Context, *url.URL) (endpoints.Answer, error) {
	return endpoints.Answer{Endpoints: n}, nil
}

// TestEachEndpointHasToProveItsOwnName holds for those of a resolver, as SRV, which say what they are called.
func TestEachEndpointHasToProveItsOwnName(t *testing.T) {
	ours := tlstest.NewAuthority(t)
	at := func(name string) string {
		cert, key := ours.Issue(t, name)
		node := openConn(t, "grpcs://?"+url.Values{"listen": {"127.0.0.1:0"}, "cert": {cert}, "key": {key}}.Encode())
		handle(t, node, "s.x", func(context.Context, *transport.Message) (*transport.Message, error) {
			return &transport.Message{Body: []byte(name)}, nil
		})
		return node.Addr()
	}
	one, two := at("one.test"), at("two.test")
	ask := func(list named) (answers map[string]int, last error) {
		t.Helper()
		c, err := transport.NewRegistry(Factory(WithResolver("test", list))).Open(t.Context(), "grpcs://?ca="+url.QueryEscape(ours.File),
			transport.WithService("client", transport.Service{Name: "s", Owns: []string{"s.>"}, Endpoints: []string{"test:///s"}}))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		answers = map[string]int{}
		for range 4 {
			reply, err := c.Request(t.Context(), &transport.Message{Destination: "s.x"})
			if err != nil {
				last = err
				continue
			}
			answers[string(reply.Body)]++
		}
		return answers, last
	}
	if got, err := ask(named{{Address: one, Name: "one.test"}, {Address: two, Name: "two.test"}}); err != nil || got["one.test"] != 2 || got["two.test"] != 2 {
		t.Errorf("each by its own name: got %v, %v; want two answers of each", got, err)
	}
	if got, err := ask(named{{Address: one, Name: "two.test"}}); len(got) > 0 || !errors.Is(err, transport.CodeUnauthenticated) {
		t.Errorf("one by the other's name: got %v, %v; want unauthenticated", got, err)
	}
}
