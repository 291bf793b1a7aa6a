package kafkawire

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/transport"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const fetchKey = 1

// TestHostileFetchAnswersAreSurvived lets the broker answer with what no broker
// should, and then sends what the client must still receive.
func TestHostileFetchAnswersAreSurvived(t *testing.T) {
	cases := map[string]func() []byte{
		"an answer larger than any allowed":      func() []byte { return make([]byte, maxRead+1) },
		"a batch that is cut":                    func() []byte { return batch(0, 1, []byte("x"))[:40] },
		"a batch that claims 2 GiB":              func() []byte { b := batch(0, 1, nil); binary.BigEndian.PutUint32(b[8:], 1<<31-1); return b },
		"a batch of negative length":             func() []byte { b := batch(0, 1, nil); binary.BigEndian.PutUint32(b[8:], 1<<31); return b },
		"two billion records in no bytes":        func() []byte { return batch(0, 1<<31-1, nil) },
		"a record with two billion headers":      func() []byte { return batch(0, 1, record(varint(1<<31-1))) },
		"a record with a header of 1 GiB":        func() []byte { return batch(0, 1, record(append(varint(1), varint(1<<30)...))) },
		"a wrong checksum":                       func() []byte { b := batch(0, 1, record(varint(0))); b[17] ^= 1; return b },
		"128 MiB of zeros in a small gzip":       func() []byte { return batch(1, 1, zeros(t, 2*maxInflate)) },
		"a compression that does not exist":      func() []byte { return batch(7, 1, []byte("x")) },
		"random bytes":                           func() []byte { return bytes.Repeat([]byte{0xa5, 0x01, 0x7f}, 1000) },
		"a record whose length is beyond itself": func() []byte { return batch(0, 1, varint(1<<20)) },
	}
	for name, hostile := range cases {
		t.Run(name, func(t *testing.T) {
			c := fake(t)
			frame := hostile()
			ctx := brokertest.Context(t)
			a := openAdapter(t, fakeURL(c)+"?partitions=1")
			defer brokertest.CloseAdapter(t, a)
			if err := a.topics.ensure(ctx, "pub.victim"); err != nil {
				t.Fatal(err)
			}
			answered := answerOnce(c, frame)
			s := brokertest.NewSink()
			mustBind(t, a, transport.Binding{Kind: transport.KindTopic, Pattern: "victim"}, s)
			mustBind(t, a, transport.Binding{Kind: transport.KindTopic, Pattern: "bystander"}, s)
			brokertest.WaitUntil(t, answered.Load)
			got := map[string]bool{}
			for _, destination := range []string{"bystander", "victim", "victim"} { // the bomb stands for the first of the victim
				e := brokertest.QueueEnvelope(destination, "fine")
				e.Kind = transport.KindTopic
				if err := a.Publish(ctx, e); err != nil {
					t.Fatal(err)
				}
			}
			for !got["bystander"] || !got["victim"] {
				got[s.Next(t).Envelope().Destination] = true
			}
		})
	}
}

// answerOnce answers the next full fetch of the topic pub.victim with frame.
func answerOnce(c *kfake.Cluster, frame []byte) *atomic.Bool {
	var answered atomic.Bool
	victim := c.TopicInfo("pub.victim").TopicID
	c.ControlKey(fetchKey, func(req kmsg.Request) (kmsg.Response, error, bool) {
		r := req.(*kmsg.FetchRequest)
		c.KeepControl()
		if answered.Load() || len(r.Topics) == 0 || r.Topics[0].TopicID != victim {
			return nil, nil, false
		}
		answered.Store(true)
		resp := req.ResponseKind().(*kmsg.FetchResponse)
		topic := kmsg.NewFetchResponseTopic()
		topic.Topic, topic.TopicID = r.Topics[0].Topic, r.Topics[0].TopicID
		p := kmsg.NewFetchResponseTopicPartition()
		p.HighWatermark, p.RecordBatches = 1, frame
		topic.Partitions = append(topic.Partitions, p)
		resp.Topics = append(resp.Topics, topic)
		return resp, nil, true
	})
	return &answered
}

// batch makes a record batch of format 2 with a right length and checksum.
func batch(attributes uint16, records uint32, payload []byte) []byte {
	b := make([]byte, 61, 61+len(payload))
	b = append(b, payload...)
	binary.BigEndian.PutUint32(b[8:], uint32(len(b)-12))
	b[16] = 2
	binary.BigEndian.PutUint16(b[21:], attributes)
	binary.BigEndian.PutUint64(b[43:], 1<<64-1)
	binary.BigEndian.PutUint32(b[57:], records)
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// record makes one that ends in headers.
func record(headers []byte) []byte {
	body := append([]byte{0, 0, 0, 1, 1}, headers...) // attributes, deltas, no key, no value
	return append(varint(int64(len(body))), body...)
}

func varint(n int64) []byte { return binary.AppendVarint(nil, n) }

func zeros(t *testing.T, n int) []byte {
	var b bytes.Buffer
	w, err := gzip.NewWriterLevel(&b, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	chunk := make([]byte, 1<<20)
	for range n / len(chunk) {
		if _, err := w.Write(chunk); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestABatchThatInflatesTooMuchIsLeftOut(t *testing.T) {
	everywhere(t, func(t *testing.T, url string) {
		for _, group := range []string{"", "g"} {
			t.Run("group "+group, func(t *testing.T) {
				ctx := brokertest.Context(t)
				a := openAdapter(t, url+"&partitions=1")
				defer brokertest.CloseAdapter(t, a)
				s := brokertest.NewSink()
				mustBind(t, a, transport.Binding{Kind: transport.KindTopic, Pattern: "bomb" + group, Group: group}, s)
				topic, _ := a.names.topic(transport.KindTopic, "bomb"+group)
				raw := rawClient(t, url, kgo.ProducerBatchMaxBytes(1<<30), kgo.BrokerMaxWriteBytes(1<<30), kgo.ProducerBatchCompression(kgo.GzipCompression()))
				for _, value := range [][]byte{[]byte("before"), make([]byte, maxInflate+1<<20), []byte("after")} {
					if err := raw.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: value}).FirstErr(); err != nil {
						t.Fatal(err)
					}
				}
				for _, want := range []string{"before", "after"} {
					d := s.Next(t)
					if got := string(d.Envelope().Body); got != want {
						t.Errorf("got %q, want %q", got, want)
					}
					if err := d.Accept(ctx); err != nil {
						t.Error(err)
					}
				}
			})
		}
	})
}

func TestAForeignRecordOfManyHeadersIsDeliveredWithTheFirst(t *testing.T) {
	c := fake(t)
	a := openAdapter(t, fakeURL(c))
	defer brokertest.CloseAdapter(t, a)
	ctx := brokertest.Context(t)
	s := brokertest.NewSink()
	mustBind(t, a, transport.Binding{Kind: transport.KindQueue, Pattern: "many"}, s)
	r := &kgo.Record{Topic: "many"}
	for i := range 20000 {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: fmt.Sprint("h", i), Value: []byte("v")})
	}
	if err := rawClient(t, fakeURL(c)).ProduceSync(ctx, r).FirstErr(); err != nil {
		t.Fatal(err)
	}
	if got := s.Next(t).Envelope().Header.Len(); got < 64 || got > 100 {
		t.Errorf("%d header fields arrived", got)
	}
}

func TestAReplyTopicWithoutPartitionsIsAnError(t *testing.T) {
	c := fake(t)
	a := openAdapter(t, fakeURL(c))
	defer brokertest.CloseAdapter(t, a)
	c.ControlKey(int16(kmsg.ListOffsets), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		return req.ResponseKind(), nil, true
	})
	_, err := a.Bind(brokertest.Context(t), transport.Binding{Kind: transport.KindReply, Credit: 1, Concurrency: 1}, brokertest.NewSink())
	if !errors.Is(err, transport.CodeUnavailable) || !strings.Contains(err.Error(), "no partition") {
		t.Errorf("got %v", err)
	}
}

func TestATopicIsAskedForAgainWhereItsCreationTakesLong(t *testing.T) {
	c := fake(t)
	a := openAdapter(t, fakeURL(c))
	defer brokertest.CloseAdapter(t, a)
	a.topics.patience = 50 * time.Millisecond
	var refused atomic.Int64
	ready := time.Now().Add(300 * time.Millisecond)
	c.ControlKey(int16(kmsg.CreateTopics), func(req kmsg.Request) (kmsg.Response, error, bool) {
		c.KeepControl()
		if time.Now().After(ready) {
			return nil, nil, false
		}
		refused.Add(1)
		resp, topic := req.ResponseKind().(*kmsg.CreateTopicsResponse), kmsg.NewCreateTopicsResponseTopic()
		topic.Topic, topic.ErrorCode = "late", kerr.NotController.Code // so the client asks again
		resp.Topics = append(resp.Topics, topic)
		return resp, nil, true
	})
	if err := a.topics.ensure(brokertest.Context(t), "late"); err != nil || refused.Load() == 0 {
		t.Errorf("got %v after %d refusals", err, refused.Load())
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	if err := a.topics.ensure(ctx, "never"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("without time left it gives %v", err)
	}
}

func TestRepliesGoToReplyAddressesAlone(t *testing.T) {
	c := fake(t)
	a := openAdapter(t, fakeURL(c))
	defer brokertest.CloseAdapter(t, a)
	ctx := brokertest.Context(t)
	s, raw := brokertest.NewSink(), rawClient(t, fakeURL(c))
	mustBind(t, a, transport.Binding{Kind: transport.KindQueue, Pattern: "asked"}, s)
	for _, forged := range []string{"asked", "3-zz", "../x", "0-" + strings.Repeat("A", 32)} {
		r := &kgo.Record{Topic: "asked", Headers: []kgo.RecordHeader{{Key: "polywire-reply", Value: []byte(forged)}}}
		if err := raw.ProduceSync(ctx, r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		d := s.Next(t)
		if d.Envelope().ReplyAddress != "" {
			t.Errorf("the forged address %q reached the core", forged)
		}
		if err := d.Reply(ctx, &transport.Envelope{}); err == nil {
			t.Errorf("a reply to %q was written", forged)
		}
	}
	beyond := brokertest.QueueEnvelope("x", "x")
	beyond.Kind, beyond.ReplyAddress = transport.KindReply, "999-"+strings.Repeat("ab", 16)
	if err := a.Send(ctx, beyond); err == nil {
		t.Error("a reply to a partition that does not exist was written")
	}
}

func TestAnotherConnsReplyIsNotDelivered(t *testing.T) {
	a := openAdapter(t, fakeURL(fake(t)))
	defer brokertest.CloseAdapter(t, a)
	ctx := brokertest.Context(t)
	s := brokertest.NewSink()
	b := mustBind(t, a, transport.Binding{Kind: transport.KindReply}, s)
	for _, token := range []string{strings.Repeat("ab", 16), b.reply.token} {
		e := brokertest.QueueEnvelope("x", token)
		e.Kind, e.ReplyAddress = transport.KindReply, replyAddress{b.reply.partition, token}.String()
		if err := a.Send(ctx, e); err != nil {
			t.Fatal(err)
		}
	}
	if d := s.Next(t); string(d.Envelope().Body) != b.reply.token {
		t.Error("a reply with another Conn's token was delivered")
	}
}
