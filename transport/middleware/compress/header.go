package compress

import (
	"strconv"
	"strings"

	"github.com/polywire/polywire/transport"
)

// Room that every header must have (semantics §2.3).
const (
	maxFields = 64
	maxBytes  = 16 << 10
)

// chosen is the encoding that a reader of accept wants: the own one if he reads
// it, else another that he reads, else nil. As HTTP has it, q=0 refuses, and * is any.
func (m *Middleware) chosen(accept string) encoding {
	var found encoding
	any, refused := false, false
	for part := range strings.SplitSeq(accept, ",") {
		name, params, _ := strings.Cut(part, ";")
		name = strings.TrimSpace(name)
		if refuses(params) {
			refused = refused || strings.EqualFold(name, m.own.name())
			continue
		}
		any = any || name == "*"
		for _, e := range m.known {
			if strings.EqualFold(name, e.name()) && found != m.own {
				found = e
				break
			}
		}
		if found == m.own {
			return found
		}
	}
	if found == nil && any && !refused {
		return m.own
	}
	return found
}

// refuses reports whether params hold a q of zero.
func refuses(params string) bool {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(name), "q") {
			q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			return err == nil && q == 0
		}
	}
	return false
}

// isPlain reports whether a content-encoding changes no byte. The last is what
// some clients of AMQP call text.
func isPlain(encoding string) bool {
	return encoding == "" || strings.EqualFold(encoding, "identity") || strings.EqualFold(encoding, "utf-8")
}

// hasRoom reports whether a header takes the fields of this middleware beside its own.
func (m *Middleware) hasRoom(h transport.Header) bool {
	size := 0
	for key, value := range h.All() {
		size += len(key) + len(value)
	}
	return h.Len()+2 <= maxFields && size+len(encodingField)+len(acceptField)+2*len(m.told) <= maxBytes
}
