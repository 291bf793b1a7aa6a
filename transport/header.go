package transport

import (
	"encoding/base64"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of a message's header, the same on every adapter.
const (
	maxHeaderFields = 64
	maxHeaderBytes  = 16 << 10
	maxHeaderKey    = 128
)

// A Header holds the application's fields of a [Message]: ordered, multi-valued,
// with keys that ignore case and read back in lower case. The zero value is empty and ready.
//
// Keys are [a-z0-9][a-z0-9._-]{0,127}, values valid UTF-8 without control
// characters; a verb refuses others with CodeInvalidArgument. A Header is not safe
// for concurrent writing. Printing one shows its keys alone.
type Header struct {
	fields []headerField
}

type headerField struct{ key, value string }

// Get returns the first value of key, or "".
func (h Header) Get(key string) string {
	key = strings.ToLower(key)
	for i := range h.fields {
		if h.fields[i].key == key {
			return h.fields[i].value
		}
	}
	return ""
}

// Has reports whether key has a value, also an empty one.
func (h Header) Has(key string) bool {
	key = strings.ToLower(key)
	return slices.ContainsFunc(h.fields, func(f headerField) bool { return f.key == key })
}

// Values returns a new slice with the values of key, in order.
func (h Header) Values(key string) []string {
	key = strings.ToLower(key)
	var values []string
	for _, f := range h.fields {
		if f.key == key {
			values = append(values, f.value)
		}
	}
	return values
}

// All iterates over the fields in order, keys in lower case.
func (h Header) All() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		for _, f := range h.fields {
			if !yield(f.key, f.value) {
				return
			}
		}
	}
}

// Len is the number of fields.
func (h Header) Len() int { return len(h.fields) }

// Set replaces the values of key by one.
func (h *Header) Set(key, value string) {
	h.Del(key)
	h.Add(key, value)
}

// Add appends a value to key.
func (h *Header) Add(key, value string) {
	h.fields = append(h.fields, headerField{strings.ToLower(key), value})
}

// Del removes key. Copies of the Header made before keep it.
func (h *Header) Del(key string) {
	if !h.Has(key) {
		return
	}
	key = strings.ToLower(key)
	kept := make([]headerField, 0, len(h.fields))
	for _, f := range h.fields {
		if f.key != key {
			kept = append(kept, f)
		}
	}
	h.fields = kept
}

// SetBinary replaces the values of key, which must end in "-bin", by bytes. They travel as base64.
func (h *Header) SetBinary(key string, value []byte) {
	h.Set(key, base64.RawStdEncoding.EncodeToString(value))
}

// Binary returns the first value of key as SetBinary took it.
// It fails when there is none, when key does not end in "-bin", or when the value is no base64.
func (h Header) Binary(key string) ([]byte, error) {
	if !strings.HasSuffix(strings.ToLower(key), "-bin") {
		return nil, invalid("header %q holds text: binary keys end in \"-bin\"", clip(key, maxHeaderKey))
	}
	if !h.Has(key) {
		return nil, CodeNotFound.Errorf("no header %q", clip(key, maxHeaderKey))
	}
	b, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(h.Get(key), "="))
	if err != nil {
		return nil, invalid("header %q is no base64", clip(key, maxHeaderKey))
	}
	return b, nil
}

// Clone returns a copy that no later change of h reaches, nor the other way
// round. It costs nothing: no method writes a field in place, and the copy has no
// room to grow in place, so assigned copies of it may be added to side by side.
func (h Header) Clone() Header { return Header{slices.Clip(h.fields)} }

func (h Header) String() string {
	var b strings.Builder
	b.WriteString("header[")
	for i, f := range h.fields {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(printable(clip(f.key, 64)))
	}
	b.WriteByte(']')
	return b.String()
}

// Format prints the keys for every verb; values stay hidden.
func (h Header) Format(s fmt.State, verb rune) { formatText(s, verb, h.String()) }

// LogValue gives slog the keys; values stay hidden.
func (h Header) LogValue() slog.Value { return slog.StringValue(h.String()) }

// check applies the one rule for header fields (semantics §2.3).
func (h Header) check() error {
	if len(h.fields) > maxHeaderFields {
		return CodeResourceExhausted.Errorf("%d header fields: at most %d", len(h.fields), maxHeaderFields)
	}
	size := 0
	for _, f := range h.fields {
		size += len(f.key) + len(f.value)
		if err := checkField(f.key, f.value); err != nil {
			return err
		}
	}
	if size > maxHeaderBytes {
		return CodeResourceExhausted.Errorf("%d bytes of header: at most %d", size, maxHeaderBytes)
	}
	return nil
}

func checkField(key, value string) error {
	switch {
	case !validKey(key):
		return invalid("header key %q: use [a-z0-9][a-z0-9._-]{0,127}", clip(key, maxHeaderKey))
	case reservedKey(key):
		return invalid("header key %q is reserved: use the Message's field, or another name", key)
	case !validText(value):
		return invalid("value of header %q: must be UTF-8 without control characters; for bytes use SetBinary", key)
	case strings.HasSuffix(key, "-bin") && !validBase64(value):
		return invalid("value of header %q is no base64: use SetBinary", key)
	}
	return nil
}

func validKey(key string) bool {
	if len(key) == 0 || len(key) > maxHeaderKey {
		return false
	}
	for i := range len(key) {
		c := key[i]
		switch {
		case 'a' <= c && c <= 'z' || '0' <= c && c <= '9':
		case i > 0 && (c == '.' || c == '_' || c == '-'):
		default:
			return false
		}
	}
	return true
}

// reservedKey names what an application's header must not hold: what polywire itself writes.
func reservedKey(key string) bool {
	if strings.HasPrefix(key, "polywire-") {
		return true
	}
	switch key {
	case "traceparent", "tracestate",
		"id", "source", "destination", "reply-to", "correlation-id", "content-type", "accept", "key", "params", "time", "timeout", "attempt":
		return true
	}
	return false
}

// validText reports whether s is UTF-8 without C0 controls and DEL. Of ASCII it looks at eight bytes at a time.
func validText(s string) bool {
	i := 0
	for ; i+8 <= len(s) && !anyStrange(s[i:i+8]); i += 8 {
	}
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c < 0x20 || c == 0x7f:
			return false
		case c >= utf8.RuneSelf:
			return utf8.ValidString(s[i:]) && strings.IndexFunc(s[i:], func(r rune) bool { return r < 0x20 || r == 0x7f }) < 0
		}
	}
	return true
}

// anyStrange reports whether one of eight bytes is a control character or not ASCII: each then sets its
// highest bit, and one that is not sets it only by a borrow from one that is.
func anyStrange(s string) bool {
	const ones = 0x0101010101010101
	_ = s[7]
	x := uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
	return (x|(x-0x20*ones)|((x^0x7f*ones)-ones))&(0x80*ones) != 0
}

func validBase64(s string) bool {
	_, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
	return err == nil
}
