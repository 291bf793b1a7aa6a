package grpcstub

import (
	"encoding/base64"
	"strings"

	"google.golang.org/grpc/metadata"

	"github.com/polywire/polywire/transport"
)

// trailerPrefix marks the fields of a reply's header that are trailers, as Connect's unary protocol does.
const trailerPrefix = "trailer-"

// Fields of a message that gRPC programs keep in metadata.
const (
	traceParent   = "traceparent"
	traceState    = "tracestate"
	correlationID = "correlation-id"
)

// outgoing puts the metadata of a call where messages have them.
func outgoing(msg *transport.Message, md metadata.MD) {
	var parent, state string
	for key, values := range md {
		for _, value := range values {
			switch key {
			case traceParent:
				parent = value
			case traceState:
				state = value
			case correlationID:
				msg.CorrelationID = value
			default:
				add(&msg.Header, key, value)
			}
		}
	}
	if parent != "" {
		msg.SetTrace(parent, state)
	}
}

// incoming is the metadata of an inbound message.
func incoming(msg *transport.Message) metadata.MD {
	md := make(metadata.MD, msg.Header.Len()+2)
	for key, value := range msg.Header.All() {
		md[key] = append(md[key], raw(key, value))
	}
	parent, state := msg.Trace()
	for key, value := range map[string]string{traceParent: parent, traceState: state, correlationID: msg.CorrelationID} {
		if value != "" {
			md[key] = []string{value}
		}
	}
	return md
}

// answered tells the two kinds of metadata of a reply apart.
func answered(reply *transport.Message) (header, trailer metadata.MD) {
	header, trailer = metadata.MD{}, metadata.MD{}
	for key, value := range reply.Header.All() {
		if name, ok := strings.CutPrefix(key, trailerPrefix); ok {
			trailer[name] = append(trailer[name], raw(name, value))
		} else {
			header[key] = append(header[key], raw(key, value))
		}
	}
	return header, trailer
}

// add appends metadata to a header, but for what a gRPC transport makes itself.
func add(h *transport.Header, key, value string) {
	if transportOwn(strings.TrimPrefix(key, trailerPrefix)) {
		return
	}
	if strings.HasSuffix(key, "-bin") {
		value = base64.RawStdEncoding.EncodeToString([]byte(value))
	}
	h.Add(key, value)
}

// raw is the value of a header as metadata has it: binary ones are bytes.
func raw(key, value string) string {
	if !strings.HasSuffix(key, "-bin") {
		return value
	}
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(value, "="))
	if err != nil {
		return value // no peer of ours: the rule of headers refuses it
	}
	return string(b)
}

// transportOwn reports whether gRPC would leave key out of what it sends, too.
func transportOwn(key string) bool {
	switch key {
	case "content-type", "user-agent", "te":
		return true
	}
	return strings.HasPrefix(key, ":") || strings.HasPrefix(key, "grpc-")
}
