package httpwire

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/transport"
)

// FuzzAnswer reads what a server answers, polywire's or not.
func FuzzAnswer(f *testing.F) {
	f.Add(404, "Polywire-Code", "not_found", "application/problem+json", []byte(`{"code":"not_found","detail":"x","details":[{"type":"t","data":"AA=="}]}`))
	f.Add(503, "Retry-After", "3", "text/html", []byte("<html>"))
	f.Add(200, "Polywire-Timeout", "1s", "application/json", []byte("{}"))
	f.Add(0, "Polywire-Code", "ok", "application/problem+json", []byte(`{"retry-after":"-1s"}`))
	f.Fuzz(func(t *testing.T, status int, name, value, kind string, body []byte) {
		h := http.Header{http.CanonicalHeaderKey(name): {value}, contentType: {kind}}
		e, err := decodeReply(h, status, body)
		if err != nil {
			return
		}
		if failed := h.Get(codeField) != "" || status != 0 && status/100 != 2; failed != (e.Err != nil) {
			t.Errorf("status %d, %q: error %v", status, h, e.Err)
		}
		if e.Err != nil && (e.Err.Code == 0 || e.Err.Code > transport.CodeUnauthenticated || e.Err.RetryAfter < 0) {
			t.Errorf("status %d, %q: %+v is no error that a peer may cause", status, h, e.Err)
		}
		if e.ReplyAddress != "" || e.CallID != "" || e.Destination != "" {
			t.Errorf("%q forged %q", h, fields(e))
		}
	})
}

// FuzzNode asks a node for any path, with any head and body. It answers each with a status and a code that agree.
func FuzzNode(f *testing.F) {
	node := limited(f, "&attach", defaultLimits())
	for _, s := range [][5]string{
		{"POST", "/request/echo", "Content-Type", "text/plain", "hi"}, {"POST", "/send/a%2fb", "Polywire-Reply-To", "x", ""},
		{"POST", "/publish/news", "Content-Encoding", "br", ""}, {"GET", "/subscribe/a.%3E?group=b.c", "Accept", "text/event-stream", ""},
		{"GET", "/handle/a?credit=99999999999", "Last-Event-ID", "7", ""}, {"POST", "/stream/x/7", "Polywire-Code", "nine", `{"accept":[1]}`},
		{"POST", "/gather/a", "Polywire-Timeout", "1us", ""}, {"HEAD", "/healthz", "Polywire-Param", "a=%zz", ""}, {"OPTIONS", "//request/../echo", "Origin", "x", ""},
	} {
		f.Add(s[0], s[1], s[2], s[3], s[4])
	}
	f.Fuzz(func(t *testing.T, method, target, name, value, body string) {
		u, err := url.ParseRequestURI(target)
		if err != nil || strings.ContainsAny(name+method, " \r\n:") || strings.Contains(target, "watch") {
			t.Skip() // net/http does not let it in, or the answer has no end
		}
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Millisecond) // ends streams, and calls that wait
		defer cancel()
		r := (&http.Request{
			Method: method, URL: u, Host: "x", Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(len(body)),
			Header: http.Header{http.CanonicalHeaderKey(name): {value}}, Body: io.NopCloser(strings.NewReader(body)),
		}).WithContext(ctx)
		w := httptest.NewRecorder()
		node.node.ServeHTTP(w, r)
		code := w.Header().Get(codeField)
		if w.Code >= 400 && code == "" || w.Code < 400 && code != "" {
			t.Errorf("%s %q with %q: %q: status %d and code %q", method, target, name, value, w.Code, code)
		}
	})
}

// FuzzSettlement takes any settlement of a stream whose first message is open.
func FuzzSettlement(f *testing.F) {
	f.Add([]byte(`{"accept":[1,1,2],"release":[1],"silent":[18446744073709551615],"stop":true}`))
	f.Add([]byte(`{"accept":[-1]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var told attach.Settlement
		if json.Unmarshal(b, &told) != nil {
			return
		}
		d := &counted{}
		s := attach.NewOutlet()
		s.Deliver(d)
		s.Apply(&told)
		if d.settled > 1 || d.settled == 1 && !bytes.Contains(b, []byte("1")) {
			t.Errorf("%q settled a message %d times", b, d.settled)
		}
	})
}

// A counted delivery counts how often it is settled.
type counted struct {
	transport.Delivery
	env     transport.Envelope
	settled int
}

func (d *counted) Envelope() *transport.Envelope { return &d.env }

func (d *counted) Accept(context.Context) error {
	d.settled++
	return nil
}

func (d *counted) Release(context.Context) error {
	d.settled++
	return nil
}
