package grpcstub

import (
	"strings"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/polywire/polywire/transport"
)

// failedMetadata is the type of the detail in which the metadata of a call that failed travels, as an
// error has no header: a message of Protobuf whose field 1, repeated, holds a key (1) and a value (2), in the form of a reply's header.
const failedMetadata = "type.googleapis.com/polywire.v1.FailedMetadata"

// failed is the detail of what s collected; none when that is nothing. It goes behind a handler's own, which come first where there is no room for all.
func (s *serverStream) failed() []transport.Detail {
	var h transport.Header
	s.write(&h)
	if h.Len() == 0 {
		return nil
	}
	var b []byte
	for key, value := range h.All() {
		pair := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), key)
		pair = protowire.AppendString(protowire.AppendTag(pair, 2, protowire.BytesType), value)
		b = protowire.AppendBytes(protowire.AppendTag(b, 1, protowire.BytesType), pair)
	}
	return []transport.Detail{{Type: failedMetadata, Data: b}}
}

// metadataOf takes the metadata out of details, as the header of a reply. What is no message, or
// no header, is passed over.
func metadataOf(details []transport.Detail) (h transport.Header, rest []transport.Detail) {
	var e transport.Envelope
	for _, d := range details {
		if d.Type != failedMetadata {
			rest = append(rest, d)
			continue
		}
		for _, pair := range stringsOf(d.Data)[1] {
			field := stringsOf([]byte(pair))
			if len(field[1]) == 1 && len(field[2]) <= 1 {
				e.SetField(field[1][0], strings.Join(field[2], "")) // which is left out where it is empty
			}
		}
	}
	return e.Header, rest
}

// stringsOf are the fields 1 and 2 of a message, which are strings or messages; none if it is no message.
func stringsOf(b []byte) (fields [3][]string) {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return [3][]string{}
		}
		b = b[n:]
		if kind == protowire.BytesType && (number == 1 || number == 2) {
			value, n := protowire.ConsumeBytes(b)
			if n < 0 {
				return [3][]string{}
			}
			fields[number] = append(fields[number], string(value))
			b = b[n:]
			continue
		}
		if n = protowire.ConsumeFieldValue(number, kind, b); n < 0 {
			return [3][]string{}
		}
		b = b[n:]
	}
	return fields
}
