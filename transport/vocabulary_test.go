package transport

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestDestinations(t *testing.T) {
	long := strings.Repeat("a", 180)
	for name, ok := range map[string]bool{
		"a": true, "account.verify": true, "A-b_9.x": true, long: true, "dead." + long: true,
		"": false, long + "a": false, ".": false, "a.": false, ".a": false, "a..b": false, "a b": false, "a/b": false,
		"a.*": false, "a.>": false, ">": false, "ä": false, "a\x00": false, "a%2eb": false, "../a": false, "$SYS": false,
	} {
		if err := CheckDestination(name); (err == nil) != ok {
			t.Errorf("CheckDestination(%.40q): got %v, want ok=%v", name, err, ok)
		} else if err != nil && !errors.Is(err, CodeInvalidArgument) {
			t.Errorf("CheckDestination(%.40q): got code %v, want invalid_argument", name, codeOf(err))
		}
	}
	for pattern, ok := range map[string]bool{
		"a": true, "*": true, ">": true, "a.*.c": true, "a.>": true, "*.>": true,
		"": false, "a.>.b": false, "a*": false, "a.b>": false, "a..*": false, "**": false,
	} {
		if err := CheckPattern(pattern); (err == nil) != ok {
			t.Errorf("CheckPattern(%q): got %v, want ok=%v", pattern, err, ok)
		}
	}
}

func TestMatch(t *testing.T) {
	for _, tt := range []struct {
		pattern, destination string
		want                 bool
	}{
		{"a.b", "a.b", true}, {"a.b", "a.B", false}, {"a.b", "a", false}, {"a", "a.b", false},
		{"*", "a", true}, {"*", "a.b", false}, {"a.*", "a.b", true}, {"a.*", "a", false}, {"a.*", "a.b.c", false},
		{"*.b", "a.b", true}, {">", "a", true}, {">", "a.b.c", true}, {"a.>", "a", false}, {"a.>", "a.b", true},
		{"a.>", "a.b.c", true}, {"*.>", "a.b", true}, {"*.>", "a", false}, {"a.*.c", "a.b.c", true},
	} {
		if got := Match(tt.pattern, tt.destination); got != tt.want {
			t.Errorf("Match(%q, %q): got %v, want %v", tt.pattern, tt.destination, got, tt.want)
		}
	}
}

func TestCodesAreErrors(t *testing.T) {
	for c := CodeCanceled; c <= CodeUnauthenticated; c++ {
		text, err := c.MarshalText()
		var back Code
		if err != nil || back.UnmarshalText(text) != nil || back != c {
			t.Errorf("%d: text %q, back %d, err %v", c, text, back, err)
		}
		wrapped := fmt.Errorf("trip 7: %w", c)
		if !errors.Is(wrapped, c) || codeOf(wrapped) != c {
			t.Errorf("%v wrapped: codeOf %v", c, codeOf(wrapped))
		}
	}
	if Code(0).Valid() || Code(17).Valid() {
		t.Error("0 and 17 are no codes")
	}
	cause := errors.New("disk full")
	err := fmt.Errorf("saving: %w", CodeDataLoss.Errorf("trip %d: %w", 7, cause))
	var e *Error
	if !errors.Is(err, CodeDataLoss) || !errors.Is(err, cause) || !errors.As(err, &e) || e.Message != "trip 7: disk full" {
		t.Errorf("Errorf: got %v", err)
	}
}

func TestWhatACallerMaySeeOfAHandlersError(t *testing.T) {
	received := &Error{Op: "request", Code: CodeNotFound, Message: "secret of another service", received: true}
	for _, tt := range []struct {
		err  error
		code Code
		text string
	}{
		{CodeNotFound.Errorf("no account 7"), CodeNotFound, "no account 7"},
		{fmt.Errorf("x: %w", CodeAborted.Errorf("conflict")), CodeAborted, "conflict"},
		{fmt.Errorf("x: %w", CodeNotFound), CodeNotFound, "the handler answered not_found"},
		{errors.New("password is hunter2"), CodeUnknown, "the handler failed"},
		{context.Canceled, CodeCanceled, "the handler answered canceled"},
		{context.DeadlineExceeded, CodeDeadlineExceeded, "the handler answered deadline_exceeded"},
		{received, CodeInternal, "a service that this one needs failed"},
		{&Error{Code: CodeUnavailable, Message: "host 10.0.0.1", received: true}, CodeUnavailable, "a service that this one needs answered unavailable"},
		{&Error{Message: "no code"}, CodeUnknown, "no code"},
	} {
		if got := outward(tt.err); got.Code != tt.code || got.Message != tt.text {
			t.Errorf("outward(%v): got %v %q, want %v %q", tt.err, got.Code, got.Message, tt.code, tt.text)
		}
	}
}

func TestErrorsAreBoundedAndQuoted(t *testing.T) {
	e := &Error{Op: "request", Adapter: "kafka", Destination: "orders.create", Code: CodeDeadlineExceeded, Message: "no reply within 2s"}
	if got, want := e.Error(), "kafka: request orders.create: deadline_exceeded: no reply within 2s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	e.Destination, e.Message = strings.Repeat("x\r\n", 100), "line\nforged\x1b[31m "+strings.Repeat("y", 9999)
	for _, text := range []string{e.Error(), fmt.Sprintf("%v %+v %#v %s", e, e, e, e), e.LogValue().String()} {
		if strings.ContainsAny(text, "\r\n\x1b") {
			t.Errorf("control characters in %.200q", text)
		}
	}
	if n := len(e.Error()); n > 1200 {
		t.Errorf("%d bytes of text, want at most 1200", n)
	}
	big := &Error{Code: CodeAborted, Message: strings.Repeat("é", 9999), Details: []Detail{{"a", make([]byte, 8000)}, {"b", make([]byte, 8000)}}}
	if c := big.clone(); len(c.Message) > maxErrorText || len(c.Details) != 1 || !strings.HasSuffix(c.Message, "é") {
		t.Errorf("clone: %d bytes of text, %d details", len(c.Message), len(c.Details))
	}
}

func TestHeader(t *testing.T) {
	var h Header
	h.Add("Trip", "1")
	h.Add("trip", "2")
	h.Set("City", "Køln")
	before := h.Clone()
	h.Set("TRIP", "3")
	if diff := cmp.Diff([]string{"1", "2"}, before.Values("tRiP")); diff != "" {
		t.Errorf("Values of the clone (-want +got):\n%s", diff)
	}
	if h.Get("trip") != "3" || !h.Has("city") || h.Has("none") || h.Len() != 2 {
		t.Errorf("got %q, %v, %v, %d", h.Get("trip"), h.Has("city"), h.Has("none"), h.Len())
	}
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	h.SetBinary("sum-bin", all)
	if got, err := h.Binary("SUM-bin"); err != nil || string(got) != string(all) || h.check() != nil {
		t.Errorf("Binary: %v, check: %v", err, h.check())
	}
	for _, key := range []string{"city", "none-bin"} {
		if _, err := h.Binary(key); err == nil {
			t.Errorf("Binary(%q): want an error", key)
		}
	}
}

func TestHeaderRules(t *testing.T) {
	for _, tt := range []struct {
		key, value string
		ok         bool
	}{
		{"a", "", true}, {"a", " inner  and outer ", true}, {"a", "ünïcode 😀", true}, {"content-length", "7", true}, {"priority", "9", true},
		{"a", "x\r\ny", false}, {"a", "\x00", false}, {"a", "\x7f", false}, {"a", "\xff", false}, {"a", "\t", false},
		{"", "x", false}, {"-a", "x", false}, {"a b", "x", false}, {"ä", "x", false}, {"a:b", "x", false}, {strings.Repeat("k", 129), "x", false},
		{"polywire-id", "x", false}, {"traceparent", "x", false}, {"content-type", "x", false}, {"key", "x", false},
		{"sum-bin", "not base64!", false}, {"sum-bin", "aGk", true},
	} {
		var h Header
		h.Add(tt.key, tt.value)
		if err := h.check(); (err == nil) != tt.ok {
			t.Errorf("%.20q=%q: got %v, want ok=%v", tt.key, tt.value, err, tt.ok)
		}
	}
	var many, large Header
	for i := range 65 {
		many.Add(fmt.Sprint("k", i), "")
	}
	large.Add("a", strings.Repeat("v", maxHeaderBytes))
	if !errors.Is(many.check(), CodeResourceExhausted) || !errors.Is(large.check(), CodeResourceExhausted) {
		t.Errorf("65 fields: %v; 16 KiB and a byte: %v", many.check(), large.check())
	}
}

func TestNothingPrintsASecret(t *testing.T) {
	const secret = "hunter2"
	m := &Message{Destination: "a.b", Body: []byte(secret), Params: url.Values{"p": {secret}}}
	m.Header.Set("token", secret)
	e := Envelope{Message: *m}
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "m", m, "h", m.Header)
	text := log.String() + fmt.Sprintf("%v %+v %#v %s %q|%v %+v %#v|%v %+v %#v|%v", m, m, m, m, m, *m, m.Header, m.Header, e.Message, &e.Message, m.Header, e)
	if strings.Contains(text, secret) {
		t.Errorf("the secret shows in %s", text)
	}
}

func TestFieldsRoundTrip(t *testing.T) {
	in := Envelope{
		Message: Message{
			ID: "1", Source: "s/1", Destination: "a.b", ReplyTo: "c", CorrelationID: "x y", ContentType: "application/json", Accept: "*/*",
			Key: "trip=7; é", Params: url.Values{"id": {"7"}, "expand": {"a=b", ""}}, Time: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC),
			Timeout: 1500 * time.Microsecond, Attempt: 3, traceParent: "00-x", traceState: "y=z",
		},
		ReplyAddress: "r", CallID: "c", Gather: true, Idempotent: true, Responder: "me",
		Err: &Error{Code: CodeAborted, Message: "50 % off\r\n\x00é", RetryAfter: time.Second, Details: []Detail{{"t %", []byte{0, 255}}, {"u", []byte("x")}}},
	}
	in.Header.Add("a", "1")
	in.Header.Add("a", "")
	var out Envelope
	for k, v := range in.Fields() {
		if !validText(v) || !out.SetField(strings.ToUpper(k), v) {
			t.Errorf("%s=%q is not taken back", k, v)
		}
	}
	if diff := cmp.Diff(in, out, cmp.AllowUnexported(Message{}, Header{}, headerField{}, Error{}, Envelope{}), cmp.Comparer(func(a, b *inbound) bool { return a == b })); diff != "" {
		t.Errorf("(-in +out):\n%s", diff)
	}
}

func FuzzSetField(f *testing.F) {
	for _, seed := range [][2]string{{"polywire-timeout", "5s"}, {"polywire-detail", "a b"}, {"polywire-detail", "\xc1 "}, {"polywire-error", "\xc1"}, {"polywire-param", "a=b"}, {"polywire-code", "x"}, {"k", "v"}, {"polywire-time", "2026"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, key, value string) {
		var e Envelope
		e.SetField(key, value)
		for k, v := range e.Fields() {
			if !validText(k) || !validText(v) {
				t.Errorf("SetField(%q, %q) lets through %q=%q", key, value, k, v)
			}
		}
		if err := e.Header.check(); err != nil {
			t.Errorf("SetField(%q, %q) makes an invalid header: %v", key, value, err)
		}
	})
}
