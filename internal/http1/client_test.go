package http1

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// clientOf calls address, and counts its connections.
func clientOf(t testing.TB, address string) (*Client, *atomic.Int32) {
	t.Helper()
	dials := new(atomic.Int32)
	life, end := context.WithCancel(context.Background())
	c := &Client{
		Dial: func(ctx context.Context) (net.Conn, error) {
			dials.Add(1)
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		},
		Life: life, Most: 16, Free: 16, Idle: time.Minute, Dialing: time.Minute, Head: 4 << 10,
	}
	t.Cleanup(func() {
		end()
		c.CloseIdleConnections()
	})
	return c, dials
}

func within(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// ask makes a call and reads its body whole.
func ask(ctx context.Context, c *Client, r *Request) (*http.Response, []byte, error) {
	if r.Host == "" {
		r.Host = "test"
	}
	resp, err := c.Do(ctx, r)
	if err != nil {
		return nil, nil, err
	}
	body, err := io.ReadAll(resp.Body)
	return resp, body, errors.Join(err, resp.Body.Close())
}

func echo(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header()["Got"] = append([]string{r.Method, r.URL.String(), r.Host}, r.Header["A"]...)
	if r.URL.Query().Has("none") {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	_, _ = w.Write(body)
	if r.URL.Query().Has("chunked") {
		_ = http.NewResponseController(w).Flush()
		_, _ = w.Write(body)
	}
}

// A lateConn says that it has written much only when the response has begun to come.
type lateConn struct {
	net.Conn
	answered chan struct{}
	once     sync.Once
}

func (c *lateConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if len(b) > 64<<10 {
		<-c.answered
	}
	return n, err
}

func (c *lateConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.once.Do(func() { close(c.answered) })
	return n, err
}

func TestAConnectionIsKeptWhoseWriterIsLate(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(echo))
	defer s.Close()
	c, dials := clientOf(t, s.Listener.Addr().String())
	dial := c.Dial
	c.Dial = func(ctx context.Context) (net.Conn, error) {
		conn, err := dial(ctx)
		return &lateConn{Conn: conn, answered: make(chan struct{})}, err
	}
	for range 20 {
		if _, _, err := ask(within(t), c, &Request{Method: "POST", Target: "/?none", Body: make([]byte, 128<<10)}); err != nil {
			t.Fatal(err)
		}
	}
	if n := dials.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func TestCallsOfEveryShapeUseOneConnection(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(echo))
	defer s.Close()
	c, dials := clientOf(t, s.Listener.Addr().String())
	small, large := []byte("hello"), bytes.Repeat([]byte("0123456789abcdef"), 64<<10)
	for _, r := range []struct {
		r    Request
		want []byte
	}{
		{Request{Method: "GET", Target: "/a%2Fb?c=%20d"}, nil},
		{Request{Method: "POST", Target: "/", Body: small}, small},
		{Request{Method: "POST", Target: "/"}, nil},
		{Request{Method: "PUT", Target: "/?chunked", Body: small}, append(small[:5:5], small...)},
		{Request{Method: "POST", Target: "/", Body: large}, large},
		{Request{Method: "DELETE", Target: "/?none"}, nil},
		{Request{Method: "HEAD", Target: "/"}, nil},
		{Request{Method: "POST", Target: "/", Body: small, Fields: []Field{{"A", "1"}, {"A", "2 ü"}}}, small},
	} {
		resp, body, err := ask(within(t), c, &r.r)
		if err != nil || !bytes.Equal(body, r.want) {
			t.Fatalf("%s %s: %d bytes, %v, want %d", r.r.Method, r.r.Target, len(body), err, len(r.want))
		}
		want := []string{r.r.Method, r.r.Target, "test"}
		for _, f := range r.r.Fields {
			want = append(want, f.Value)
		}
		if got := strings.Join(resp.Header["Got"], "|"); got != strings.Join(want, "|") {
			t.Errorf("the server got %q, want %q", got, want)
		}
	}
	if n := dials.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
}

func TestTLSVerifiesTheNameAndReusesItsConnection(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(echo))
	defer s.Close()
	s.Config.ErrorLog = nil
	c, dials := clientOf(t, s.Listener.Addr().String())
	pool := x509.NewCertPool()
	pool.AddCert(s.Certificate())
	c.TLS = func() *tls.Config {
		return &tls.Config{RootCAs: pool, ServerName: "example.com", NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}
	}
	for range 5 {
		if _, body, err := ask(within(t), c, &Request{Method: "POST", Target: "/", Body: []byte("x")}); err != nil || string(body) != "x" {
			t.Fatal(string(body), err)
		}
	}
	if n := dials.Load(); n != 1 {
		t.Errorf("%d connections, want 1", n)
	}
	strange, _ := clientOf(t, s.Listener.Addr().String())
	strange.TLS = func() *tls.Config {
		return &tls.Config{RootCAs: pool, ServerName: "other.test", MinVersion: tls.VersionTLS12}
	}
	if _, _, err := ask(within(t), strange, &Request{Method: "GET", Target: "/"}); !errors.As(err, new(*tls.CertificateVerificationError)) {
		t.Errorf("a certificate for another name: got %v", err)
	}
}

func TestAHandshakeThatIsCutOffSaysThatNothingWasSent(t *testing.T) {
	for name, raw := range map[string]string{"closed": "", "cut in a record": "\x16\x03\x03\x00\x40"} {
		c, _ := clientOf(t, serveRaw(t, false, func(int) string { return raw }))
		c.TLS = func() *tls.Config { return &tls.Config{ServerName: "example.com", MinVersion: tls.VersionTLS12} }
		_, _, err := ask(within(t), c, &Request{Method: "GET", Target: "/"})
		if op := new(net.OpError); !errors.As(err, &op) || op.Op != "dial" {
			t.Errorf("%s: got %v, want the error of a dial", name, err)
		}
	}
}

func TestNoMoreCallsAreInProgressThanMost(t *testing.T) {
	var now, most atomic.Int32
	enter, leave := make(chan struct{}, 64), make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		for n := now.Add(1); ; {
			if m := most.Load(); n <= m || most.CompareAndSwap(m, n) {
				break
			}
		}
		enter <- struct{}{}
		<-leave
		now.Add(-1)
	}))
	defer s.Close()
	c, dials := clientOf(t, s.Listener.Addr().String())
	c.Most = 3
	var calls sync.WaitGroup
	for range 12 {
		calls.Go(func() {
			if _, _, err := ask(within(t), c, &Request{Method: "GET", Target: "/"}); err != nil {
				t.Error(err)
			}
		})
	}
	for range 3 {
		<-enter
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, _, err := ask(ctx, c, &Request{Method: "GET", Target: "/"}); !errors.Is(err, context.Canceled) {
		t.Errorf("a call that gave up before there was room: got %v, want Canceled", err)
	}
	close(leave)
	calls.Wait()
	if most.Load() != 3 || dials.Load() > 3 {
		t.Errorf("%d calls at once on %d connections, want 3 on 3", most.Load(), dials.Load())
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	gone := make(chan struct{}, 8)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			_, _ = io.WriteString(w, "begun")
			_ = http.NewResponseController(w).Flush()
		}
		<-r.Context().Done()
		gone <- struct{}{}
	}))
	defer s.Close()
	c, _ := clientOf(t, s.Listener.Addr().String())
	for _, path := range []string{"/head", "/body"} {
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(20*time.Millisecond, cancel)
		if _, _, err := ask(ctx, c, &Request{Method: "GET", Target: path}); !errors.Is(err, context.Canceled) {
			t.Errorf("%s cancelled: got %v, want Canceled", path, err)
		}
		<-gone
		ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
		if _, _, err := ask(ctx, c, &Request{Method: "GET", Target: path}); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s in time: got %v, want DeadlineExceeded", path, err)
		}
		cancel()
		<-gone
	}
	if len(c.free) != 0 || len(c.slots) != 0 {
		t.Errorf("%d connections are free and %d calls in progress, want none", len(c.free), len(c.slots))
	}
}

func TestACallEndsWithTheLifeOfItsClient(t *testing.T) {
	entered := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		close(entered)
		<-r.Context().Done()
	}))
	defer s.Close()
	c, _ := clientOf(t, s.Listener.Addr().String())
	life, end := context.WithCancel(t.Context())
	c.Life = life
	failed := make(chan error)
	go func() {
		_, _, err := ask(context.Background(), c, &Request{Method: "GET", Target: "/"})
		failed <- err
	}()
	<-entered
	end()
	if err := <-failed; err == nil {
		t.Error("the call outlived its client")
	}
}

// serveRaw answers each connection's first request, of which it reads what it has, with raw bytes, and then closes or stays.
func serveRaw(t *testing.T, stay bool, raw func(n int) string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	done := make(chan struct{})
	all.Go(func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer c.Close()
				_, _ = c.Read(make([]byte, 4<<10))
				_, _ = io.WriteString(c, raw(n))
				if stay {
					<-done
				}
			})
		}
	})
	t.Cleanup(func() {
		close(done)
		_ = l.Close()
		all.Wait()
	})
	return l.Addr().String()
}

const fine = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

func TestAConnectionThatTheServerClosedOrSpokeOnIsNotUsedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		stay   bool
	}{
		"closed": {fine, false}, "spoke unasked": {fine + "HTTP/1.1 408 Request Timeout\r\n\r\n", true},
		"said more than it declared": {fine + "!", true}, "said that it closes": {strings.Replace(fine, "\r\n", "\r\nConnection: close\r\n", 1), true},
		"HTTP/1.0": {strings.Replace(fine, "1.1", "1.0", 1), true},
	} {
		t.Run(name, func(t *testing.T) {
			address := serveRaw(t, c.stay, func(int) string { return c.answer })
			client, dials := clientOf(t, address)
			for i := range 3 {
				if _, body, err := ask(within(t), client, &Request{Method: "POST", Target: "/"}); err != nil || string(body) != "ok" {
					t.Fatalf("call %d: %q, %v", i, body, err)
				}
				awaitClose(client)
			}
			if n := dials.Load(); n != 3 {
				t.Errorf("%d connections for 3 calls, want 3", n)
			}
		})
	}
}

// awaitClose returns once what the other side sends after the response, or its end, is here.
func awaitClose(c *Client) {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		c.mu.Lock()
		quiet := len(c.free) > 0 && c.free[0].quiet()
		c.mu.Unlock()
		if !quiet {
			return
		}
	}
}

func TestHostileServersGetAnErrorAndNothingMore(t *testing.T) {
	for name, raw := range map[string]string{
		"nothing":           "",
		"no HTTP":           "220 smtp ready\r\n",
		"a head too long":   "HTTP/1.1 200 OK\r\nA: " + strings.Repeat("a", 8<<10) + "\r\n\r\n",
		"endless 100s":      strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 50),
		"another protocol":  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
		"a short body":      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok",
		"a broken chunk":    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n",
		"two lengths":       "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
		"an unknown coding": "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok",
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := clientOf(t, serveRaw(t, false, func(int) string { return raw }))
			if resp, body, err := ask(within(t), c, &Request{Method: "GET", Target: "/"}); err == nil {
				t.Errorf("got %d and %q, want an error", resp.StatusCode, body)
			}
			if len(c.free) != 0 || len(c.slots) != 0 {
				t.Errorf("%d connections are free and %d calls in progress, want none", len(c.free), len(c.slots))
			}
		})
	}
}

func TestInterimResponsesArePassedOver(t *testing.T) {
	c, _ := clientOf(t, serveRaw(t, false, func(int) string {
		return "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + fine
	}))
	if resp, body, err := ask(within(t), c, &Request{Method: "GET", Target: "/"}); err != nil || resp.StatusCode != 200 || string(body) != "ok" {
		t.Error(resp, string(body), err)
	}
}

func TestAnAnswerBeforeTheWholeBodyIsRead(t *testing.T) {
	refusal := "HTTP/1.1 413 Content Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno"
	for _, size := range []int{maxOut / 2, 32 << 20} {
		c, _ := clientOf(t, serveRaw(t, true, func(int) string { return refusal }))
		resp, body, err := ask(within(t), c, &Request{Method: "POST", Target: "/", Body: make([]byte, size)})
		if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge || string(body) != "no" {
			t.Errorf("%d bytes: got %v, %q, %v, want the refusal", size, resp, body, err)
		}
	}
}

func TestABodyThatIsClosedUnread(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(make([]byte, map[string]int{"/small": 10, "/large": 1 << 20}[r.URL.Path]))
	}))
	defer s.Close()
	for path, want := range map[string]int32{"/small": 1, "/large": 2} {
		c, dials := clientOf(t, s.Listener.Addr().String())
		for range 2 {
			resp, err := c.Do(within(t), &Request{Method: "GET", Target: path, Host: "test"})
			if err != nil {
				t.Fatal(err)
			}
			for resp.ContentLength == 10 && resp.Body.(*body).n.in.Buffered() < 10 { // it may come behind the head
				if _, err := resp.Body.(*body).n.in.Peek(10); err != nil {
					t.Fatal(err)
				}
			}
			if err := resp.Body.Close(); err != nil {
				t.Error(err)
			}
			if _, err := resp.Body.Read(make([]byte, 1)); err == nil {
				t.Error("a closed body is read")
			}
		}
		if n := dials.Load(); n != want {
			t.Errorf("%s: %d connections, want %d", path, n, want)
		}
	}
}

func TestWhatNoHeaderTakesIsRefusedBeforeAnythingIsSent(t *testing.T) {
	dial := errors.New("dialled")
	c := &Client{Dial: func(context.Context) (net.Conn, error) { return nil, dial }, Life: t.Context(), Most: 1}
	for name, r := range map[string]Request{
		"method":         {Method: "GET /", Target: "/", Host: "h"},
		"no method":      {Target: "/", Host: "h"},
		"target":         {Method: "GET", Target: "/ HTTP/1.1\r\nA: b", Host: "h"},
		"no target":      {Method: "GET", Host: "h"},
		"host":           {Method: "GET", Target: "/", Host: "h\r\nA: b"},
		"no host":        {Method: "GET", Target: "/"},
		"name":           {Method: "GET", Target: "/", Host: "h", Fields: []Field{{"a b", "c"}}},
		"value":          {Method: "GET", Target: "/", Host: "h", Fields: []Field{{"a", "b\r\nc: d"}}},
		"length":         {Method: "GET", Target: "/", Host: "h", Fields: []Field{{"content-length", "7"}}},
		"transfer":       {Method: "GET", Target: "/", Host: "h", Fields: []Field{{"Transfer-Encoding", "chunked"}}},
		"second host":    {Method: "GET", Target: "/", Host: "h", Fields: []Field{{"hOst", "x"}}},
		"hop by hop":     {Method: "GET", Target: "/", Host: "h", Fields: []Field{{"Connection", "close"}}},
		"zero in a name": {Method: "GET", Target: "/", Host: "h", Fields: []Field{{"a\x00", "b"}}},
	} {
		if _, err := c.Do(t.Context(), &r); err == nil || errors.Is(err, dial) {
			t.Errorf("%s: got %v, want a refusal", name, err)
		}
	}
	if _, err := c.Do(t.Context(), &Request{Method: "GET", Target: "/", Host: "h", Fields: []Field{{"a", "ü\t!"}}}); !errors.Is(err, dial) {
		t.Errorf("what a header takes: got %v, want the dial's error", err)
	}
}

func TestConnectionsThatDoNothingAreClosedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan struct{}, 8)
		life, end := context.WithCancel(t.Context())
		defer end()
		c := &Client{Life: life, Most: 8, Free: 2, Idle: time.Minute, Head: 1 << 10, Dial: func(context.Context) (net.Conn, error) {
			near, far := net.Pipe()
			go func() {
				b := make([]byte, 1<<10)
				for {
					if _, err := far.Read(b); err != nil {
						closed <- struct{}{}
						return
					}
					_, _ = io.WriteString(far, fine)
				}
			}()
			return near, nil
		}}
		var open []*http.Response
		for range 3 {
			resp, err := c.Do(t.Context(), &Request{Method: "GET", Target: "/", Host: "h"})
			if err != nil {
				t.Fatal(err)
			}
			open = append(open, resp)
		}
		for i, resp := range open {
			time.Sleep(10 * time.Second)
			if _, err := io.ReadAll(resp.Body); err != nil {
				t.Fatal(i, err)
			}
		}
		synctest.Wait()
		if len(closed) != 1 {
			t.Errorf("%d closed of 3 where 2 are kept, want 1", len(closed))
		}
		time.Sleep(51 * time.Second) // the older one was free for 61
		synctest.Wait()
		if len(closed) != 2 {
			t.Errorf("%d closed after a minute, want 2", len(closed))
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if len(closed) != 3 || c.sweep != nil {
			t.Errorf("%d closed in the end, want 3, and no timer", len(closed))
		}
	})
}

// FuzzResponse gives a client what a hostile server says. It ends, and keeps no connection
// that has more to say.
func FuzzResponse(f *testing.F) {
	for _, s := range []string{
		fine, "", "HTTP/1.1 200 OK\r\n\r\nuntil the end", "HTTP/1.1 204 No Content\r\n\r\n", "HTTP/1.1 100 Continue\r\n\r\n" + fine,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n", fine + fine, "HTTP/1.0 200\r\n\r\n",
	} {
		f.Add([]byte(s), false)
	}
	f.Fuzz(func(t *testing.T, raw []byte, head bool) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var server sync.WaitGroup
		c := &Client{Life: ctx, Most: 1, Free: 1, Idle: time.Minute, Head: 1 << 10, Dial: func(context.Context) (net.Conn, error) {
			near, far := net.Pipe()
			server.Go(func() {
				_, _ = far.Read(make([]byte, 1<<10))
				_, _ = far.Write(raw)
				_ = far.Close()
			})
			return near, nil
		}}
		r := &Request{Method: "GET", Target: "/", Host: "h"}
		if head {
			r.Method = "HEAD"
		}
		resp, body, err := ask(ctx, c, r)
		if ctx.Err() != nil {
			t.Fatal("it did not end")
		}
		if err == nil && (resp.StatusCode < 200 || len(body) > len(raw)) {
			t.Errorf("status %d with %d bytes of %d", resp.StatusCode, len(body), len(raw))
		}
		for _, n := range c.free {
			if n.in.Buffered() > 0 {
				t.Errorf("a connection is kept with %d bytes unread", n.in.Buffered())
			}
		}
		c.CloseIdleConnections()
		server.Wait()
		if len(c.slots) != 0 {
			t.Errorf("%d calls are in progress", len(c.slots))
		}
	})
}
