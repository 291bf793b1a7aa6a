package amqpwire

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/transport"
)

func TestNames(t *testing.T) {
	n := names{"pw."}
	for address, want := range map[string]bool{
		"": false, "pw.q.x": false, "pw.r.x": false, "pw.s.x": false, "pw.topic": false, "pw.reply.x": true,
		"amq.gen-x": true, "mine": true, "a\nb": false, strings.Repeat("x", 256): false,
	} {
		if got := n.replyable(address); got != want {
			t.Errorf("a reply to %.40q: %v, want %v", address, got, want)
		}
	}
	for pattern, want := range map[string]string{"a": "a", "a.*.b": "a.*.b", "a.>": "a.*.#", ">": "*.#"} {
		if got := bindingKey(pattern); got != want {
			t.Errorf("pattern %s is bound as %q, want %q", pattern, got, want)
		}
	}
	longest := names{strings.Repeat("p", 20)}.group(strings.Repeat("g", 48), strings.Repeat("d", 180))
	if len(longest) > 255 {
		t.Errorf("the longest name has %d bytes", len(longest))
	}
}

func TestARequestIsRefusedAtOnceWithoutAHandlerAndAfterTheLastLeft(t *testing.T) {
	url := ownURL(t)
	ctx := brokertest.Context(t)
	server, client := openConn(t, url), openConn(t, url)
	m := &transport.Message{Destination: "x"}
	refused := func(when string) {
		t.Helper()
		start := time.Now()
		if _, err := client.Request(ctx, m); !errors.Is(err, transport.ErrNoHandler) || time.Since(start) > 5*time.Second {
			t.Errorf("%s: %v after %v", when, err, time.Since(start))
		}
	}
	refused("before any handler")
	var subs []*transport.Subscription
	for range 2 {
		sub, err := server.Handle(ctx, "x", func(context.Context, *transport.Message) (*transport.Message, error) {
			return &transport.Message{}, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		subs = append(subs, sub)
	}
	for _, sub := range subs {
		if _, err := client.Request(ctx, m); err != nil {
			t.Errorf("with a handler: %v", err)
		}
		if err := sub.Close(ctx); err != nil {
			t.Fatal(err)
		}
	}
	refused("after the last left")
}

func TestAForgedReplyAddressIsNotWrittenTo(t *testing.T) {
	url := ownURL(t)
	a, ctx := openAdapter(t, url), brokertest.Context(t)
	s := brokertest.NewSink()
	mustBind(t, a, transport.Binding{Kind: transport.KindQueue, Pattern: "asked"}, s)
	ch := rawChannel(t, url)
	for _, forged := range []string{a.names.sends("asked"), a.names.requests("asked"), a.names.topic()} {
		if err := ch.PublishWithContext(ctx, "", a.names.sends("asked"), true, false, amqp.Publishing{ReplyTo: forged, CorrelationId: "c"}); err != nil {
			t.Fatal(err)
		}
		d := s.Next(t)
		if got := d.Envelope().ReplyAddress; got != "" {
			t.Errorf("the forged address %q reached the core", got)
		}
		if err := d.Accept(ctx); err != nil {
			t.Error(err)
		}
		e := &transport.Envelope{Kind: transport.KindReply, ReplyAddress: forged}
		if err := a.Send(ctx, e); !errors.Is(err, transport.CodeInvalidArgument) {
			t.Errorf("a reply to %q gives %v", forged, err)
		}
	}
}

func TestAQueueThatSomebodyDeletesIsMadeAgain(t *testing.T) {
	url := ownURL(t) + "&queue=classic" // a quorum queue that is deleted and made again at once keeps the consumer, and delivers to nobody
	a, ctx := openAdapter(t, url), brokertest.Context(t)
	s := brokertest.NewSink()
	mustBind(t, a, transport.Binding{Kind: transport.KindQueue, Pattern: "x"}, s)
	ch := rawChannel(t, url)
	if _, err := ch.QueueDelete(a.names.sends("x"), false, false, false); err != nil {
		t.Fatal(err)
	}
	if err := a.Send(ctx, brokertest.QueueEnvelope("x", "kept")); err != nil {
		t.Fatal(err)
	}
	d := s.Next(t)
	if got := string(d.Envelope().Body); got != "kept" {
		t.Errorf("got %q", got)
	}
	if err := d.Accept(ctx); err != nil {
		t.Error(err)
	}
}

func TestOtherArgumentsAreRefusedWithTheWayOut(t *testing.T) {
	url := ownURL(t)
	ctx := brokertest.Context(t)
	if err := openAdapter(t, url+"&queue=classic").Send(ctx, brokertest.QueueEnvelope("x", "1")); err != nil {
		t.Fatal(err)
	}
	err := openAdapter(t, url+"&queue=quorum").Send(ctx, brokertest.QueueEnvelope("x", "2"))
	if !errors.Is(err, transport.CodeFailedPrecondition) || !strings.Contains(err.Error(), "?queue=") {
		t.Errorf("got %v, want what to do", err)
	}
	if err := openAdapter(t, url).Send(ctx, brokertest.QueueEnvelope("x", "3")); err != nil {
		t.Errorf("auto takes what exists: %v", err)
	}
}

func TestWhatADeadConsumerHeldComesAgain(t *testing.T) {
	url := ownURL(t)
	a, other, ctx := openAdapter(t, url), openAdapter(t, url), brokertest.Context(t)
	held, s := brokertest.NewSink(), brokertest.NewSink()
	mustBind(t, a, transport.Binding{Kind: transport.KindQueue, Pattern: "x", Concurrency: 1, Credit: 1}, held)
	if err := other.Send(ctx, brokertest.QueueEnvelope("x", "1")); err != nil {
		t.Fatal(err)
	}
	d := held.Next(t)
	current, _ := a.supervisor.Current()
	_ = current.in.pipe.Conn.Close() // as a cable that is cut
	mustBind(t, other, transport.Binding{Kind: transport.KindQueue, Pattern: "x"}, s)
	select {
	case again := <-s.C:
		checkAgain(ctx, t, again)
	case again := <-held.C: // the same process came back first
		checkAgain(ctx, t, again)
	case <-ctx.Done():
		t.Fatal("it did not come again")
	}
	if err := d.Accept(ctx); !errors.Is(err, transport.ErrStale) {
		t.Errorf("settling on the lost connection gives %v, want stale", err)
	}
}

func checkAgain(ctx context.Context, t *testing.T, d transport.Delivery) {
	t.Helper()
	if d.Envelope().Attempt != 2 {
		t.Errorf("attempt %d, want 2", d.Envelope().Attempt)
	}
	if err := d.Accept(ctx); err != nil {
		t.Error(err)
	}
}
