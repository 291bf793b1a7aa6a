package httpwire

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/transport"
)

// shortLimits are the defaults, a hundred times as short where a test waits for them.
func shortLimits() limits {
	l := defaultLimits()
	l.header, l.body, l.idle, l.write = 300*time.Millisecond, 300*time.Millisecond, 600*time.Millisecond, 300*time.Millisecond
	return l
}

// limited opens a node with limits of its own, which echoes what is sent to echo.
func limited(t testing.TB, options string, l limits) *adapter {
	t.Helper()
	u, err := url.Parse("http://?listen=127.0.0.1:0" + options)
	if err != nil {
		t.Fatal(err)
	}
	a, err := newFactory(nil).openWithin(t.Context(), transport.Setup{
		URL: u, Source: "raw/1", MaxBody: 4 << 20, Logger: slog.New(slog.DiscardHandler), Connected: func(error) {},
	}, l)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return a.(*adapter)
}

// present is how many subscribers settle nothing.
func (n *node) present() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.audiences)
}

func dial(t *testing.T, addr string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(testTime))
	return c
}

// drip writes a byte at a time until the peer is gone, and returns how long that took.
func drip(c net.Conn, s string) time.Duration {
	start := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		for i := range len(s) {
			<-tick.C
			if _, err := c.Write([]byte{s[i]}); err != nil {
				return time.Since(start)
			}
		}
	}
}

func TestSlowPeersAreGoneOnceTheirTimeIsUp(t *testing.T) {
	a := limited(t, "", shortLimits())
	const enough = 3 * time.Second // their limit is 0.6 s at most; a busy machine adds to it
	for name, c := range map[string]struct{ first, slow string }{
		"no byte at all":                          {"", ""},
		"the head, a byte at a time":              {"GET /healthz HTTP/1.1\r\nHost: x\r\n", "X-A: b\r\n"},
		"the body, a byte at a time":              {"POST /request/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", "a"},
		"chunks, a byte at a time":                {"POST /request/echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\na\r\n"},
		"half of the preface of HTTP/2":           {preface[:10], ""},
		"the preface of HTTP/2, and then nothing": {preface, ""},
		"silence after an answer":                 {"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conn := dial(t, a.Addr())
			start := time.Now()
			if _, err := io.WriteString(conn, c.first); err != nil {
				t.Fatal(err)
			}
			if c.slow != "" {
				go func() { _, _ = io.Copy(io.Discard, conn) }() // ends with the connection
				drip(conn, c.slow)
			} else if _, err := io.Copy(io.Discard, conn); errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal("the connection is still open")
			}
			if took := time.Since(start); took > enough {
				t.Errorf("gone after %v, want %v at most", took, enough)
			}
		})
	}
}

func TestOneConnectionTooManyIsRefusedAndTheOthersWork(t *testing.T) {
	a := limited(t, "&connections=3", defaultLimits())
	const health = "GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
	ask := func(c net.Conn) string {
		_, _ = io.WriteString(c, health) // a refused one may be closed by now
		b := make([]byte, 4096)
		n, err := c.Read(b)
		if err != nil {
			return err.Error()
		}
		return string(b[:n])
	}
	var served []net.Conn
	for range 3 {
		c := dial(t, a.Addr())
		if got := ask(c); !strings.HasPrefix(got, "HTTP/1.1 200") {
			t.Fatalf("within the limit: %q", got)
		}
		served = append(served, c)
	}
	for range 5 {
		c := dial(t, a.Addr())
		all, err := io.ReadAll(io.MultiReader(strings.NewReader(ask(c)), c))
		if got := string(all); err != nil || !strings.HasPrefix(got, "HTTP/1.1 503 Service Unavailable\r\n") || !strings.Contains(got, "Retry-After: 1\r\n") || !strings.Contains(got, `"code":"unavailable"`) {
			t.Errorf("one too many: %q, %v, want 503 that says so, and the end", got, err)
		}
	}
	for _, c := range served {
		if got := ask(c); !strings.HasPrefix(got, "HTTP/1.1 200") {
			t.Errorf("within the limit, afterwards: %q", got)
		}
	}
	_ = served[0].Close()
	for start := time.Now(); ; { // the end of one makes room for another
		if got := ask(dial(t, a.Addr())); strings.HasPrefix(got, "HTTP/1.1 200") {
			break
		} else if time.Since(start) > testTime {
			t.Fatalf("no room after one has left: %q", got)
		}
	}
}

// preface is how a client of HTTP/2 begins.
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

func TestAConnectionOfHTTP2HasItsStreamsFramesAndHeadsBounded(t *testing.T) {
	a := limited(t, "", defaultLimits())
	c := dial(t, a.Addr())
	if _, err := io.WriteString(c, preface+"\x00\x00\x00\x04\x00\x00\x00\x00\x00"); err != nil { // with an empty SETTINGS
		t.Fatal(err)
	}
	head := make([]byte, 9)
	if _, err := io.ReadFull(c, head); err != nil || head[3] != 4 {
		t.Fatalf("%v: the first frame is % x, want SETTINGS", err, head)
	}
	said := make([]byte, int(head[1])<<8|int(head[2]))
	if _, err := io.ReadFull(c, said); err != nil {
		t.Fatal(err)
	}
	got := map[uint16]uint32{5: 16 << 10} // the least that the standard allows need not be said
	for ; len(said) >= 6; said = said[6:] {
		got[binary.BigEndian.Uint16(said)] = binary.BigEndian.Uint32(said[2:])
	}
	if got[3] != 250 || got[5] != 16<<10 || got[6] < 128<<10 || got[6] > 160<<10 {
		t.Errorf("the node lets in %d streams, frames of %d bytes and heads of %d, want 250, 16 KiB and about 128 KiB", got[3], got[5], got[6])
	}
}

// program finds one that a test runs, by its variable or its name.
func program(t *testing.T, variable, name, get string) string {
	t.Helper()
	for _, s := range []string{os.Getenv(variable), name} {
		if path, err := exec.LookPath(s); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("no %s: %s, or set %s to it", name, get, variable)
	}
	t.Skipf("no %s: %s, or set %s to it", name, get, variable)
	return ""
}

// TestSlowHTTPTestFindsNoSlowPeerLeft runs the program of that name: slow heads, slow bodies, slow readers.
func TestSlowHTTPTestFindsNoSlowPeerLeft(t *testing.T) {
	t.Parallel()
	path := program(t, "POLYWIRE_TEST_SLOWHTTPTEST", "slowhttptest", "apt-get install slowhttptest")
	l := shortLimits()
	l.header, l.body, l.write = time.Second, time.Second, time.Second
	a := limited(t, "", l)
	flood := &transport.Envelope{Kind: transport.KindTopic}
	flood.Destination, flood.Body, flood.Timeout = "flood", bytes.Repeat([]byte("x"), 64<<10), time.Second
	ctx, stop := context.WithCancel(t.Context())
	flooded := make(chan struct{})
	go func() { // ends with ctx; waited for below
		defer close(flooded)
		for ctx.Err() == nil {
			_ = a.Publish(ctx, flood) // who reads too slowly is what is tested
		}
	}()
	t.Cleanup(func() { stop(); <-flooded })
	base := "http://" + a.Addr()
	run := func(t *testing.T, args ...string) string {
		out, err := exec.CommandContext(t.Context(), path, append(args, "-c", "50", "-r", "100", "-l", "9", "-p", "3")...).CombinedOutput()
		text := string(out)
		if i := strings.LastIndex(text, "slow HTTP test status"); i >= 0 {
			text = text[i:]
		}
		if err != nil || !strings.Contains(text, "YES") {
			t.Errorf("%v: %s\nwant the service to be available all the time", err, text)
		}
		return text
	}
	for name, args := range map[string][]string{
		"slow heads":  {"-H", "-i", "1", "-u", base + "/healthz"},
		"slow bodies": {"-B", "-i", "1", "-s", "100000", "-u", base + "/request/echo"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if text := run(t, args...); !strings.Contains(text, "No open connections left") {
				t.Errorf("%s\nwant no open connections left before 9 s", text)
			}
		})
	}
	t.Run("slow readers", func(t *testing.T) {
		t.Parallel()
		most := 0
		watched := make(chan int)
		ended := make(chan struct{})
		go func() { // ends with the program
			tick := time.NewTicker(10 * time.Millisecond)
			defer tick.Stop()
			for {
				select {
				case <-tick.C:
					most = max(most, a.node.present())
				case <-ended:
					watched <- a.node.present()
					return
				}
			}
		}()
		// The program keeps its ends open, with what it did not read: that the node let go is seen at the node.
		run(t, "-X", "-w", "512", "-y", "1024", "-n", "1", "-z", "32", "-k", "1", "-u", base+"/subscribe/flood")
		close(ended)
		if left := <-watched; most < 10 || left > 0 {
			t.Errorf("%d subscribers at once, and %d in the end, want many and none", most, left)
		}
	})
}

// explained are the cases of h2spec that Go's server does not pass, with the reasons in docs/wire/http.md.
func explained(rule string) bool {
	return slices.Contains([]string{
		"Sends invalid connection preface",
		"Sends multiple values of SETTINGS_INITIAL_WINDOW_SIZE",
		"Sends a HEADERS frame that contains the connection-specific header field",
		"Sends a HEADERS frame that contains the TE header field with any value other than \"trailers\"",
		"Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1 on a stream",
	}, rule)
}

// TestH2SpecFailsAsExplained runs the conformance suite of HTTP/2, without TLS and with it.
func TestH2SpecFailsAsExplained(t *testing.T) {
	t.Parallel()
	path := program(t, "POLYWIRE_TEST_H2SPEC", "h2spec", "go install github.com/summerwind/h2spec/cmd/h2spec@latest")
	t.Cleanup(awaitHTTP2)
	plain := serve(t, "")
	p := newAnonymousParty(t)
	secure := openConn(t, "https://?listen=127.0.0.1:0&"+p.options())
	handle(t, plain, "echo", echo)
	handle(t, secure, "echo", echo)
	for name, c := range map[string]struct {
		addr string
		args []string
	}{"h2c": {plain.Addr(), nil}, "h2": {secure.Addr(), []string{"-t", "-k"}}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			host, port, err := net.SplitHostPort(c.addr)
			if err != nil {
				t.Fatal(err)
			}
			args := append([]string{"-h", host, "-p", port, "-P", "/request/echo", "-o", "2"}, c.args...)
			wrong := h2spec(t, path, args)
			if wrong != "" { // it waits 2 s for each answer, which a busy machine may miss; what is wrong is wrong twice
				wrong = h2spec(t, path, args)
			}
			if wrong != "" {
				t.Error(wrong)
			}
		})
	}
}

// awaitHTTP2 returns once net/http has let go of connections of HTTP/2: it leaves a second to those that
// it told to go, also after Close. TestMain finds what stays.
func awaitHTTP2() {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	stacks := make([]byte, 4<<20)
	for start := time.Now(); time.Since(start) < testTime; <-tick.C {
		if all := stacks[:runtime.Stack(stacks, true)]; !bytes.Contains(all, []byte("net/http.(*http2serverConn).serve(")) {
			return
		}
	}
}

// h2spec runs the program and says what is wrong: less than 140 of 145 pass, or a failure is not explained.
func h2spec(t *testing.T, path string, args []string) (wrong string) {
	out, _ := exec.CommandContext(t.Context(), path, args...).CombinedOutput() // it fails when one case does
	_, failures, _ := strings.Cut(string(out), "\nFailures:")
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	var total, passed, skipped, failed int
	if _, err := fmt.Sscanf(lines[len(lines)-1], "%d tests, %d passed, %d skipped, %d failed", &total, &passed, &skipped, &failed); err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	t.Logf("%d of %d passed, %d skipped", passed, total, skipped)
	for line := range strings.Lines(failures) {
		if _, rule, ok := strings.Cut(line, "× "); ok {
			if _, rule, _ = strings.Cut(strings.TrimSpace(rule), ": "); !explained(rule) {
				wrong += "a failure that is not explained: " + line
			}
		}
	}
	if passed < 140 {
		wrong += fmt.Sprintf("%d of %d passed, want 140:\n%s", passed, total, failures)
	}
	return wrong
}

// TestCurlSpeaksEveryVersion asks one node by HTTP/1.0 and 1.1, by an upgrade that a node passes over, and by HTTP/2 with prior knowledge.
func TestCurlSpeaksEveryVersion(t *testing.T) {
	node := serve(t, "")
	handle(t, node, "echo", echo)
	for _, c := range [][2]string{{"--http1.0", "1"}, {"--http1.1", "1.1"}, {"--http2", "1.1"}, {"--http2-prior-knowledge", "2"}} {
		if got := curl(t, c[0], "-o", "/dev/null", "-w", "%{http_code} %{http_version}", "-d", "hi", "http://"+node.Addr()+"/request/echo"); got != "200 "+c[1] {
			t.Errorf("curl %s: %s, want 200 by %s", c[0], got, c[1])
		}
	}
}
