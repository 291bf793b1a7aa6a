package contract_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

type event struct {
	Trip string `json:"trip"`
	N    int    `json:"n"`
}

func TestAQueueCarriesValuesAndKeys(t *testing.T) {
	ctx, conn := t.Context(), open(t)
	bus := use(t, conn, jsoncodec.New())
	queue := contract.NewQueue[event]("test.queue", contract.KeyOf(func(e *event) string { return e.Trip }))
	got := make(chan string, 2)
	_, err := queue.Handle(ctx, bus, func(ctx context.Context, in *event) error {
		got <- in.Trip + " " + transport.Inbound(ctx).Key
		return nil
	})
	must(t, err)
	sender := queue.On(bus)
	must(t, sender.Send(ctx, &event{Trip: "a"}))
	must(t, sender.With(func(m *transport.Message) { m.Key = "own" }).Send(ctx, &event{Trip: "b"}))
	all := []string{<-got, <-got}
	slices.Sort(all)
	if want := []string{"a a", "b own"}; !slices.Equal(all, want) {
		t.Errorf("got %q, want %q", all, want)
	}
	wantCode(t, sender.Send(ctx, nil), transport.CodeInvalidArgument)
}

func TestWhatAQueueCannotReadGoesToTheDeadLetters(t *testing.T) {
	ctx, conn := t.Context(), open(t)
	bus := use(t, conn, jsoncodec.New())
	queue := contract.NewQueue[event]("test.queue")
	_, err := queue.Handle(ctx, bus, func(context.Context, *event) error {
		t.Error("the handler was entered")
		return nil
	})
	must(t, err)
	dead := make(chan string, 2)
	_, err = conn.Handle(ctx, "dead.test.queue", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		dead <- string(msg.Body) + " " + msg.Header.Get("dead-attempts")
		return nil, nil
	})
	must(t, err)
	must(t, conn.Send(ctx, &transport.Message{Destination: "test.queue", ContentType: "application/json", Body: []byte("{")}))
	must(t, conn.Send(ctx, &transport.Message{Destination: "test.queue", ContentType: "text/csv", Body: []byte("x")}))
	all := []string{<-dead, <-dead}
	slices.Sort(all)
	if want := []string{"x 1", "{ 1"}; !slices.Equal(all, want) {
		t.Errorf("got %q, want %q: rejected at the first attempt", all, want)
	}
}

func TestATopicReachesEverySubscription(t *testing.T) {
	ctx, bus := t.Context(), newBus(t)
	topic := contract.NewTopic[event]("test.topic", contract.KeyOf(func(e *event) string { return e.Trip }))
	got := make(chan event, 2)
	for range 2 {
		_, err := topic.Subscribe(ctx, bus, func(ctx context.Context, in *event) error {
			if key := transport.Inbound(ctx).Key; key != in.Trip {
				t.Errorf("got key %q, want %q", key, in.Trip)
			}
			got <- *in
			return nil
		})
		must(t, err)
	}
	publisher := topic.On(bus)
	must(t, publisher.With(func(m *transport.Message) { m.CorrelationID = "c" }).Publish(ctx, &event{Trip: "t", N: 3}))
	for range 2 {
		if e := <-got; e != (event{"t", 3}) {
			t.Errorf("got %+v", e)
		}
	}
	wantCode(t, publisher.Publish(ctx, nil), transport.CodeInvalidArgument)
}

func TestASurveyCollectsValues(t *testing.T) {
	ctx, conn := t.Context(), open(t)
	bus := use(t, conn, jsoncodec.New())
	survey := contract.NewSurvey[event, askReply]("test.survey", contract.Fails[Refused](transport.CodePermissionDenied))
	for _, answer := range []func() (*askReply, error){
		func() (*askReply, error) { return &askReply{Text: "yes"}, nil },
		func() (*askReply, error) { return nil, nil },
		func() (*askReply, error) { return nil, Refused{"busy"} },
	} {
		_, err := survey.Subscribe(ctx, bus, func(context.Context, *event) (*askReply, error) { return answer() })
		must(t, err)
	}
	_, err := conn.Subscribe(ctx, "test.survey", func(context.Context, *transport.Message) (*transport.Message, error) {
		return &transport.Message{ContentType: "application/json", Body: []byte("{")}, nil
	})
	must(t, err)
	g, err := survey.On(bus).With(func(m *transport.Message) { m.ID = "s1" }).Gather(ctx, &event{Trip: "t"})
	must(t, err)
	var yes, refused, unreadable int
	from := map[string]bool{}
	for r := range g.All() {
		from[r.From] = true
		switch {
		case r.Err == nil && r.Value.Text == "yes":
			yes++
		case errors.As(r.Err, new(Refused)) && errors.Is(r.Err, transport.CodePermissionDenied):
			refused++
		case errors.Is(r.Err, transport.CodeInternal) && r.Value == nil:
			unreadable++
		default:
			t.Errorf("got %+v", r)
		}
	}
	if yes != 1 || refused != 1 || unreadable != 1 || len(from) != 3 {
		t.Errorf("got %d answers, %d refusals, %d unreadable, from %v, want one of each", yes, refused, unreadable, from)
	}
	if g.Reason() != "complete" {
		t.Errorf("got reason %q, want complete", g.Reason())
	}
	_, err = survey.On(bus).Gather(ctx, nil)
	wantCode(t, err, transport.CodeInvalidArgument)
}

func TestLeavingAGatheringEarlyKeepsTheRest(t *testing.T) {
	ctx, bus := t.Context(), newBus(t)
	survey := contract.NewSurvey[contract.None, askReply]("test.early")
	for range 3 {
		_, err := survey.Subscribe(ctx, bus, func(context.Context, *contract.None) (*askReply, error) { return &askReply{}, nil })
		must(t, err)
	}
	g, err := survey.On(bus).Gather(ctx, nil, transport.WithMax(3))
	must(t, err)
	n := 0
	for range g.All() {
		n++
		break
	}
	for range g.All() {
		n++
	}
	if g.Close(); n != 3 {
		t.Errorf("got %d answers in two loops, want 3", n)
	}
}
