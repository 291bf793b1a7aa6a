package fieldtext

import (
	"strings"

	"github.com/polywire/polywire/transport"
)

// Limits of the application's header, which the core has too; here they refuse before anything is kept.
const (
	MaxFields     = 64 + 4 // what made a message a dead letter comes on top
	MaxFieldBytes = 17 << 10
)

// TooMany is the error of a header above the limits.
func TooMany() error {
	return transport.CodeResourceExhausted.Errorf("more header than %d fields or %d bytes", MaxFields, MaxFieldBytes)
}

// Listed appends to found the fields that lines, of a list field, hold as key=value with the value escaped.
// What is not the application's has a field of its own on each wire, and is left out.
func Listed(found []Field, lines []string) []Field {
	for entry := range Entries(lines) {
		key, v, _ := strings.Cut(entry, "=")
		if key = strings.ToLower(key); !strings.HasPrefix(key, "polywire-") && key != "traceparent" && key != "tracestate" {
			found = append(found, Field{Key: key, Value: Unescape(v)})
		}
	}
	return found
}

// Give gives e the application's fields in the order that lines, lists of keys, tell. It writes to found.
// What is no valid field is left out, as semantics §2.3 has it; more than the limits is an error.
func Give(e *transport.Envelope, found []Field, lines []string) error {
	size := 0
	for _, f := range Ordered(found, lines, 4*MaxFields) {
		size += len(f.Key) + len(f.Value)
		if e.Header.Len() >= MaxFields || size > MaxFieldBytes {
			return TooMany()
		}
		e.SetField(f.Key, f.Value)
	}
	return nil
}
