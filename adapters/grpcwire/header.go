package grpcwire

import (
	"encoding/base64"
	"slices"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/polywire/polywire/internal/fieldtext"
	"github.com/polywire/polywire/transport"
)

// Keys of metadata that polywire gives a meaning.
const (
	messageKey = "polywire-message" // id, source and time of a message, escaped; only our own peers send it
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

// Limits of the application's header, which the core has too; here they refuse before anything is kept.
const (
	maxFields     = 64 + 4 // what made a message a dead letter comes on top
	maxFieldBytes = 17 << 10
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
}

// put adds what e holds besides its destination, time left, content type, body and error.
func (h *head) put(e *transport.Envelope) {
	var id, source, sent string
	own, kv := false, h.before
	for key, value := range e.Fields() {
		switch {
		case key == "polywire-id":
			id = value
		case key == "polywire-source":
			source = value
		case key == "polywire-time":
			sent = value
		case key == paramKey:
			name, v, _ := strings.Cut(value, "=")
			kv = append(kv, paramKey, fieldtext.Escape(name)+"="+fieldtext.Escape(v))
		case key == "polywire-correlation-id" && fieldtext.Plain(value):
			kv = append(kv, correlationKey, value)
		case strings.HasPrefix(key, ownPrefix):
			if travels(key) {
				kv = append(kv, key, fieldtext.Escape(value))
			}
		case key == "traceparent" || key == "tracestate":
			if fieldtext.Plain(value) {
				kv = append(kv, key, value)
			}
		default:
			own = true
		}
	}
	if id != "" {
		kv = append(kv, messageKey, fieldtext.Escape(id)+","+fieldtext.Escape(source)+","+sent)
	}
	h.before = kv
	if own {
		h.putApplication(e.Header)
	}
}

// putApplication adds the application's fields: under their own keys where
// metadata carries them, else in the list of escaped ones.
func (h *head) putApplication(fields transport.Header) {
	var plain, trailers, listed, order []string
	for key, value := range fields.All() {
		order = append(order, key)
		name, behind := strings.CutPrefix(key, trailerPrefix)
		if behind = behind && h.reply; !behind {
			name = key
		}
		wire, ok := metadataValue(name, value)
		switch {
		case !ok || !native(fields, key, name):
			h.before = append(h.before, listKey, key+"="+fieldtext.Escape(value))
			listed = append(listed, key)
		case behind:
			h.behind = append(h.behind, name, wire)
			trailers = append(trailers, key)
		default:
			h.before = append(h.before, key, wire)
			plain = append(plain, key)
		}
	}
	slices.Sort(plain)
	slices.Sort(trailers)
	if !slices.Equal(order, slices.Concat(plain, trailers, listed)) {
		h.before = append(h.before, orderKey, strings.Join(order, ","))
	}
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
	takeMessage(md[messageKey], e)
	found := takeMetadata(nil, md, "", e)
	found = takeMetadata(found, trailer, trailerPrefix, e)
	for entry := range fieldtext.Entries(md[listKey]) {
		key, v, _ := strings.Cut(entry, "=")
		if key = strings.ToLower(key); !strings.HasPrefix(key, ownPrefix) && key != "traceparent" && key != "tracestate" {
			found = append(found, fieldtext.Field{Key: key, Value: fieldtext.Unescape(v)}) // what is not the application's has a key of its own
		}
	}
	size := 0
	for _, f := range fieldtext.Ordered(found, md[orderKey], 4*maxFields) {
		size += len(f.Key) + len(f.Value)
		if e.Header.Len() >= maxFields || size > maxFieldBytes {
			return transport.CodeResourceExhausted.Errorf("more header than %d fields or %d bytes", maxFields, maxFieldBytes)
		}
		e.SetField(f.Key, f.Value) // what is no valid field is left out, as semantics §2.3 has it
	}
	return nil
}

// takeMessage reads what our own peers say of every message.
func takeMessage(values []string, e *transport.Envelope) {
	if len(values) == 0 {
		return
	}
	id, rest, _ := strings.Cut(values[0], ",")
	source, sent, _ := strings.Cut(rest, ",")
	e.SetField("polywire-id", fieldtext.Unescape(id))
	e.SetField("polywire-source", fieldtext.Unescape(source))
	e.SetField("polywire-time", sent)
}

// takeMetadata appends the application's fields among md to found, their keys after prefix, and gives e the others.
func takeMetadata(found []fieldtext.Field, md metadata.MD, prefix string, e *transport.Envelope) []fieldtext.Field {
	own := make([]string, 0, len(md))
	for key, values := range md {
		switch {
		case strings.HasPrefix(key, ownPrefix):
			takeOwn(key, values, e)
		case key == correlationKey && prefix == "":
			e.SetField("polywire-correlation-id", values[0])
		case !reserved(key):
			own = append(own, key)
		}
	}
	slices.Sort(own)
	for _, key := range own {
		binary := strings.HasSuffix(key, binarySuffix)
		for _, v := range md[key] {
			if binary {
				v = base64.RawStdEncoding.EncodeToString([]byte(v))
			}
			found = append(found, fieldtext.Field{Key: prefix + key, Value: v})
		}
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
)

// subtypeOf is the content-subtype for a body of a media type, and whether it says all.
func subtypeOf(mediaType string) (string, bool) {
	if mediaType == typeProto {
		return subtypeProto, true
	}
	sub, ok := strings.CutPrefix(mediaType, "application/")
	switch {
	case mediaType == "":
		return subtypeProto, false // what servers of strangers take
	case !ok || sub == "" || strings.Trim(sub, "abcdefghijklmnopqrstuvwxyz0123456789.-") != "" || typeOf(sub) != mediaType:
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
	}
	return "application/" + subtype
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
