package kafkawire

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/polywire/polywire/transport"
	"github.com/twmb/franz-go/pkg/kgo"
)

// contentType is the header that other Kafka clients use for the media type.
const contentType = "content-type"

// encode makes the record of e. It copies all that it needs of e, because the
// client may still hold the record when the verb that produces it has given up.
func encode(e *transport.Envelope, topic string, hashed bool) *kgo.Record {
	r := &kgo.Record{Topic: topic, Headers: make([]kgo.RecordHeader, 0, 8+e.Header.Len())}
	buf := make([]byte, 0, 320+len(e.Body)+len(e.Key)) // one allocation for all values, when they fit
	for key, value := range e.Fields() {
		switch key {
		case "polywire-key", "polywire-attempt":
			continue // the record's key; the log keeps no attempts
		case "polywire-destination":
			if !hashed {
				continue // the topic's name says it
			}
		case "polywire-content-type":
			key = contentType
		}
		at := len(buf)
		buf = append(buf, value...)
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: key, Value: buf[at:len(buf):len(buf)]})
	}
	if e.Key != "" {
		at := len(buf)
		buf = append(buf, e.Key...)
		r.Key = buf[at:len(buf):len(buf)]
	}
	at := len(buf)
	r.Value = append(buf, e.Body...)[at:]
	return r
}

// decode reads a record of any producer. The envelope shares the record's body.
// ok is false when its destination is not known: a hashed topic whose header names another.
func (n names) decode(r *kgo.Record) (e *transport.Envelope, ok bool) {
	e = &transport.Envelope{Message: transport.Message{Body: r.Value, Key: decodeKey(r.Key), Time: r.Timestamp.UTC()}}
	for i := range r.Headers {
		setHeader(e, r.Headers[i].Key, r.Headers[i].Value)
	}
	e.Attempt = 0
	if r.Topic == n.reply() {
		e.Kind = transport.KindReply
		return e, true
	}
	if _, err := parseReplyAddress(e.ReplyAddress); err != nil {
		e.ReplyAddress = "" // nothing is ever written to another form, so nobody waits
	}
	claimed := e.Destination
	if e.Kind, e.Destination, ok = n.destination(r.Topic); ok {
		return e, true
	}
	e.Kind = transport.KindQueue
	if strings.HasPrefix(r.Topic, n.prefix+topicPrefix) {
		e.Kind = transport.KindTopic
	}
	e.Destination = claimed
	name, _ := n.topic(e.Kind, claimed)
	return e, name == r.Topic && transport.CheckDestination(claimed) == nil
}

// setHeader takes one header of any producer. Bytes that are no text of a header
// arrive under the key with -bin behind it, as Header.Binary reads them.
func setHeader(e *transport.Envelope, key string, value []byte) {
	key = strings.ToLower(key)
	switch key {
	case contentType:
		e.SetField("polywire-content-type", string(value))
		return
	case "polywire-key", "polywire-content-type", "polywire-attempt":
		return // they have a native place, or none
	}
	if e.SetField(key, string(value)) || strings.HasPrefix(key, "polywire-") {
		return
	}
	if isText(value) && !strings.HasSuffix(key, "-bin") {
		return // the key is reserved, or no key
	}
	if !strings.HasSuffix(key, "-bin") {
		key += "-bin"
	}
	e.SetField(key, base64.RawStdEncoding.EncodeToString(value))
}

// isText reports whether b can be a header's value: UTF-8 without control characters.
func isText(b []byte) bool {
	for _, c := range b {
		if c < 0x20 || c == 0x7f {
			return false
		}
	}
	return utf8.Valid(b)
}

// decodeKey keeps a text as it is. Another producer's bytes become a text that is
// the same for the same bytes, so that their order is kept.
func decodeKey(key []byte) string {
	const longest = 256
	if len(key) <= longest && isText(key) {
		return string(key)
	}
	sum := sha256.Sum256(key)
	return "bytes-" + hex.EncodeToString(sum[:16])
}

// lifetime is until when a message with a time limit may be handled: from the
// record's date, which the producer or the broker wrote. Without a limit it is zero.
func lifetime(e *transport.Envelope, r *kgo.Record) time.Time {
	if e.Timeout <= 0 || r.Timestamp.UnixMilli() <= 0 {
		return time.Time{}
	}
	return r.Timestamp.Add(e.Timeout)
}
