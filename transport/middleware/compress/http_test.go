package compress_test

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"github.com/polywire/polywire/transport"
)

// TestStrangersCompressOverHTTPAsEverywhere calls a node with a client that knows nothing but HTTP.
func TestStrangersCompressOverHTTPAsEverywhere(t *testing.T) {
	body := text(20_000)
	var atServer watcher
	s, _ := wires()[2].pair(t, atServer.options(middleware(t)), nil)
	handle(t, s, "echo", echo)
	client := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	defer client.CloseIdleConnections()
	for _, encoding := range []string{"gzip", "zstd", ""} {
		packed := map[string][]byte{"gzip": gzipOf(t, body), "zstd": zstdOf(t, body), "": body}[encoding]
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+s.Addr()+"/request/echo", bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		if encoding != "" {
			req.Header.Set("Content-Encoding", encoding)
			req.Header.Set("Accept-Encoding", "br, "+encoding)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%q: status %d, %v", encoding, resp.StatusCode, err)
		}
		if resp.Header.Get("Content-Encoding") != encoding {
			t.Errorf("asked for %q it answers in %q", encoding, resp.Header.Get("Content-Encoding"))
		}
		back := &transport.Message{Body: got}
		back.Header.Set("content-encoding", encoding)
		if _, err := middleware(t).Inbound(echo)(t.Context(), back); err != nil || !bytes.Equal(back.Body, body) {
			t.Errorf("%q: %d bytes came back, %v; want %d", encoding, len(back.Body), err, len(body))
		}
		if encodingOf(&atServer.got) != encoding {
			t.Errorf("%q arrived as %q", encoding, encodingOf(&atServer.got))
		}
	}
}
