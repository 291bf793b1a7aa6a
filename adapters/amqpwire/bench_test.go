package amqpwire

import (
	"context"
	"sync"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/transport"
)

// BenchmarkSend compares Send with the client alone: 1 KiB, persistent, confirmed
// by a durable queue of the same kind, 64 callers.
func BenchmarkSend(b *testing.B) {
	for _, kind := range []string{"classic", "quorum"} {
		b.Run(kind+"/polywire", func(b *testing.B) { benchSend(b, kind) })
		b.Run(kind+"/amqp091", func(b *testing.B) { benchRawSend(b, kind) })
	}
}

func benchSend(b *testing.B, kind string) {
	c := openConn(b, ownURL(b)+"&queue="+kind)
	m := &transport.Message{Destination: "bench", Body: make([]byte, 1024)}
	m.Header.Set("one", "1")
	m.Header.Set("two", "2")
	brokertest.Parallel(b, func() error { return c.Send(context.Background(), m) })
}

func benchRawSend(b *testing.B, kind string) {
	ch := rawChannel(b, rabbitmq.URL(b))
	queue := unique()
	if _, err := ch.QueueDeclare(queue, true, false, false, false, amqp.Table{"x-queue-type": kind, "x-expires": 60000}); err != nil {
		b.Fatal(err)
	}
	if err := ch.Confirm(false); err != nil {
		b.Fatal(err)
	}
	var mu sync.Mutex // as the library asks of those who share a channel
	body := make([]byte, 1024)
	brokertest.Parallel(b, func() error {
		mu.Lock()
		d, err := ch.PublishWithDeferredConfirm("", queue, true, false, amqp.Publishing{
			DeliveryMode: amqp.Persistent, Body: body, MessageId: "id", Headers: amqp.Table{"one": "1", "two": "2"},
		})
		mu.Unlock()
		if err == nil {
			d.Wait()
		}
		return err
	})
}

// BenchmarkRequest compares Request with the client alone: two connections, an
// exclusive reply queue, no acknowledgement on the way back.
func BenchmarkRequest(b *testing.B) {
	b.Run("polywire", func(b *testing.B) {
		url := ownURL(b)
		server, client := openConn(b, url), openConn(b, url)
		_, err := server.Handle(b.Context(), "echo", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
			return &transport.Message{Body: m.Body}, nil
		})
		if err != nil {
			b.Fatal(err)
		}
		m := &transport.Message{Destination: "echo", Body: make([]byte, 128)}
		brokertest.Requests(b, func() error {
			_, err := client.Request(context.Background(), m)
			return err
		})
	})
	b.Run("amqp091", func(b *testing.B) { brokertest.Requests(b, rawRequester(b)) })
}

// rawRequester answers requests on one connection and makes them on another.
func rawRequester(b *testing.B) func() error {
	server, client := rawChannel(b, rabbitmq.URL(b)), rawChannel(b, rabbitmq.URL(b))
	in := rawQueue(b, server)
	asked := rawConsume(b, server, in)
	go func() { // ends with the connection
		for d := range asked {
			_ = d.Ack(false)
			_ = server.Publish("", d.ReplyTo, false, false, amqp.Publishing{CorrelationId: d.CorrelationId, Body: d.Body})
		}
	}()
	out := rawQueue(b, client)
	answers := rawConsume(b, client, out)
	var waiting sync.Map
	go func() { // ends with the connection
		for d := range answers {
			_ = d.Ack(false)
			if c, ok := waiting.LoadAndDelete(d.CorrelationId); ok {
				c.(chan struct{}) <- struct{}{}
			}
		}
	}()
	var mu sync.Mutex
	body := make([]byte, 128)
	return func() error {
		id, c := unique(), make(chan struct{}, 1)
		waiting.Store(id, c)
		mu.Lock()
		err := client.Publish("", in, true, false, amqp.Publishing{CorrelationId: id, ReplyTo: out, Body: body})
		mu.Unlock()
		if err == nil {
			<-c
		}
		return err
	}
}

func rawQueue(b *testing.B, ch *amqp.Channel) string {
	q, err := ch.QueueDeclare("", false, true, true, false, nil)
	if err != nil {
		b.Fatal(err)
	}
	return q.Name
}

func rawConsume(b *testing.B, ch *amqp.Channel, queue string) <-chan amqp.Delivery {
	if err := ch.Qos(256, 0, false); err != nil {
		b.Fatal(err)
	}
	c, err := ch.Consume(queue, "", false, false, false, false, nil)
	if err != nil {
		b.Fatal(err)
	}
	return c
}
