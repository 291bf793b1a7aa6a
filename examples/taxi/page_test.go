package main

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/internal/browsertest"
)

// watcher tells when the page follows both homes, and what it shows once a ride is over.
const watcher = `<script>
const timer = setInterval(() => {
  if (document.querySelectorAll(".on").length < 2) return;
  clearInterval(timer);
  fetch("/following", {method: "POST"});
}, 50);
new MutationObserver(() => {
  const lines = [...document.querySelectorAll("#rides li")].map(l => l.textContent);
  if (["trip.created", "dispatch.assigned", "trip.completed"].every(topic => lines.some(l => l.startsWith(topic))))
    fetch("/told", {method: "POST", body: lines.join("\n")});
}).observe(document.getElementById("rides"), {childList: true});
</script>`

// TestABrowserFollowsARide shows the page of five processes that talk over HTTP, and rides.
func TestABrowserFollowsARide(t *testing.T) {
	browsertest.Chromium(t)
	w := wire{"http", ports(t), false}
	services(t, w)
	at := map[string]string{}
	for _, e := range w.env {
		name, port, _ := strings.Cut(e, "=")
		at[strings.ToLower(strings.TrimPrefix(name, "TAXI_"))] = "http://127.0.0.1:" + port
	}
	page, err := pageHandler(map[string]string{"trips": at["trips"], "dispatch": at["dispatch"]})
	if err != nil {
		t.Fatal(err)
	}
	told, following := browsertest.NewReport(), make(chan struct{}, 1)
	mux := http.NewServeMux()
	mux.Handle("GET /", page)
	mux.HandleFunc("GET /{$}", func(rw http.ResponseWriter, _ *http.Request) {
		_, _ = rw.Write(append(slices.Clone(pageHTML), watcher...))
	})
	mux.Handle("POST /told", told)
	mux.HandleFunc("POST /following", func(http.ResponseWriter, *http.Request) { following <- struct{}{} })
	origin := httptest.NewServer(mux)
	defer origin.Close()
	rode := make(chan error, 1)
	go func() { // ends with the ride, or with the test, which then fails
		select {
		case <-following:
		case <-time.After(2 * time.Minute):
		}
		rode <- command(w, "-service", riderName, "-o", "json").Run()
	}()
	got := browsertest.Show(t, origin.URL, told)
	if err := <-rode; err != nil {
		t.Errorf("rider: %v", err)
	}
	for _, want := range []string{`trip.created {"trip":"7"`, `dispatch.assigned {"trip":"7","bid":{"driver":"Alan"`, `trip.completed {"trip":"7","name":"Ada Lovelace","driver":"Alan"`} {
		if !strings.Contains(got, want) {
			t.Errorf("the page shows\n%s\nwant %s", got, want)
		}
	}
}

func TestThePageTellsWhichHomeIsNoAddress(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if code := run(t.Context(), []string{"-service", pageName, "-trips", "localhost"}, &stdout, &stderr); code != 1 || !strings.Contains(stderr.String(), "trips is at") {
		t.Errorf("ended with %d: %s", code, stderr.String())
	}
}
