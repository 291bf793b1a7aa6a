package grpcwire

import (
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/metadata"

	"github.com/polywire/polywire/internal/fieldtext"
	"github.com/polywire/polywire/transport"
)

// Keys of metadata that polywire gives a meaning.
const (
	messageKey = "polywire-message" // id, source and times of a message, and the order of its fields; only our own peers send it
	listKey    = "polywire-header"  // application fields that metadata cannot carry under their own keys
	orderKey   = "polywire-order"   // keys of the application's fields in order, where metadata does not keep it
	paramKey   = "polywire-param"
	typeKey    = "polywire-content-type" // where the content-subtype does not tell it
	reasonKey  = "polywire-reason"
	leavingKey = "polywire-leaving"
	retryKey   = "polywire-retry-after"
	nodeKey    = "polywire-node" // of an answer that a node of ours made
	ownPrefix  = "polywire-"

	correlationKey = "correlation-id"

	trailerPrefix = "trailer-" // of the application's fields that travel behind a reply's message
	binarySuffix  = "-bin"
)

// travels reports whether one of Envelope.Fields is metadata of its own, under its own key.
func travels(key string) bool {
	switch key {
	case "polywire-id", "polywire-source", "polywire-time", "polywire-reply-to", "polywire-correlation-id", "polywire-accept",
		"polywire-key", "polywire-idempotent", "polywire-responder":
		return true
	}
	return false
}

// A head collects, as pairs, the metadata before a message and, of replies, that behind it.
type head struct {
	before, behind []string
	reply          bool
	ours           bool // goes with a messageKey, which tells the order too
	unsorted       bool // the application's fields are in another order than metadata has them in
}

func (h *head) add(key, value string) { h.before = append(h.before, key, value) }

// addText adds a text that may be anything; empty is none.
func (h *head) addText(key, value string) {
	if value != "" {
		h.add(key, fieldtext.Escape(value))
	}
}

// put adds what e holds besides its destination, id, source, times, content type, body and error.
func (h *head) put(e *transport.Envelope) {
	h.ours = e.ID != ""
	h.addText("polywire-reply-to", e.ReplyTo)
	if fieldtext.Plain(e.CorrelationID) {
		h.add(correlationKey, e.CorrelationID)
	} else {
		h.addText("polywire-correlation-id", e.CorrelationID)
	}
	h.addText("polywire-accept", e.Accept)
	h.addText("polywire-key", e.Key)
	if e.Idempotent {
		h.add("polywire-idempotent", "1")
	}
	h.addText("polywire-responder", e.Responder)
	parent, state := e.Trace()
	if fieldtext.Plain(parent) {
		h.add("traceparent", parent)
	}
	if fieldtext.Plain(state) {
		h.add("tracestate", state)
	}
	for name, values := range e.Params {
		for _, v := range values {
			h.add(paramKey, fieldtext.Escape(name)+"="+fieldtext.Escape(v))
		}
	}
	h.putApplication(e.Header)
}

// putApplication adds the application's fields: under their own keys where
// metadata carries them, else in the list of escaped ones.
func (h *head) putApplication(fields transport.Header) {
	start, last := len(h.before), ""
	for key, value := range fields.All() {
		wire, ok := metadataValue(key, value)
		if !ok || h.reply && strings.HasPrefix(key, trailerPrefix) {
			h.before, h.unsorted = h.before[:start], false
			h.putMixed(fields)
			break
		}
		h.add(key, wire)
		h.unsorted = h.unsorted || key < last
		last = key
	}
	if h.unsorted && !h.ours {
		h.add(orderKey, strings.Join(keysOf(fields), ","))
	}
}

func keysOf(fields transport.Header) []string {
	keys := make([]string, 0, fields.Len())
	for key := range fields.All() {
		keys = append(keys, key)
	}
	return keys
}

// putMixed adds fields of which some go behind the message, or in the list.
func (h *head) putMixed(fields transport.Header) {
	var plain, trailers, listed []string
	for key, value := range fields.All() {
		name, behind := strings.CutPrefix(key, trailerPrefix)
		if behind = behind && h.reply; !behind {
			name = key
		}
		wire, ok := metadataValue(name, value)
		switch {
		case !ok || !native(fields, key, name):
			h.add(listKey, key+"="+fieldtext.Escape(value))
			listed = append(listed, key)
		case behind:
			h.behind = append(h.behind, name, wire)
			trailers = append(trailers, key)
		default:
			h.add(key, wire)
			plain = append(plain, key)
		}
	}
	slices.Sort(plain)
	slices.Sort(trailers)
	h.unsorted = !slices.Equal(keysOf(fields), slices.Concat(plain, trailers, listed))
}

// message is the value of messageKey, for e: what differs with each message is one field, since each costs both ends.
// left is the time that is left, where grpc-timeout does not tell it. A reply has neither id nor time, so that
// the value is the same each time, which costs next to nothing.
func (h *head) message(e *transport.Envelope, left time.Duration) string {
	s, least := fieldtext.Stamp{Source: e.Source, Left: left}, 2
	if !h.reply {
		s.ID, s.Time, least = e.ID, e.Time, 3
	}
	if h.unsorted {
		least = 4
	}
	var room [256]byte
	b := s.Append(room[:0], least)
	if h.unsorted {
		for key := range e.Header.All() {
			b = append(append(b, ','), key...)
		}
	}
	return string(b)
}

// native reports whether metadata carries all values of a key, by name: they stay together, in order.
func native(fields transport.Header, key, name string) bool {
	for k, v := range fields.All() {
		if _, ok := metadataValue(name, v); k == key && !ok {
			return false
		}
	}
	return true
}

// metadataValue is what carries a field under its own key, if anything does.
func metadataValue(key, value string) (string, bool) {
	if reserved(key) {
		return "", false
	}
	if !strings.HasSuffix(key, binarySuffix) {
		return value, fieldtext.Plain(value)
	}
	raw, err := base64.RawStdEncoding.DecodeString(value)
	if err != nil || value == "" || base64.RawStdEncoding.EncodeToString(raw) != value {
		return "", false
	}
	return string(raw), true
}

// reserved reports whether a key belongs to HTTP or to gRPC: libraries and proxies write, read or
// change it, so it is no field of the application's on the wire. docs/wire/grpc.md holds the table.
func reserved(key string) bool {
	switch key {
	case "accept", "accept-encoding", "authorization", "cache-control", "connection", "cookie", "date", "expect", "forwarded", "host",
		"keep-alive", "server", "te", "trailer", "transfer-encoding", "upgrade", "user-agent", "via":
		return true
	}
	for _, family := range [...]string{":", "grpc-", "content-", "proxy-", "x-envoy-", "x-forwarded-", ownPrefix} {
		if strings.HasPrefix(key, family) {
			return true
		}
	}
	return false
}

// takeFields reads metadata into e: fields of polywire, then the
// application's under their own keys, sorted, then the escaped ones in order.
func takeFields(md, trailer metadata.MD, e *transport.Envelope) error {
	order := md[orderKey]
	if told := takeMessage(md[messageKey], e); told != "" {
		order = []string{told}
	}
	var room [8]fieldtext.Field
	found := takeMetadata(room[:0], md, "", e)
	found = takeMetadata(found, trailer, trailerPrefix, e)
	return fieldtext.Give(e, fieldtext.Listed(found, md[listKey]), order)
}

// takeMessage reads what our own peers say of every message, and returns the list of keys that tells the order of fields.
func takeMessage(values []string, e *transport.Envelope) (order string) {
	if len(values) == 0 {
		return ""
	}
	s, order, _ := fieldtext.ParseStamp(values[0])
	s.Give(e)
	return order
}

// takeMetadata appends the application's fields among md to found, sorted, their keys after prefix, and gives e the others.
func takeMetadata(found []fieldtext.Field, md metadata.MD, prefix string, e *transport.Envelope) []fieldtext.Field {
	start := len(found)
	for key, values := range md {
		switch {
		case strings.HasPrefix(key, ownPrefix):
			takeOwn(key, values, e)
		case key == correlationKey && prefix == "":
			e.SetField("polywire-correlation-id", values[0])
		case !reserved(key):
			found = appendValues(found, prefix+key, values)
		}
	}
	slices.SortStableFunc(found[start:], func(a, b fieldtext.Field) int { return strings.Compare(a.Key, b.Key) })
	return found
}

func appendValues(found []fieldtext.Field, key string, values []string) []fieldtext.Field {
	binary := strings.HasSuffix(key, binarySuffix)
	for _, v := range values {
		if binary {
			v = base64.RawStdEncoding.EncodeToString([]byte(v))
		}
		found = append(found, fieldtext.Field{Key: key, Value: v})
	}
	return found
}

func takeOwn(key string, values []string, e *transport.Envelope) {
	switch {
	case key == paramKey:
		for entry := range fieldtext.Entries(values) {
			k, v, _ := strings.Cut(entry, "=")
			e.SetField(paramKey, fieldtext.Unescape(k)+"="+fieldtext.Unescape(v))
		}
	case travels(key) && len(values) > 0:
		e.SetField(key, fieldtext.Unescape(values[0]))
	}
}

// The content-subtypes that are not the second half of a media type.
const (
	subtypeProto   = "proto"
	typeProto      = "application/protobuf"
	subtypeUnknown = "octet-stream"
	wireType       = "application/grpc"
	typePrefix     = "application/"
)

// subtypeOf is the content-subtype for a body of a media type, and whether it says all.
func subtypeOf(mediaType string) (string, bool) {
	if mediaType == typeProto {
		return subtypeProto, true
	}
	sub, ok := strings.CutPrefix(mediaType, typePrefix)
	switch {
	case mediaType == "":
		return subtypeProto, false // what servers of strangers take
	case !ok || sub == "" || strings.Trim(sub, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" || !isType(sub, mediaType):
		return subtypeUnknown, false
	}
	return sub, true
}

// typeOf is the media type that a content-subtype stands for.
func typeOf(subtype string) string {
	switch subtype {
	case "", subtypeProto:
		return typeProto
	case "msgpack", "x-msgpack":
		return "application/vnd.msgpack"
	case subtypeUnknown: // this and what follows are the usual ones, which need not be made each time
		return typePrefix + subtypeUnknown
	case "json":
		return "application/json"
	case "xml":
		return "application/xml"
	case "avro":
		return "application/avro"
	}
	return typePrefix + subtype
}

// isType reports whether typeOf(subtype) is mediaType.
func isType(subtype, mediaType string) bool {
	switch subtype {
	case "", subtypeProto, "msgpack", "x-msgpack":
		return typeOf(subtype) == mediaType
	}
	sub, ok := strings.CutPrefix(mediaType, typePrefix)
	return ok && sub == subtype
}

// subtypeIn is the content-subtype in a content-type of gRPC.
func subtypeIn(contentType string) string {
	rest, _ := strings.CutPrefix(contentType, wireType)
	if rest == "" || rest[0] != '+' && rest[0] != ';' {
		return ""
	}
	return strings.ToLower(rest[1:])
}

// mediaType is the media type of a body that came with md; fallback is that of a content-subtype left out.
func mediaType(md metadata.MD, fallback string) string {
	if own := md[typeKey]; len(own) > 0 {
		return fieldtext.Unescape(own[0])
	}
	return nativeType(md, fallback)
}

// nativeType is what the content-subtype alone says.
func nativeType(md metadata.MD, fallback string) string {
	if t := md["content-type"]; len(t) > 0 {
		if sub := subtypeIn(t[0]); sub != "" {
			return typeOf(sub)
		}
	}
	return fallback
}
