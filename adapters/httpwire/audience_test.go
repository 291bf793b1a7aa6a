package httpwire

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/transport"
)

// A listener is a subscriber that settles nothing.
type listener struct {
	t    testing.TB
	conn io.ReadWriteCloser
	resp *http.Response
	in   *bufio.Scanner
}

// listen sends a request, of which head is all but the path, and reads the head of the answer.
func listen(t *testing.T, addr, head string) *listener {
	t.Helper()
	c := dial(t, addr)
	if _, err := io.WriteString(c, "GET /subscribe/news.* "+head); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%v: the answer is %+v", err, resp)
	}
	return &listener{t: t, conn: c, resp: resp, in: bufio.NewScanner(resp.Body)}
}

const plainHead = "HTTP/1.1\r\nHost: x\r\nAccept: " + eventStream + "\r\n\r\n"

// next is the body of the next message.
func (l *listener) next() string {
	l.t.Helper()
	for l.in.Scan() {
		if _, body, ok := strings.Cut(l.in.Text(), `"body":"`); ok {
			return strings.TrimSuffix(body, `"}`)
		}
	}
	l.t.Fatalf("the stream ended: %v", l.in.Err())
	return ""
}

func publishTo(a *adapter, body string) error {
	e := &transport.Envelope{Kind: transport.KindTopic}
	e.ID, e.Destination, e.Body, e.Timeout = "id-"+body[:min(len(body), 9)], "news.local", []byte(body), testTime
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	return a.Publish(ctx, e)
}

// gone returns once nobody is subscribed.
func gone(t *testing.T, a *adapter) {
	t.Helper()
	for start := time.Now(); a.node.present() > 0; runtime.Gosched() {
		if time.Since(start) > testTime {
			t.Fatalf("%d subscribers are left, want none", a.node.present())
		}
	}
}

func TestSubscribersGetAllInOrderHoweverTheyAreWrittenTo(t *testing.T) {
	for name, head := range map[string]string{
		"server-sent events": plainHead,
		"lines":              "HTTP/1.1\r\nHost: x\r\n\r\n",
		"HTTP/1.0":           "HTTP/1.0\r\nHost: x\r\n\r\n",
		"a request with a body, and with what comes behind it": "HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nabcd",
		"words behind the request":                             "HTTP/1.1\r\nHost: x\r\n\r\n" + strings.Repeat("more", 100),
	} {
		t.Run(name, func(t *testing.T) {
			a := limited(t, "", defaultLimits())
			l := listen(t, a.Addr(), head)
			const n = 3000 // more than a batch and the credit hold, so that most are delivered
			padding := strings.Repeat("x", 300)
			done := make(chan struct{})
			go func() { // ends when all are published
				defer close(done)
				for i := range n {
					if err := publishTo(a, fmt.Sprintf("%d %s", i, padding)); err != nil {
						t.Error(err)
						return
					}
				}
			}()
			for i := range n {
				if got, want := l.next(), fmt.Sprintf("%d %s", i, padding); got != want {
					t.Fatalf("message %d is %.20q, want %.20q", i, got, want)
				}
			}
			<-done
			_ = l.conn.Close()
			gone(t, a)
		})
	}
}

func TestAStreamEndsWholeWithItsNode(t *testing.T) {
	a := limited(t, "", defaultLimits())
	l := listen(t, a.Addr(), plainHead)
	if got := l.resp.Header.Get("Connection"); got != "close" && !l.resp.Close {
		t.Errorf("the connection is %q afterwards, want it to close", got)
	}
	if err := publishTo(a, "last"); err != nil {
		t.Fatal(err)
	}
	if got := l.next(); got != "last" {
		t.Errorf("got %q", got)
	}
	if err := a.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	for l.in.Scan() {
	}
	if err := l.in.Err(); err != nil {
		t.Errorf("the stream is cut off: %v, want its last chunk", err)
	}
}

func TestASilentStreamShowsSignsOfLife(t *testing.T) {
	l := shortLimits()
	l.ping = 20 * time.Millisecond
	a := limited(t, "", l)
	s := listen(t, a.Addr(), plainHead)
	for signs := 0; signs < 3; {
		if !s.in.Scan() {
			t.Fatal(s.in.Err())
		}
		if s.in.Text() == ":" {
			signs++
		}
	}
	if err := publishTo(a, "after"); err != nil {
		t.Fatal(err)
	}
	if got := s.next(); got != "after" {
		t.Errorf("got %q", got)
	}
}

func TestAnIdleSubscriberHasOneGoroutine(t *testing.T) {
	a := limited(t, "", defaultLimits())
	before := runtime.NumGoroutine()
	const n = 50
	for range n {
		_ = listen(t, a.Addr(), plainHead)
	}
	for start := time.Now(); ; runtime.Gosched() { // those of net/http end a moment later
		got := runtime.NumGoroutine() - before
		if got <= n {
			return
		}
		if time.Since(start) > testTime {
			t.Fatalf("%d subscribers have %d goroutines, want one each", n, got)
		}
	}
}

// TestADeliveryAllocatesLessThanOnce publishes by a Conn to plain subscribers, a window at a time.
func TestADeliveryAllocatesLessThanOnce(t *testing.T) {
	node := serve(t, "")
	const subscribers, window = 4, 32
	all := followAll(t, subscribers, node.Addr(), "/subscribe/trip.created", 3)
	msg := &transport.Message{Destination: "trip.created", Body: payload(), ContentType: "application/octet-stream"}
	msg.Header.Set("tenant", "t1")
	msg.Header.Set("region", "eu")
	got := testing.AllocsPerRun(50, func() {
		if err := all.count(window, func() error { return node.Publish(t.Context(), msg) }); err != nil {
			t.Fatal(err)
		}
	})
	if each := got / (window * subscribers); each >= 1 { // the race detector takes from pools what else is used again
		t.Errorf("%.2f allocations for each delivery, want none but some for each batch", each)
	}
}
