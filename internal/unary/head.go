package unary

import (
	"encoding/base64"
	"net/http"
	"slices"
	"strconv"
	"strings"

	spb "google.golang.org/genproto/googleapis/rpc/status"

	"golang.org/x/net/http/httpguts"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
)

// A head is a header or a trailer that was read. It never changes: calls share one as long as the server sends the same.
type head struct {
	fields   []hpack.HeaderField
	md       metadata.MD
	http     string // :status
	native   bool   // its content-type is gRPC's
	encoding string
	broken   *status.Status // why it cannot be used
	status   *status.Status // of a trailer; nil is OK
}

const (
	wireType      = "application/grpc"
	binarySuffix  = "-bin"
	detailsKey    = "grpc-status-details-bin"
	maxSharedHead = 16 // fields of a head that is kept to be shared
)

// A gathering collects the fields of a block as HPACK's decoder emits them.
type gathering struct {
	fields []hpack.HeaderField
	size   int
	most   int
	last   [2]*head // of the last header and the last trailer
}

func (g *gathering) add(f hpack.HeaderField) {
	if g.size += int(f.Size()); g.size <= g.most {
		g.fields = append(g.fields, f)
	}
}

// take makes a head of what was collected, and is empty again.
func (g *gathering) take(trailer bool) *head {
	slot := &g.last[0]
	if trailer {
		slot = &g.last[1]
	}
	h := *slot
	switch {
	case g.size > g.most:
		h = &head{broken: status.New(codes.Internal, "the header of the reply is larger than its limit")}
	case h == nil || !slices.Equal(h.fields, g.fields):
		h = newHead(slices.Clone(g.fields))
		if len(g.fields) <= maxSharedHead && g.size <= maxSharedHead<<7 {
			*slot = h
		}
	}
	clear(g.fields)
	g.fields, g.size = g.fields[:0], 0
	return h
}

// newHead reads fields, which it keeps. No text of it has a value that the server sent, but for the message of its status.
func newHead(fields []hpack.HeaderField) *head {
	h := &head{fields: fields, md: make(metadata.MD, len(fields))}
	code, message, regular := "", "", false
	for _, f := range fields {
		if pseudo := strings.HasPrefix(f.Name, ":"); pseudo {
			if regular || f.Name != ":status" || h.http != "" {
				h.spoil("the header of the reply has a pseudo-field out of place")
			}
			h.http = f.Value
			continue
		}
		regular = true
		if !wellFormed(f) {
			h.spoil("the header of the reply has a field that HTTP/2 does not take")
			continue
		}
		switch f.Name {
		case "grpc-status":
			code = f.Value
		case "grpc-message":
			message = unescape(f.Value)
		default:
			h.put(f)
		}
	}
	h.conclude(code, message)
	return h
}

func (h *head) spoil(text string) {
	if h.broken == nil {
		h.broken = status.New(codes.Internal, text)
	}
}

func wellFormed(f hpack.HeaderField) bool {
	if strings.ToLower(f.Name) != f.Name || !httpguts.ValidHeaderFieldName(f.Name) || !httpguts.ValidHeaderFieldValue(f.Value) {
		return false
	}
	switch f.Name { // RFC 9113, section 8.2.2
	case "connection", "proxy-connection", "keep-alive", "transfer-encoding", "upgrade":
		return false
	}
	return true
}

// put takes a field that is metadata, or gRPC's own beside the status.
func (h *head) put(f hpack.HeaderField) {
	switch f.Name {
	case "content-type":
		rest, ok := strings.CutPrefix(f.Value, wireType)
		h.native = ok && (rest == "" || rest[0] == '+' || rest[0] == ';')
	case "grpc-encoding":
		h.encoding = f.Value
		return
	case "te", "user-agent", "grpc-timeout", "grpc-message-type":
		return
	}
	value := f.Value
	if strings.HasSuffix(f.Name, binarySuffix) {
		decode := base64.RawStdEncoding
		if len(value)%4 == 0 { // padded, or alike with and without
			decode = base64.StdEncoding
		}
		raw, err := decode.DecodeString(value)
		if err != nil {
			h.spoil("the header of the reply has a field of bytes that is no base64")
			return
		}
		value = string(raw)
	}
	h.md[f.Name] = append(h.md[f.Name], value)
}

// conclude reads the status.
func (h *head) conclude(code, message string) {
	if code == "" {
		h.status = status.New(codes.Unknown, "the server ended the call without a status")
		return
	}
	n, err := strconv.ParseInt(code, 10, 32)
	if err != nil {
		h.status = status.New(codes.Unknown, "the status of the reply is no number")
		return
	}
	c := codes.Code(uint32(n)) //nolint:gosec // codeOf of the caller knows numbers that are none
	if details := h.md[detailsKey]; len(details) == 1 {
		full := &spb.Status{}
		switch err := proto.Unmarshal([]byte(details[0]), full); {
		case err != nil: // not that message: the code says it all
		case codes.Code(uint32(full.Code)) != c: //nolint:gosec // as above
			h.status = status.New(codes.Internal, "the status of the reply and its details have different codes")
			return
		case c != codes.OK:
			h.status = status.FromProto(full)
			return
		}
	}
	if c != codes.OK {
		h.status = status.New(c, message)
	}
}

// foreign is the status of a reply that is not gRPC's, by that of HTTP; ok is false for an interim response.
func (h *head) foreign() (s *status.Status, ok bool) {
	n, err := strconv.Atoi(h.http)
	switch {
	case err != nil || len(h.http) != 3:
		return status.New(codes.Internal, "the reply has no status of HTTP"), true
	case n >= 100 && n < http.StatusOK:
		return nil, false
	}
	code := codes.Unknown
	switch n {
	case http.StatusBadRequest:
		code = codes.Internal
	case http.StatusUnauthorized:
		code = codes.Unauthenticated
	case http.StatusForbidden:
		code = codes.PermissionDenied
	case http.StatusNotFound:
		code = codes.Unimplemented
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		code = codes.Unavailable
	}
	return status.Newf(code, "the answer is none of gRPC, but status %d (%s) of HTTP", n, http.StatusText(n)), true
}

// unescape decodes grpc-message; what is no escape stays as it is.
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b = append(b, byte(n))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}
