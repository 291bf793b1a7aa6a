package transport_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/polywire/polywire/adapters/httpwire"
	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/transport"
)

// connect opens the Conn of the examples; another URL moves them to another wire.
func connect(ctx context.Context, opts ...transport.Option) *transport.Conn {
	conn, err := transport.NewRegistry(inproc.Factory()).Open(ctx, "inproc://", opts...)
	check(err)
	return conn
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
	}
}

// greet is the handler of the examples.
func greet(_ context.Context, msg *transport.Message) (*transport.Message, error) {
	return &transport.Message{Body: append([]byte("hello, "), msg.Body...)}, nil
}

func ExampleRegistry_Open() {
	ctx := context.Background()
	reg := transport.NewRegistry(inproc.Factory(), httpwire.Factory()) // what the program may use
	conn, err := reg.Open(ctx, "inproc://", transport.WithService("greeter"), transport.WithMaxBody(64<<10))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	fmt.Println(conn.State(), conn.Features().Acceptance, conn.Health(ctx))

	_, err = reg.Open(ctx, "htp://localhost:8080")
	fmt.Println(err)
	// Output:
	// ready queued <nil>
	// invalid_argument: unknown scheme "htp" (known: http, https, inproc)
}

func ExampleConn_Request() {
	ctx := context.Background()
	conn := connect(ctx)
	defer conn.Close()
	_, err := conn.Handle(ctx, "greet", greet)
	check(err)

	ctx, cancel := context.WithTimeout(ctx, 2*time.Second) // travels along: the handler knows how long it has
	defer cancel()
	reply, err := conn.Request(ctx, &transport.Message{Destination: "greet", Body: []byte("Ada")})
	check(err)
	fmt.Println(string(reply.Body))
	// Output: hello, Ada
}

func ExampleConn_RequestAsync() {
	ctx := context.Background()
	conn := connect(ctx)
	defer conn.Close()
	_, err := conn.Handle(ctx, "greet", greet)
	check(err)

	var futures []*transport.Future
	for _, name := range []string{"Ada", "Grace"} {
		f, err := conn.RequestAsync(ctx, &transport.Message{Destination: "greet", Body: []byte(name)})
		check(err)
		futures = append(futures, f)
	}
	for _, f := range futures {
		reply, err := f.Await(ctx)
		check(err)
		fmt.Println(string(reply.Body))
	}
	// Output:
	// hello, Ada
	// hello, Grace
}

func ExampleConn_Send() {
	ctx := context.Background()
	conn := connect(ctx)
	defer conn.Close()
	done := make(chan string)
	_, err := conn.Handle(ctx, "mail.deliver", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		done <- msg.Header.Get("tenant") + ": " + string(msg.Body)
		return nil, nil // accepted; an error lets the message come again
	})
	check(err)

	msg := &transport.Message{Destination: "mail.deliver", Body: []byte("to Ada")}
	msg.Header.Set("tenant", "acme")
	check(conn.Send(ctx, msg)) // accepted, not handled yet
	fmt.Println(<-done)

	fmt.Println(errors.Is(conn.Send(ctx, &transport.Message{Destination: "mail.returned"}), transport.ErrNoHandler))
	// Output:
	// acme: to Ada
	// true
}

// Subscriptions get a copy each; those of one group share.
func ExampleConn_Publish() {
	ctx := context.Background()
	conn := connect(ctx)
	defer conn.Close()
	got := make(chan string)
	tell := func(who string) transport.Handler {
		return func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
			got <- who + " got " + msg.Destination
			return nil, nil
		}
	}
	_, err := conn.Subscribe(ctx, "trip.*", tell("audit"))
	check(err)
	for range 2 {
		_, err = conn.Subscribe(ctx, "trip.ended", tell("billing"), transport.WithGroup("billing"))
		check(err)
	}
	check(conn.Publish(ctx, &transport.Message{Destination: "trip.ended"}))
	both := []string{<-got, <-got}
	slices.Sort(both)
	fmt.Println(both)
	// Output: [audit got trip.ended billing got trip.ended]
}

func ExampleConn_Gather() {
	ctx := context.Background()
	conn := connect(ctx)
	defer conn.Close()
	for _, price := range []string{"12", "9"} {
		_, err := conn.Subscribe(ctx, "bids", func(context.Context, *transport.Message) (*transport.Message, error) {
			return &transport.Message{Body: []byte(price)}, nil
		})
		check(err)
	}
	_, err := conn.Subscribe(ctx, "bids", func(context.Context, *transport.Message) (*transport.Message, error) {
		return nil, transport.CodeResourceExhausted.Errorf("no driver is free")
	})
	check(err)

	g, err := conn.Gather(ctx, &transport.Message{Destination: "bids"}, transport.WithMax(10), transport.WithStall(time.Second))
	check(err)
	var bids []string
	for r := range g.All() {
		if r.Err != nil {
			bids = append(bids, r.Err.Error())
			continue
		}
		bids = append(bids, string(r.Message.Body))
	}
	slices.Sort(bids)
	for _, b := range bids {
		fmt.Println(b)
	}
	fmt.Println(g.Reason())
	// Output:
	// 12
	// 9
	// inproc: gather bids: resource_exhausted: no driver is free
	// complete
}

// What fails comes again, five times by default, and then becomes a dead letter.
func ExampleConn_Handle() {
	ctx := context.Background()
	conn := connect(ctx)
	defer conn.Close()
	_, err := conn.Handle(ctx, "invoice.print", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		return nil, transport.CodeUnavailable.Errorf("attempt %d: the printer is out of paper", msg.Attempt)
	}, transport.WithConcurrency(4), transport.WithRetry(2, time.Millisecond, time.Millisecond))
	check(err)
	dead := make(chan string)
	_, err = conn.Handle(ctx, "dead.invoice.print", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		dead <- string(msg.Body) + " after " + msg.Header.Get("dead-attempts") + " attempts, " + msg.Header.Get("dead-reason")
		return nil, nil
	})
	check(err)

	check(conn.Send(ctx, &transport.Message{Destination: "invoice.print", Body: []byte("invoice 7")}))
	fmt.Println(<-dead)
	// Output: invoice 7 after 2 attempts, unavailable: attempt 2: the printer is out of paper
}

func ExampleConn_Subscribe() {
	ctx := context.Background()
	conn := connect(ctx)
	defer conn.Close()
	got := make(chan string)
	sub, err := conn.Subscribe(ctx, "trip.>", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		got <- msg.Destination
		return nil, nil
	})
	check(err)
	check(conn.Publish(ctx, &transport.Message{Destination: "trip.7.ended"}))
	fmt.Println(<-got)

	check(sub.Close(ctx)) // the handler is not entered any more
	check(conn.Publish(ctx, &transport.Message{Destination: "trip.8.ended"}))
	// Output: trip.7.ended
}

// Drain lets what runs finish; Close does not wait.
func ExampleConn_Drain() {
	ctx := context.Background()
	conn := connect(ctx)
	entered, finish := make(chan struct{}), make(chan struct{})
	_, err := conn.Handle(ctx, "slow", func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		close(entered)
		<-finish
		return greet(ctx, msg)
	})
	check(err)
	f, err := conn.RequestAsync(ctx, &transport.Message{Destination: "slow", Body: []byte("Ada")})
	check(err)
	<-entered
	drained := make(chan error)
	go func() { drained <- conn.Drain(ctx) }()
	close(finish)
	fmt.Println("drained:", <-drained)
	reply, err := f.Await(ctx)
	check(err)
	fmt.Println(string(reply.Body), conn.State())

	err = conn.Send(ctx, &transport.Message{Destination: "slow"})
	fmt.Println(errors.Is(err, transport.ErrClosed), conn.Close())
	// Output:
	// drained: <nil>
	// hello, Ada closed
	// true <nil>
}

// A handler whose answer takes long gives its slot back and answers later.
func ExampleMessage_Defer() {
	ctx := context.Background()
	conn := connect(ctx)
	defer conn.Close()
	waiting := make(chan *transport.Deferred, 1)
	_, err := conn.Handle(ctx, "approve", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		later, err := msg.Defer()
		waiting <- later
		return nil, err
	})
	check(err)
	f, err := conn.RequestAsync(ctx, &transport.Message{Destination: "approve", Body: []byte("trip 7")})
	check(err)
	check((<-waiting).Reply(&transport.Message{Body: []byte("approved")}, nil)) // when somebody has decided
	reply, err := f.Await(ctx)
	check(err)
	fmt.Println(string(reply.Body))
	// Output: approved
}

// A handler chooses what its caller sees; callers ask for the code.
func ExampleError() {
	ctx := context.Background()
	conn := connect(ctx)
	defer conn.Close()
	_, err := conn.Handle(ctx, "account.get", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		if string(msg.Body) == "7" {
			return nil, &transport.Error{
				Code: transport.CodeFailedPrecondition, Message: "account 7 is locked",
				Details: []transport.Detail{{Type: "locked-by", Data: []byte("fraud team")}},
			}
		}
		return nil, transport.CodeNotFound.Errorf("there is no account %s", msg.Body)
	})
	check(err)

	_, err = conn.Request(ctx, &transport.Message{Destination: "account.get", Body: []byte("7")})
	var e *transport.Error
	if errors.As(err, &e) {
		fmt.Println(e.Code, "|", e.Message, "|", string(e.Details[0].Data), "|", e.Temporary())
	}
	_, err = conn.Request(ctx, &transport.Message{Destination: "account.get", Body: []byte("8")})
	fmt.Println(errors.Is(err, transport.CodeNotFound), err)
	// Output:
	// failed_precondition | account 7 is locked | fraud team | false
	// true inproc: request account.get: not_found: there is no account 8
}

func ExampleCode_Errorf() {
	err := transport.CodeResourceExhausted.Errorf("tenant %s has used up its quota", "acme")
	fmt.Println(err)
	fmt.Println(errors.Is(err, transport.CodeResourceExhausted))
	// Output:
	// resource_exhausted: tenant acme has used up its quota
	// true
}

// One middleware for all outbound calls, whatever their style.
func ExampleWithOutbound() {
	ctx := context.Background()
	tenant := func(next transport.Outbound) transport.Outbound {
		return func(ctx context.Context, op string, msg *transport.Message) (*transport.Message, error) {
			msg = msg.Clone() // the caller's message is not ours
			msg.Header.Set("tenant", "acme")
			reply, err := next(ctx, op, msg)
			fmt.Println(op, msg.Destination, err)
			return reply, err
		}
	}
	conn := connect(ctx, transport.WithOutbound(tenant))
	defer conn.Close()
	_, err := conn.Handle(ctx, "greet", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		return &transport.Message{Body: []byte("hello, " + msg.Header.Get("tenant"))}, nil
	})
	check(err)
	reply, err := conn.Request(ctx, &transport.Message{Destination: "greet"})
	check(err)
	fmt.Println(string(reply.Body))
	check(conn.Publish(ctx, &transport.Message{Destination: "greeted"}))
	// Output:
	// request greet <nil>
	// hello, acme
	// publish greeted <nil>
}

// One middleware for all handlers.
func ExampleWithInbound() {
	ctx := context.Background()
	known := func(next transport.Handler) transport.Handler {
		return func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
			if !msg.Header.Has("tenant") {
				return nil, transport.CodeUnauthenticated.Errorf("say who you are in the header tenant")
			}
			return next(ctx, msg)
		}
	}
	conn := connect(ctx, transport.WithInbound(known))
	defer conn.Close()
	_, err := conn.Handle(ctx, "greet", greet)
	check(err)
	_, err = conn.Request(ctx, &transport.Message{Destination: "greet", Body: []byte("Ada")})
	fmt.Println(err)
	// Output: inproc: request greet: unauthenticated: say who you are in the header tenant
}

// What an adapter cannot do is known before anything is sent.
func ExampleFeatures() {
	reg := transport.NewRegistry(inproc.Factory())
	f, err := reg.Features("inproc://")
	check(err)
	fmt.Println(f.Has("Gather"), f.Has("Durable"), f.Acceptance)

	ctx := context.Background()
	conn := connect(ctx)
	defer conn.Close()
	fmt.Println(conn.Send(ctx, &transport.Message{Destination: "greet"}, transport.WithAcceptance(transport.Stored)))
	// Output:
	// true false queued
	// inproc: send greet: unimplemented: acceptance stored is missing from Features.Acceptances; the default here is queued
}

func ExampleMatch() {
	for _, pattern := range []string{"trip.*", "trip.>", "*.ended"} {
		fmt.Println(pattern, transport.Match(pattern, "trip.ended"), transport.Match(pattern, "trip.7.ended"))
	}
	// Output:
	// trip.* true false
	// trip.> true true
	// *.ended true false
}
