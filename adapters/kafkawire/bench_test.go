package kafkawire

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/transport"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// benchURL is Kafka where there is one, else the fake.
func benchURL(b *testing.B) string {
	url := os.Getenv("POLYWIRE_TEST_KAFKA_URL")
	if url == "" {
		return fakeURL(fake(b)) + "?prefix=" + unique()
	}
	prefix := unique()
	b.Cleanup(func() { removeTopics(b, url, prefix) })
	return url + "?prefix=" + prefix
}

func prefixOf(url string) string { return url[strings.Index(url, "prefix=")+len("prefix="):] }

// BenchmarkProduce compares Send with the client alone, same settings: 1 KiB,
// acks of all, stored when it returns.
func BenchmarkProduce(b *testing.B) {
	body := make([]byte, 1024)
	b.Run("polywire", func(b *testing.B) {
		c := openConn(b, benchURL(b))
		m := &transport.Message{Destination: "bench", Body: body}
		m.Header.Set("one", "1")
		m.Header.Set("two", "2")
		brokertest.Parallel(b, func() error { return c.Send(context.Background(), m) })
	})
	b.Run("kgo", func(b *testing.B) {
		url := benchURL(b)
		c := rawClient(b, url, kgo.ProducerLinger(0), kgo.RequiredAcks(kgo.AllISRAcks()))
		topic := createTopic(b, c, prefixOf(url)+"raw", 8)
		brokertest.Parallel(b, func() error {
			return c.ProduceSync(context.Background(), &kgo.Record{Topic: topic, Value: body, Headers: []kgo.RecordHeader{{Key: "one", Value: []byte("1")}, {Key: "two", Value: []byte("2")}}}).FirstErr()
		})
	})
}

// BenchmarkRequest compares Request with two topics, two clients and a channel:
// the least that a request over Kafka can be. committed is with a commit
// before the handler, as what must not run twice needs.
func BenchmarkRequest(b *testing.B) {
	b.Run("polywire idempotent", func(b *testing.B) { benchRequest(b, transport.WithIdempotent()) })
	b.Run("polywire", func(b *testing.B) { benchRequest(b) })
	b.Run("kgo", func(b *testing.B) { benchRawRequest(b, false) })
	b.Run("kgo committed", func(b *testing.B) { benchRawRequest(b, true) })
}

func benchRequest(b *testing.B, opts ...transport.CallOption) {
	url := benchURL(b)
	server, client := openConn(b, url), openConn(b, url)
	_, err := server.Handle(b.Context(), "echo", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		return &transport.Message{Body: m.Body}, nil
	})
	if err != nil {
		b.Fatal(err)
	}
	m := &transport.Message{Destination: "echo", Body: make([]byte, 128)}
	brokertest.Requests(b, func() error {
		_, err := client.Request(context.Background(), m, opts...)
		return err
	})
}

func benchRawRequest(b *testing.B, commit bool) {
	url := benchURL(b)
	admin := rawClient(b, url)
	in, out := createTopic(b, admin, prefixOf(url)+"in", 8), createTopic(b, admin, prefixOf(url)+"out", 1)
	opts := []kgo.Opt{kgo.ProducerLinger(0), kgo.ConsumeTopics(in), kgo.ConsumerGroup(prefixOf(url) + "raw"), kgo.DisableAutoCommit()}
	server := rawClient(b, url, opts...)
	client := rawClient(b, url, kgo.ProducerLinger(0), kgo.ConsumeTopics(out))
	var waiting sync.Map
	go serveRaw(server, out, commit)
	go func() {
		for {
			f := client.PollFetches(b.Context())
			if f.IsClientClosed() || f.Err0() != nil {
				return
			}
			f.EachRecord(func(r *kgo.Record) {
				if c, ok := waiting.LoadAndDelete(string(r.Headers[0].Value)); ok {
					c.(chan struct{}) <- struct{}{}
				}
			})
		}
	}()
	body := make([]byte, 128)
	brokertest.Requests(b, func() error {
		id, c := unique(), make(chan struct{}, 1)
		waiting.Store(id, c)
		r := &kgo.Record{Topic: in, Value: body, Headers: []kgo.RecordHeader{{Key: "id", Value: []byte(id)}}}
		if err := client.ProduceSync(context.Background(), r).FirstErr(); err != nil {
			return err
		}
		<-c
		return nil
	})
}

func serveRaw(server *kgo.Client, out string, commit bool) {
	for {
		f := server.PollFetches(context.Background())
		if f.IsClientClosed() {
			return
		}
		if commit {
			_ = server.CommitRecords(context.Background(), f.Records()...)
		}
		f.EachRecord(func(r *kgo.Record) {
			server.Produce(context.Background(), &kgo.Record{Topic: out, Value: r.Value, Headers: r.Headers}, nil)
		})
	}
}

func createTopic(b *testing.B, c *kgo.Client, topic string, partitions int32) string {
	if _, err := kadm.NewClient(c).CreateTopic(b.Context(), partitions, -1, nil, topic); err != nil {
		b.Fatal(err)
	}
	return topic
}
