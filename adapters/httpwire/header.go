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
	headerList     = "Polywire-Header" // application fields that HTTP cannot carry under their own names
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

// Limits of the application's header, which the core has too; here they refuse before anything is kept.
const (
	maxFields     = 64 + 4 // what made a message a dead letter comes on top
	maxFieldBytes = 17 << 10
)

// wireName gives the field that carries one of Envelope.Fields, and "" for those
// that travel otherwise: in the path, the status, the body, or not at all.
func wireName(key string) string {
	switch key {
	case "polywire-id":
		return "Polywire-Id"
	case "polywire-source":
		return "Polywire-Source"
	case "polywire-reply-to":
		return "Polywire-Reply-To"
	case "polywire-correlation-id":
		return "Polywire-Correlation-Id"
	case "polywire-content-type":
		return "Polywire-Content-Type"
	case "polywire-accept":
		return "Polywire-Accept"
	case "polywire-key":
		return "Polywire-Key"
	case "polywire-time":
		return "Polywire-Time"
	case "polywire-timeout":
		return timeoutField
	case "polywire-idempotent":
		return "Polywire-Idempotent"
	case "polywire-responder":
		return "Polywire-Responder"
	case "polywire-param":
		return paramList
	}
	return ""
}

// fieldName is the inverse of wireName.
func fieldName(name string) string {
	key := strings.ToLower(name)
	if wireName(key) == "" {
		return ""
	}
	return key
}

// putFields writes what e holds besides its destination, body and error. Accept
// says whether the wire's own Accept is free to carry the message's.
func putFields(h http.Header, e *transport.Envelope, acceptFree bool) {
	for key, value := range e.Fields() {
		switch {
		case key == "polywire-content-type" && fieldtext.Plain(value):
			h[contentType] = []string{value}
		case key == "polywire-accept" && acceptFree && fieldtext.Plain(value) && value != "*/*":
			h[accept] = []string{value}
		case key == "polywire-param":
			name, v, _ := strings.Cut(value, "=")
			h[paramList] = append(h[paramList], fieldtext.Escape(name)+"="+fieldtext.Escape(v))
		case strings.HasPrefix(key, "polywire-"):
			if name := wireName(key); name != "" {
				h[name] = []string{fieldtext.Escape(value)}
			}
		case key == "traceparent" || key == "tracestate":
			h[http.CanonicalHeaderKey(key)] = []string{value}
		}
	}
	putApplication(h, e.Header, acceptFree)
}

// putApplication writes the application's fields: under their own names where
// those arrive as they are through any proxy, else in the list of escaped ones.
func putApplication(h http.Header, fields transport.Header, acceptFree bool) {
	if fields.Len() == 0 {
		return
	}
	var native, listed, order []string
	for key, value := range fields.All() {
		order = append(order, key)
		name := http.CanonicalHeaderKey(key)
		owned := reserved(name) && !shared(name, value) || name == acceptEncoding && !acceptFree
		if h[name] != nil || owned || !fieldtext.Plain(value) || strings.ContainsAny(key, "._") || repeated(fields, key) {
			h[headerList] = append(h[headerList], key+"="+fieldtext.Escape(value))
			listed = append(listed, key)
			continue
		}
		h[name] = []string{value}
		native = append(native, key)
	}
	slices.Sort(native)
	if !slices.Equal(order, append(native, listed...)) {
		h[orderField] = []string{strings.Join(order, ",")}
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
		case !reserved(name) || shared(name, h.Get(name)) || name == encoding && h.Get(name) != "identity":
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
	for entry := range fieldtext.Entries(h[headerList]) {
		key, v, _ := strings.Cut(entry, "=")
		if key = strings.ToLower(key); !strings.HasPrefix(key, "polywire-") && key != "traceparent" && key != "tracestate" {
			found = append(found, fieldtext.Field{Key: key, Value: fieldtext.Unescape(v)}) // what is not the application's has a header of its own
		}
	}
	size := 0
	for _, f := range fieldtext.Ordered(found, h[orderField], 4*maxFields) {
		size += len(f.Key) + len(f.Value)
		if e.Header.Len() >= maxFields || size > maxFieldBytes {
			return transport.CodeResourceExhausted.Errorf("more header than %d fields or %d bytes", maxFields, maxFieldBytes)
		}
		e.SetField(f.Key, f.Value) // what is no valid field is left out, as semantics §2.3 has it
	}
	return nil
}

func takeReserved(h http.Header, name string, e *transport.Envelope) error {
	switch name {
	case headerList, orderField:
		return nil // see takeFields
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

// takeAccept reads the media types wanted for the reply. Any type is no wish.
func takeAccept(h http.Header, e *transport.Envelope) {
	if v := h.Get(accept); e.Accept == "" && v != "*/*" {
		e.SetField("polywire-accept", v)
	}
}

// reserved reports whether a name, in canonical form, belongs to HTTP: clients,
// servers and proxies write, read or change it, so it is no field of the
// application's on the wire. docs/wire/http.md holds the table.
func reserved(name string) bool {
	switch name {
	case "Accept", "Age", "Allow", "Alt-Svc", "Authorization", "Cache-Control", "Clear-Site-Data", "Connection", "Cookie", "Cookie2",
		"Date", "Dnt", "Early-Data", "Etag", "Expect", "Expires", "Forwarded", "From", "Host", "Http2-Settings", "Idempotency-Key",
		"Keep-Alive", "Last-Modified", "Link", "Location", "Max-Forwards", "Nel", "Origin", "Pragma", "Priority", "Range", "Referer",
		"Refresh", "Report-To", "Retry-After", "Server", "Server-Timing", "Set-Cookie", "Set-Cookie2", "Strict-Transport-Security",
		"Te", "Trailer", "Transfer-Encoding", "Upgrade", "Upgrade-Insecure-Requests", "User-Agent", "Vary", "Via", "Warning",
		"Www-Authenticate", "X-Real-Ip", "X-Request-Id":
		return true
	}
	for _, family := range [...]string{
		"Accept-", "Access-Control-", "Cf-", "Content-", "Cross-Origin-", "If-", "Polywire-", "Proxy-", "Sec-", "X-Amzn-", "X-Forwarded-", "X-Envoy-",
	} {
		if strings.HasPrefix(name, family) {
			return true
		}
	}
	return false
}

// shared reports whether a field of HTTP's is the application's too: what compresses
// bodies, in the sense of HTTP, so that others than ours can do it.
func shared(name, value string) bool {
	switch name {
	case encoding:
		return value == "gzip" || value == "zstd"
	case acceptEncoding:
		return strings.Contains(value, "gzip") || strings.Contains(value, "zstd")
	}
	return false
}
