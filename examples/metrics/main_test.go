package main

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestPrometheusSeesEachRequest calls as curl does and scrapes as Prometheus does.
func TestPrometheusSeesEachRequest(t *testing.T) {
	s, err := start(t.Context(), "http://?listen=127.0.0.1:0", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	text := func(resp *http.Response, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("status %s, %v: %s", resp.Status, err, body)
		}
		return string(body)
	}
	for range 3 {
		text(client.Post("http://"+s.conn.Addr()+"/request/hello", "application/json", strings.NewReader(`{}`)))
	}
	text(client.Get("http://" + s.conn.Addr() + "/healthz"))
	page := text(client.Get("http://" + s.metrics + "/metrics"))
	found := ""
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "rpc_server_call_duration_seconds_count") {
			found = line
		}
	}
	for _, want := range []string{`rpc_method="hello"`, `rpc_response_status_code="OK"`, "} 3\n"} {
		if !strings.Contains(found, want) {
			t.Errorf("the page lacks %s in %q", want, found)
		}
	}
	if err := s.close(); err != nil {
		t.Error(err)
	}
}
