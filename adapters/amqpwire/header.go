package amqpwire

import (
	"encoding/base64"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/polywire/polywire/transport"
)

// Limits of what AMQP can carry.
const (
	maxShort      = 255              // bytes of a native property
	maxExpiration = math.MaxUint32   // ms; RabbitMQ closes the channel for more
	maxDepth      = 16               // of nested tables and arrays that are read
	maxBody       = 128 << 20        // RabbitMQ's max_message_size, unless configured otherwise
	escapePrefix  = "polywire-"      // before an application's key that the broker would take for its own
	tagKey        = "polywire-tag"   // the publisher's number of the message, which a return brings back
	orderKey      = "polywire-order" // the application's keys in their order, where it is not that of the alphabet
)

// brokerKey reports whether RabbitMQ or a plug-in of it writes or acts on a header of that name.
func brokerKey(key string) bool {
	switch key {
	case "x-death", "x-delivery-count", "x-acquired-count", "x-delay", "x-received-from", "x-shovelled":
		return true
	}
	for _, family := range [...]string{"x-first-death-", "x-last-death-", "x-opt-", "x-stream-", "x-shovelled-"} {
		if strings.HasPrefix(key, family) {
			return true
		}
	}
	return false
}

// publishing maps e to AMQP: what has a native property goes there, the rest into
// the headers table, a key with many values as an array. It shares e.Body.
func publishing(e *transport.Envelope) (amqp.Publishing, error) {
	msg := amqp.Publishing{Headers: amqp.Table{}, Body: e.Body, Expiration: expiration(e), DeliveryMode: amqp.Persistent}
	if e.Kind == transport.KindReply || e.Kind == transport.KindQueue && e.ReplyAddress != "" {
		msg.DeliveryMode = amqp.Transient // nobody waits any more after a restart
	}
	if !e.Time.IsZero() {
		msg.Timestamp = e.Time
	}
	for key, value := range e.Fields() {
		if native := nativeField(&msg, e, key); native != nil && len(value) <= maxShort {
			*native = value
			continue
		}
		switch key {
		case "polywire-timeout", "polywire-attempt", "polywire-reply", "polywire-call":
			continue // native, or the receiver's own to say
		case "polywire-destination":
			if e.Kind != transport.KindReply {
				continue // the routing key says it
			}
		}
		if brokerKey(key) {
			key = escapePrefix + key
		}
		add(msg.Headers, key, value)
	}
	if order := keyOrder(&e.Header); order != "" {
		msg.Headers[orderKey] = order
	}
	if len(msg.CorrelationId) < len(e.CallID) || len(msg.ReplyTo) < len(e.ReplyAddress) && e.Kind != transport.KindReply {
		return msg, transport.CodeInvalidArgument.Errorf("reply address and call id have at most %d bytes each over AMQP", maxShort)
	}
	return msg, nil
}

// nativeField is the property of msg that carries the field, or nil.
func nativeField(msg *amqp.Publishing, e *transport.Envelope, key string) *string {
	switch key {
	case "polywire-id":
		return &msg.MessageId
	case "polywire-source":
		return &msg.AppId
	case "polywire-content-type":
		return &msg.ContentType
	case "polywire-call":
		return &msg.CorrelationId
	case "polywire-correlation-id":
		if e.CallID == "" {
			return &msg.CorrelationId
		}
	case "polywire-reply":
		if e.Kind != transport.KindReply {
			return &msg.ReplyTo
		}
	}
	return nil
}

// keyOrder lists the keys of h, one for each field, since a table keeps none; empty when they are sorted.
func keyOrder(h *transport.Header) string {
	var keys []string
	for key := range h.All() {
		keys = append(keys, key)
	}
	if slices.IsSorted(keys) {
		return ""
	}
	return strings.Join(keys, " ")
}

func add(t amqp.Table, key, value string) {
	switch old := t[key].(type) {
	case nil:
		t[key] = value
	case string:
		t[key] = []any{old, value}
	case []any:
		t[key] = append(old, value)
	}
}

// expiration is the remaining time in milliseconds, rounded up; empty for what does not expire.
func expiration(e *transport.Envelope) string {
	if e.Timeout <= 0 {
		return ""
	}
	ms := int64(e.Timeout / time.Millisecond)
	if e.Timeout%time.Millisecond > 0 {
		ms++
	}
	return strconv.FormatInt(min(ms, maxExpiration), 10)
}

// headerBytes bounds what the header frame of msg takes; AMQP cannot split one over frames.
func headerBytes(msg *amqp.Publishing) int {
	size := 512 + 8*maxShort
	for key, value := range msg.Headers {
		size += len(key) + 8
		switch v := value.(type) {
		case string:
			size += len(v)
		case []any:
			for _, s := range v {
				text, _ := s.(string)
				size += len(text) + 8
			}
		}
	}
	return size
}

// envelope maps a message of AMQP to ours, except where it came from and goes,
// which the binding knows. Native properties win over headers; a header
// that says what only a native property or the receiver may say is left out.
func envelope(d *amqp.Delivery, kind transport.Kind) *transport.Envelope {
	e := &transport.Envelope{Kind: kind}
	e.Body = d.Body
	setFields(e, d.Headers)
	setNative(e, "polywire-id", d.MessageId)
	setNative(e, "polywire-source", d.AppId)
	setNative(e, "polywire-content-type", d.ContentType)
	setNative(e, "content-encoding", d.ContentEncoding)
	if d.ReplyTo != "" || kind == transport.KindReply {
		e.CallID = d.CorrelationId
	} else {
		setNative(e, "polywire-correlation-id", d.CorrelationId)
	}
	if !d.Timestamp.IsZero() && d.Timestamp.Unix() != e.Time.Unix() {
		e.Time = d.Timestamp.UTC()
	}
	if ms, err := strconv.ParseUint(d.Expiration, 10, 32); err == nil {
		e.Timeout = max(time.Duration(ms)*time.Millisecond, time.Nanosecond)
	}
	e.Attempt = attempt(d)
	return e
}

// setFields takes the table in the order that the sender tells, and else by key.
func setFields(e *transport.Envelope, table amqp.Table) {
	order, _ := table[orderKey].(string)
	later := map[string][]string{} // where there is an order: values of each key
	take := func(key, value string) { e.SetField(key, value) }
	if order != "" {
		take = func(key, value string) { later[key] = append(later[key], value) }
	}
	for _, key := range slices.Sorted(maps.Keys(table)) {
		if lower := strings.ToLower(key); !forged(lower, e.Kind) && !brokerKey(lower) {
			eachText(unescape(lower), table[key], 0, take)
		}
	}
	for key := range strings.FieldsSeq(order) {
		if values := later[key]; len(values) > 0 {
			e.SetField(key, values[0])
			later[key] = values[1:]
		}
	}
	for _, key := range slices.Sorted(maps.Keys(later)) {
		for _, value := range later[key] {
			e.SetField(key, value)
		}
	}
}

func setNative(e *transport.Envelope, key, value string) {
	if value != "" {
		e.SetField(key, value)
	}
}

// forged reports whether a field is not for a peer to say in a header.
func forged(key string, kind transport.Kind) bool {
	switch key {
	case "polywire-reply", "polywire-call", "polywire-attempt", "polywire-timeout", tagKey:
		return true
	case "polywire-destination", "polywire-responder", "polywire-code", "polywire-error", "polywire-retry-after", "polywire-detail":
		return kind != transport.KindReply
	}
	return false
}

func unescape(key string) string {
	if inner, ok := strings.CutPrefix(key, escapePrefix); ok && brokerKey(inner) {
		return inner
	}
	return key
}

// attempt counts deliveries: quorum queues tell how many came before, classic ones only that there were some.
func attempt(d *amqp.Delivery) int {
	if n, ok := d.Headers["x-delivery-count"].(int64); ok && n >= 0 {
		return 1 + int(min(n, math.MaxUint16))
	}
	if d.Redelivered {
		return 2
	}
	return 1
}

// eachText yields a table's value as texts: numbers and booleans as Go writes
// them, times as RFC 3339, bytes as they are if they are text and else as base64
// under a key in -bin, arrays as many values, nested tables as key.inner.
// What is nested deeper than maxDepth is left out.
func eachText(key string, value any, depth int, yield func(key, value string)) {
	if depth > maxDepth {
		return
	}
	switch v := value.(type) {
	case []any:
		for _, item := range v {
			eachText(key, item, depth+1, yield)
		}
	case amqp.Table:
		for _, inner := range slices.Sorted(maps.Keys(v)) {
			if len(key)+1+len(inner) <= maxShort {
				eachText(key+"."+inner, v[inner], depth+1, yield)
			}
		}
	case []byte:
		if strings.HasSuffix(strings.ToLower(key), "-bin") {
			yield(key, base64.RawStdEncoding.EncodeToString(v))
		} else if text := string(v); printable(text) {
			yield(key, text)
		} else {
			yield(key+"-bin", base64.RawStdEncoding.EncodeToString(v))
		}
	default:
		yield(key, scalar(value))
	}
}

func scalar(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return v
	case time.Time:
		return v.UTC().Format(time.RFC3339)
	case float32:
		return strconv.FormatFloat(float64(v), 'g', -1, 32)
	case amqp.Decimal:
		return strconv.FormatFloat(float64(v.Value)/math.Pow10(int(v.Scale)), 'f', int(v.Scale), 64)
	}
	return fmt.Sprint(value) // integers, booleans, float64
}

func printable(s string) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f })
}
