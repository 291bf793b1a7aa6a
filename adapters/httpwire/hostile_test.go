package httpwire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/transport"
)

// status sends raw bytes to a node and returns the status of its answer; 0 when it just closes.
func status(t *testing.T, addr, raw string) int {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(testTime))
	go func() { _, _ = io.WriteString(c, raw) }() // ends with the connection
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	return resp.StatusCode
}

func TestHostileRequestsAreRefusedAndTheNodeGoesOn(t *testing.T) {
	node := serve(t, "")
	handle(t, node, "echo", echo)
	const post = "POST /request/echo HTTP/1.1\r\nHost: x\r\n"
	for name, c := range map[string]struct {
		raw  string
		want int
	}{
		"a declared length of 1 TiB":       {post + "Content-Length: 1099511627776\r\n\r\n", 429},
		"a chunked body above the limit":   {post + "Transfer-Encoding: chunked\r\n\r\n500000\r\n" + strings.Repeat("a", 5<<20) + "\r\n0\r\n\r\n", 429},
		"two lengths":                      {post + "Content-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
		"a broken chunk":                   {post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400},
		"a body that nobody inflates":      {post + "Content-Encoding: br\r\nContent-Length: 0\r\n\r\n", 400},
		"a body compressed twice":          {post + "Content-Encoding: gzip\r\nContent-Encoding: zstd\r\nContent-Length: 0\r\n\r\n", 400},
		"heads of 1 MiB":                   {post + "X: " + strings.Repeat("a", 1<<20) + "\r\n\r\n", 431},
		"a thousand fields":                {post + strings.Repeat("X-Some: v\r\n", 1000) + "Content-Length: 0\r\n\r\n", 429},
		"a path that climbs":               {"POST /request/../healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 400},
		"an escaped slash":                 {"POST /request/a%2fb HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 400},
		"a destination with a NUL":         {"POST /request/a%00b HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 400},
		"a reply-to that is none":          {post + "Polywire-Reply-To: a b\r\nContent-Length: 0\r\n\r\n", 400},
		"a bad pattern":                    {"GET /subscribe/a.%3E.b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"a bad group":                      {"GET /subscribe/a?group=a%20b HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"no credit":                        {"GET /subscribe/a?credit=0 HTTP/1.1\r\nHost: x\r\n\r\n", 400},
		"a handler of another process":     {"GET /handle/echo?credit=1 HTTP/1.1\r\nHost: x\r\n\r\n", 403},
		"a stream that is none":            {"POST /stream/guess HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}", 404},
		"a method that the path has not":   {"PUT /send/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 405},
		"another protocol":                 {"SSH-2.0-OpenSSH_9.6 of some length\r\n\r\n", 400},
		"a page of another site":           {post + "Origin: http://evil.example\r\nContent-Length: 0\r\n\r\n", 403},
		"a name in the path that is empty": {"POST /send/ HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n", 400},
	} {
		if got := status(t, node.Addr(), c.raw); got != c.want {
			t.Errorf("%s: status %d, want %d", name, got, c.want)
		}
	}
	if _, err := clientOf(t, node).Request(t.Context(), &transport.Message{Destination: "echo"}); err != nil {
		t.Errorf("after all that: %v", err)
	}
}

// A home may be hostile too.
func TestHostileAnswersAreErrorsAndBounded(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"a body without end": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 64<<10)); err != nil {
					return
				}
			}
		},
		"a body cut short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "short")
		},
		"a thousand fields": func(w http.ResponseWriter, _ *http.Request) {
			for i := range 1000 {
				w.Header().Set(fmt.Sprintf("X-%d", i), "v")
			}
		},
		"a code that is none": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Polywire-Code", "fine") },
		"a problem that is none": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", problemType)
			w.WriteHeader(http.StatusConflict)
			_, _ = io.WriteString(w, `{"code":`)
		},
		"an empty reply to close": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		c := openConn(t, foreign(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasPrefix(r.URL.Path, "/healthz") {
				return
			}
			answer(w, r)
		})))
		ctx, cancel := context.WithTimeout(t.Context(), testTime/2)
		_, err := c.Request(ctx, &transport.Message{Destination: "a"})
		cancel()
		if err == nil || errors.Is(err, context.DeadlineExceeded) || len(err.Error()) > 1024 {
			t.Errorf("%s: %v, want a short error before the deadline", name, err)
		}
	}
}

func TestASubscriberThatReadsNothingIsDisconnected(t *testing.T) {
	a, err := openAdapter(t.Context(), "http://?listen=127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	node := a.(*adapter)
	defer func() {
		if err := node.Close(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	node.limits.write = 100 * time.Millisecond // before any connection is made
	c, err := net.Dial("tcp", node.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, "GET /subscribe/flood HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Read(make([]byte, 1)); err != nil { // the head: it is in effect
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	defer cancel()
	subscribed := func() bool {
		answered := make(chan bool, 1)
		e := &transport.Envelope{Kind: transport.KindTopic, Gather: true}
		e.Destination, e.Timeout, e.Body = "flood", testTime, make([]byte, 1<<20)
		short, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		err := node.router.Gather(short, e, func(*transport.Envelope) { answered <- true })
		return err != nil || len(answered) == 0 // complete at once: nobody is there
	}
	for subscribed() {
		if ctx.Err() != nil {
			t.Fatal("a subscriber that reads nothing is still subscribed")
		}
	}
}

func TestOptionsThatAreWrongAreNamed(t *testing.T) {
	for url, want := range map[string]string{
		"http://h:1/path": "has more than a host", "http://u:p@h:1": "user or a password", "http://h:0": "http://?listen=h:0", "http://h:x": "",
		"http://?listen=8080": "use host:port", "http://?liste=:1": "known: attach, ca, cert", "http://?connections=0": "connections", "http://?attach=maybe": "attach",
		"http://h:1?ca=x": "use the scheme https", "https://?listen=127.0.0.1:0": "needs a certificate", "https://h:1?cert=x": "cert and key", "https://h:1?ca=/nowhere": "option ca",
	} {
		c, err := transport.NewRegistry(Factory()).Open(t.Context(), url)
		if err == nil {
			_ = c.Close()
		}
		if !errors.Is(err, transport.CodeInvalidArgument) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want InvalidArgument with %q", url, err, want)
		}
	}
}

func TestCloseDoesNotWaitForAHomeThatNeverAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan net.Conn, 1)
	defer l.Close()
	go func() { // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			asked <- c
		}
	}()
	c := openConn(t, "http://", transport.WithService("me", transport.Service{Name: "mute", Owns: []string{"a.>"}, Endpoints: []string{l.Addr().String()}}))
	failed := make(chan error, 1)
	go func() {
		_, err := c.Subscribe(context.Background(), "a.b", echo)
		failed <- err
	}()
	defer (<-asked).Close()
	start := time.Now()
	if err := c.Close(); err != nil || time.Since(start) > time.Second {
		t.Errorf("Close took %v: %v", time.Since(start), err)
	}
	if err := <-failed; !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Subscribe ended with %v, want ErrClosed", err)
	}
}

func TestAcceptOfAGatherTellsTheFormOfItsLinesAlone(t *testing.T) {
	node := serve(t, "")
	wanted := make(chan string, 1)
	subscribe(t, node, "survey", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		wanted <- msg.Accept
		return &transport.Message{}, nil
	})
	for _, c := range []struct{ id, given, want string }{
		{"", "", ""}, {"id-1", "", ""}, {"id-1", "text/plain", "text/plain"}, {"", "text/plain", "text/plain"},
		{"id-1", "a%0Ab", ""}, {"id-1", "%FF", ""}, // what no field takes
	} {
		req, _ := http.NewRequestWithContext(t.Context(), "POST", "http://"+node.Addr()+"/gather/survey", http.NoBody)
		req.Header = http.Header{"Accept": {ndjson}, "Polywire-Id": {c.id}, "Polywire-Accept": {c.given}}
		resp, err := http.DefaultTransport.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if got := <-wanted; got != c.want {
			t.Errorf("id %q, Polywire-Accept %q: the handler got Accept %q, want %q", c.id, c.given, got, c.want)
		}
	}
	http.DefaultTransport.(*http.Transport).CloseIdleConnections()
}
