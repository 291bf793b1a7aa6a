package transporttest

import (
	"context"
	"fmt"
	"strings"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
)

// accessFaults break what a gate promises, one rule each, behind its back: the adapter asks another gate.
func accessFaults() []Fault {
	auth := []string{AbilityAuth, AbilityAnother}
	faults := []Fault{
		{Name: "lets strangers do everything", Rules: []string{"8.4"}, Cases: []string{"T168"}, Abilities: auth,
			setup: authorizing(func(ask asks, id *access.Identity, verb access.Verb, destination string) error {
				if id.Name == "" {
					return nil
				}
				return ask(verb, destination)
			})},
		{Name: "takes credentials that are wrong for none", Rules: []string{"8.4"}, Cases: []string{"T168"}, Abilities: auth,
			setup: regated(func(g *access.Gate, p *access.Policy) {
				p.Authenticator = access.AuthenticatorFunc(func(ctx context.Context, e access.Evidence) (*access.Identity, error) {
					if id, err := entering(ctx, g, e); err == nil {
						return id, nil
					}
					return &access.Identity{Name: "somebody"}, nil
				})
			})},
		{Name: "lets all who are known do everything", Rules: []string{"8.4"}, Cases: []string{"T169"}, Abilities: auth,
			setup: authorizing(func(ask asks, id *access.Identity, verb access.Verb, destination string) error {
				if id.Name != "" {
					return nil
				}
				return ask(verb, destination)
			})},
		{Name: "believes a header that says who sent a message", Rules: []string{"8.4"}, Cases: []string{"T169"}, Abilities: auth,
			adapter: changing(func(e *transport.Envelope) {
				if name := e.Header.Get("x-forwarded-user"); name != "" && e.Peer != nil {
					e.Peer = &access.Identity{Name: name, Proof: e.Peer.Proof}
				}
			})},
		{Name: "asks about a pattern as if it were a destination of its own", Rules: []string{"8.4"}, Cases: []string{"T171"}, Except: "Wildcards", Abilities: auth,
			setup: authorizing(func(ask asks, _ *access.Identity, verb access.Verb, destination string) error {
				return ask(verb, strings.NewReplacer("*", "any", ">", "any").Replace(destination))
			})},
		{Name: "lets a wider rule decide", Rules: []string{"8.4"}, Cases: []string{"T171"}, Abilities: auth,
			setup: authorizing(func(ask asks, _ *access.Identity, verb access.Verb, destination string) error {
				if group := strings.SplitAfterN(destination, ".", 3); len(group) == 3 && !strings.HasSuffix(destination, "denied") {
					return ask(verb, group[0]+group[1]+"x")
				}
				return ask(verb, destination)
			})},
		{Name: "does not ask where an answer goes", Rules: []string{"8.4", "8.2"}, Cases: []string{"T171r"}, Abilities: auth,
			setup: authorizing(func(ask asks, _ *access.Identity, verb access.Verb, destination string) error {
				if verb == access.Send {
					return nil
				}
				return ask(verb, destination)
			})},
		{Name: "keeps the streams of who is no longer known", Rules: []string{"8.5"}, Cases: []string{"T170"}, Abilities: auth,
			setup: regated(func(g *access.Gate, p *access.Policy) {
				p.Authenticator = access.AuthenticatorFunc(func(ctx context.Context, e access.Evidence) (*access.Identity, error) {
					id, err := entering(ctx, g, e)
					if err != nil {
						return nil, err
					}
					return &access.Identity{Name: id.Name, Groups: id.Groups, Proof: id.Proof}, nil
				})
			})},
		{Name: "keeps the streams of what was taken away", Rules: []string{"8.5"}, Cases: []string{"T170r"}, Abilities: auth,
			setup: regated(func(*access.Gate, *access.Policy) {})}, // whose policy does not say that it changed
		{Name: "shows credentials without TLS", Rules: []string{"8.6"}, Cases: []string{"T174"}, Abilities: []string{AbilityAuth, AbilityProxy},
			setup: regated(func(_ *access.Gate, p *access.Policy) { p.InsecureCredentials = true })},
	}
	return append(faults, forgottenVerbs(auth)...)
}

// forgottenVerbs is a fault for each of the ways in.
func forgottenVerbs(auth []string) []Fault {
	var faults []Fault
	for _, verb := range access.Verbs() {
		f := Fault{Name: fmt.Sprintf("asks nobody who may %s", verb), Rules: []string{"8.4"}, Cases: []string{"T168", "T169"}, Abilities: auth,
			setup: authorizing(func(ask asks, _ *access.Identity, v access.Verb, destination string) error {
				if v == verb {
					return nil
				}
				return ask(v, destination)
			})}
		switch verb {
		case access.Publish, access.Subscribe:
			f.Except = "Publish"
		case access.Gather:
			f.Except = "Gather"
		}
		faults = append(faults, f)
	}
	return faults
}

// asks is the question to the gate that a fault stands before.
type asks func(verb access.Verb, destination string) error

// authorizing makes a fault of how questions are answered.
func authorizing(answer func(ask asks, id *access.Identity, verb access.Verb, destination string) error) func(*transport.Setup) {
	return regated(func(g *access.Gate, p *access.Policy) {
		p.Authorizer = access.AuthorizerFunc(func(ctx context.Context, id *access.Identity, verb access.Verb, destination string) error {
			return answer(func(verb access.Verb, destination string) error { return g.Admit(ctx, id, verb, destination) }, id, verb, destination)
		})
	})
}

// regated puts a gate before the one of a Conn; change breaks it.
func regated(change func(g *access.Gate, p *access.Policy)) func(*transport.Setup) {
	return func(s *transport.Setup) {
		g := s.Access
		p := access.Policy{InsecureCredentials: g.Insecure()}
		if g.Shows() {
			p.Credentials = func(ctx context.Context, where string) (string, error) { return g.Prove(ctx, where, true) }
		}
		if g.Guards() {
			p.Authenticator = access.AuthenticatorFunc(func(ctx context.Context, e access.Evidence) (*access.Identity, error) { return entering(ctx, g, e) })
			p.Authorizer = access.AuthorizerFunc(func(ctx context.Context, id *access.Identity, verb access.Verb, destination string) error {
				return g.Admit(ctx, id, verb, destination)
			})
			change(g, &p)
		} else if g.Shows() {
			change(g, &p)
			p.Authenticator, p.Authorizer = nil, nil
		}
		s.Access = access.NewGate(p, nil)
	}
}

// entering is Enter as an Authenticator has it: a stranger is one with nothing to read.
func entering(ctx context.Context, g *access.Gate, e access.Evidence) (*access.Identity, error) {
	id, err := g.Enter(ctx, e)
	if err == nil && id.Name == "" {
		return nil, access.ErrNoCredentials
	}
	return id, err
}
