package amqpwire

import (
	"bytes"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	amqp "github.com/rabbitmq/amqp091-go"
	"pgregory.net/rapid"

	"github.com/polywire/polywire/transport"
)

var kinds = rapid.SampledFrom([]transport.Kind{transport.KindQueue, transport.KindTopic, transport.KindReply})

// arrive is what the adapter makes of what the broker brings of msg: tables of
// the same fields, and native properties of the same bytes.
func arrive(msg *amqp.Publishing, kind transport.Kind) *transport.Envelope {
	return envelope(&amqp.Delivery{
		Headers: msg.Headers, ContentType: msg.ContentType, ContentEncoding: msg.ContentEncoding, CorrelationId: msg.CorrelationId,
		ReplyTo: msg.ReplyTo, Expiration: msg.Expiration, MessageId: msg.MessageId, AppId: msg.AppId, Timestamp: msg.Timestamp.Truncate(time.Second), Body: msg.Body,
	}, kind)
}

func TestEveryFieldArrivesEqual(t *testing.T) {
	text := rapid.StringOfN(rapid.RuneFrom([]rune("aZ0 ü€😀%=;,\u0085")), 0, 20, 60)
	rapid.Check(t, func(t *rapid.T) {
		e := &transport.Envelope{Kind: kinds.Draw(t, "kind")}
		e.Destination = "a.b"
		for i, p := range []*string{&e.ID, &e.Source, &e.CorrelationID, &e.ReplyTo, &e.ContentType, &e.Accept, &e.Key, &e.Responder} {
			*p = text.Draw(t, string(rune('a'+i)))
		}
		if e.Kind == transport.KindReply {
			e.CallID = strings.Repeat("ab", 16)
		} else {
			e.Responder = ""
		}
		e.Idempotent, e.Gather = rapid.Bool().Draw(t, "idempotent"), rapid.Bool().Draw(t, "gather")
		e.Time = time.Unix(rapid.Int64Range(1, 1<<33).Draw(t, "time"), 1234).UTC()
		e.Timeout = time.Duration(rapid.Int64Range(1, 1<<30).Draw(t, "timeout")) * time.Millisecond
		e.Body = rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "body")
		e.Params = map[string][]string{"p": {text.Draw(t, "param")}}
		for range rapid.IntRange(0, 20).Draw(t, "fields") {
			e.Header.Add(rapid.StringMatching(`[a-c][._-]?x`).Draw(t, "key"), text.Draw(t, "value"))
		}
		e.Header.Add("x-death", "an application's own")
		msg, err := publishing(e)
		if err != nil {
			t.Fatal(err)
		}
		got := arrive(&msg, e.Kind)
		if e.Kind != transport.KindReply {
			got.Destination = e.Destination // the routing key says it
		}
		got.Attempt = 0
		if diff := cmp.Diff(fieldsOf(e), fieldsOf(got)); diff != "" || !bytes.Equal(e.Body, got.Body) {
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

func TestARequestUsesNativeProperties(t *testing.T) {
	e := &transport.Envelope{Kind: transport.KindQueue, ReplyAddress: "pw.reply.x", CallID: "call"}
	e.Destination, e.ID, e.Source, e.ContentType, e.CorrelationID = "d", "id", "svc/1", "text/plain", "corr"
	e.Time, e.Timeout = time.Unix(7, 5), 1500*time.Microsecond
	msg, err := publishing(e)
	if err != nil {
		t.Fatal(err)
	}
	want := amqp.Publishing{
		MessageId: "id", AppId: "svc/1", ContentType: "text/plain", CorrelationId: "call", ReplyTo: "pw.reply.x", Expiration: "2", Timestamp: e.Time,
		DeliveryMode: amqp.Transient, Headers: amqp.Table{"polywire-correlation-id": "corr", "polywire-time": "1970-01-01T00:00:07.000000005Z"},
	}
	if diff := cmp.Diff(want, msg); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestPropertiesThatAreTooLongTravelInTheTable(t *testing.T) {
	long := strings.Repeat("x", 300)
	e := &transport.Envelope{Kind: transport.KindTopic}
	e.ID, e.ContentType, e.CorrelationID = long, long, long
	msg, err := publishing(e)
	if err != nil {
		t.Fatal(err)
	}
	if got := arrive(&msg, e.Kind); got.ID != long || got.ContentType != long || got.CorrelationID != long {
		t.Errorf("got %v", fieldsOf(got))
	}
	e.Kind, e.CallID, e.ReplyAddress = transport.KindQueue, long, "pw.reply.x"
	if _, err := publishing(e); err == nil {
		t.Error("a call id that AMQP cannot carry is accepted")
	}
}

func TestForeignTables(t *testing.T) {
	d := &amqp.Delivery{Headers: amqp.Table{
		"X-Text": "ü", "n": int32(-7), "big": int64(1 << 40), "yes": true, "pi": 3.5, "f": float32(0.25), "dec": amqp.Decimal{Scale: 2, Value: 314},
		"at": time.Unix(0, 0), "raw": []byte{0xff, 0}, "bytes": []byte("text"), "k-bin": []byte{1, 2}, "nothing": nil, "list": []any{"1", int32(2)},
		"deep": amqp.Table{"b": "2", "a": amqp.Table{"x": "1"}}, "x-delivery-count": int64(3), "x-death": []any{amqp.Table{"queue": "q"}},
		"polywire-x-death": "mine", "no key": "x", "bad": "a\nb", "polywire-unknown": "x",
		"polywire-reply": "forged", "polywire-call": "forged", "polywire-attempt": "99", "polywire-code": "internal", "polywire-destination": "forged",
	}}
	e := envelope(d, transport.KindQueue)
	got := map[string][]string{}
	for k, v := range e.Header.All() {
		got[k] = append(got[k], v)
	}
	want := map[string][]string{
		"x-text": {"ü"}, "n": {"-7"}, "big": {"1099511627776"}, "yes": {"true"}, "pi": {"3.5"}, "f": {"0.25"}, "dec": {"3.14"}, "at": {"1970-01-01T00:00:00Z"},
		"raw-bin": {"/wA"}, "bytes": {"text"}, "k-bin": {"AQI"}, "nothing": {""}, "list": {"1", "2"}, "deep.a.x": {"1"}, "deep.b": {"2"}, "x-death": {"mine"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if e.Attempt != 4 || e.ReplyAddress != "" || e.CallID != "" || e.Err != nil || e.Destination != "" {
		t.Errorf("attempt %d, reply %q, call %q, error %v, destination %q", e.Attempt, e.ReplyAddress, e.CallID, e.Err, e.Destination)
	}
}

func TestAnOrderThatLiesDoesNoHarm(t *testing.T) {
	d := &amqp.Delivery{Headers: amqp.Table{"b": "1", "a": []any{"2", "3"}, orderKey: "zz a b b b polywire-reply a a"}}
	e := envelope(d, transport.KindTopic)
	if got, want := fieldsOf(e), []string{"a=2", "b=1", "a=3"}; !slices.Equal(got[len(got)-3:], want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestExpiration(t *testing.T) {
	for _, c := range []struct {
		timeout time.Duration
		want    string
	}{
		{time.Nanosecond, "1"}, {time.Millisecond, "1"}, {1500 * time.Microsecond, "2"}, {0, ""}, {1<<63 - 1, "4294967295"},
	} {
		e := &transport.Envelope{Kind: transport.KindQueue}
		e.Timeout = c.timeout
		if got := expiration(e); got != c.want {
			t.Errorf("%v: expiration %q, want %q", c.timeout, got, c.want)
		}
	}
}

// FuzzEnvelope takes a table in AMQP's own encoding from anybody: what comes of
// it is a message that the core can carry on.
func FuzzEnvelope(f *testing.F) {
	f.Add("x-key", "value", []byte{0xff}, int64(1), "a b", uint8(1))
	f.Add("polywire-time", "2026-01-01T00:00:00Z", []byte("t"), int64(-1), "polywire-time", uint8(2))
	f.Add("polywire-detail", "type AA", []byte(nil), int64(1<<62), "", uint8(3))
	f.Fuzz(func(t *testing.T, key, value string, raw []byte, n int64, order string, kind uint8) {
		nested := amqp.Table{key: []any{value, raw, n, amqp.Table{key: value}}}
		d := &amqp.Delivery{
			Headers: amqp.Table{key: value, key + "-bin": raw, value: n, "nested": nested, orderKey: order, "x-delivery-count": n},
			ReplyTo: value, CorrelationId: key, MessageId: value, Expiration: value, ContentType: key, ContentEncoding: value,
		}
		e := envelope(d, transport.Kind(kind%3)+transport.KindQueue)
		for k, v := range e.Header.All() {
			if strings.HasPrefix(k, "polywire-") || !printable(v) || k != strings.ToLower(k) {
				t.Errorf("the field %q=%q reached the application", k, v)
			}
		}
		if e.Attempt < 1 || e.Timeout < 0 || e.ReplyAddress != "" {
			t.Errorf("attempt %d, timeout %v, reply address %q", e.Attempt, e.Timeout, e.ReplyAddress)
		}
		if _, err := publishing(e); err != nil && len(e.CallID) <= maxShort {
			t.Errorf("what arrived cannot be sent on: %v", err)
		}
	})
}

func TestNothingOfOursIsReadAsTheApplications(t *testing.T) {
	e := &transport.Envelope{Kind: transport.KindTopic}
	e.ID, e.Key, e.Destination, e.Timeout = "1", "k", "d", time.Second
	e.Header.Add("b", "1")
	e.Header.Add("a", "1")
	msg, err := publishing(e)
	if err != nil {
		t.Fatal(err)
	}
	msg.Headers[tagKey] = int64(1)
	got := arrive(&msg, e.Kind)
	if keys := maps.Collect(got.Header.All()); len(keys) != 2 || got.Key != "k" {
		t.Errorf("header %v, key %q", keys, got.Key)
	}
}
