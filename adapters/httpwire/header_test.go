package httpwire

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/transport"
)

// fields lists what an envelope holds, in order; params are a map and come sorted.
func fields(e *transport.Envelope) []string {
	var all, params []string
	for k, v := range e.Fields() {
		if k == "polywire-param" {
			params = append(params, k+": "+v)
			continue
		}
		all = append(all, k+": "+v)
	}
	slices.Sort(params)
	return append(all, params...)
}

// overWire writes h as net/http does and reads it back.
func overWire(t testing.TB, h http.Header) http.Header {
	t.Helper()
	var b bytes.Buffer
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://h/request/a", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = h
	if err := req.Write(&b); err != nil {
		t.Fatal(err)
	}
	got, err := http.ReadRequest(bufioReader(&b))
	if err != nil {
		t.Fatalf("net/http cannot read what it wrote: %v\n%q", err, h)
	}
	got.Header.Del("User-Agent")
	got.Header.Del("Content-Length")
	return got.Header
}

func fullEnvelope() *transport.Envelope {
	e := &transport.Envelope{Idempotent: true, Responder: "s/1/2"}
	e.ID, e.Source, e.ReplyTo, e.CorrelationID = "id-1", "svc/1", "answers.x", "corr, with % and ü"
	e.ContentType, e.Accept, e.Key = "application/json", "text/plain;q=0.5", "trip-7"
	e.Time, e.Timeout = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC), 1500*time.Millisecond
	e.Params = map[string][]string{"city": {"Köln", "a,b"}, "x": {""}}
	e.SetTrace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "a=1,b=2")
	for _, f := range [][2]string{
		{"zeta", "1"}, {"alpha", "plain"}, {"x-many", "1"}, {"x-many", "2"}, {"host", "mine"}, {"content-length", "7"}, {"x_under.score", "v"},
		{"x-utf8", "grüße"}, {"x-space", " a "}, {"x-empty", ""}, {"x-comma", "a,b"}, {"data-bin", "AAEC"},
	} {
		e.Header.Add(f[0], f[1])
	}
	return e
}

func TestEveryFieldComesOutAsItWentIn(t *testing.T) {
	for _, acceptFree := range []bool{true, false} {
		sent := fullEnvelope()
		h := http.Header{}
		putFields(headerSink(h), sent, acceptFree)
		got := &transport.Envelope{}
		h = overWire(t, h)
		if err := takeFields(h, got); err != nil {
			t.Fatal(err)
		}
		takeAccept(h, got)
		if a, b := fields(sent), fields(got); !slices.Equal(a, b) {
			t.Errorf("sent\n%s\ngot\n%s", strings.Join(a, "\n"), strings.Join(b, "\n"))
		}
	}
}

func TestPlainFieldsAreOrdinaryHeaders(t *testing.T) {
	e := &transport.Envelope{}
	e.Header.Set("tenant", "acme")
	e.Header.Set("x-region", "eu, north")
	h := http.Header{}
	putFields(headerSink(h), e, true)
	if want := (http.Header{"Tenant": {"acme"}, "X-Region": {"eu, north"}}); !reflect.DeepEqual(h, want) {
		t.Errorf("headers %q, want %q", h, want)
	}
}

func TestAPeerCannotForgeFields(t *testing.T) {
	e := &transport.Envelope{}
	h := http.Header{
		"Polywire-Destination": {"other"}, "Polywire-Reply": {"x"}, "Polywire-Call": {"x"}, "Polywire-Attempt": {"9"}, "Polywire-Gather": {"1"},
		"Polywire-Unknown": {"x"}, "Polywire-Header": {"polywire-reply=x,host=h%0d%0aX: y,traceparent=x, =y,,a=%ff,ok=fine"}, "Cookie": {"secret"}, "Authorization": {"secret"},
	}
	if err := takeFields(h, e); err != nil {
		t.Fatal(err)
	}
	got := fields(e)
	if want := []string{"ok: fine"}; !slices.Equal(got, want) {
		t.Errorf("took %q, want %q", got, want)
	}
}

func TestTooManyFieldsAreRefused(t *testing.T) {
	for name, h := range map[string]http.Header{"count": {}, "size": {"X-Big": {strings.Repeat("a", 20<<10)}}} {
		for i := range 100 {
			if name == "count" {
				h[fmt.Sprintf("X-%d", i)] = []string{"v"}
			}
		}
		if err := takeFields(h, &transport.Envelope{}); !errors.Is(err, transport.CodeResourceExhausted) {
			t.Errorf("%s: %v, want ResourceExhausted", name, err)
		}
	}
}

func FuzzApplicationFieldsArriveEqual(f *testing.F) {
	for _, s := range [][4]string{{"a", "b", "A", "c"}, {"host", "x", "x-1", " %2c,"}, {"content-type", "x", "te", "\t"}, {"x-bin", "AA", "x_y", "ü"}} {
		f.Add(s[0], s[1], s[2], s[3])
	}
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2 string) {
		sent := &transport.Envelope{}
		sent.SetField(k1, v1)
		sent.SetField(k2, v2)
		sent.SetField(k1, v2)
		wire := &transport.Envelope{}
		for k, v := range sent.Header.All() {
			wire.Header.Add(k, v)
		}
		h := http.Header{}
		putFields(headerSink(h), wire, true)
		got := &transport.Envelope{}
		if err := takeFields(overWire(t, h), got); err != nil {
			if errors.Is(err, transport.CodeResourceExhausted) {
				return
			}
			t.Fatal(err)
		}
		if a, b := fields(wire), fields(got); !slices.Equal(a, b) {
			t.Errorf("sent %q, got %q over %q", a, b, h)
		}
	})
}

func TestWhatAMessageSaysOfItselfIsOneField(t *testing.T) {
	for _, sent := range []transport.Envelope{
		{Message: transport.Message{ID: "7KQ", Source: "trips,%/1", Time: time.Unix(1795744800, 123456789).UTC(), Timeout: 1500 * time.Millisecond}},
		{Message: transport.Message{ID: "ü", Timeout: time.Nanosecond}},
		{Message: transport.Message{Source: "s", Time: time.Unix(-5, 1).UTC()}},
		{},
	} {
		o := newOutgoing("POST", "/", &sent)
		o.put(&sent, true)
		h := http.Header{}
		for _, f := range o.fields {
			h.Add(f.Name, f.Value)
		}
		if len(h) != 1 {
			t.Errorf("got %q, want %s alone", h, messageField)
		}
		want, got := sent, transport.Envelope{}
		want.Timeout = want.Timeout.Truncate(time.Microsecond)
		if sent.Timeout > want.Timeout {
			want.Timeout += time.Microsecond // no time left is never what was some
		}
		if err := takeFields(overWire(t, h), &got); err != nil {
			t.Fatal(err)
		}
		if sent.Time.IsZero() {
			got.Time = time.Time{} // has no nanoseconds
		}
		if a, b := fields(&want), fields(&got); !slices.Equal(a, b) {
			t.Errorf("%q came as %q", a, b)
		}
	}
	for _, bad := range []string{",,,soon", ",,,-1", ",,,1,2", ",,,99999999999999999999"} {
		if err := takeFields(http.Header{messageField: {bad}}, &transport.Envelope{}); !errors.Is(err, transport.CodeInvalidArgument) {
			t.Errorf("%q: got %v, want InvalidArgument", bad, err)
		}
	}
}

func FuzzTakeFields(f *testing.F) {
	f.Add("Polywire-Message", "a%,b,1,2,3", "Polywire-Id", "x")
	f.Add("Polywire-Header", "a=%41,b=,=c,%", "Polywire-Order", "b,a,a")
	f.Add("Polywire-Param", "a=b,c", "Polywire-Timeout", "-1s")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2 string) {
		e := &transport.Envelope{}
		h := http.Header{http.CanonicalHeaderKey(k1): {v1}}
		h[http.CanonicalHeaderKey(k2)] = append(h[http.CanonicalHeaderKey(k2)], v2)
		if takeFields(h, e) != nil {
			return
		}
		if e.Destination != "" || e.ReplyAddress != "" || e.CallID != "" || e.Err != nil || e.Attempt != 0 {
			t.Errorf("%q forged %q", h, fields(e))
		}
		out := http.Header{}
		putFields(headerSink(out), e, false) // what was taken can be written
		overWire(t, out)
	})
}

func FuzzEvents(f *testing.F) {
	f.Add([]byte(`{"n":1,"destination":"a","headers":{"tenant":["x"]},"body64":"AA=="}` + "\n\n{\"cancel\":1}\n"))
	f.Add([]byte(`{"error":{"code":"not_found","details":[{"type":"t","data":"!"}]}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		r := &eventReader{from: bufioReader(bytes.NewBuffer(b)), limit: 1 << 10, alive: func() {}}
		for range 100 {
			v, err := r.next()
			if err != nil {
				return
			}
			e, err := v.envelope(64)
			if err == nil && len(e.Body) > 64 {
				t.Errorf("a body of %d bytes, above the limit", len(e.Body))
			}
		}
	})
}

func TestStatusesFollowTheTables(t *testing.T) {
	for code, status := range map[transport.Code]int{
		transport.CodeCanceled: 499, transport.CodeUnknown: 500, transport.CodeInvalidArgument: 400, transport.CodeDeadlineExceeded: 504,
		transport.CodeNotFound: 404, transport.CodeAlreadyExists: 409, transport.CodePermissionDenied: 403, transport.CodeResourceExhausted: 429,
		transport.CodeFailedPrecondition: 400, transport.CodeAborted: 409, transport.CodeOutOfRange: 400, transport.CodeUnimplemented: 501,
		transport.CodeInternal: 500, transport.CodeUnavailable: 503, transport.CodeDataLoss: 500, transport.CodeUnauthenticated: 401,
	} {
		sent := &transport.Error{Code: code, Message: "why", RetryAfter: 1500 * time.Millisecond, Details: []transport.Detail{{Type: "t", Data: []byte{0, 255}}}}
		h := http.Header{}
		got, body := encodeReply(h, &transport.Envelope{Err: sent})
		if got != status {
			t.Errorf("status of %v is %d, want %d", code, got, status)
		}
		back, err := decodeReply(h, got, body)
		if err != nil || back.Err.Code != code || back.Err.Message != "why" || back.Err.RetryAfter != sent.RetryAfter || !reflect.DeepEqual(back.Err.Details, sent.Details) {
			t.Errorf("%v came back as %+v, %v", code, back, err)
		}
	}
}

func TestForeignStatusesHaveCodesOfTheRPCTable(t *testing.T) {
	for status, code := range map[int]transport.Code{
		400: transport.CodeInternal, 401: transport.CodeUnauthenticated, 403: transport.CodePermissionDenied, 404: transport.CodeUnimplemented,
		429: transport.CodeUnavailable, 502: transport.CodeUnavailable, 503: transport.CodeUnavailable, 504: transport.CodeUnavailable,
		301: transport.CodeUnknown, 302: transport.CodeUnknown, 304: transport.CodeUnknown, 405: transport.CodeUnknown, 409: transport.CodeUnknown, 500: transport.CodeUnknown, 418: transport.CodeUnknown,
	} {
		server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/request/") {
				w.Header().Set("Location", "http://127.0.0.1:1/elsewhere") // redirects are not followed
				w.WriteHeader(status)
				return
			}
			w.WriteHeader(http.StatusNotFound)
		})
		c := openConn(t, foreign(t, server))
		_, err := c.Request(t.Context(), &transport.Message{Destination: "a"})
		if !errors.Is(err, code) || !strings.Contains(err.Error(), fmt.Sprint(status)) {
			t.Errorf("status %d: %v, want %v and the status", status, err, code)
		}
	}
}

func TestAForeignServerThatAnswersIsAPeer(t *testing.T) {
	server := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Header().Set("X-Tenant", r.Header.Get("Tenant"))
		_, _ = fmt.Fprintf(w, "%s %s", r.Method, r.URL.Path)
	})
	c := openConn(t, foreign(t, server))
	msg := &transport.Message{Destination: "trip.quote"}
	msg.Header.Set("tenant", "acme")
	reply, err := c.Request(t.Context(), msg)
	if err != nil || string(reply.Body) != "POST /request/trip.quote" || reply.Header.Get("x-tenant") != "acme" || reply.ContentType != "text/plain" {
		t.Errorf("got %v, %v", reply, err)
	}
	if err := c.Health(context.Background()); err != nil {
		t.Errorf("health: %v", err)
	}
}
