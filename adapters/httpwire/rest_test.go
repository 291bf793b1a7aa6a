package httpwire

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polywire/polywire/internal/rest"
	"github.com/polywire/polywire/transport"
)

var shopPaths = map[string]string{
	"orders.list":    "GET /orders?page",
	"orders.create":  "POST /orders",
	"orders.get":     "GET /orders/{id}?expand",
	"orders.replace": "PUT /orders/{id}",
	"orders.delete":  "DELETE /orders/{id}",
	"orders.cancel":  "POST /orders/{id}:cancel body=none",
	"files.get":      "GET /files/{path=**}",
}

// shop opens a node that serves shopPaths; each reply's body tells what its handler got.
func shop(t testing.TB, options string) *transport.Conn {
	t.Helper()
	node := openConn(t, "http://?listen=127.0.0.1:0"+options, transport.WithService("", transport.Service{Name: "shop", Paths: shopPaths}))
	for destination := range shopPaths {
		handle(t, node, destination, shopHandler)
	}
	return node
}

func shopHandler(_ context.Context, msg *transport.Message) (*transport.Message, error) {
	reply := &transport.Message{ContentType: "text/plain", Body: []byte(msg.Destination + " " + msg.Params.Encode() + " " + string(msg.Body))}
	id := msg.Params.Get("id")
	switch {
	case id == "none":
		return nil, transport.CodeNotFound.Errorf("no such order")
	case id == "strange":
		e := transport.CodeInvalidArgument.Errorf("unknown content type")
		e.Details = []transport.Detail{{Type: rest.DetailContentType, Data: []byte("application/json")}}
		return nil, e
	case msg.Destination == "orders.create":
		reply.Header.Set("location", "/orders/7")
	case msg.Destination == "orders.delete":
		return nil, nil
	case msg.Destination == "orders.replace" && msg.Header.Has("if-match") && msg.Header.Get("if-match") != `"v1"`:
		return nil, transport.CodeFailedPrecondition.Errorf("the order has changed")
	}
	reply.Header.Set("etag", `"v1"`)
	reply.Header.Set("x-shop", "main")
	return reply, nil
}

// ask sends a request as any client of HTTP does; fields are pairs "Name: value".
func ask(t testing.TB, method, url, body string, fields ...string) (*http.Response, string) {
	t.Helper()
	var from io.Reader
	if body != "" {
		from = strings.NewReader(body)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, url, from)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range fields {
		name, value, _ := strings.Cut(f, ": ")
		req.Header.Add(name, value)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp, string(text)
}

func TestAStrangerCallsDestinationsByVerbAndPath(t *testing.T) {
	node := "http://" + shop(t, "").Addr()
	for _, c := range []struct {
		request, body string
		fields        []string
		status        int
		want          string
		headers       map[string]string
	}{
		{request: "GET /orders?page=2", status: 200, want: "orders.list page=2 ", headers: map[string]string{"Etag": `"v1"`, "Content-Type": "text/plain", "X-Shop": "main", "Vary": "Accept", "Polywire-Id": "", "Polywire-Source": ""}},
		{request: "GET /orders/a%2Fb?expand", status: 200, want: "orders.get expand=&id=a%2Fb "},
		{request: "HEAD /orders/7", status: 200, headers: map[string]string{"Etag": `"v1"`, "Content-Length": "16"}},
		{request: "POST /orders", body: "x", status: 201, want: "orders.create  x", headers: map[string]string{"Location": "/orders/7"}},
		{request: "PUT /orders/7", body: "x", status: 200, want: "orders.replace id=7 x"},
		{request: "PUT /orders/7", body: "x", fields: []string{`If-Match: "v1"`}, status: 200, want: "orders.replace id=7 x"},
		{request: "PUT /orders/7", body: "x", fields: []string{`If-Match: "v0"`}, status: 412, want: `"status":412,"code":"failed_precondition"`},
		{request: "DELETE /orders/7", status: 204},
		{request: "POST /orders/7:cancel", status: 200, want: "orders.cancel id=7 "},
		{request: "POST /orders/7:cancel", body: "x", status: 400, want: "takes no body"},
		{request: "GET /files/a/b", status: 200, want: "files.get path=a%2Fb "},
		{request: "GET /orders/7", fields: []string{`If-None-Match: "v0", W/"v1"`}, status: 304, headers: map[string]string{"Etag": `"v1"`, "Content-Type": ""}},
		{request: "GET /orders/7", fields: []string{`If-None-Match: "v0"`}, status: 200, want: "orders.get id=7 "},
		{request: "GET /orders/7", fields: []string{"Accept: application/json"}, status: 406, want: `"code":"invalid_argument"`},
		{request: "GET /orders/7", fields: []string{"Accept: application/json, text/*;q=0.1"}, status: 200, want: "orders.get"},
		{request: "GET /orders/7", fields: []string{"Accept: */*, text/plain;q=0"}, status: 406, want: "problem"},
		{request: "GET /orders/none", status: 404, want: `"code":"not_found","detail":"no such order"`, headers: map[string]string{"Content-Type": "application/problem+json", "Polywire-Code": "not_found"}},
		{request: "PUT /orders/strange", body: "x", status: 415, want: `"status":415`, headers: map[string]string{"Accept": "application/json"}},
		{request: "GET /nothing", status: 404, want: `"code":"not_found"`},
		{request: "GET /orders/../admin", status: 400, want: "segment . or .."},
		{request: "GET /orders/%2e%2e", status: 400, want: "segment . or .."},
		{request: "GET /orders/7?id=8", status: 400, want: "in the query too"},
		{request: "GET /orders?page=1&pgae=2", status: 400, want: "unknown name"},
		{request: "PATCH /orders/7", body: "x", status: 405, headers: map[string]string{"Allow": "DELETE, GET, HEAD, OPTIONS, PUT"}},
		{request: "OPTIONS /orders", status: 204, headers: map[string]string{"Allow": "GET, HEAD, OPTIONS, POST"}},
		{request: "POST /orders", body: "x", fields: []string{"Prefer: respond-async"}, status: 202, headers: map[string]string{"Preference-Applied": "respond-async"}},
		{request: "GET /openapi.json", status: 404, want: "describes nothing"},
	} {
		method, target, _ := strings.Cut(c.request, " ")
		resp, body := ask(t, method, node+target, c.body, c.fields...)
		if resp.StatusCode != c.status || !strings.Contains(body, strings.TrimPrefix(c.want, "problem")) || c.want == "" && body != "" && c.status < 400 {
			t.Errorf("%s %v: got %d %q, want %d %q", c.request, c.fields, resp.StatusCode, body, c.status, c.want)
		}
		for name, want := range c.headers {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", c.request, name, got, want)
			}
		}
	}
}

func TestMoreParamsThanAMessageMayHaveAreRefused(t *testing.T) {
	node := openConn(t, "http://?listen=127.0.0.1:0", transport.WithService("", transport.Service{Name: "s", Paths: map[string]string{"search": "GET /search?*"}}))
	handle(t, node, "search", echo)
	for query, want := range map[string]int{
		strings.Repeat("q=1&", 64) + "q=1":        429,
		"q=" + strings.Repeat("1", maxParamBytes): 429,
		strings.Repeat("q=1&", 63) + "q=1":        204,
	} {
		if resp, body := ask(t, "GET", "http://"+node.Addr()+"/search?"+query, ""); resp.StatusCode != want {
			t.Errorf("%.40s…: got %d %s, want %d", query, resp.StatusCode, body, want)
		}
	}
}

func TestOpenRefusesPathsThatTheNodeCannotServe(t *testing.T) {
	for what, paths := range map[string]map[string]string{
		"the node's own":     {"x": "POST /send/{id}"},
		"the node's healthz": {"x": "GET /healthz"},
	} {
		_, err := transport.NewRegistry(Factory()).Open(t.Context(), "http://?listen=127.0.0.1:0", transport.WithService("", transport.Service{Name: "s", Paths: paths}))
		if !errors.Is(err, transport.CodeInvalidArgument) {
			t.Errorf("%s: got error %v, want %v", what, err, transport.CodeInvalidArgument)
		}
	}
}

func TestAnAliasOfThisServicesDocumentsIsTheServicesOwn(t *testing.T) {
	node := openConn(t, "http://?listen=127.0.0.1:0", transport.WithService("", transport.Service{Name: "s", Paths: map[string]string{"it": "GET /{name}"}}))
	handle(t, node, "it", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		return &transport.Message{Body: []byte(msg.Params.Get("name"))}, nil
	})
	if _, body := ask(t, "GET", "http://"+node.Addr()+"/other", ""); body != "other" {
		t.Errorf("got %q, want the service's answer", body)
	}
}

// A recorder is a REST service that knows nothing of polywire.
type recorder struct {
	t    testing.TB
	last *http.Request
	body string
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		r.t.Error(err)
	}
	r.last, r.body = req, string(body)
	switch {
	case strings.HasPrefix(req.URL.Path, "/healthz"):
		http.NotFound(w, req)
	case req.URL.Path == "/orders" && req.Method == "POST":
		w.Header().Set("Location", "/orders/8")
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"id":"8"}`)
	case req.Method == "DELETE":
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Etag", `W/"3"`)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Ratelimit", "9")
		_, _ = io.WriteString(w, `{"id":"7"}`)
	}
}

// callerOf opens a Conn for which the service shop, of shopPaths, is at address.
func callerOf(t testing.TB, address string) *transport.Conn {
	t.Helper()
	return openConn(t, "http://", transport.WithService("", transport.Service{
		Name: "shop", Owns: []string{"orders.>", "files.>"}, Endpoints: []string{strings.TrimPrefix(address, "http://")}, Paths: shopPaths,
	}))
}

func TestAForeignRESTServiceIsCalledByVerbAndPath(t *testing.T) {
	r := &recorder{t: t}
	conn := callerOf(t, foreign(t, r))
	msg := &transport.Message{Destination: "orders.get", Params: url.Values{"id": {"a/b ü"}, "expand": {"x", "y"}}, ContentType: "application/json", Body: []byte(`{"id":"a/b"}`)}
	msg.Header.Set("if-none-match", `"2"`)
	msg.Header.Set("tenant", "acme")
	reply, err := conn.Request(t.Context(), msg)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{
		"request": r.last.Method + " " + r.last.RequestURI, "body": r.body, "type": r.last.Header.Get("Content-Type"), "accept": r.last.Header.Get("Accept"),
		"condition": r.last.Header.Get("If-None-Match"), "field": r.last.Header.Get("Tenant"), "params": r.last.Header.Get("Polywire-Param"),
		"reply": string(reply.Body), "reply type": reply.ContentType, "tag": reply.Header.Get("etag"), "reply field": reply.Header.Get("x-ratelimit"),
	}
	want := map[string]string{
		"request": "GET /orders/a%2Fb%20%C3%BC?expand=x&expand=y", "body": "", "type": "", "accept": "application/json",
		"condition": `"2"`, "field": "acme", "params": "",
		"reply": `{"id":"7"}`, "reply type": "application/json", "tag": `W/"3"`, "reply field": "9",
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	reply, err = conn.Request(t.Context(), &transport.Message{Destination: "orders.create", ContentType: "application/json", Body: []byte(`{}`)})
	if err != nil || reply.Header.Get("location") != "/orders/8" || r.body != "{}" || r.last.Header.Get("Content-Type") != "application/json" {
		t.Errorf("create: got %v, %v, %q %q", reply, err, r.body, r.last.Header.Get("Content-Type"))
	}
	if reply, err = conn.Request(t.Context(), &transport.Message{Destination: "orders.delete", Params: url.Values{"id": {"7"}}}); err != nil || len(reply.Body) != 0 || r.last.Method != "DELETE" {
		t.Errorf("delete: got %v, %v, %s", reply, err, r.last.Method)
	}
	if err := conn.Send(t.Context(), &transport.Message{Destination: "orders.cancel", Params: url.Values{"id": {"7"}}}); err != nil || r.last.RequestURI != "/orders/7:cancel" || r.last.Header.Get("Prefer") != "respond-async" {
		t.Errorf("send: got %v, %s", err, r.last.RequestURI)
	}
}

func TestWhatAPathCannotSayIsRefusedBeforeAnythingIsSent(t *testing.T) {
	r := &recorder{t: t}
	conn := callerOf(t, foreign(t, r))
	for _, params := range []url.Values{{}, {"id": {".."}}, {"id": {""}}, {"id": {"7"}, "other": {"x"}}} {
		_, err := conn.Request(t.Context(), &transport.Message{Destination: "orders.get", Params: params})
		if !errors.Is(err, transport.CodeInvalidArgument) || r.last != nil && strings.HasPrefix(r.last.URL.Path, "/orders") {
			t.Errorf("%v: got %v, want %v and no request", params, err, transport.CodeInvalidArgument)
		}
	}
}

func TestStatusesOfForeignServicesHaveTheCodesOfREST(t *testing.T) {
	status, header, body := 0, http.Header{}, ""
	conn := callerOf(t, foreign(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, values := range header {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	})))
	for s, want := range map[int]transport.Code{
		301: transport.CodeUnknown, 304: transport.CodeFailedPrecondition, 307: transport.CodeUnknown,
		400: transport.CodeInvalidArgument, 401: transport.CodeUnauthenticated, 403: transport.CodePermissionDenied, 404: transport.CodeNotFound,
		405: transport.CodeUnimplemented, 406: transport.CodeInvalidArgument, 408: transport.CodeDeadlineExceeded, 409: transport.CodeAborted, 410: transport.CodeNotFound,
		412: transport.CodeFailedPrecondition, 413: transport.CodeResourceExhausted, 415: transport.CodeInvalidArgument, 416: transport.CodeOutOfRange,
		418: transport.CodeUnknown, 422: transport.CodeInvalidArgument, 429: transport.CodeResourceExhausted, 499: transport.CodeCanceled,
		500: transport.CodeInternal, 501: transport.CodeUnimplemented, 502: transport.CodeUnavailable, 503: transport.CodeUnavailable, 504: transport.CodeDeadlineExceeded,
	} {
		status = s
		header = http.Header{"Location": {"http://127.0.0.1:1/elsewhere"}}
		if _, err := conn.Request(t.Context(), &transport.Message{Destination: "orders.list"}); !errors.Is(err, want) {
			t.Errorf("status %d: got %v, want %v", s, err, want)
		}
	}
	status, header = 404, http.Header{"Content-Type": {"application/problem+json; charset=utf-8"}, "Retry-After": {"3"}}
	body = `{"type":"https://shop.example/gone","title":"Gone","detail":"order 7 was deleted","balance":30}`
	_, err := conn.Request(t.Context(), &transport.Message{Destination: "orders.list"})
	e := new(transport.Error)
	if !errors.As(err, &e) || e.Message != "Gone: order 7 was deleted" || e.RetryAfter.Seconds() != 3 || len(e.Details) != 1 || string(e.Details[0].Data) != body || e.Details[0].Type != "application/problem+json" {
		t.Errorf("got %+v with details %q", err, e.Details)
	}
	body = `{"title":"` + strings.Repeat("x", 2*maxProblem) + `"}`
	if _, err := conn.Request(t.Context(), &transport.Message{Destination: "orders.list"}); !errors.Is(err, transport.CodeNotFound) || len(err.Error()) > 1024 {
		t.Errorf("an endless problem: got %.200v", err)
	}
}

func TestOursCallOursByPathsWithNothingLost(t *testing.T) {
	node := shop(t, "")
	conn := callerOf(t, node.Addr())
	reply, err := conn.Request(t.Context(), &transport.Message{Destination: "orders.get", ID: "id-7", Params: url.Values{"id": {"7"}}, Accept: "text/plain"})
	if err != nil || string(reply.Body) != "orders.get id=7 " || reply.Header.Get("etag") != `"v1"` || reply.Source == "" {
		t.Errorf("got %v, %v", reply, err)
	}
	_, err = conn.Request(t.Context(), &transport.Message{Destination: "orders.get", Params: url.Values{"id": {"strange"}}})
	if e := new(transport.Error); !errors.As(err, &e) || len(e.Details) != 1 || e.Message != "unknown content type" {
		t.Errorf("got %v, want the handler's error with its details", err)
	}
	reply, err = conn.Request(t.Context(), &transport.Message{Destination: "orders.create", Body: []byte("x")})
	if err != nil || reply.Header.Get("location") != "/orders/7" {
		t.Errorf("got %v, %v", reply, err)
	}
	if _, err := conn.Request(t.Context(), &transport.Message{Destination: "files.unknown"}); !errors.Is(err, transport.ErrNoHandler) {
		t.Errorf("got %v, want %v", err, transport.ErrNoHandler)
	}
}

func TestPagesOfOtherSitesCallWhereCORSLetsThem(t *testing.T) {
	const app, evil = "Origin: https://app.example", "Origin: https://evil.example"
	preflight := []string{"Access-Control-Request-Method: PUT", "Access-Control-Request-Headers: content-type, if-match"}
	for _, c := range []struct {
		options, method string
		fields          []string
		status          int
		headers         map[string]string
	}{
		{"", "OPTIONS", append(preflight, app), 204, map[string]string{"Access-Control-Allow-Origin": ""}},
		{"", "GET", []string{app}, 200, map[string]string{"Access-Control-Allow-Origin": ""}},
		{"", "PUT", []string{app, "Sec-Fetch-Site: cross-site"}, 403, nil},
		{"&cors=https://app.example", "OPTIONS", append(preflight, app), 204, map[string]string{
			"Access-Control-Allow-Origin": "https://app.example", "Access-Control-Allow-Headers": "content-type, if-match", "Access-Control-Allow-Credentials": "", "Vary": "Origin"}},
		{"&cors=https://app.example", "OPTIONS", append(preflight, evil), 403, map[string]string{"Access-Control-Allow-Origin": ""}},
		{"&cors=https://app.example", "PUT", []string{app, "Sec-Fetch-Site: cross-site"}, 200, map[string]string{"Access-Control-Allow-Origin": "https://app.example"}},
		{"&cors=https://app.example", "PUT", []string{evil, "Sec-Fetch-Site: cross-site"}, 403, map[string]string{"Access-Control-Allow-Origin": ""}},
		{"&cors=https://b.example,https://app.example&corscredentials", "GET", []string{app}, 200, map[string]string{"Access-Control-Allow-Origin": "https://app.example", "Access-Control-Allow-Credentials": "true"}},
		{"&cors=*", "PUT", []string{evil, "Sec-Fetch-Site: cross-site"}, 200, map[string]string{"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": ""}},
	} {
		body := ""
		if c.method == "PUT" {
			body = "x"
		}
		resp, _ := ask(t, c.method, "http://"+shop(t, c.options).Addr()+"/orders/7", body, c.fields...)
		if resp.StatusCode != c.status {
			t.Errorf("%s %s %v: got %d, want %d", c.options, c.method, c.fields, resp.StatusCode, c.status)
		}
		for name, want := range c.headers {
			if got := resp.Header.Get(name); got != want {
				t.Errorf("%s %s %v: %s is %q, want %q", c.options, c.method, c.fields, name, got, want)
			}
		}
	}
}

func TestOptionsOfCORSThatLetAnyPageActForItsVisitorAreRefused(t *testing.T) {
	for _, options := range []string{"cors=*&corscredentials", "cors=app.example", "cors=https://app.example/", "cors=", "cors=*,https://a.example", "corscredentials", "cors=null"} {
		if _, err := transport.NewRegistry(Factory()).Features("http://?listen=127.0.0.1:0&" + options); !errors.Is(err, transport.CodeInvalidArgument) {
			t.Errorf("%s: got %v, want %v", options, err, transport.CodeInvalidArgument)
		}
	}
}

func TestCurlDrivesAnOrder(t *testing.T) {
	node := "http://" + shop(t, "").Addr()
	out := curl(t, "-i", "-d", "{}", node+"/orders")
	for _, want := range []string{"HTTP/1.1 201 Created\n", "\nLocation: /orders/7\n", "orders.create  {}"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	out = curl(t, "-i", "-X", "DELETE", node+"/orders/7")
	if !strings.HasPrefix(out, "HTTP/1.1 204 No Content\n") {
		t.Errorf("got %s", out)
	}
	out = curl(t, "-I", node+"/orders/7")
	if !strings.HasPrefix(out, "HTTP/1.1 200 OK\n") || !strings.Contains(out, "\nEtag: \"v1\"\n") {
		t.Errorf("got %s", out)
	}
}

// FuzzREST holds that no request makes the face fail, whatever its path, query and fields are.
func FuzzREST(f *testing.F) {
	for _, target := range []string{"/orders/7?expand", "/orders/%2e%2e", "/files/a/b%2fc", "/orders/7:cancel", "/orders?page=1;b", "/openapi.json"} {
		f.Add("GET", target, `"v1"`, "text/*;q=0.5, */*")
	}
	f.Fuzz(func(t *testing.T, method, target, condition, want string) {
		table, err := newRestTable([]transport.Service{{Name: "shop", Paths: shopPaths}}, func(string) bool { return true })
		if err != nil {
			t.Fatal(err)
		}
		path, query, _ := strings.Cut(target, "?")
		m, err := table.served.Match(method, path, query)
		if err == nil && m.Rule.Verb() != method && method != http.MethodHead {
			t.Fatalf("%q %q fits %v", method, target, m.Rule)
		}
		matches(condition, `"v1"`)
		accepts([]string{want}, "text/plain; charset=utf-8")
		var c cors
		if c.set(want) == nil && c.check(false) == nil && c.allows("https://evil.example") && !strings.Contains(want, "*") && !strings.Contains(want, "evil") {
			t.Fatalf("cors=%q lets an origin in that it does not name", want)
		}
	})
}

// FuzzDecodeREST holds that what a stranger answers never fails the caller's process, and that errors are bounded.
func FuzzDecodeREST(f *testing.F) {
	f.Add(404, "application/problem+json", []byte(`{"title":"a","detail":"b"}`), "3", `"x"`)
	f.Add(200, "text/plain", []byte("x"), "", "W/\"\x01\"")
	f.Fuzz(func(t *testing.T, status int, media string, body []byte, retry, tag string) {
		h := http.Header{contentType: {media}, "Retry-After": {retry}, string(etag): {tag}, string(location): {tag}}
		e, err := decodeREST(h, status, body)
		switch {
		case err != nil:
			return
		case e.Err == nil && (status/100 != 2 || !bytes.Equal(e.Body, body)):
			t.Fatalf("status %d reads as %+v", status, e)
		case e.Err != nil && !e.Err.Code.Valid():
			t.Fatalf("status %d has code %v", status, e.Err.Code)
		}
	})
}

func TestRetryAfterIsSecondsOrATime(t *testing.T) {
	soon := time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)
	for text, want := range map[string][2]time.Duration{
		"": {}, "0": {}, "3": {3 * time.Second, 3 * time.Second}, soon: {50 * time.Second, time.Minute},
		"Thu, 01 Jan 1970 00:00:00 GMT": {}, "-1": {}, "1h": {}, "99999999999": {},
	} {
		h := http.Header{"Retry-After": {text}}
		for _, got := range []time.Duration{decodeError(h, 503, nil).RetryAfter, retryAfterREST(t, h)} {
			if got < want[0] || got > want[1] {
				t.Errorf("Retry-After: %q reads as %v, want %v to %v", text, got, want[0], want[1])
			}
		}
	}
}

func retryAfterREST(t *testing.T, h http.Header) time.Duration {
	t.Helper()
	e, err := decodeREST(h, 503, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e.Err.RetryAfter
}
