package transporttest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
)

// accessCases check that peers prove who they are, and may do what they are let do.
func accessCases() []Case {
	auth, needs := []string{AbilityAuth, AbilityAnother}, []string{"Request"}
	return []Case{
		{ID: "T168", Group: "N", Sections: []string{"8.4"}, Needs: needs, Abilities: auth,
			Rule: "Missing, malformed and wrong credentials are Unauthenticated in every style, and no handler is entered.", Run: unauthenticated},
		{ID: "T169", Group: "N", Sections: []string{"8.4"}, Needs: needs, Abilities: auth,
			Rule: "Who is known and may not is denied in every style; who may is known to the handler by its proof alone.", Run: denied},
		{ID: "T170", Group: "N", Sections: []string{"8.5"}, Needs: []string{"Publish"}, Abilities: auth,
			Rule: "A subscription ends with the identity that made it, as Unauthenticated, which Health tells.", Run: identityEnds},
		{ID: "T170r", Group: "N", Sections: []string{"8.5"}, Needs: []string{"Publish"}, Abilities: auth,
			Rule: "Subscriptions end within seconds once a policy that says so has changed and no longer lets them in: as Unauthenticated, which Health tells, or lost for good as PermissionDenied.", Run: takenAway},
		{ID: "T171", Group: "N", Sections: []string{"8.4"}, Needs: needs, Abilities: auth,
			Rule: "What a peer may is decided on the destination that the handler serves: narrower rules hold against wider ones, and against patterns.", Run: decidedOnDestination},
		{ID: "T171r", Group: "N", Sections: []string{"8.4", "8.2"}, Needs: []string{"Send"}, Abilities: auth,
			Rule: "A message is refused whose answer would go where its sender may not send.", Run: replyToDenied},
		{ID: "T174", Group: "N", Sections: []string{"8.6", "8.1"}, Abilities: []string{AbilityAuth, AbilityProxy},
			Rule: "Credentials are not written to a connection without TLS, unless that is allowed by name.", Run: credentialsWithoutTLS},
	}
}

// bearerNames is a policy of the server under test: whoever shows "Bearer NAME" is NAME, but for "wrong".
func bearerNames(e *Env, rules ...access.Rule) []transport.Option {
	r, err := access.NewRules(rules...)
	e.Must(err, "rules")
	return []transport.Option{transport.WithAccess(access.Policy{Authorizer: r, Authenticator: access.AuthenticatorFunc(
		func(_ context.Context, ev access.Evidence) (*access.Identity, error) {
			name, ok, err := access.ParseBearer(ev.Authorization)
			switch {
			case err != nil:
				return nil, err
			case !ok:
				return nil, access.ErrNoCredentials
			case name == "wrong":
				return nil, access.ErrUnauthenticated
			}
			return &access.Identity{Name: name, Proof: access.ProofBearer}, nil
		})})}
}

// shows makes the option of a client that shows value as it is; "" shows nothing.
func shows(value string) transport.Option {
	if value == "" {
		return transport.WithAccess(access.Policy{})
	}
	return transport.WithAccess(access.Policy{InsecureCredentials: true, Credentials: func(context.Context, string) (string, error) { return value, nil }})
}

// everyStyle does all that a peer can do with a destination, and returns how each ended.
func everyStyle(ctx context.Context, e *Env, c Conn, dest string) map[access.Verb]error {
	nothing := func(context.Context, *transport.Message) (*transport.Message, error) { return nil, nil }
	msg := &transport.Message{Destination: dest}
	ended := map[access.Verb]error{}
	if e.Features.Request {
		_, ended[access.Request] = c.Request(ctx, msg)
		_, ended[access.Handle] = c.Handle(ctx, dest, nothing)
	}
	if e.Features.Send {
		ended[access.Send] = c.Send(ctx, msg)
	}
	if e.Features.Publish {
		ended[access.Publish] = c.Publish(ctx, msg)
		_, ended[access.Subscribe] = c.Subscribe(ctx, dest, nothing)
	}
	if e.Features.Gather {
		g, err := c.Gather(ctx, msg, transport.WithMax(1))
		ended[access.Gather] = err
		if err == nil {
			for r := range g.All() {
				ended[access.Gather] = r.Err
			}
		}
	}
	return ended
}

// served handles dest at the server, in every style, and counts.
func served(ctx context.Context, e *Env, server Conn, dest string) *inboxOf {
	in := &inboxOf{}
	h := func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
		in.add(access.Peer(ctx))
		return &transport.Message{}, nil
	}
	if e.Features.Request || e.Features.Send {
		_, err := server.Handle(ctx, dest, h)
		e.Must(err, "handle")
	}
	if e.Features.Publish {
		_, err := server.Subscribe(ctx, dest, h)
		e.Must(err, "subscribe")
	}
	return in
}

// An inboxOf keeps from whom messages came.
type inboxOf struct {
	mu    sync.Mutex
	peers []*access.Identity
}

func (in *inboxOf) add(id *access.Identity) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.peers = append(in.peers, id)
}

func (in *inboxOf) all() []*access.Identity {
	in.mu.Lock()
	defer in.mu.Unlock()
	return append([]*access.Identity(nil), in.peers...)
}

func unauthenticated(ctx context.Context, e *Env) error {
	dest := e.Name("guarded")
	server, _ := e.Fresh(ctx, ConnOptions{Server: bearerNames(e, access.Rule{Who: []string{access.Known}, May: access.Verbs(), What: []string{">"}}), Client: []transport.Option{shows("Bearer anna")}})
	in := served(ctx, e, server, dest)
	for name, value := range map[string]string{"no credentials": "", "no token": "Bearer", "two tokens": "Bearer a b", "another scheme": "Digest a", "a wrong token": "Bearer wrong", "no scheme": "anna"} {
		for verb, err := range everyStyle(ctx, e, e.Another(ctx, shows(value)), dest) {
			if !errors.Is(err, transport.CodeUnauthenticated) {
				e.Errorf("%s with %s ended with %v, want unauthenticated", verb, name, err)
			}
		}
	}
	if n := len(in.all()); n > 0 {
		e.Errorf("handlers were entered %d times", n)
	}
	return nil
}

func denied(ctx context.Context, e *Env) error {
	dest, other := e.Name("allowed"), e.Name("denied")
	server, _ := e.Fresh(ctx, ConnOptions{Server: bearerNames(e,
		access.Rule{Who: []string{"anna"}, May: access.Verbs(), What: []string{dest}},
		access.Rule{Who: []string{"bob"}, May: access.Verbs(), What: []string{other}},
	), Client: []transport.Option{shows("Bearer anna")}})
	in := served(ctx, e, server, dest)
	before := served(ctx, e, server, other)
	anna := e.Another(ctx, shows("Bearer anna"))
	for verb, err := range everyStyle(ctx, e, anna, other) {
		if !errors.Is(err, transport.CodePermissionDenied) {
			e.Errorf("%s without the right to it ended with %v, want permission_denied", verb, err)
		}
	}
	if n := len(before.all()); n > 0 {
		e.Errorf("handlers were entered %d times by who may not", n)
	}
	msg := &transport.Message{Destination: dest}
	msg.Header.Set("peer", "bob")
	msg.Header.Set("x-forwarded-user", "bob")
	_, err := anna.Request(ctx, msg)
	e.Must(err, "request what is allowed")
	for _, id := range in.all() {
		if id == nil || id.Name != "anna" || id.Proof != access.ProofBearer {
			e.Errorf("the handler sees peer %+v, want anna, by bearer", id)
		}
	}
	if len(in.all()) != 1 {
		e.Errorf("the handler was entered %d times, want once", len(in.all()))
	}
	return nil
}

func identityEnds(ctx context.Context, e *Env) error {
	var ends atomic.Int64 // when the identity does, in nanoseconds; set as it is first seen
	rules, err := access.NewRules(access.Rule{Who: []string{access.Known}, May: access.Verbs(), What: []string{">"}})
	e.Must(err, "rules")
	server, _ := e.Fresh(ctx, ConnOptions{Server: []transport.Option{transport.WithAccess(access.Policy{Authorizer: rules, Authenticator: access.AuthenticatorFunc(
		func(_ context.Context, ev access.Evidence) (*access.Identity, error) {
			name, ok, err := access.ParseBearer(ev.Authorization)
			if !ok || err != nil {
				return nil, access.ErrNoCredentials
			}
			id := &access.Identity{Name: name}
			if name == "brief" {
				ends.CompareAndSwap(0, time.Now().Add(5*e.Tick).UnixNano())
				id.Expires = time.Unix(0, ends.Load())
			}
			return id, nil
		})})}, Client: []transport.Option{shows("Bearer anna")}})
	client := e.Another(ctx, shows("Bearer brief"))
	dest, got := e.Name("news"), make(chan string, 100)
	_, err = client.Subscribe(ctx, dest, func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		got <- string(m.Body)
		return nil, nil
	})
	e.Must(err, "subscribe")
	e.Must(server.Publish(ctx, &transport.Message{Destination: dest, Body: []byte("before")}), "publish")
	if text := recv(e, got, "what was published before"); text != "before" {
		return fmt.Errorf("got %q", text)
	}
	e.Must(client.Health(ctx), "health, while the identity lasts")
	e.Until("Health says that a subscription is refused, as its identity has ended", func() bool {
		return errors.Is(client.Health(ctx), transport.CodeUnauthenticated)
	})
	if early := time.Until(time.Unix(0, ends.Load())); early > 0 {
		return fmt.Errorf("the subscription ended %v before its identity", early)
	}
	e.Must(server.Publish(ctx, &transport.Message{Destination: dest, Body: []byte("after")}), "publish")
	e.Pause(e.Tick)
	if len(got) > 0 {
		return fmt.Errorf("%q came after the identity had ended", <-got)
	}
	return nil
}

// A revocable policy knows everybody by their token, until they are unknown, and lets them do everything, until they are denied.
type revocable struct {
	mu              sync.Mutex // guards the fields below
	unknown, denied string     // names; empty is nobody
	revision        uint64
}

func (r *revocable) Revision() uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.revision
}

func (r *revocable) revoke(unknown, denied string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unknown, r.denied = unknown, denied
	r.revision++
}

func (r *revocable) Authenticate(_ context.Context, ev access.Evidence) (*access.Identity, error) {
	name, ok, err := access.ParseBearer(ev.Authorization)
	if !ok || err != nil {
		return nil, access.ErrNoCredentials
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if name == r.unknown {
		return nil, access.ErrUnauthenticated
	}
	return &access.Identity{Name: name}, nil
}

func (r *revocable) Authorize(_ context.Context, id *access.Identity, _ access.Verb, _ string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if id.Name == r.denied {
		return access.ErrDenied
	}
	return nil
}

func takenAway(ctx context.Context, e *Env) error {
	policy := &revocable{}
	server, _ := e.Fresh(ctx, ConnOptions{Server: []transport.Option{transport.WithAccess(access.Policy{Authenticator: policy, Authorizer: policy})}, Client: []transport.Option{shows("Bearer root")}})
	dest, got, clients := e.Name("news"), make(chan string, 100), map[string]Conn{}
	for _, name := range []string{"anna", "bob", "carla"} {
		clients[name] = e.Another(ctx, shows("Bearer "+name))
		_, err := clients[name].Subscribe(ctx, dest, func(context.Context, *transport.Message) (*transport.Message, error) {
			got <- name
			return nil, nil
		})
		e.Must(err, "subscribe as "+name)
	}
	hear := func(want map[string]bool) {
		e.Must(server.Publish(ctx, &transport.Message{Destination: dest}), "publish")
		for range len(want) {
			if name := recv(e, got, "what was published"); !want[name] {
				e.Errorf("a subscription of %s, which was taken away, still brings messages", name)
			}
		}
	}
	hear(map[string]bool{"anna": true, "bob": true, "carla": true})
	policy.revoke("anna", "bob")
	e.Until("Health says that the subscription of a token that is gone is refused", func() bool {
		return errors.Is(clients["anna"].Health(ctx), transport.CodeUnauthenticated)
	})
	e.Until("Health says that the subscription of a right that is gone is lost", func() bool {
		return errors.Is(clients["bob"].Health(ctx), transport.CodePermissionDenied)
	})
	e.Must(clients["carla"].Health(ctx), "health of one who is let in as before")
	hear(map[string]bool{"carla": true})
	e.Pause(e.Tick)
	if len(got) > 0 {
		e.Errorf("%s got what was published after its subscription was taken away", <-got)
	}
	policy.revoke("", "bob")
	e.Until("who is known again has its subscription back", func() bool { return clients["anna"].Health(ctx) == nil })
	hear(map[string]bool{"anna": true, "carla": true})
	return nil
}

func decidedOnDestination(ctx context.Context, e *Env) error {
	all, secret := e.Name(">"), e.Name("admin.stop")
	server, _ := e.Fresh(ctx, ConnOptions{Server: bearerNames(e,
		access.Rule{Who: []string{access.Known}, May: access.Verbs(), What: []string{all}},
		access.Rule{Who: []string{"root"}, May: access.Verbs(), What: []string{e.Name("admin.>")}},
	), Client: []transport.Option{shows("Bearer root")}})
	in := served(ctx, e, server, secret)
	anna := e.Another(ctx, shows("Bearer anna"))
	for verb, err := range everyStyle(ctx, e, anna, secret) {
		if !errors.Is(err, transport.CodePermissionDenied) {
			e.Errorf("%s of a destination of a narrower rule ended with %v, want permission_denied", verb, err)
		}
	}
	nothing := func(context.Context, *transport.Message) (*transport.Message, error) { return nil, nil }
	if e.Features.Wildcards && e.Features.Publish {
		for _, pattern := range []string{all, e.Name("admin.>"), e.Name("*.stop"), e.Name("admin.*"), ">"} {
			if _, err := anna.Subscribe(ctx, pattern, nothing); !errors.Is(err, transport.CodePermissionDenied) {
				e.Errorf("a subscription to %s, which includes what is denied, ended with %v, want permission_denied", pattern, err)
			}
		}
		_, err := anna.Subscribe(ctx, e.Name("public.*"), nothing)
		e.Must(err, "subscribe to a pattern that is allowed")
	}
	if n := len(in.all()); n > 0 {
		e.Errorf("handlers were entered %d times", n)
	}
	return nil
}

func replyToDenied(ctx context.Context, e *Env) error {
	dest, place := e.Name("jobs"), e.Name("elsewhere")
	server, _ := e.Fresh(ctx, ConnOptions{Server: bearerNames(e, access.Rule{Who: []string{access.Known}, May: access.Verbs(), What: []string{dest}}), Client: []transport.Option{shows("Bearer anna")}})
	in, out := served(ctx, e, server, dest), served(ctx, e, server, place)
	anna := e.Another(ctx, shows("Bearer anna"))
	if err := anna.Send(ctx, &transport.Message{Destination: dest, ReplyTo: place}); !errors.Is(err, transport.CodePermissionDenied) {
		e.Errorf("a reply-to without the right to send there ended with %v, want permission_denied", err)
	}
	e.Must(anna.Send(ctx, &transport.Message{Destination: dest}), "send without one")
	e.Until("the message without a reply-to comes", func() bool { return len(in.all()) > 0 })
	if len(out.all()) > 0 {
		e.Errorf("an answer went where its asker may not send")
	}
	return nil
}

// credentialsWithoutTLS records what a client writes to a listener that has no TLS.
func credentialsWithoutTLS(ctx context.Context, e *Env) error {
	const secret = "~+~+~+~+~+~+~+~+~+~+~+~+" // which HPACK writes as it is: its code would be longer
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	e.Must(err, "listen")
	var mu sync.Mutex
	var wrote strings.Builder
	var reading sync.WaitGroup
	reading.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			reading.Go(func() {
				defer c.Close()
				_ = c.SetReadDeadline(time.Now().Add(2 * e.Tick))
				b := make([]byte, 64<<10)
				for n, err := 0, error(nil); err == nil; {
					n, err = c.Read(b)
					mu.Lock()
					wrote.Write(b[:n])
					mu.Unlock()
					_, _ = c.Write([]byte("\x00\x00\x00\x04\x00\x00\x00\x00\x00")) // SETTINGS, for a client of HTTP/2 that waits for them
				}
			})
		}
	})
	brief, cancel := context.WithTimeout(ctx, 5*e.Tick)
	defer cancel()
	c, err := e.h.Via(brief, l.Addr().String(), transport.WithAccess(access.Policy{Credentials: access.BearerToken(secret)}))
	if err == nil {
		_, err = c.Request(brief, &transport.Message{Destination: e.Name("x")})
		e.keep(c)
	}
	_ = l.Close()
	reading.Wait()
	switch {
	case err == nil:
		e.Errorf("a call without TLS succeeded")
	case strings.Contains(err.Error(), secret):
		e.Errorf("the error shows the credentials")
	}
	mu.Lock()
	defer mu.Unlock()
	if strings.Contains(wrote.String(), secret) {
		e.Errorf("the credentials were written to a connection without TLS")
	}
	return nil
}
