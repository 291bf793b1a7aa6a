// Package browsertest shows pages to a headless Chromium. Tests alone import it.
//
// Where there is no Chromium, a test skips with the line that says what to set; in CI,
// where CI=true, it fails.
package browsertest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

// patience is how long a page may take, also on a busy machine where the browser takes most of it to begin.
const patience = 2 * time.Minute

// Chromium finds the program.
func Chromium(t testing.TB) string {
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

// Report is what a page posts to the path told when it is done; any text, which says what went well or wrong.
type Report struct {
	first sync.Once
	told  chan string // written once, read by Show
}

// NewReport makes the handler of the path that a page reports to.
func NewReport() *Report { return &Report{told: make(chan string, 1)} }

// ServeHTTP takes the first report; others are passed over.
func (r *Report) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(io.LimitReader(req.Body, 1<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	r.first.Do(func() { r.told <- string(body) })
}

// Show opens url until the page reports, and returns what it told. A browser that ends before
// fails the test, with its console.
func Show(t testing.TB, url string, r *Report) string {
	t.Helper()
	path := Chromium(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	version, err := exec.CommandContext(ctx, path, "--version").Output()
	if err != nil {
		t.Fatalf("%s --version: %v", path, err)
	}
	t.Logf("%s", strings.TrimSpace(string(version)))
	dir, err := os.MkdirTemp("", "browsertest") //nolint:usetesting // the browser may still write there: what is left harms nobody
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	cmd := exec.CommandContext(ctx, path, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions",
		"--user-data-dir="+dir, "--enable-logging=stderr", "--remote-debugging-port=0", url)
	var log bytes.Buffer
	cmd.Stderr = &log
	cmd.WaitDelay = time.Second // its children hold the pipe
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var failed error
	ended := make(chan struct{}) // closed once failed is written
	go func() {                  // ends with the browser, which cancel kills
		defer close(ended)
		failed = cmd.Wait()
	}()
	select {
	case told := <-r.told:
		cancel()
		<-ended
		return told
	case <-ended:
		t.Fatalf("the browser ended before its page reported: %v\n%s", failed, console(log.String()))
	}
	return ""
}

// console is what a page said, of all that a browser tells.
func console(log string) string {
	var said strings.Builder
	for line := range strings.Lines(log) {
		if strings.Contains(line, "CONSOLE") {
			fmt.Fprint(&said, line)
		}
	}
	return said.String()
}
