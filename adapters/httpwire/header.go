package httpwire

import (
	"net/http"
	"slices"
	"strings"

	"github.com/polywire/polywire/internal/fieldtext"
	"github.com/polywire/polywire/transport"
)

// Names of fields that HTTP or polywire's use of it give a meaning.
const (
	contentType    = "Content-Type"
	accept         = "Accept"
	encoding       = "Content-Encoding"
	acceptEncoding = "Accept-Encoding"
	messageField   = "Polywire-Message" // what every message says of itself, in one; between ours alone
	headerList     = "Polywire-Header"  // application fields that HTTP cannot carry under their own names
	paramList      = "Polywire-Param"
	codeField      = "Polywire-Code"
	reasonField    = "Polywire-Reason"
	orderField     = "Polywire-Order" // keys of the application's fields in order, where the wire does not keep it
	timeoutField   = "Polywire-Timeout"
	ackField       = "Polywire-Ack"
	streamField    = "Polywire-Stream"
	nodeField      = "Polywire-Node"
	reservedPrefix = "Polywire-"
)

// wireFields are Envelope.Fields and the fields of HTTP that carry them.
var wireFields = [...]struct{ key, name string }{
	{"polywire-id", "Polywire-Id"}, {"polywire-source", "Polywire-Source"}, {"polywire-time", "Polywire-Time"}, {"polywire-timeout", timeoutField},
	{"polywire-responder", "Polywire-Responder"}, {"polywire-key", "Polywire-Key"}, {"polywire-idempotent", "Polywire-Idempotent"},
	{"polywire-reply-to", "Polywire-Reply-To"}, {"polywire-correlation-id", "Polywire-Correlation-Id"}, {"polywire-accept", "Polywire-Accept"},
	{"polywire-content-type", "Polywire-Content-Type"}, {"polywire-param", paramList},
}

// wireName gives the field that carries one of Envelope.Fields, and "" for those
// that travel otherwise: in the path, the status, the body, or not at all.
func wireName(key string) string {
	for i := range wireFields {
		if wireFields[i].key == key {
			return wireFields[i].name
		}
	}
	return ""
}

// fieldName is the inverse of wireName.
func fieldName(name string) string {
	for i := range wireFields {
		if wireFields[i].name == name {
			return wireFields[i].key
		}
	}
	return ""
}

// A fieldSink takes fields of HTTP: of a request or answer, or of an event.
type fieldSink interface {
	has(name string) bool
	set(name, value string)
	list(name, element string) // of headerList or paramList
}

// A head is that of a request or answer. Its values share one array.
type head struct {
	h      http.Header
	values []string
}

func headerSink(h http.Header) *head { return &head{h, make([]string, 0, 16)} }

func (s *head) has(name string) bool { return s.h[name] != nil }

func (s *head) set(name, value string) {
	s.values = append(s.values, value)
	n := len(s.values)
	s.h[name] = s.values[n-1 : n : n]
}

func (s *head) list(name, element string) { s.h[name] = append(s.h[name], element) }

// putFields writes what e holds besides its destination, body and error. Accept
// says whether the wire's own Accept is free to carry the message's, as it is in a request.
func putFields(h fieldSink, e *transport.Envelope, acceptFree bool) {
	for key, value := range e.Fields() {
		switch {
		case key == "polywire-content-type" && fieldtext.Plain(value):
			h.set(contentType, value)
		case key == "polywire-accept" && acceptFree && fieldtext.Plain(value) && value != "*/*":
			h.set(accept, value)
		case key == "polywire-param":
			name, v, _ := strings.Cut(value, "=")
			h.list(paramList, fieldtext.Escape(name)+"="+fieldtext.Escape(v))
		case strings.HasPrefix(key, "polywire-"):
			if name := wireName(key); name != "" {
				h.set(name, fieldtext.Escape(value))
			}
		case key == "traceparent":
			h.set("Traceparent", value)
		case key == "tracestate":
			h.set("Tracestate", value)
		}
	}
	putApplication(h, e.Header, acceptFree)
}

// putApplication writes the application's fields: under their own names where
// those arrive as they are through any proxy, else in the list of escaped ones.
func putApplication(h fieldSink, fields transport.Header, request bool) {
	if fields.Len() == 0 {
		return
	}
	var room [3][8]string // most messages have no more
	native, listed, order := room[0][:0], room[1][:0], room[2][:0]
	for key, value := range fields.All() {
		order = append(order, key)
		name := http.CanonicalHeaderKey(key)
		if h.has(name) || !ruleOf(name).write.holds(value, request) || !fieldtext.Plain(value) || strings.ContainsAny(key, "._") || repeated(fields, key) {
			h.list(headerList, key+"="+fieldtext.Escape(value))
			listed = append(listed, key)
			continue
		}
		h.set(name, value)
		native = append(native, key)
	}
	slices.Sort(native)
	if !slices.Equal(order, append(native, listed...)) {
		h.set(orderField, strings.Join(order, ","))
	}
}

// repeated reports whether key has several values, whose lines a proxy may join or reorder.
func repeated(fields transport.Header, key string) bool {
	n := 0
	for k := range fields.All() {
		if k == key {
			n++
		}
	}
	return n > 1
}

// takeFields reads what a peer wrote into e: fields of polywire, then the
// application's under their own names, sorted, then the escaped ones in order.
func takeFields(h http.Header, e *transport.Envelope) error {
	var own []string
	for name := range h {
		switch {
		case strings.HasPrefix(name, reservedPrefix):
			if err := takeReserved(h, name, e); err != nil {
				return err
			}
		case ruleOf(name).take.holds(h.Get(name), true):
			own = append(own, name)
		}
	}
	if v := h.Get(contentType); v != "" && e.ContentType == "" {
		e.SetField("polywire-content-type", v)
	}
	slices.Sort(own)
	var found []fieldtext.Field
	for _, name := range own {
		for _, v := range h[name] {
			found = append(found, fieldtext.Field{Key: strings.ToLower(name), Value: v})
		}
	}
	return fieldtext.Give(e, fieldtext.Listed(found, h[headerList]), h[orderField])
}

func takeReserved(h http.Header, name string, e *transport.Envelope) error {
	switch name {
	case headerList, orderField:
		return nil // see takeFields
	case messageField:
		return takeMessage(h.Get(name), e)
	case paramList:
		for entry := range fieldtext.Entries(h[name]) {
			k, v, _ := strings.Cut(entry, "=")
			e.SetField("polywire-param", fieldtext.Unescape(k)+"="+fieldtext.Unescape(v))
		}
		return nil
	}
	key := fieldName(name)
	if key == "" {
		return nil // not a peer's to set, or nothing that is known
	}
	if v := fieldtext.Unescape(h.Get(name)); !e.SetField(key, v) && name == timeoutField {
		return invalid("%s: use a duration as 500ms, or milliseconds", timeoutField)
	}
	return nil
}

// messageOf is the value of messageField for e.
func messageOf(e *transport.Envelope) string {
	var room [192]byte
	s := fieldtext.Stamp{ID: e.ID, Source: e.Source, Time: e.Time, Left: e.Timeout}
	return string(s.Append(room[:0], 4))
}

// takeMessage is the inverse of messageOf.
func takeMessage(value string, e *transport.Envelope) error {
	s, more, ok := fieldtext.ParseStamp(value)
	if !ok || more != "" {
		return invalid("%s: want an id, a source, nanoseconds since 1970 and the microseconds that are left, with commas between", messageField)
	}
	s.Give(e)
	return nil
}

// ofOurs reports whether a request comes from a Conn, which says so without being asked, and not from curl or a browser.
func ofOurs(h http.Header) bool { return h[messageField] != nil || h.Get("Polywire-Id") != "" }

// takeAccept reads the media types wanted for the reply. Any type is no wish.
func takeAccept(h http.Header, e *transport.Envelope) {
	if v := h.Get(accept); e.Accept == "" && v != "*/*" {
		e.SetField("polywire-accept", v)
	}
}
