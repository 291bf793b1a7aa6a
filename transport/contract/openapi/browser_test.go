package openapi_test

import (
	"bytes"
	"context"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// drive stands beside the page, in one origin with it, and does what a visitor does.
const drive = `<!DOCTYPE html><body><iframe src="/try" width="390" height="800"></iframe><pre id="probe">not run</pre><script>
const until = async (what) => { for (;;) { const v = what(); if (v) return v; await new Promise(r => setTimeout(r, 20)); } };
(async () => {
  const said = [], frame = document.querySelector("iframe");
  await until(() => frame.contentDocument && frame.contentDocument.body && frame.contentDocument.body.dataset.ready);
  const doc = frame.contentDocument;
  const call = async (id, values) => {
    const box = doc.getElementById(id);
    box.open = true;
    for (const [name, value] of Object.entries(values)) box.querySelector("[name=" + name + "]").value = value;
    box.querySelector("button").click();
    const answer = await until(() => { const a = box.querySelector(".answer").textContent; return a && a !== "…" && a; });
    said.push(answer);
  };
  said.push("title " + doc.title + ", " + doc.querySelectorAll("details").length + " operations");
  await call("books.create", {body: '{"title":"Dune"}'});
  await call("books.get", {id: "a/b c"});
  await call("books.delete", {id: "7"});
  const shows = (box, part) => new Promise(done => { // without a timer: a clock that is not real stands still while an answer goes on
    const look = () => { const a = box.querySelector(".answer").textContent; if (a.includes(part)) { seen.disconnect(); done(a); } };
    const seen = new MutationObserver(look);
    seen.observe(box, {subtree: true, childList: true, characterData: true});
    look();
  });
  const bids = doc.getElementById("books.bids");
  bids.querySelector("[name=body]").value = '{"words":["dune"],"limit":1}';
  bids.querySelector("button").click();
  said.push(await shows(bids, "complete"));
  const follow = doc.getElementById("books.sold:subscribe"), sold = doc.getElementById("books.sold");
  follow.querySelector("button").click();
  await shows(follow, "200 OK");
  sold.querySelector("[name=body]").value = '{"id":"9","title":"Solaris"}';
  sold.querySelector("button").click();
  said.push(await shows(follow, "Solaris"));
  follow.querySelector(".stop").click();
  if (doc.querySelectorAll("script").length !== 1) said.push("an answer became markup");
  if (doc.documentElement.scrollWidth > 390) said.push("the page is " + doc.documentElement.scrollWidth + " wide");
  if (doc.querySelector("main").getBoundingClientRect().width < 300) said.push("the style is not in effect");
  document.getElementById("probe").textContent = said.join("\n---\n") + "\nend of probe";
})();
</script>`

func TestABrowserTriesTheServiceOnItsPage(t *testing.T) {
	path := chromium(t)
	node, err := url.Parse(serve(t))
	if err != nil {
		t.Fatal(err)
	}
	pass := httputil.NewSingleHostReverseProxy(node)
	pass.Transport = &http.Transport{DisableKeepAlives: true}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/drive":
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			_, _ = io.WriteString(w, drive)
		case "/favicon.ico":
			w.WriteHeader(http.StatusNoContent)
		default:
			pass.ServeHTTP(w, r)
		}
	}))
	defer front.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
		"--user-data-dir="+filepath.Join(t.TempDir(), "profile"), "--enable-logging=stderr", "--virtual-time-budget=30000", "--dump-dom", front.URL+"/drive")
	var out, logged bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &logged
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", path, err, logged.String())
	}
	_, said, _ := strings.Cut(out.String(), `<pre id="probe">`)
	said, _, whole := strings.Cut(said, "end of probe")
	if said = html.UnescapeString(said); !whole {
		t.Fatalf("the browser did not finish:\n%.2000s\n%s", out.String(), logged.String())
	}
	for _, want := range []string{
		"title books, 13 operations",
		"POST /books\n201 Created\ncontent-type: application/json\nlocation: /books/7\netag: \"Dune\"\n\n{\"id\":\"7\",\"title\":\"Dune\"",
		"GET /books/a%2Fb%20c\n200 OK\ncontent-type: application/json\netag: \"</pre><script>alert(1)</script>\"\n\n{\"id\":\"a/b c\",\"title\":\"</pre><script>alert(1)</script>\"",
		"POST /gather/books.bids\n200 OK\ncontent-type: application/x-ndjson\n\n", `"body":"{\"books\":[{\"id\":\"1\",\"title\":\"dune\"`, `{"end":"complete"}`,
		"GET /subscribe/books.sold\n200 OK\ncontent-type: application/x-ndjson\n\n", `"body":"{\"id\":\"9\",\"title\":\"Solaris\"`,
		"DELETE /books/7\n503 Service Unavailable\ncontent-type: application/problem+json\npolywire-code: unavailable",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("no %q in what the browser showed:\n%s", want, said)
		}
	}
	for _, wrong := range []string{"became markup", "wide", "not in effect"} {
		if strings.Contains(said, wrong) {
			t.Errorf("the page: %s", said)
		}
	}
	for line := range strings.Lines(logged.String()) {
		if strings.Contains(line, "CONSOLE") && !strings.Contains(line, "503") {
			t.Errorf("on the console: %s", line)
		}
	}
}

func chromium(t *testing.T) string {
	t.Helper()
	for _, name := range []string{os.Getenv("POLYWIRE_TEST_CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("no Chromium: install chromium, or set POLYWIRE_TEST_CHROMIUM to one")
	}
	t.Skip("no Chromium: set POLYWIRE_TEST_CHROMIUM to one")
	return ""
}
