package contracttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

func styleCases() []caseOf {
	return []caseOf{
		{"V020", "What a queue cannot read goes to the dead letters at the first attempt, as it came, and the handler is not entered.", []string{"5.1", "5.2"}, []string{"Send"}, deadLetters},
		{"V021", "A survey collects values, declared failures and unreadable answers, one from each subscription; nil is no answer.", []string{"1.8"}, []string{"Gather"}, surveys},
		{"V022", "An answer may be given after the handler returned.", []string{"1.9"}, []string{"Request"}, deferred},
		{"V023", "An answer may be sent to a queue, whose handler reads it as a value.", []string{"1.4"}, []string{"Send"}, answersToQueues},
		{"V024", "A service answers with its description, which reads back equal.", []string{"1.1"}, []string{"Request"}, descriptions},
	}
}

func deadLetters(ctx context.Context, e *env) error {
	server, client := e.buses(ctx)
	queue := contract.NewQueue[question](e.Name("queue"))
	e.keep(queue.Handle(ctx, server, func(context.Context, *question) error {
		e.Errorf("the handler was entered")
		return nil
	}))
	dead := make(chan *transport.Message, 2)
	e.keep(server.Handle(ctx, "dead."+queue.Destination(), func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		dead <- msg.Clone()
		return nil, nil
	}))
	for _, contentType := range []string{e.suite.Codec.ContentType(), "text/csv"} {
		if err := client.Send(ctx, &transport.Message{Destination: queue.Destination(), ContentType: contentType, Body: []byte(garbage)}); err != nil {
			return err
		}
		got := take(e, dead, "the dead letter of "+contentType)
		if string(got.Body) != garbage || got.ContentType != contentType || got.Header.Get("dead-attempts") != "1" {
			e.Errorf("got %v with %q after %s attempts, want it as it came, after 1", got, got.Body, got.Header.Get("dead-attempts"))
		}
	}
	return nil
}

func surveys(ctx context.Context, e *env) error {
	server, client := e.buses(ctx)
	survey := contract.NewSurvey[question, answer](e.Name("survey"), contract.Fails[refusal](transport.CodePermissionDenied))
	for _, kind := range []string{"first", "second", "refuses", "silent"} {
		e.keep(survey.Subscribe(ctx, server, func(_ context.Context, in *question) (*answer, error) {
			switch kind {
			case "refuses":
				return nil, refusal{Reason: in.ID}
			case "silent":
				return nil, nil
			}
			return &answer{Text: kind + in.ID}, nil
		}))
	}
	e.keep(server.Subscribe(ctx, survey.Destination(), func(context.Context, *transport.Message) (*transport.Message, error) {
		return &transport.Message{ContentType: e.suite.Codec.ContentType(), Body: []byte(garbage)}, nil
	}))
	g, err := survey.On(client).Gather(ctx, &question{ID: "7"}, transport.WithMax(4))
	if err != nil {
		return err
	}
	defer g.Close()
	var got []string
	from := make(map[string]bool)
	for r := range g.All() {
		from[r.From] = true
		got = append(got, outcome(r))
	}
	slices.Sort(got)
	if want := []string{"first7", "refused 7", "second7", "unreadable"}; !slices.Equal(got, want) {
		e.Errorf("got %q, want %q (%s)", got, want, g.Reason())
	}
	if len(from) != len(got) {
		e.Errorf("%d answers from %d subscriptions", len(got), len(from))
	}
	return nil
}

func outcome(r contract.Result[answer]) string {
	var failed refusal
	switch {
	case r.Err == nil:
		return r.Value.Text
	case errors.As(r.Err, &failed) && errors.Is(r.Err, transport.CodePermissionDenied):
		return "refused " + failed.Reason
	case errors.Is(r.Err, transport.CodeInternal):
		return "unreadable"
	}
	return r.Err.Error()
}

func deferred(ctx context.Context, e *env) error {
	server, client := e.buses(ctx)
	method := contract.NewMethod[question, answer](e.Name("ask"), contract.Fails[refusal](transport.CodeAborted))
	answers := make(chan func(*answer, error) error, 1)
	e.keep(method.Handle(ctx, server, func(ctx context.Context, _ *question) (*answer, error) {
		reply, err := method.Defer(ctx, server)
		if err == nil {
			answers <- reply
		}
		return &answer{Text: "too early"}, err
	}, transport.WithConcurrency(1)))
	caller := method.On(client)
	for _, fail := range []bool{false, true} {
		future, err := caller.RequestAsync(ctx, &question{})
		if err != nil {
			return err
		}
		reply := take(e, answers, "the handler")
		if fail {
			err = reply(nil, refusal{Reason: "later"})
		} else {
			err = reply(&answer{Text: "later"}, nil)
		}
		if err != nil {
			return fmt.Errorf("the deferred reply: %w", err)
		}
		out, err := future.Await(ctx)
		var failed refusal
		if fail && (!errors.As(err, &failed) || failed.Reason != "later") {
			e.Errorf("got %+v, %v, want the failure given later", out, err)
		}
		if !fail && (err != nil || out.Text != "later") {
			e.Errorf("got %+v, %v, want the answer given later", out, err)
		}
	}
	return nil
}

func answersToQueues(ctx context.Context, e *env) error {
	server, client := e.buses(ctx)
	method := contract.NewMethod[question, answer](e.Name("ask"))
	answers := contract.NewQueue[answer](e.Name("answers"))
	got := make(chan string, 1)
	e.keep(answers.Handle(ctx, client, func(ctx context.Context, in *answer) error {
		got <- in.Text + " " + transport.Inbound(ctx).CorrelationID
		return nil
	}))
	e.keep(method.Handle(ctx, server, repeat))
	caller := method.On(client).With(func(m *transport.Message) { m.CorrelationID = "c7" })
	if err := caller.Send(ctx, &question{ID: "7"}, answers); err != nil {
		return err
	}
	if text := take(e, got, "the answer"); text != "7 c7" {
		e.Errorf("got %q, want the answer and its correlation id", text)
	}
	return nil
}

func descriptions(ctx context.Context, e *env) error {
	server, client := e.buses(ctx)
	service := contract.NewService("contracttest", searchMethod(e), contract.NewTopic[profile](e.Name("topic")),
		contract.NewSurvey[contract.None, answer](e.Name("survey"), contract.Fails[refusal](transport.CodeAborted)))
	// A name of the case's own: on a shared system others may serve polywire.describe.
	e.keep(server.Handle(ctx, e.Name("describe"), service.ServeDescription))
	reply, err := client.Request(ctx, &transport.Message{Destination: e.Name("describe")})
	if err != nil {
		return err
	}
	read, err := contract.ParseDescription(reply.Body)
	if err != nil {
		return err
	}
	again, err := read.JSON()
	if err != nil {
		return err
	}
	if !bytes.Equal(again, reply.Body) {
		e.Errorf("read and written again it differs:\n%s\nwant %s", again, reply.Body)
	}
	if o := read.Operation(e.Name("survey")); o == nil || o.Style != "survey" || o.Failures["refusal"] != transport.CodeAborted {
		e.Errorf("got %+v, want the survey with its failure", o)
	}
	return nil
}
