package transport

import (
	"encoding/base64"
	"iter"
	"math"
	"strconv"
	"strings"
	"time"
)

// Fields yields all of e but Body as pairs of texts, for adapters to write as
// the wire's headers: the application's by their own keys, repeated when they
// have many values, and everything else that is set by reserved keys, which
// docs/wire/fields.md specifies. An adapter leaves out those that its wire has a native place for.
//
// Keys are [a-z0-9._-]+ except that a param's key ends in its name; values are UTF-8 without control characters.
func (e *Envelope) Fields() iter.Seq2[string, string] {
	return func(yield func(string, string) bool) {
		put := func(key, value string) bool { return value == "" || yield(key, value) }
		_ = put("polywire-id", e.ID) && put("polywire-source", e.Source) && put("polywire-destination", e.Destination) &&
			put("polywire-reply-to", e.ReplyTo) && put("polywire-correlation-id", e.CorrelationID) &&
			put("polywire-content-type", e.ContentType) && put("polywire-accept", e.Accept) && put("polywire-key", e.Key) &&
			put("polywire-time", formatTime(e.Time)) && put("polywire-timeout", formatTimeout(e.Timeout)) &&
			put("polywire-attempt", formatAttempt(e.Attempt)) &&
			put("polywire-reply", e.ReplyAddress) && put("polywire-call", e.CallID) &&
			put("polywire-gather", formatFlag(e.Gather)) && put("polywire-idempotent", formatFlag(e.Idempotent)) &&
			put("polywire-responder", e.Responder) && put("traceparent", e.traceParent) && put("tracestate", e.traceState) &&
			e.errorFields(yield) && e.paramFields(yield) && e.headerFields(yield)
	}
}

func (e *Envelope) errorFields(yield func(string, string) bool) bool {
	if e.Err == nil {
		return true
	}
	ok := yield("polywire-code", e.Err.Code.String()) && yield("polywire-error", escapeText(e.Err.Message))
	if ok && e.Err.RetryAfter > 0 {
		ok = yield("polywire-retry-after", formatTimeout(e.Err.RetryAfter))
	}
	for _, d := range e.Err.Details {
		ok = ok && yield("polywire-detail", escapeText(d.Type)+" "+base64.RawStdEncoding.EncodeToString(d.Data))
	}
	return ok
}

func (e *Envelope) paramFields(yield func(string, string) bool) bool {
	for name, values := range e.Params {
		for _, v := range values {
			if !yield("polywire-param", name+"="+v) {
				return false
			}
		}
	}
	return true
}

func (e *Envelope) headerFields(yield func(string, string) bool) bool {
	for _, f := range e.Header.fields {
		if !yield(f.key, f.value) {
			return false
		}
	}
	return true
}

// SetField takes one pair of [Envelope.Fields] from the wire. It lower-cases the
// key, and reports whether it took the pair: reserved keys that nothing is known
// of, malformed values and what breaks the rules of a header are left out, so
// that a foreign peer can neither forge a field nor make a message invalid.
func (e *Envelope) SetField(key, value string) bool {
	key = strings.ToLower(key)
	switch key {
	case "traceparent":
		return setText(&e.traceParent, value)
	case "tracestate":
		return setText(&e.traceState, value)
	}
	if name, ok := strings.CutPrefix(key, "polywire-"); ok {
		return e.setReserved(name, value)
	}
	if e.Header.Len() >= maxHeaderFields+deadLetterFields || checkField(key, value) != nil {
		return false
	}
	if e.Header.fields == nil {
		e.Header.fields = make([]headerField, 0, 4) // most messages have a few
	}
	e.Header.Add(key, value)
	return true
}

func (e *Envelope) setReserved(name, value string) bool {
	if p := e.textField(name); p != nil {
		return setText(p, value)
	}
	switch name {
	case "time":
		t, err := time.Parse(time.RFC3339Nano, value)
		if err == nil {
			e.Time = t.UTC()
		}
		return err == nil
	case "timeout":
		d, err := parseTimeout(value)
		if err == nil {
			e.Timeout = d
		}
		return err == nil
	case "attempt":
		n, err := strconv.ParseUint(value, 10, 16)
		if err == nil {
			e.Attempt = int(n)
		}
		return err == nil
	case "gather":
		e.Gather = value == "1"
		return true
	case "idempotent":
		e.Idempotent = value == "1"
		return true
	case "param":
		return e.setParam(value)
	}
	return e.setError(name, value)
}

func (e *Envelope) textField(name string) *string {
	switch name {
	case "id":
		return &e.ID
	case "source":
		return &e.Source
	case "destination":
		return &e.Destination
	case "reply-to":
		return &e.ReplyTo
	case "correlation-id":
		return &e.CorrelationID
	case "content-type":
		return &e.ContentType
	case "accept":
		return &e.Accept
	case "key":
		return &e.Key
	case "reply":
		return &e.ReplyAddress
	case "call":
		return &e.CallID
	case "responder":
		return &e.Responder
	}
	return nil
}

func (e *Envelope) setParam(value string) bool {
	name, v, ok := strings.Cut(value, "=")
	if !ok || name == "" || !validText(value) || len(value) > maxParamBytes || len(e.Params) >= maxParams {
		return false
	}
	if e.Params == nil {
		e.Params = map[string][]string{}
	}
	e.Params.Add(name, v)
	return true
}

func (e *Envelope) setError(name, value string) bool {
	var err Error
	if e.Err != nil {
		err = *e.Err
	}
	switch name {
	case "code":
		if err.Code.UnmarshalText([]byte(value)) != nil {
			err.Code = CodeUnknown
		}
	case "error":
		err.Message = clip(unescapeText(value), maxErrorText)
	case "retry-after":
		d, bad := parseTimeout(value)
		if bad != nil {
			return false
		}
		err.RetryAfter = d
	case "detail":
		i := strings.LastIndexByte(value, ' ')
		b, bad := base64.RawStdEncoding.DecodeString(value[i+1:])
		if i < 0 || bad != nil || !validText(value) || len(err.Details) >= maxErrorDetails {
			return false
		}
		err.Details = append(err.Details, Detail{unescapeText(value[:i]), b})
	default:
		return false
	}
	e.Err = &err
	return true
}

func setText(p *string, value string) bool {
	if len(value) > 512 || !validText(value) {
		return false
	}
	*p = value
	return true
}

func formatTime(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// formatTimeout writes a duration as whole microseconds, rounded up, so that no time left is never written as time.
func formatTimeout(d time.Duration) string {
	if d <= 0 {
		return ""
	}
	us := d / time.Microsecond
	if d%time.Microsecond > 0 && us < math.MaxInt64/time.Microsecond {
		us++
	}
	var room [24]byte
	return string(append(strconv.AppendInt(room[:0], int64(us), 10), "us"...))
}

// parseTimeout reads what formatTimeout writes, and a Go duration or whole milliseconds for those who write by hand.
func parseTimeout(s string) (time.Duration, error) {
	if last := len(s) - 1; last >= 0 && s[last] >= '0' && s[last] <= '9' { // else an error would be made in vain
		if n, err := strconv.ParseUint(s, 10, 40); err == nil {
			return time.Duration(n) * time.Millisecond, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil || d < 0 {
		return 0, invalid("timeout %q: use a duration as \"500ms\", or milliseconds", clip(s, 32))
	}
	return d, nil
}

func formatAttempt(n int) string {
	if n <= 1 {
		return ""
	}
	return strconv.Itoa(n)
}

func formatFlag(on bool) string {
	if on {
		return "1"
	}
	return ""
}

// escapeText makes any text fit a header value: control characters, DEL and % become %XX, as in gRPC's grpc-message.
func escapeText(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return r < 0x20 || r == 0x7f || r == '%' }) < 0 {
		return s
	}
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c == 0x7f || c == '%' {
			b.Write([]byte{'%', hex[c>>4], hex[c&15]})
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

func unescapeText(s string) string {
	if !strings.Contains(s, "%") {
		return strings.ToValidUTF8(s, "\uFFFD")
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return strings.ToValidUTF8(b.String(), "\uFFFD")
}
