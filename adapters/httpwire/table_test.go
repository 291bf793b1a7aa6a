package httpwire

import (
	"context"
	"errors"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/polywire/polywire/transport"
)

// freePort is an address that nobody listens at. Another process may take it, which no test here has met.
func freePort(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// table is two services: accounts owns accounts.> and dispatch owns trip.>.
func table(t testing.TB) []transport.Service {
	one, two := freePort(t), freePort(t)
	return []transport.Service{
		{Name: "accounts", Owns: []string{"accounts.>"}, Listen: one, Endpoints: []string{one}},
		{Name: "dispatch", Owns: []string{"trip.>", "trip.*.log"}, Listen: two, Endpoints: []string{"http://" + two}},
		{Name: "watcher"},
	}
}

func openService(t testing.TB, name string, rows []transport.Service) *transport.Conn {
	t.Helper()
	return openConn(t, "http://", transport.WithService(name, rows...))
}

func TestADestinationIsHandledAtTheHomeThatOwnsIt(t *testing.T) {
	rows := table(t)
	accounts, dispatch := openService(t, "accounts", rows), openService(t, "dispatch", rows)
	watcher := openService(t, "watcher", rows)
	handle(t, accounts, "accounts.verify", echo)
	handle(t, dispatch, "trip.create", func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		reply, err := dispatch.Request(ctx, &transport.Message{Destination: "accounts.verify", Body: msg.Body})
		if err != nil {
			return nil, err
		}
		return &transport.Message{Body: append([]byte("trip for "), reply.Body...)}, nil
	})
	reply, err := watcher.Request(t.Context(), &transport.Message{Destination: "trip.create", Body: []byte("ann")})
	if err != nil || string(reply.Body) != "trip for ann" {
		t.Errorf("got %v, %v; want a reply through both services", reply, err)
	}
	if _, err := watcher.Request(t.Context(), &transport.Message{Destination: "accounts.none"}); !errors.Is(err, transport.ErrNoHandler) {
		t.Errorf("a destination that its owner does not handle: %v, want ErrNoHandler", err)
	}
	_, err = watcher.Handle(t.Context(), "accounts.verify", echo)
	if err == nil || !strings.Contains(err.Error(), "belongs to service accounts") {
		t.Errorf("handling what another service owns: %v, want its name", err)
	}
}

func TestATopicIsHeardFromEveryHomeThatCanPublishIt(t *testing.T) {
	rows := table(t)
	accounts, dispatch := openService(t, "accounts", rows), openService(t, "dispatch", rows)
	watcher := openService(t, "watcher", rows)
	got := make(chan string, 10)
	subscribe(t, watcher, ">", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		got <- msg.Destination + " " + string(msg.Body)
		return &transport.Message{Body: []byte("heard")}, nil
	})
	for conn, topic := range map[*transport.Conn]string{accounts: "accounts.opened", dispatch: "trip.created", watcher: "nobody.owns.it"} {
		if err := conn.Publish(t.Context(), &transport.Message{Destination: topic, Body: []byte("1")}); err != nil {
			t.Fatal(err)
		}
	}
	if err := accounts.Publish(t.Context(), &transport.Message{Destination: "trip.created", Body: []byte("2")}); err != nil {
		t.Fatal(err)
	}
	var all []string
	for range 4 {
		all = append(all, <-got)
	}
	slices.Sort(all)
	if want := []string{"accounts.opened 1", "nobody.owns.it 1", "trip.created 1", "trip.created 2"}; !slices.Equal(all, want) {
		t.Errorf("heard %q, want %q", all, want)
	}
	g, err := accounts.Gather(t.Context(), &transport.Message{Destination: "trip.created"})
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for r := range g.All() {
		if r.Err != nil || string(r.Message.Body) != "heard" {
			t.Errorf("answer %v, %v", r.Message, r.Err)
		}
		n++
	}
	if n != 1 || g.Reason() != "complete" {
		t.Errorf("%d answers, ended by %q; want 1, complete", n, g.Reason())
	}
}

func TestAServiceThatIsAwayIsAnErrorAtOnceAndHeardAgainWhenBack(t *testing.T) {
	rows := table(t)
	accounts, watcher := openService(t, "accounts", rows), openService(t, "watcher", rows)
	got := make(chan string, 1000)
	subscribe(t, watcher, "accounts.opened", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		got <- string(msg.Body)
		return nil, nil
	})
	if err := accounts.Close(); err != nil {
		t.Fatal(err)
	}
	err := watcher.Send(t.Context(), &transport.Message{Destination: "accounts.verify"})
	if !errors.Is(err, transport.CodeUnavailable) || !strings.Contains(err.Error(), rows[0].Listen) {
		t.Errorf("send to a service that is away: %v, want Unavailable and its address", err)
	}
	accounts = openService(t, "accounts", rows) // the port is free at once
	for {
		if err := accounts.Publish(t.Context(), &transport.Message{Destination: "accounts.opened", Body: []byte("again")}); err != nil {
			t.Fatal(err)
		}
		select {
		case body := <-got:
			if body != "again" {
				t.Errorf("heard %q", body)
			}
			return
		case <-t.Context().Done():
			t.Fatal("the subscription did not come back")
		default:
		}
	}
}

func TestInstancesOfAServiceShareRequestsAndAreAllHeard(t *testing.T) {
	one, two := freePort(t), freePort(t)
	rows := []transport.Service{{Name: "s", Owns: []string{"s.>"}, Endpoints: []string{one, two}}, {Name: "client"}}
	var mu sync.Mutex
	served := map[string]int{}
	var nodes []*transport.Conn
	for _, at := range []string{one, two} {
		rows := slices.Clone(rows)
		rows[0].Listen = at
		c := openService(t, "s", rows)
		handle(t, c, "s.x", func(context.Context, *transport.Message) (*transport.Message, error) {
			mu.Lock()
			defer mu.Unlock()
			served[at]++
			return nil, nil
		})
		nodes = append(nodes, c)
	}
	client := openService(t, "client", rows)
	heard := make(chan string, 10)
	subscribe(t, client, "s.>", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		heard <- string(msg.Body)
		return nil, nil
	})
	for range 10 {
		if _, err := client.Request(t.Context(), &transport.Message{Destination: "s.x"}); err != nil {
			t.Fatal(err)
		}
	}
	if served[one] != 5 || served[two] != 5 {
		t.Errorf("instances served %v, want 5 each", served)
	}
	for _, c := range nodes {
		if err := c.Publish(t.Context(), &transport.Message{Destination: "s.t", Body: []byte(c.Addr())}); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := <-heard, <-heard; a == b || a == "" {
		t.Errorf("heard %s and %s, want each instance once", a, b)
	}
	_ = nodes[0].Close()
	for range 4 { // an instance that cannot be reached has done nothing, so the other is asked
		if _, err := client.Request(t.Context(), &transport.Message{Destination: "s.x"}); err != nil {
			t.Errorf("with one instance of two: %v", err)
		}
	}
}
