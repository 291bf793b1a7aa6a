package httpwire

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"testing"

	"github.com/polywire/polywire/internal/browsertest"
	"github.com/polywire/polywire/transport"
)

// page does in a browser what a page can do with a node: it calls, sees an error, follows a
// subscription by EventSource, publishes, and gathers. What it reports is "ok" or the first thing that is wrong.
const page = `<!DOCTYPE html><title>peer</title><script>
const assert = (ok, what) => { if (!ok) throw new Error(JSON.stringify(what)); };
const post = (path, body, headers = {}) => fetch(path, {method: "POST", body, headers});
async function main() {
  let r = await post("/request/echo", "grüße\n", {"Content-Type": "text/plain", "tenant": "acme", "Polywire-Timeout": "5s"});
  assert(r.status === 200 && await r.text() === "grüße\n" && r.headers.get("tenant") === "acme", ["request", r.status, [...r.headers]]);
  r = await post("/request/refuse", "");
  const p = await r.json();
  assert(r.status === 403 && r.headers.get("polywire-code") === "permission_denied" && p.detail === "not you", ["refusal", r.status, p]);

  const events = [];
  let wake = () => {};
  const source = new EventSource("/subscribe/news.%3E");
  source.onmessage = e => { events.push(e); wake(); };
  await new Promise((ok, no) => { source.onopen = ok; source.onerror = no; });
  assert((await post("/publish/news.local", "two\nlines", {"Content-Type": "text/plain", "Polywire-Id": "e-1"})).status === 202, "publish");
  assert((await post("/publish/news.raw", new Uint8Array([255, 0, 10]))).status === 202, "publish bytes");
  while (events.length < 2) await new Promise(ok => wake = ok);
  const [text, raw] = events.map(e => JSON.parse(e.data));
  assert(text.destination === "news.local" && text.body === "two\nlines" && events[0].lastEventId === "e-1", ["text", events[0].data, events[0].lastEventId]);
  assert(raw.destination === "news.raw" && atob(raw.body64) === "\xff\0\n", ["bytes", events[1].data]);
  source.close();

  const refused = new EventSource("/handle/echo?credit=1");
  await new Promise(ok => refused.onerror = ok);
  assert(refused.readyState === EventSource.CLOSED, "a refused stream does not come back");

  r = await post("/gather/news.survey", "who");
  const lines = (await r.text()).trim().split("\n").map(l => JSON.parse(l));
  assert(lines.length === 2 && lines[0].body === "me" && lines[1].end === "complete", ["gather", lines]);
  return "ok " + performance.getEntriesByType("resource").filter(e => e.name.includes("/request/echo")).map(e => e.nextHopProtocol);
}
main().catch(e => String(e)).then(told => fetch("/told", {method: "POST", body: told}));
</script>`

// TestABrowserIsAPeer serves a page and the node at one origin, as a reverse proxy in front of both does.
func TestABrowserIsAPeer(t *testing.T) {
	browsertest.Chromium(t)
	node := serve(t, "")
	handle(t, node, "echo", echo)
	handle(t, node, "refuse", func(context.Context, *transport.Message) (*transport.Message, error) {
		return nil, transport.CodePermissionDenied.Errorf("not you")
	})
	subscribe(t, node, "news.survey", func(context.Context, *transport.Message) (*transport.Message, error) {
		return &transport.Message{ContentType: "text/plain", Body: []byte("me")}, nil
	})
	told := browsertest.NewReport()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: node.Addr()})
	proxy.Transport = &http.Transport{DisableKeepAlives: true}
	mux := http.NewServeMux()
	mux.Handle("/", proxy)
	mux.Handle("/told", told)
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, page) })
	mux.HandleFunc("/favicon.ico", http.NotFound)
	origin := httptest.NewServer(mux)
	defer origin.Close()
	if got := browsertest.Show(t, origin.URL, told); got != "ok http/1.1" {
		t.Errorf("the page tells %q, want ok", got)
	}
}
