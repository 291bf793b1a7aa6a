package kafkawire

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/transport"
	"github.com/twmb/franz-go/pkg/kgo"
	"pgregory.net/rapid"
)

func TestEveryFieldArrivesEqual(t *testing.T) {
	n := names{"p-"}
	text := rapid.StringOfN(rapid.RuneFrom([]rune("aZ0 ü€😀%=;,\u0085")), 0, 20, 60)
	rapid.Check(t, func(t *rapid.T) {
		e := &transport.Envelope{Kind: kinds.Draw(t, "kind"), ReplyAddress: "7-" + strings.Repeat("ab", 16)}
		e.Destination = destination.Draw(t, "destination")
		for i, p := range []*string{&e.ID, &e.Source, &e.CorrelationID, &e.ContentType, &e.Accept, &e.Key, &e.CallID} {
			*p = text.Draw(t, string(rune('a'+i)))
		}
		e.Idempotent, e.Gather = rapid.Bool().Draw(t, "idempotent"), rapid.Bool().Draw(t, "gather")
		e.Time = time.Unix(rapid.Int64Range(1, 1<<33).Draw(t, "time"), 1234).UTC()
		e.Timeout = time.Duration(rapid.Int64Range(1, 1<<40).Draw(t, "timeout")) * time.Microsecond
		e.Body = rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "body")
		e.Params = map[string][]string{"p": {text.Draw(t, "param")}}
		for range rapid.IntRange(0, 20).Draw(t, "fields") {
			e.Header.Add(rapid.StringMatching(`x[a-z0-9._-]{0,5}`).Draw(t, "key")+"x", text.Draw(t, "value"))
		}
		topic, hashed := n.topic(e.Kind, e.Destination)
		got, ok := n.decode(encode(e, topic, hashed))
		if !ok {
			t.Fatal("the record is not known")
		}
		if diff := cmp.Diff(fieldsOf(e), fieldsOf(got)); diff != "" || !bytes.Equal(e.Body, got.Body) || got.Kind != e.Kind {
			t.Fatalf("body %q and %q, fields (-want +got):\n%s", e.Body, got.Body, diff)
		}
	})
}

func fieldsOf(e *transport.Envelope) []string {
	var all []string
	for k, v := range e.Fields() {
		all = append(all, k+"="+v)
	}
	return all
}

func TestTheRecordIsACopy(t *testing.T) {
	e := brokertest.QueueEnvelope("a", "body")
	r := encode(e, "a", false)
	copy(e.Body, "XXXX")
	if string(r.Value) != "body" {
		t.Errorf("the record's value changed to %q with the caller's slice", r.Value)
	}
}

func TestForeignHeaders(t *testing.T) {
	n := names{}
	r := &kgo.Record{Topic: "orders", Key: []byte{0xff, 0}, Value: []byte("b"), Timestamp: time.UnixMilli(1000), Headers: []kgo.RecordHeader{
		{Key: "Content-Type", Value: []byte("text/plain")},
		{Key: "Text", Value: []byte("ü")},
		{Key: "empty", Value: nil},
		{Key: "raw", Value: []byte{0xff, 0x00}},
		{Key: "packed-bin", Value: []byte{0xff, 0x01}},
		{Key: "no key", Value: []byte("x")},
		{Key: "id", Value: []byte("reserved")},
		{Key: "polywire-destination", Value: []byte("other")},
		{Key: "polywire-key", Value: []byte("other")},
		{Key: "polywire-attempt", Value: []byte("9")},
		{Key: "polywire-reply", Value: []byte("orders")},
		{Key: "polywire-unknown", Value: []byte("x")},
		{Key: "polywire-id", Value: []byte{0xff}},
	}}
	e, ok := n.decode(r)
	if !ok || e.Destination != "orders" || e.ContentType != "text/plain" || e.Attempt != 0 || e.ReplyAddress != "" || e.ID != "" {
		t.Errorf("got %v, %+v", ok, e)
	}
	if !strings.HasPrefix(e.Key, "bytes-") || !e.Time.Equal(time.UnixMilli(1000)) {
		t.Errorf("key %q, time %v", e.Key, e.Time)
	}
	raw, err := e.Header.Binary("raw-bin")
	if err != nil || !bytes.Equal(raw, []byte{0xff, 0}) {
		t.Errorf("raw-bin is %v, %v", raw, err)
	}
	packed, err := e.Header.Binary("packed-bin")
	if err != nil || !bytes.Equal(packed, []byte{0xff, 1}) {
		t.Errorf("packed-bin is %v, %v", packed, err)
	}
	keys := maps.Collect(e.Header.All())
	if want := []string{"empty", "packed-bin", "raw-bin", "text"}; !slices.Equal(slices.Sorted(maps.Keys(keys)), want) {
		t.Errorf("header has %v, want %v", keys, want)
	}
}

func TestAHashedTopicNeedsItsDestination(t *testing.T) {
	n := names{}
	long := strings.Repeat("_", 180)
	topic, _ := n.topic(transport.KindTopic, long)
	r := &kgo.Record{Topic: topic, Headers: []kgo.RecordHeader{{Key: "polywire-destination", Value: []byte(long)}}}
	if e, ok := n.decode(r); !ok || e.Destination != long || e.Kind != transport.KindTopic {
		t.Errorf("got %v, %v", e, ok)
	}
	r.Headers[0].Value = []byte("other")
	if e, ok := n.decode(r); ok {
		t.Errorf("a header that disagrees with the topic was believed: %v", e)
	}
}

func FuzzHeader(f *testing.F) {
	f.Add("content-type", []byte("text/plain"), []byte("key"))
	f.Add("polywire-detail", []byte("a b"), []byte{0xff})
	f.Add("x-bin", []byte{0, 255}, []byte{})
	f.Fuzz(func(t *testing.T, key string, value, recordKey []byte) {
		n := names{}
		e, ok := n.decode(&kgo.Record{Topic: "a", Key: recordKey, Headers: []kgo.RecordHeader{{Key: key, Value: value}}})
		if !ok || e.Destination != "a" {
			t.Fatalf("the topic's name was not believed: %v", e)
		}
		for k, v := range e.Header.All() {
			if !isText([]byte(v)) || strings.HasPrefix(k, "polywire-") || k != strings.ToLower(k) {
				t.Errorf("the header took %q: %q", k, v)
			}
		}
		if len(e.Key) > 256 || !isText([]byte(e.Key)) {
			t.Errorf("the key is %q", e.Key)
		}
	})
}
