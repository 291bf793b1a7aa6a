package httpwire

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/polywire/polywire/internal/fieldtext"
	"github.com/polywire/polywire/transport"
)

// key begins a member.
func (r *eventRoom) key(name string) {
	r.separate()
	r.buf = append(append(append(r.buf, '"'), name...), `":`...)
}

// separate divides a member from the one before it.
func (r *eventRoom) separate() {
	if r.buf[len(r.buf)-1] != '{' {
		r.buf = append(r.buf, ',')
	}
}

func (r *eventRoom) flag(name string) {
	r.key(name)
	r.buf = append(r.buf, "true"...)
}

// fields writes what e holds besides its destination, body and error, as putFields gives it to a
// request: the members are the same, which a test holds. It makes no text on the way.
func (r *eventRoom) fields(e *transport.Envelope) {
	r.key("headers")
	r.buf = append(r.buf, '{')
	r.own(e)
	traceParent, traceState := e.Trace()
	r.plain("Traceparent", traceParent)
	r.plain("Tracestate", traceState)
	r.application(e.Header, traceParent != "", traceState != "")
	r.params(e.Params)
	if r.buf[len(r.buf)-1] != '{' {
		r.buf = append(r.buf, '}')
		return
	}
	r.buf = bytes.TrimSuffix(r.buf, []byte(`"headers":{`))
	r.buf = bytes.TrimSuffix(r.buf, []byte(","))
}

// own writes polywire's fields.
func (r *eventRoom) own(e *transport.Envelope) {
	r.escaped("Polywire-Id", e.ID)
	r.escaped("Polywire-Source", e.Source)
	r.escaped("Polywire-Reply-To", e.ReplyTo)
	r.escaped("Polywire-Correlation-Id", e.CorrelationID)
	r.kind(e.ContentType)
	if fieldtext.Plain(e.Accept) && e.Accept != "*/*" {
		r.plain(accept, e.Accept)
	} else {
		r.escaped("Polywire-Accept", e.Accept)
	}
	r.escaped("Polywire-Key", e.Key)
	r.times(e)
	if e.Idempotent {
		r.plain("Polywire-Idempotent", "1")
	}
	r.escaped("Polywire-Responder", e.Responder)
}

func (r *eventRoom) kind(c string) {
	if fieldtext.Plain(c) {
		r.plain(contentType, c)
	} else {
		r.escaped("Polywire-Content-Type", c)
	}
}

func (r *eventRoom) times(e *transport.Envelope) {
	if !e.Time.IsZero() {
		r.member("Polywire-Time")
		r.buf = append(e.Time.UTC().AppendFormat(r.buf, time.RFC3339Nano), `"]`...)
	}
	if e.Timeout > 0 {
		r.member(timeoutField)
		r.buf = append(appendMicros(r.buf, e.Timeout), `us"]`...)
	}
}

// appendMicros writes d in whole microseconds, rounded up so that no time left is never written as time.
func appendMicros(b []byte, d time.Duration) []byte {
	us := d / time.Microsecond
	if d%time.Microsecond > 0 {
		us++
	}
	return strconv.AppendInt(b, int64(us), 10)
}

// application writes the application's fields as putApplication does; parent and state say which names of the trace are taken.
func (r *eventRoom) application(fields transport.Header, parent, state bool) {
	if fields.Len() == 0 {
		return
	}
	var room [3][8]string // most messages have no more
	native, listed, order := room[0][:0], room[1][:0], room[2][:0]
	for key := range fields.All() {
		order = append(order, key)
	}
	i := 0
	for key, value := range fields.All() {
		taken := parent && key == "traceparent" || state && key == "tracestate" || slices.Contains(order[:i], key) || slices.Contains(order[i+1:], key)
		if i++; taken || !r.named(key, value) {
			listed = append(listed, key)
		} else {
			native = append(native, key)
		}
	}
	if !inOrder(native, listed, order) {
		r.member(orderField)
		for i, key := range order {
			if i > 0 {
				r.buf = append(r.buf, ',')
			}
			r.buf = append(r.buf, key...)
		}
		r.buf = append(r.buf, `"]`...)
	}
	if len(listed) > 0 {
		r.key(headerList)
		r.buf = append(r.buf, '[')
		for key, value := range fields.All() {
			if slices.Contains(listed, key) {
				r.element(key, value)
			}
		}
		r.buf = append(r.buf, ']')
	}
}

// named writes one of the application's fields under its own name, unless that is HTTP's or nobody's, or HTTP cannot carry value.
func (r *eventRoom) named(key, value string) bool {
	if !tame(value) && !fieldtext.Plain(value) {
		return false
	}
	start := len(r.buf)
	r.separate()
	r.buf = append(r.buf, '"')
	at := len(r.buf)
	upper, shared := true, true
	for i := range len(key) {
		c := key[i]
		if upper && 'a' <= c && c <= 'z' {
			c -= 'a' - 'A'
		}
		upper = c == '-'
		shared = shared && c != '.' && c != '_'
		r.buf = append(r.buf, c)
	}
	if !shared || !ruleOf(string(r.buf[at:])).write.holds(value, true) {
		r.buf = r.buf[:start]
		return false
	}
	r.buf = append(r.buf, `":`...)
	r.value(value)
	return true
}

// inOrder reports whether a reader who sorts native, and takes listed after it, has order.
func inOrder(native, listed, order []string) bool {
	return slices.IsSorted(native) && slices.Equal(order[:len(native)], native) && slices.Equal(order[len(native):], listed)
}

func (r *eventRoom) params(params url.Values) {
	if len(params) == 0 {
		return
	}
	r.key(paramList)
	r.buf = append(r.buf, '[')
	for name, values := range params {
		for _, v := range values {
			r.element(fieldtext.Escape(name), v)
		}
	}
	r.buf = append(r.buf, ']')
}

// element writes one of the elements of a list.
func (r *eventRoom) element(name, value string) {
	if r.buf[len(r.buf)-1] != '[' {
		r.buf = append(r.buf, ',')
	}
	r.buf = appendText(r.buf, name)
	r.buf[len(r.buf)-1] = '='
	at := len(r.buf)
	r.buf = appendText(r.buf, fieldtext.Escape(value))
	r.buf = append(r.buf[:at], r.buf[at+1:]...)
}

// member begins a text alone in a list, which the caller writes and ends.
func (r *eventRoom) member(name string) {
	r.key(name)
	r.buf = append(r.buf, `["`...)
}

// plain writes a value that is printable ASCII; nothing for an empty one.
func (r *eventRoom) plain(name, value string) {
	if value != "" {
		r.key(name)
		r.value(value)
	}
}

// value writes a text alone in a list.
func (r *eventRoom) value(value string) {
	if tame(value) {
		r.buf = append(append(append(r.buf, `["`...), value...), `"]`...)
		return
	}
	r.buf = append(appendText(append(r.buf, '['), value), ']')
}

// escaped writes any text as fieldtext.Escape does; nothing for an empty one.
func (r *eventRoom) escaped(name, value string) {
	if tame(value) {
		r.plain(name, value)
		return
	}
	r.plain(name, fieldtext.Escape(value))
}

func (r *eventRoom) body(b []byte) {
	switch {
	case len(b) == 0:
	case literal(b):
		r.key("body")
		r.buf = append(append(append(r.buf, '"'), b...), '"')
	case printable(b):
		r.key("body")
		r.buf = appendText(r.buf, b)
	default:
		r.key("body64")
		r.buf = append(base64.StdEncoding.AppendEncode(append(r.buf, '"'), b), '"')
	}
}

// appendText writes valid UTF-8 as a JSON string.
func appendText[T string | []byte](b []byte, s T) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	done := 0
	for i := range len(s) {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(append(b, s[done:i]...), '\\')
		done = i + 1
		switch c {
		case '"', '\\':
			b = append(b, c)
		case '\n':
			b = append(b, 'n')
		case '\r':
			b = append(b, 'r')
		case '\t':
			b = append(b, 't')
		default:
			b = append(b, 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(b, s[done:]...), '"')
}

// Each byte of a word that is 0x01, and 0x80.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// odd marks, with its highest bit, each of eight bytes that a JSON string cannot hold as it is, or that is not ASCII.
// A byte may be marked in vain after one that is rightly.
func odd(x uint64) uint64 {
	below := x - 0x20*ones
	return (x | below | equal(x, '"') | equal(x, '\\')) & highs
}

// equal marks each byte of x that is c.
func equal(x uint64, c byte) uint64 {
	x ^= uint64(c) * ones
	return (x - ones) & ^x
}

func word(s string, i int) uint64 {
	_ = s[i+7]
	return uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
		uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
}

// literal reports whether b is ASCII that a JSON string holds as it is.
func literal(b []byte) bool {
	for ; len(b) >= 16; b = b[16:] {
		if odd(binary.LittleEndian.Uint64(b))|odd(binary.LittleEndian.Uint64(b[8:])) != 0 {
			return false
		}
	}
	for _, c := range b {
		if c < 0x20 || c >= 0x80 || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// tame reports whether s is a text that fieldtext.Plain holds of, and that neither fieldtext.Escape nor JSON writes otherwise.
func tame(s string) bool {
	if s == "" || s[0] == ' ' || s[len(s)-1] == ' ' {
		return false
	}
	i := 0
	for ; i+8 <= len(s); i += 8 {
		x := word(s, i)
		if odd(x)|(equal(x, 0x7f)|equal(x, '%')|equal(x, ','))&highs != 0 {
			return false
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < 0x20 || c > 0x7e || c == '"' || c == '\\' || c == '%' || c == ',' {
			return false
		}
	}
	return true
}
