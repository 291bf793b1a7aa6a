package httpwire

import (
	"bufio"
	"context"
	"os/exec"
	"strings"
	"testing"

	"github.com/polywire/polywire/transport"
)

// curl runs the program that anybody has, and returns what it printed.
func curl(t *testing.T, args ...string) string {
	t.Helper()
	path, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("no curl: apt-get install curl")
	}
	out, err := exec.CommandContext(t.Context(), path, append([]string{"-sS", "--max-time", "20"}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("curl %v: %v: %s", args, err, out)
	}
	return strings.ReplaceAll(string(out), "\r\n", "\n")
}

func TestCurlRequests(t *testing.T) {
	node := serve(t, "")
	handle(t, node, "trip.quote", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		if msg.ContentType != "application/json" || msg.Header.Get("tenant") != "acme" || string(msg.Body) != `{"from":"A"}` {
			return nil, transport.CodeInvalidArgument.Errorf("got %q, %q, %q", msg.ContentType, msg.Header.Get("tenant"), msg.Body)
		}
		reply := &transport.Message{ContentType: "application/json", Body: []byte(`{"price":7}`)}
		reply.Header.Set("x-currency", "EUR")
		return reply, nil
	})
	out := curl(t, "-i", "-H", "content-type: application/json", "-H", "tenant: acme", "-d", `{"from":"A"}`, "http://"+node.Addr()+"/request/trip.quote")
	for _, want := range []string{"HTTP/1.1 200 OK\n", "\nContent-Type: application/json\n", "\nX-Currency: EUR\n", "\n\n{\"price\":7}"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
}

func TestCurlSeesErrorsWithCodeStatusAndHeaders(t *testing.T) {
	node := serve(t, "")
	handle(t, node, "trip.cancel", func(context.Context, *transport.Message) (*transport.Message, error) {
		e := transport.CodeNotFound.Errorf("trip 7 is unknown")
		e.Details = []transport.Detail{{Type: "trip", Data: []byte("7")}}
		return nil, e
	})
	out := curl(t, "-i", "-d", "7", "http://"+node.Addr()+"/request/trip.cancel")
	for _, want := range []string{"HTTP/1.1 404 Not Found\n", "\nContent-Type: application/problem+json\n", "\nPolywire-Code: not_found\n", `"code":"not_found"`, `"detail":"trip 7 is unknown"`, `"details":[{"type":"trip","data":"Nw=="}]`} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	out = curl(t, "-i", "-d", "7", "http://"+node.Addr()+"/send/nobody.handles")
	for _, want := range []string{"HTTP/1.1 503 Service Unavailable\n", "\nPolywire-Code: unavailable\n", "\nPolywire-Reason: no-handler\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in %s", want, out)
		}
	}
	for _, c := range [][]string{
		{"405 Method Not Allowed", "http://" + node.Addr() + "/request/trip.cancel"},
		{"501 Not Implemented", "http://" + node.Addr() + "/elsewhere"},
		{"400 Bad Request", "-d", "", "http://" + node.Addr() + "/request/a..b"},
		{"400 Bad Request", "-d", "", "-H", "polywire-timeout: soon", "http://" + node.Addr() + "/request/trip.cancel"},
		{"403 Forbidden", "-d", "", "-H", "sec-fetch-site: cross-site", "http://" + node.Addr() + "/request/trip.cancel"},
		{"200 OK", "http://" + node.Addr() + "/healthz"},
	} {
		if out := curl(t, append([]string{"-i"}, c[1:]...)...); !strings.HasPrefix(out, "HTTP/1.1 "+c[0]) {
			t.Errorf("curl %v: %s, want %s", c[1:], out, c[0])
		}
	}
}

func TestCurlSendsPublishesAndGathers(t *testing.T) {
	node := serve(t, "")
	got := make(chan string, 10)
	take := func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		got <- msg.Destination + " " + string(msg.Body)
		return &transport.Message{Body: []byte("from " + msg.Destination)}, nil
	}
	handle(t, node, "log", take)
	subscribe(t, node, "trip.*", take)
	if out := curl(t, "-i", "-d", "line", "http://"+node.Addr()+"/send/log"); !strings.HasPrefix(out, "HTTP/1.1 202 Accepted\n") {
		t.Errorf("send: %s", out)
	}
	if s := <-got; s != "log line" {
		t.Errorf("the handler got %q", s)
	}
	if out := curl(t, "-i", "-d", "event", "http://"+node.Addr()+"/publish/trip.created"); !strings.HasPrefix(out, "HTTP/1.1 202 Accepted\n") {
		t.Errorf("publish: %s", out)
	}
	if s := <-got; s != "trip.created event" {
		t.Errorf("the subscriber got %q", s)
	}
	lines := strings.Split(strings.TrimSpace(curl(t, "-d", "who", "http://"+node.Addr()+"/gather/trip.survey")), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], `"body":"from trip.survey"`) || lines[1] != `{"end":"complete"}` {
		t.Errorf("gather: %q", lines)
	}
	out := curl(t, "-H", "accept: text/event-stream", "-d", "who", "http://"+node.Addr()+"/gather/trip.survey")
	if !strings.HasPrefix(out, "id: ") || !strings.Contains(out, "\ndata: {\"headers\":") || !strings.HasSuffix(out, "\n\nevent: end\ndata: {\"end\":\"complete\"}\n\n") {
		t.Errorf("gather by server-sent events: %q", out)
	}
}

func TestCurlSubscribes(t *testing.T) {
	node := serve(t, "")
	path, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("no curl: apt-get install curl")
	}
	for form, prefix := range map[string]string{eventStream: "data: {", ndjson: "{"} {
		ctx, cancel := context.WithCancel(t.Context())
		cmd := exec.CommandContext(ctx, path, "-sSiN", "-H", "accept: "+form, "http://"+node.Addr()+"/subscribe/trip.%3E?group=tests")
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for lines.Scan() && strings.TrimSpace(lines.Text()) != "" { // the head comes once the subscription is in effect
		}
		msg := &transport.Message{Destination: "trip.created", ContentType: "text/plain", Body: []byte("<ann & bob>\n")}
		msg.Header.Set("tenant", "acme")
		if err := node.Publish(t.Context(), msg); err != nil {
			t.Fatal(err)
		}
		got := ""
		for !strings.Contains(got, "{") && lines.Scan() { // other lines keep the connection alive
			got = lines.Text()
		}
		for _, want := range []string{`"destination":"trip.created"`, `"Tenant":["acme"]`, `"Content-Type":["text/plain"]`, `"body":"<ann & bob>\n"`} {
			if !strings.HasPrefix(got, prefix) || !strings.Contains(got, want) {
				t.Errorf("%s: no %q in %s", form, want, got)
			}
		}
		cancel()
		_ = cmd.Wait() // it was killed
	}
}

// A peer in another language needs nothing but its own library.
const pythonPeer = `
import json, sys, urllib.request, urllib.error
base = sys.argv[1]
def post(path, body, headers={}):
    req = urllib.request.Request(base + path, data=body, headers=headers, method="POST")
    return urllib.request.urlopen(req, timeout=20)
r = post("/request/echo", "grüße\x00".encode(), {"Content-Type": "text/plain", "tenant": "acme", "Polywire-Header": "x-utf8=gr%C3%BC%C3%9Fe", "Polywire-Timeout": "5s"})
assert r.status == 200 and r.read() == "grüße\x00".encode(), r.status
assert r.headers["Tenant"] == "acme" and r.headers["Polywire-Header"] == "x-utf8=gr%C3%BC%C3%9Fe", r.headers
try:
    post("/request/refuse", b"")
    raise SystemExit("no error")
except urllib.error.HTTPError as e:
    p = json.load(e)
    assert e.code == 403 and e.headers["Polywire-Code"] == "permission_denied" and p["detail"] == "not you", p
stream = urllib.request.urlopen(base + "/subscribe/news.%3E", timeout=20)
assert post("/publish/news.local", b"\xff\x00").status == 202
line = json.loads(next(l for l in stream if l.strip()))
assert line["destination"] == "news.local" and line["body64"] == "/wA=", line
def events(path):
    name, data = None, []
    for line in urllib.request.urlopen(urllib.request.Request(base + path, headers={"Accept": "text/event-stream"}), timeout=20):
        field, _, value = line.decode().rstrip("\n").partition(":")
        value = value.removeprefix(" ")
        if field == "data":
            data.append(value)
        elif field == "retry":
            assert 1000 <= int(value) <= 3000, value
            assert post("/publish/news.local", b"two\nlines", {"Polywire-Id": "e-1"}).status == 202
        elif field == "id":
            name = value
        elif field == "" and data:
            yield name, json.loads("\n".join(data))
            data = []
event = next(events("/subscribe/news.%3E"))
assert event[0] == "e-1" and event[1]["body"] == "two\nlines", event
print("ok")
`

func TestAPythonPeerSpeaksWithStandardLibraryAlone(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3: apt-get install python3")
	}
	node := serve(t, "")
	handle(t, node, "echo", echo)
	handle(t, node, "refuse", func(context.Context, *transport.Message) (*transport.Message, error) {
		return nil, transport.CodePermissionDenied.Errorf("not you")
	})
	out, err := exec.CommandContext(t.Context(), python, "-c", pythonPeer, "http://"+node.Addr()).CombinedOutput()
	if err != nil || string(out) != "ok\n" {
		t.Errorf("the Python peer failed: %v\n%s", err, out)
	}
}
