package contract_test

import (
	"context"
	"errors"
	"fmt"
	"reflect"

	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/codecs/protocodec"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// The API of an accounts service: types, then endpoints, then the service.
type (
	VerifyRequest struct {
		ID string `json:"id"`
	}
	VerifyReply struct {
		Name string `json:"name"`
	}
	NotVerified struct {
		Missing string `json:"missing"`
	}
	Created struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	}
	Offer struct {
		Price int `json:"price"`
	}
)

func (n NotVerified) Error() string { return "not verified: " + n.Missing }

var (
	Verify = contract.NewMethod[VerifyRequest, VerifyReply]("account.verify",
		contract.Idempotent(),
		contract.Fails[NotVerified](transport.CodeFailedPrecondition),
		contract.Param("id", func(r *VerifyRequest) *string { return &r.ID }))
	Close      = contract.NewQueue[VerifyRequest]("account.close")
	WasCreated = contract.NewTopic[Created]("account.created", contract.KeyOf(func(c *Created) string { return c.ID }))
	Bids       = contract.NewSurvey[contract.None, Offer]("account.bids")
	Accounts   = contract.NewService("accounts", Verify, Close, WasCreated, Bids)
)

// openBus is what a program without a configuration does; package config makes
// a Bus of a file.
func openBus(ctx context.Context) (contract.Bus, *transport.Conn) {
	conn, err := transport.NewRegistry(inproc.Factory()).Open(ctx, "inproc://")
	check(err)
	bus, err := contract.Use(conn, jsoncodec.New())
	check(err)
	return bus, conn
}

func check(err error) {
	if err != nil {
		fmt.Println(err)
	}
}

func ExampleMethod() {
	ctx := context.Background()
	bus, conn := openBus(ctx)
	defer conn.Close()

	_, err := Verify.Handle(ctx, bus, func(ctx context.Context, in *VerifyRequest) (*VerifyReply, error) {
		if in.ID != "7" {
			return nil, NotVerified{Missing: "passport"}
		}
		return &VerifyReply{Name: "Ada"}, nil
	}, transport.WithConcurrency(64))
	check(err)

	verify := Verify.On(bus) // once
	reply, err := verify.Request(ctx, &VerifyRequest{ID: "7"})
	fmt.Println(reply.Name, err)

	_, err = verify.Request(ctx, &VerifyRequest{ID: "8"})
	var failed NotVerified
	fmt.Println(errors.As(err, &failed), failed.Missing, errors.Is(err, transport.CodeFailedPrecondition))
	// Output:
	// Ada <nil>
	// true passport true
}

func ExampleMethod_Defer() {
	ctx := context.Background()
	bus, conn := openBus(ctx)
	defer conn.Close()

	answers := make(chan func(*VerifyReply, error) error, 1)
	_, err := Verify.Handle(ctx, bus, func(ctx context.Context, in *VerifyRequest) (*VerifyReply, error) {
		reply, err := Verify.Defer(ctx, bus)
		answers <- reply
		return nil, err
	})
	check(err)

	future, err := Verify.On(bus).RequestAsync(ctx, &VerifyRequest{ID: "7"})
	check(err)
	reply := <-answers
	check(reply(&VerifyReply{Name: "Ada"}, nil)) // long after the handler returned
	got, err := future.Await(ctx)
	fmt.Println(got.Name, err)
	// Output: Ada <nil>
}

func ExampleRequester_With() {
	ctx := context.Background()
	bus, conn := openBus(ctx)
	defer conn.Close()

	_, err := Verify.Handle(ctx, bus, func(ctx context.Context, in *VerifyRequest) (*VerifyReply, error) {
		msg := transport.Inbound(ctx)
		return &VerifyReply{Name: fmt.Sprint(msg.Header.Get("tenant"), " ", msg.Attempt, " ", msg.Params.Get("id"))}, nil
	})
	check(err)
	verify := Verify.On(bus).With(func(m *transport.Message) { m.Header.Set("tenant", "acme") })
	reply, err := verify.Request(ctx, &VerifyRequest{ID: "7"})
	fmt.Println(reply.Name, err)
	// Output: acme 1 7 <nil>
}

func ExampleQueue() {
	ctx := context.Background()
	bus, conn := openBus(ctx)
	defer conn.Close()

	closed := make(chan string)
	_, err := Close.Handle(ctx, bus, func(ctx context.Context, in *VerifyRequest) error {
		closed <- in.ID
		return nil
	})
	check(err)
	check(Close.On(bus).Send(ctx, &VerifyRequest{ID: "7"}))
	fmt.Println(<-closed)
	// Output: 7
}

func ExampleTopic() {
	ctx := context.Background()
	bus, conn := openBus(ctx)
	defer conn.Close()

	created := make(chan string)
	_, err := WasCreated.Subscribe(ctx, bus, func(ctx context.Context, in *Created) error {
		created <- in.Name + " with key " + transport.Inbound(ctx).Key
		return nil
	}, transport.WithGroup("billing"))
	check(err)
	check(WasCreated.On(bus).Publish(ctx, &Created{ID: "7", Name: "Ada"}))
	fmt.Println(<-created)
	// Output: Ada with key 7
}

func ExampleSurvey() {
	ctx := context.Background()
	bus, conn := openBus(ctx)
	defer conn.Close()

	for _, price := range []int{12, 30} {
		_, err := Bids.Subscribe(ctx, bus, func(context.Context, *contract.None) (*Offer, error) {
			return &Offer{Price: price}, nil
		})
		check(err)
	}
	g, err := Bids.On(bus).Gather(ctx, nil, transport.WithMax(10))
	check(err)
	sum := 0
	for r := range g.All() {
		check(r.Err)
		sum += r.Value.Price
	}
	fmt.Println(sum, g.Reason())
	// Output: 42 complete
}

func ExampleNewService() {
	twice := contract.NewService("accounts", Verify, contract.NewTopic[Created]("account.verify"))
	fmt.Println(twice.Err())
	// Output: invalid_argument: service accounts: account.verify is a method and a topic: give each endpoint a destination of its own
}

func ExampleService_Describe() {
	d, err := Accounts.Describe()
	check(err)
	document, err := d.JSON() // a test compares it with a checked-in file
	check(err)

	d, err = contract.ParseDescription(document) // a program without the Go types
	check(err)
	for _, o := range d.Operations {
		fmt.Println(o.Destination, o.Style, o.Needs, o.Failures)
	}
	// Output:
	// account.verify method [Request] map[NotVerified:failed_precondition]
	// account.close queue [Send] map[]
	// account.created topic [Publish] map[]
	// account.bids survey [Publish Gather] map[]
}

func ExampleService_WithNumbers() {
	lock, err := protocodec.ParseLock([]byte("github.com/polywire/polywire/transport/contract_test.Offer price 1")) // embedded, in a program
	check(err)
	codec := protocodec.New(protocodec.WithLock(lock)) // the bus is made with it
	check(codec.CheckType(reflect.TypeFor[Offer]()))

	d, err := Accounts.WithNumbers(lock.Number).Describe()
	check(err)
	price := d.Types["Offer"].Fields[0]
	fmt.Println(price.Name, price.Number)
	// Output: price 1
}

func ExampleService_ServeDescription() {
	ctx := context.Background()
	_, conn := openBus(ctx)
	defer conn.Close()

	_, err := conn.Handle(ctx, "polywire.describe", Accounts.ServeDescription)
	check(err)
	reply, err := conn.Request(ctx, &transport.Message{Destination: "polywire.describe"})
	check(err)
	d, err := contract.ParseDescription(reply.Body)
	check(err)
	fmt.Println(d.Service, len(d.Operations))
	// Output: accounts 4
}

// A Song is what a resource holds.
type Song struct {
	ID    string `wire:"id,1"`
	Title string `wire:"title,2"`
}

// Songs are GET and POST /songs, and GET, PUT and DELETE /songs/{id}, where the wire is HTTP.
var Songs = contract.NewResource("songs", func(s *Song) *string { return &s.ID })

func ExampleNewResource() {
	ctx := context.Background()
	bus, conn := openBus(ctx)
	defer conn.Close()

	_, err := Songs.Create.Handle(ctx, bus, func(_ context.Context, s *Song) (*Song, error) {
		return &Song{ID: "7", Title: s.Title}, nil
	})
	check(err)
	_, err = Songs.List.Handle(ctx, bus, func(_ context.Context, q *contract.Query) (*contract.Page[Song], error) {
		if q.Token == "" {
			return &contract.Page[Song]{Items: []Song{{"6", "Intro"}}, Next: "6"}, nil
		}
		return &contract.Page[Song]{Items: []Song{{"7", "Theme"}}}, nil
	})
	check(err)

	made, err := Songs.Create.On(bus).Request(ctx, &Song{Title: "Theme"})
	check(err)
	fmt.Println("made", made.ID)
	for song, err := range Songs.All(ctx, bus, 1) {
		check(err)
		fmt.Println(song.ID, song.Title)
	}
	// Output:
	// made 7
	// 6 Intro
	// 7 Theme
}

// The rules of a service are told to transports, and to those who read its description.
func ExampleHTTP() {
	get := contract.NewMethod[contract.Ref, Song]("songs.find",
		contract.HTTP("GET /find/{id}"),
		contract.Param("id", func(r *contract.Ref) *string { return &r.ID }),
		contract.ReplyHeader("etag", func(s *Song) string { return `"` + s.Title + `"` }))
	service := contract.NewService("songs", get)
	check(service.Err())
	fmt.Println(service.Paths()["songs.find"])
	// Output:
	// GET /find/{id}
}
