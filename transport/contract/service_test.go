package contract_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// notStruct and Boxed are failures that cannot be declared.
type notStruct string

func (notStruct) Error() string { return "" }

type Boxed[T any] struct{ V T }

func (Boxed[T]) Error() string { return "" }

// askKey is the key of another request than most.
var askKey = contract.KeyOf(func(r *askRequest) string { return r.ID })

// Each mistake in a declaration has one text, which says how to mend it.
func TestMistakesInDeclarations(t *testing.T) {
	type bad struct {
		Items []struct {
			F func() `json:"f"`
		} `json:"items"`
	}
	refused := contract.Fails[Refused](transport.CodeFailedPrecondition)
	for _, tc := range []struct {
		endpoint contract.Endpoint
		want     string
	}{
		{contract.NewQueue[event]("a..b"),
			`queue "a..b": destination "a..b" has an empty token: join tokens by single dots`},
		{contract.NewTopic[event]("a.*"),
			`topic "a.*": destination "a.*" has a wildcard: wildcards are for Subscribe, routes and access rules`},
		{contract.NewMethod[event, event]("polywire.describe"),
			`method polywire.describe: destinations below polywire.* are the library's own: choose another name`},
		{contract.NewMethod[*event, event]("a"),
			`method a: the type argument *contract_test.event is a pointer: write contract_test.event, callers and handlers get pointers to it`},
		{contract.NewSurvey[event, any]("a"),
			`survey a: the type argument interface {} does not say what a message holds: use a concrete type`},
		{contract.NewQueue[bad]("a"),
			`queue a: request type: contract_test.bad.Items[].F: func() cannot be carried; leave the field out with the tag ` + "`wire:\"-\"`"},
		{contract.NewQueue[event]("a", askKey),
			`queue a: KeyOf takes *contract_test.askRequest, but the endpoint carries *contract_test.event: give it a function of that`},
		{contract.NewQueue[contract.None]("a", askKey),
			`queue a: KeyOf takes *contract_test.askRequest, but the endpoint carries no value: give it a function of that`},
		{contract.NewQueue[askRequest]("a", askKey, askKey),
			`queue a: KeyOf is given twice: keep one`},
		{contract.NewQueue[event]("a", contract.KeyOf[event](nil)),
			`queue a: KeyOf: the function is nil`},
		{contract.NewQueue[event]("a", refused),
			`queue a: Fails is for Method and Survey, whose handlers answer`},
		{contract.NewMethod[event, event]("a", refused, refused),
			`method a: Fails: two failures are named Refused: rename one`},
		{contract.NewMethod[event, event]("a", contract.Fails[notStruct](transport.CodeAborted)),
			`method a: Fails: contract_test.notStruct is no struct type: declare one with an Error method`},
		{contract.NewMethod[event, event]("a", contract.Fails[Boxed[int]](transport.CodeAborted)),
			`method a: Fails: contract_test.Boxed[int] has no plain name, by which callers know it: declare a named type`},
		{contract.NewMethod[event, event]("a", contract.Fails[Refused](0)),
			`method a: Fails: contract_test.Refused: code_0 is no code: use one of transport.Code…`},
		{contract.NewQueue[event]("a", contract.Param("", func(e *event) *string { return &e.Trip })),
			`queue a: param "": a name is text without spaces and =`},
		{contract.NewQueue[event]("a", contract.Param[event, string]("x", nil)),
			`queue a: param "x": the function is nil`},
		{contract.NewQueue[event]("a", contract.Param("x", func(e *event) *string { return &e.Trip }), contract.Param("x", func(e *event) *int { return &e.N })),
			`queue a: param "x" is bound twice: keep one`},
		{contract.NewQueue[event]("a", contract.Param("x", func(e *event) *event { return e })),
			`queue a: param "x": contract_test.event has no text: want a string, bool, number, time, a type with MarshalText and UnmarshalText, or a slice of them`},
		{contract.NewQueue[event]("a", contract.Param("x", func(*event) **[]string { return nil })),
			`queue a: param "x": *[]string: bind the slice itself, nil is no values`},
	} {
		err := contract.NewService("s", tc.endpoint).Err()
		if e := wantCode(t, err, transport.CodeInvalidArgument); e.Message != tc.want {
			t.Errorf("got  %s\nwant %s", e.Message, tc.want)
		}
	}
}

func TestWhatIsWrongWithADeclarationEveryUseReturns(t *testing.T) {
	ctx, bus := t.Context(), newBus(t)
	method := contract.NewMethod[event, event]("a", askKey)
	queue := contract.NewQueue[event]("a", askKey)
	topic := contract.NewTopic[event]("a", askKey)
	survey := contract.NewSurvey[event, event]("a", askKey)
	fine := contract.NewMethod[event, event]("b")
	answer := func(context.Context, *event) (*event, error) { return nil, nil }
	take := func(context.Context, *event) error { return nil }
	for op, use := range map[string]func() error{
		"request":        func() error { _, err := method.On(bus).Request(ctx, &event{}); return err },
		"request async":  func() error { _, err := method.On(bus).RequestAsync(ctx, &event{}); return err },
		"request send":   func() error { return method.On(bus).Send(ctx, &event{}, nil) },
		"defer":          func() error { _, err := method.Defer(ctx, bus); return err },
		"handle":         func() error { _, err := method.Handle(ctx, bus, answer); return err },
		"send":           func() error { return queue.On(bus).Send(ctx, &event{}) },
		"handle queue":   func() error { _, err := queue.Handle(ctx, bus, take); return err },
		"publish":        func() error { return topic.On(bus).Publish(ctx, &event{}) },
		"subscribe":      func() error { _, err := topic.Subscribe(ctx, bus, take); return err },
		"gather":         func() error { _, err := survey.On(bus).Gather(ctx, &event{}); return err },
		"survey":         func() error { _, err := survey.Subscribe(ctx, bus, answer); return err },
		"no handler":     func() error { _, err := fine.Handle(ctx, bus, nil); return err },
		"no queue":       func() error { _, err := contract.NewQueue[event]("b").Handle(ctx, bus, nil); return err },
		"no topic":       func() error { _, err := contract.NewTopic[event]("b").Subscribe(ctx, bus, nil); return err },
		"no survey":      func() error { _, err := contract.NewSurvey[event, event]("b").Subscribe(ctx, bus, nil); return err },
		"a service's":    func() error { return contract.NewService("s", method).Err() },
		"a description":  func() error { _, err := contract.NewService("s", method).Describe(); return err },
		"a bad document": func() error { _, err := contract.NewService("s", method).ServeDescription(ctx, nil); return err },
	} {
		err := use()
		want := transport.CodeInvalidArgument
		if op == "a bad document" {
			want = transport.CodeInternal
		}
		e := wantCode(t, err, want)
		if !strings.HasPrefix(op, "no ") && !strings.Contains(e.Message, "KeyOf takes *contract_test.askRequest") {
			t.Errorf("%s: got %v", op, e)
		}
		if strings.HasPrefix(op, "no ") && e.Message != "the handler is nil" {
			t.Errorf("%s: got %v", op, e)
		}
	}
}

func TestAServiceReportsAllThatIsWrong(t *testing.T) {
	err := contract.NewService("two words", nil, (*contract.Method[event, event])(nil), contract.NewQueue[event]("x"),
		contract.NewTopic[event]("x"), contract.NewQueue[event](".")).Err()
	wantCode(t, err, transport.CodeInvalidArgument)
	for _, want := range []string{
		`service "two words": a name is of [A-Za-z0-9_-], and dots between`,
		`service "two words": endpoint 1 is nil: declare it before the service`,
		`service "two words": endpoint 2 is nil: declare it before the service`,
		`service "two words": x is a queue and a topic: give each endpoint a destination of its own`,
		`queue ".": destination "." has an empty token`,
	} {
		if !strings.Contains(err.(*transport.Error).Message, want) {
			t.Errorf("got %s\nwant in it %s", err.(*transport.Error).Message, want)
		}
	}
	fine := contract.NewService("accounts", ask, contract.NewTopic[event]("x"))
	if err := fine.Err(); err != nil || fine.Name() != "accounts" {
		t.Errorf("got %v", err)
	}
}

func TestTypesAreCheckedWithTheCodecsOfTheRoutes(t *testing.T) {
	service := contract.NewService("s", contract.NewQueue[event]("good"), contract.NewQueue[event]("bad"), contract.NewQueue[event]("none"))
	err := service.CheckTypes(func(destination string) codecs.Codec {
		switch destination {
		case "bad":
			return &fakeCodec{Codec: jsoncodec.New(), check: func() error { return errors.New("event.Trip: no number") }}
		case "none":
			return nil
		}
		return jsoncodec.New()
	})
	e := wantCode(t, err, transport.CodeInvalidArgument)
	want := "queue bad: request type: event.Trip: no number\nno codec for none: name one in its route, its transport or the defaults"
	if e.Message != want {
		t.Errorf("got  %s\nwant %s", e.Message, want)
	}
	if err := service.CheckTypes(func(string) codecs.Codec { return gobCodec{} }); err != nil {
		t.Errorf("a codec without opinion on types: %v", err)
	}
}
