package httpwire

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/polywire/polywire/internal/peertest"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
)

var everything = access.Verbs()

func askAs(t testing.TB, node *transport.Conn, method, path, auth string, header ...string) (*http.Response, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, method, "http://"+node.Addr()+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if auth != "" {
		req.Header.Set("Authorization", auth)
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Add(header[i], header[i+1])
	}
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := (&http.Client{Transport: tr}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var body []byte
	if resp.StatusCode != http.StatusOK || !strings.Contains(resp.Header.Get("Content-Type"), "ndjson") {
		body, _ = io.ReadAll(resp.Body)
	}
	return resp, string(body)
}

// paths are those of every style, and of attachment, which takes nothing from the handlers of d.
var paths = map[string]string{
	"/request/d": "POST", "/send/d": "POST", "/publish/d": "POST", "/gather/d": "POST", "/subscribe/d": "GET", "/handle/e?credit=1": "GET",
}

func TestNobodyGetsInWithoutCredentialsByAnyPath(t *testing.T) {
	node := openConn(t, "http://?listen=127.0.0.1:0&attach", transport.WithAccess(peertest.Guard(t, 0, access.Rule{Who: []string{"anna"}, May: everything, What: []string{">"}})))
	entered := make(chan string, 100)
	for _, d := range []string{"d", "admin"} {
		h := func(_ context.Context, m *transport.Message) (*transport.Message, error) {
			entered <- m.Destination
			return &transport.Message{}, nil
		}
		if _, err := node.Handle(t.Context(), d, h); err != nil {
			t.Fatal(err)
		}
		if _, err := node.Subscribe(t.Context(), d, h); err != nil {
			t.Fatal(err)
		}
	}
	for path, method := range paths {
		for auth, want := range map[string]string{
			"": "unauthenticated", "Bearer": "unauthenticated", "Bearer ": "unauthenticated", "Bearer wrong": "unauthenticated", "Bearer token-anna extra": "unauthenticated", "Basic !!!": "unauthenticated",
			"token-anna": "unauthenticated", "Digest x": "unauthenticated", "Bearer token-bob": "permission_denied", "Bearer " + strings.Repeat("a", 20<<10): "unauthenticated",
		} {
			resp, body := askAs(t, node, method, path, auth)
			var p problem
			_ = json.Unmarshal([]byte(body), &p)
			status := map[string]int{"unauthenticated": 401, "permission_denied": 403}[want]
			if resp.StatusCode != status || p.Code != want || resp.Header.Get("Content-Type") != problemType || resp.Header.Get("Polywire-Code") != want {
				t.Errorf("%s with %.40q: got %d %q, want %d %s", path, auth, resp.StatusCode, body, status, want)
			}
			if status == 401 && resp.Header.Get("Www-Authenticate") == "" {
				t.Errorf("%s with %.40q: 401 without WWW-Authenticate", path, auth)
			}
			if strings.Contains(body, "token-") {
				t.Errorf("%s with %.40q: the answer shows credentials: %s", path, auth, body)
			}
		}
		if resp, body := askAs(t, node, method, path, "bearer token-anna"); resp.StatusCode/100 != 2 {
			t.Errorf("%s with good credentials: got %d %q", path, resp.StatusCode, body)
		}
	}
	if resp, _ := askAs(t, node, "POST", "/request/d", "Bearer token-anna", "Authorization", "Bearer token-anna"); resp.StatusCode != 401 {
		t.Errorf("two Authorization fields: got %d, want 401", resp.StatusCode)
	}
	for i := range 4 { // request, send, publish and gather, with good credentials; two of them answer before their handlers run
		select {
		case <-entered:
		case <-time.After(testTime):
			t.Fatalf("handlers were entered %d times, want 4", i)
		}
	}
	if n := len(entered); n > 0 {
		t.Errorf("handlers were entered %d times, want 4", 4+n)
	}
	if s := node.Stats(); s.Denied < 60 {
		t.Errorf("%d refusals were counted, want 60 at least", s.Denied)
	}
}

func TestThePeerIsWhomItProvedToBeWhateverHeadersSay(t *testing.T) {
	node := openConn(t, "http://?listen=127.0.0.1:0", transport.WithAccess(peertest.Guard(t, 0, access.Rule{Who: []string{access.Everybody}, May: everything, What: []string{">"}})))
	who := func(ctx context.Context, m *transport.Message) (*transport.Message, error) {
		for key := range m.Header.All() {
			if strings.Contains(key, "auth") {
				return nil, transport.CodeInternal.Errorf("the handler sees %s", key)
			}
		}
		p := access.Peer(ctx)
		if p == nil {
			return &transport.Message{Body: []byte("a stranger")}, nil
		}
		return &transport.Message{Body: []byte(p.Name + " by " + p.Proof)}, nil
	}
	handle(t, node, "who", who)
	forged := []string{"Polywire-Peer", "admin", "Polywire-Source", "admin/1", "X-Forwarded-User", "admin", "Polywire-Header", "polywire-peer=admin"}
	for auth, want := range map[string]string{"": "a stranger", "Bearer token-anna": "anna by bearer"} {
		resp, body := askAs(t, node, "POST", "/request/who", auth, forged...)
		if resp.StatusCode != 200 || body != want {
			t.Errorf("%q: got %d %q, want %q", auth, resp.StatusCode, body, want)
		}
	}
	reply, err := node.Request(t.Context(), &transport.Message{Destination: "who"})
	if err != nil || string(reply.Body) != "a stranger" { // a process without a name
		t.Errorf("from the process itself: got %v, %v", reply, err)
	}
}

func TestWhatIsAllowedIsDecidedOnTheDecodedDestination(t *testing.T) {
	node := openConn(t, "http://?listen=127.0.0.1:0&attach", transport.WithAccess(peertest.Guard(t, 0,
		access.Rule{Who: []string{"anna"}, May: everything, What: []string{">"}},
		access.Rule{Who: []string{"root"}, May: everything, What: []string{"admin.>", "admin"}},
	)))
	entered := make(chan string, 10)
	handle(t, node, "admin.stop", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		entered <- m.Destination
		return nil, nil
	})
	encodings := []string{
		"admin.stop", "%61dmin.stop", "admin%2estop", "admin%2Estop", "%61%64%6d%69%6e%2e%73%74%6f%70", "admin%252estop", "%2561dmin.stop", "a/../admin.stop", "./admin.stop", "/admin.stop",
		"x%2f..%2fadmin.stop", "admin.stop/", "admin.stop%00", "admin.stop%20", "admin.stop%09", "admin..stop", "admin.stop;x=1", "admin%E2%80%8B.stop", "%c1%a1dmin.stop", "admin.stop%0d%0a", "admin%c0%aestop", "admin.stop?x=/a", "admin.stop%3fx", "%ff",
	}
	for _, verb := range []string{"/request/", "/send/", "/publish/", "/gather/"} {
		for _, d := range encodings {
			if resp, body := askAs(t, node, "POST", verb+d, "Bearer token-anna"); resp.StatusCode/100 == 2 {
				t.Errorf("%s%s: got %d %q", verb, d, resp.StatusCode, body)
			}
		}
	}
	for _, d := range append(encodings, "admin.*", "admin.%3e", "%3e", "*.stop", "*.%3E", "admin.%2a") {
		for _, verb := range []string{"/subscribe/", "/handle/"} {
			glue := "?"
			if strings.Contains(d, "?") {
				glue = "&"
			}
			if resp, body := askAs(t, node, "GET", verb+d+glue+"credit=1", "Bearer token-anna"); resp.StatusCode/100 == 2 {
				t.Errorf("%s%s: got %d %q", verb, d, resp.StatusCode, body)
			}
		}
	}
	if len(entered) > 0 {
		t.Errorf("the handler of %s was entered", <-entered)
	}
	if resp, body := askAs(t, node, "POST", "/request/admin%2estop", "Bearer token-root"); resp.StatusCode != 200 {
		t.Errorf("root, in an encoding: got %d %q", resp.StatusCode, body)
	}
}

func TestAReplyToNeedsTheRightToSendThere(t *testing.T) {
	node := openConn(t, "http://?listen=127.0.0.1:0", transport.WithAccess(peertest.Guard(t, 0,
		access.Rule{Who: []string{"anna"}, May: []access.Verb{access.Send}, What: []string{"jobs", "anna.>"}},
	)))
	handle(t, node, "jobs", echo)
	admin, answers := make(chan string, 2), make(chan string, 2)
	for d, to := range map[string]chan string{"admin.reset": admin, "anna.inbox": answers} {
		handle(t, node, d, func(context.Context, *transport.Message) (*transport.Message, error) {
			to <- d
			return nil, nil
		})
	}
	if resp, _ := askAs(t, node, "POST", "/send/jobs", "Bearer token-anna", "Polywire-Reply-To", "admin.reset"); resp.StatusCode != 403 {
		t.Errorf("a reply-to that is not allowed: got %d, want 403", resp.StatusCode)
	}
	if resp, _ := askAs(t, node, "POST", "/send/jobs", "Bearer token-anna", "Polywire-Reply-To", "anna.inbox"); resp.StatusCode != 202 {
		t.Errorf("a reply-to that is allowed: got %d, want 202", resp.StatusCode)
	}
	select {
	case <-answers:
	case <-admin:
		t.Error("the answer went where its asker may not send")
	case <-time.After(20 * time.Second):
		t.Error("no answer came")
	}
}

func TestAStreamEndsWithItsIdentity(t *testing.T) {
	node := openConn(t, "http://?listen=127.0.0.1:0&attach", transport.WithAccess(peertest.Guard(t, 300*time.Millisecond, access.Rule{Who: []string{"anna"}, May: everything, What: []string{">"}})))
	if _, err := node.Subscribe(t.Context(), "d", func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}); err != nil {
		t.Fatal(err)
	}
	for path, method := range map[string]string{"/subscribe/x": "GET", "/subscribe/x?credit=1": "GET", "/handle/x?credit=1": "GET", "/gather/d": "POST"} {
		began := time.Now()
		req, _ := http.NewRequestWithContext(t.Context(), method, "http://"+node.Addr()+path, nil)
		req.Header.Set("Authorization", "Bearer token-brief-anna")
		req.Header.Set("Polywire-Timeout", "30s")
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if took := time.Since(began); resp.StatusCode != 200 || err != nil || !strings.Contains(string(body), `"code":"unauthenticated"`) || took < 250*time.Millisecond || took > 5*time.Second {
			t.Errorf("%s: got %d, %v, %q after %v", path, resp.StatusCode, err, body, took)
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}

func TestAStreamEndsOnceItsTokenOrItsRightIsTakenAway(t *testing.T) {
	r, policy := peertest.Revocable(t, access.Rule{Who: []string{access.Known}, May: everything, What: []string{">"}})
	node := openConn(t, "http://?listen=127.0.0.1:0&attach", transport.WithAccess(policy))
	if _, err := node.Subscribe(t.Context(), "d", func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}); err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	open := func(method, path, name string) *http.Response {
		t.Helper()
		ctx, cancel := context.WithTimeout(t.Context(), testTime)
		t.Cleanup(cancel)
		req, _ := http.NewRequestWithContext(ctx, method, "http://"+node.Addr()+path, nil)
		req.Header.Set("Authorization", "Bearer token-"+name)
		req.Header.Set("Polywire-Timeout", "60s")
		resp, err := tr.RoundTrip(req)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%s as %s: got %v, %v", path, name, resp, err)
		}
		t.Cleanup(func() { _ = resp.Body.Close() })
		return resp
	}
	streams := map[string]map[string]*http.Response{"anna": {}, "bob": {}}
	for name := range streams {
		for path, method := range map[string]string{"/subscribe/x": "GET", "/subscribe/x?credit=1": "GET", "/handle/" + name + "?credit=1": "GET", "/gather/d": "POST"} {
			streams[name][path] = open(method, path, name)
		}
	}
	stays := open("GET", "/subscribe/x", "carla")
	r.Forget("anna")
	r.Deny("bob")
	for name, code := range map[string]string{"anna": "unauthenticated", "bob": "permission_denied"} {
		for path, resp := range streams[name] {
			if body, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(body), `"code":"`+code+`"`) {
				t.Errorf("%s of %s ended with %q, %v, want %s", path, name, body, err, code)
			}
		}
	}
	if err := node.Publish(t.Context(), &transport.Message{Destination: "x", Body: []byte("for carla")}); err != nil {
		t.Fatal(err)
	}
	for lines := bufio.NewScanner(stays.Body); ; {
		if !lines.Scan() {
			t.Fatalf("the stream of another ended: %v", lines.Err())
		}
		if strings.Contains(lines.Text(), "for carla") {
			break
		}
	}
}

func TestAStreamIsSettledByWhoOpenedItAlone(t *testing.T) {
	node := openConn(t, "http://?listen=127.0.0.1:0&attach", transport.WithAccess(peertest.Guard(t, 0, access.Rule{Who: []string{access.Known}, May: everything, What: []string{">"}})))
	req, _ := http.NewRequestWithContext(t.Context(), "GET", "http://"+node.Addr()+"/handle/d?credit=1", nil)
	req.Header.Set("Authorization", "Bearer token-anna")
	tr := &http.Transport{}
	defer tr.CloseIdleConnections()
	resp, err := tr.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	token := resp.Header.Get("Polywire-Stream")
	for auth, want := range map[string]int{"": 404, "Bearer wrong": 401, "Bearer token-bob": 404, "Bearer token-anna": 204} {
		settle := func(path, body string) int {
			post, _ := http.NewRequestWithContext(t.Context(), "POST", "http://"+node.Addr()+"/stream/"+token+path, strings.NewReader(body))
			if auth != "" {
				post.Header.Set("Authorization", auth)
			}
			r, err := tr.RoundTrip(post)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Body.Close()
			return r.StatusCode
		}
		if got := settle("", `{"accept":[1]}`); got != want {
			t.Errorf("settled with %q: got %d, want %d", auth, got, want)
		}
		if got := settle("/1", `x`); want != 204 && got != want {
			t.Errorf("answered with %q: got %d, want %d", auth, got, want)
		}
	}
}

func TestCredentialsAreNotShownWithoutTLS(t *testing.T) {
	node := openConn(t, "http://?listen=127.0.0.1:0")
	reg := transport.NewRegistry(Factory())
	policy := access.Policy{Credentials: access.BearerToken("the-secret-of-this-test")}
	c, err := reg.Open(t.Context(), "http://"+node.Addr(), transport.WithAccess(policy))
	if !errors.Is(err, transport.CodeInvalidArgument) || strings.Contains(fmt.Sprint(err), "the-secret") {
		t.Errorf("got %v, %v", c, err)
	}
}

// TestRenewedCredentialsCarryAStreamOn holds that the end of an identity costs a subscriber with newer credentials nothing.
func TestRenewedCredentialsCarryAStreamOn(t *testing.T) {
	node := openConn(t, "http://?listen=127.0.0.1:0", transport.WithAccess(peertest.Guard(t, 200*time.Millisecond, access.Rule{Who: []string{"anna"}, May: everything, What: []string{">"}})))
	asked := make(chan string, 1000)
	client := openConn(t, "http://"+node.Addr(), transport.WithAccess(access.Policy{InsecureCredentials: true, Credentials: func(_ context.Context, where string) (string, error) {
		asked <- where
		return "Bearer token-brief-anna", nil
	}}))
	got := make(chan string, 1000)
	if _, err := client.Subscribe(t.Context(), "news", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		got <- string(m.Body)
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	for range 8 { // two at first, for the link and the stream; then as often as the identity ends
		if where := <-asked; where != "http://"+node.Addr() {
			t.Fatalf("credentials were asked for %q", where)
		}
	}
	deadline := time.After(20 * time.Second)
	for {
		_ = node.Publish(t.Context(), &transport.Message{Destination: "news", Body: []byte("after")})
		select {
		case s := <-got:
			if s != "after" {
				t.Errorf("got %q", s)
			}
			return
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatal("the subscription did not come back")
		}
	}
}

// TestCredentialsFollowNoRedirect holds that a server which sends its callers elsewhere gets nothing shown there.
func TestCredentialsFollowNoRedirect(t *testing.T) {
	seen := make(chan string, 10)
	canary := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen <- r.Header.Get("Authorization") + r.URL.Path }))
	defer canary.Close()
	var shown atomic.Int64
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			shown.Add(1)
		}
		http.Redirect(w, r, canary.URL+r.URL.Path, http.StatusTemporaryRedirect)
	}))
	defer away.Close()
	c := openConn(t, away.URL, transport.WithAccess(access.Policy{InsecureCredentials: true, Credentials: access.BearerToken("a-token")}))
	if reply, err := c.Request(t.Context(), &transport.Message{Destination: "d"}); err == nil {
		t.Errorf("got %v", reply)
	}
	if len(seen) > 0 || shown.Load() == 0 {
		t.Errorf("the server that was named saw credentials %d times, the other %q", shown.Load(), <-seen)
	}
}
