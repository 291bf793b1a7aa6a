package codecbench

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// host shows a page in frames of several widths, each with a window's media queries, and
// finds what a reader cannot see there: texts that leave their drawing or cover one
// another, and a page that is wider than its frame. The page itself has no script.
const host = `<!DOCTYPE html><body>%s<pre id="probe">not run</pre><script>
onload = () => {
  const wrong = [], inks = [];
  for (const frame of document.querySelectorAll("iframe")) {
    const doc = frame.contentDocument, say = what => wrong.push(frame.width + " wide: " + what);
    const ink = frame.contentWindow.getComputedStyle(doc.body);
    inks.push(ink.color + " on " + ink.backgroundColor);
    if (doc.documentElement.scrollWidth > frame.width) say("the page is " + doc.documentElement.scrollWidth + " wide");
    const drawings = doc.querySelectorAll("svg");
    if (drawings.length < 8) say("only " + drawings.length + " drawings");
    for (const svg of drawings) {
      const around = svg.getBoundingClientRect();
      for (const part of svg.querySelectorAll("text, rect, circle, path, line")) {
        const b = part.getBoundingClientRect();
        if (b.left < around.left - 1 || b.right > around.right + 1 || b.top < around.top - 1 || b.bottom > around.bottom + 1)
          say(svg.querySelector("title").textContent + ": " + (part.textContent || part.tagName) + " is cut off");
      }
      const texts = [...svg.querySelectorAll("text")].map(t => [t.textContent, t.getBoundingClientRect()]);
      texts.forEach(([a, x], i) => texts.slice(i + 1).forEach(([b, y]) => {
        if (x.left < y.right && y.left < x.right && x.top < y.bottom - 3 && y.top < x.bottom - 3) say(a + " covers " + b);
      }));
    }
    for (const e of doc.querySelectorAll("h1, h2, h3, p, dt, dd, figcaption, nav li, th, td"))
      if (e.scrollWidth > e.clientWidth + 1) say(e.textContent + " is cut off");
  }
  document.body.innerHTML = "<pre id=probe></pre>";
  document.getElementById("probe").textContent = "inks " + [...new Set(inks)].join(", ") + "\n" + wrong.join("\n") + "\nend of probe";
};
</script>`

// TestABrowserShowsThePageWhole opens the page in a headless Chromium, in light and dark,
// on a large screen, a small one and a telephone.
func TestABrowserShowsThePageWhole(t *testing.T) {
	browser := chromium(t)
	var frames strings.Builder
	for _, width := range []int{1300, 900, 390} {
		fmt.Fprintf(&frames, `<iframe width="%d" height="800" srcdoc="%s"></iframe>`, width, html.EscapeString(string(thePage(t))))
	}
	inks := map[string]bool{}
	for _, scheme := range []string{"light", "dark"} {
		out := browser.open(t, fmt.Appendf(nil, host, frames.String()), scheme)
		_, found, ok := strings.Cut(out, `<pre id="probe">`)
		found, _, whole := strings.Cut(found, "end of probe")
		if !ok || !whole {
			t.Fatalf("%s: the browser did not finish:\n%.2000s", scheme, out)
		}
		lines := strings.Split(strings.TrimSpace(found), "\n")
		inks[lines[0]] = true
		if len(lines) > 1 {
			t.Errorf("%s:\n%s", scheme, strings.Join(lines[1:], "\n"))
		}
	}
	if len(inks) != 2 {
		t.Errorf("got the colours %v, want other ones in light and dark", inks)
	}
}

// A browserCommand is a headless Chromium to run.
type browserCommand struct{ path string }

func chromium(t *testing.T) browserCommand {
	t.Helper()
	for _, name := range []string{os.Getenv("POLYWIRE_TEST_CHROMIUM"), "chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return browserCommand{path}
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("no Chromium: install chromium, or set POLYWIRE_TEST_CHROMIUM to one")
	}
	t.Skip("no Chromium: set POLYWIRE_TEST_CHROMIUM to one")
	return browserCommand{}
}

// open returns the page as the browser has it in the end. An error on the console fails the test.
func (b browserCommand) open(t *testing.T, page []byte, scheme string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "host.html")
	if err := os.WriteFile(file, page, 0o600); err != nil {
		t.Fatal(err)
	}
	dark := map[string]string{"light": "1", "dark": "0"}[scheme]
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.path, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
		"--user-data-dir="+filepath.Join(dir, "profile"), "--enable-logging=stderr", "--blink-settings=preferredColorScheme="+dark,
		"--window-size=1400,900", "--dump-dom", "file://"+file)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", b.path, err, log.String())
	}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "CONSOLE") {
			t.Errorf("on the console: %s", line)
		}
	}
	return out.String()
}
