package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/examples/taxi/api"
)

// TestCurlTakesARide orders a ride as anybody can, and hears of its end as a browser does.
func TestCurlTakesARide(t *testing.T) {
	curl, err := exec.LookPath("curl")
	if err != nil {
		t.Skip("no curl: apt-get install curl")
	}
	w := wire{"rest", ports(t), false}
	services(t, w)
	address := map[string]string{}
	for _, e := range w.env {
		name, port, _ := strings.Cut(e, "=")
		address[name] = "http://127.0.0.1:" + port
	}
	completed := follow(t, address["TAXI_TRIPS"]+"/subscribe/trip.completed")
	ask := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), curl, append([]string{"-sS", "-i", "--max-time", "30"}, args...)...).CombinedOutput()
		if err != nil {
			t.Fatalf("curl %v: %v: %s", args, err, out)
		}
		return strings.ReplaceAll(string(out), "\r\n", "\n")
	}
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{address["TAXI_ACCOUNTS"] + "/accounts/ada"}, []string{"HTTP/1.1 200 OK\n", `"name":"Ada Lovelace"`}},
		{[]string{address["TAXI_ACCOUNTS"] + "/accounts/charles"}, []string{"HTTP/1.1 403 Forbidden\n", "Polywire-Code: permission_denied\n"}},
		{[]string{"-X", "DELETE", address["TAXI_TRIPS"] + "/trips/8"}, []string{"HTTP/1.1 405 Method Not Allowed\n", "Allow: OPTIONS, PUT\n"}},
		{[]string{"-X", "PUT", "-d", `{"rider":"ada","from":"Market Square","to":"Analytical Engine Lane"}`, address["TAXI_TRIPS"] + "/trips/8"}, []string{"HTTP/1.1 204 No Content\n"}},
		{[]string{address["TAXI_TRIPS"] + "/openapi.json"}, []string{"HTTP/1.1 200 OK\n", `"/trips/{trip}:finish"`}},
	} {
		out := ask(c.args...)
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("curl %v: no %q in\n%s", c.args, want, out)
			}
		}
	}
	select {
	case trip := <-completed:
		if trip.Trip != "8" || trip.Name != "Ada Lovelace" || trip.Receipt == "" {
			t.Errorf("got %+v, want trip 8 of Ada Lovelace with a receipt", trip)
		}
	case <-time.After(time.Minute):
		t.Error("nothing is heard of the trip's end")
	}
}

// follow reads a stream of events, and gives the first of its messages.
func follow(t *testing.T, url string) <-chan api.TripCompleted {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	resp, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	got, done := make(chan api.TripCompleted, 1), make(chan struct{})
	go func() { // ends with the stream, which the cleanup ends
		defer close(done)
		first(resp.Body, got)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		_ = resp.Body.Close()
	})
	return got
}

func first(stream io.Reader, to chan<- api.TripCompleted) {
	for s := bufio.NewScanner(stream); s.Scan(); {
		text, ok := strings.CutPrefix(s.Text(), "data: ")
		var event struct{ Body string }
		var trip api.TripCompleted
		if ok && json.Unmarshal([]byte(text), &event) == nil && json.Unmarshal([]byte(event.Body), &trip) == nil && trip.Trip != "" {
			to <- trip
			return
		}
	}
}

// The file's paths are those of the contracts, which its documents show.
func TestThePathsOfTheFileAreThoseOfTheContracts(t *testing.T) {
	s := newSystem(&options{profile: "rest"}, newTimeline(io.Discard))
	for _, e := range ports(t) {
		name, value, _ := strings.Cut(e, "=")
		t.Setenv(name, value)
	}
	bus, err := s.open(t.Context(), "accounts")
	if err != nil {
		t.Fatal(err)
	}
	defer bus.Close()
	c := bus.Config()
	for destination, rule := range api.Accounts.Paths() {
		if got := c.Route(destination).Path; got != rule {
			t.Errorf("%s: the file says %q, the contract %q", destination, got, rule)
		}
	}
	for destination, rule := range api.Trips.Paths() {
		if got := c.Route(destination).Path; got != rule {
			t.Errorf("%s: the file says %q, the contract %q", destination, got, rule)
		}
	}
}
