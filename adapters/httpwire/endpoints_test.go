package httpwire

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/polywire/polywire/internal/peertest"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/endpoints"
)

// clientBy opens a client of service s, which d finds.
func clientBy(t *testing.T, d endpoints.Resolver) *transport.Conn {
	t.Helper()
	return peertest.ClientBy(t, Factory(WithResolver("test", d)), "http://")
}

func TestWhatLeftIsNotInUse(t *testing.T) {
	for name, options := range map[string]string{"HTTP/1.1": "", "HTTP/2": "?http=2"} {
		t.Run(name, func(t *testing.T) {
			peertest.WhatLeftIsNotInUse(t, serve(t, ""), serve(t, ""), func(d endpoints.Resolver) *transport.Conn {
				return peertest.ClientBy(t, Factory(WithResolver("test", d)), "http://"+options)
			})
		})
	}
}

func TestAnIdempotentRequestIsAskedElsewhereWhenItsNodeCloses(t *testing.T) {
	closes, stays := serve(t, ""), serve(t, "")
	peertest.AskedElsewhere(t, closes, stays, peertest.ClientOfAll(t, Factory(), "http://", closes.Addr(), stays.Addr()))
}

// instance serves s.x, and counts in n.
func instance(t *testing.T, n *atomic.Int64) *transport.Conn {
	t.Helper()
	c := serve(t, "")
	handle(t, c, "s.x", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		n.Add(1)
		return &transport.Message{Body: msg.Body}, nil
	})
	return c
}

func TestEndpointsThatComeAndGoUnderLoadCostNoIdempotentRequest(t *testing.T) {
	var n [3]atomic.Int64
	var at []string
	var nodes []*transport.Conn
	for i := range n {
		nodes = append(nodes, instance(t, &n[i]))
		at = append(at, nodes[i].Addr())
	}
	d := peertest.NewDirectory(at[0])
	c := clientBy(t, d)
	ctx, stop := context.WithCancel(t.Context())
	var callers sync.WaitGroup
	var failed, done atomic.Int64
	for range 8 {
		callers.Go(func() {
			for ctx.Err() == nil {
				_, err := c.Request(context.Background(), &transport.Message{Destination: "s.x"}, transport.WithIdempotent())
				if done.Add(1); err != nil {
					failed.Add(1)
					t.Errorf("a request failed: %v", err)
				}
			}
		})
	}
	reached := func(i int) {
		t.Helper()
		before, limit := n[i].Load(), time.Now().Add(testTime)
		for n[i].Load() < before+20 {
			if time.Now().After(limit) {
				t.Errorf("instance %d gets nothing although it is an endpoint", i)
				return
			}
			time.Sleep(time.Millisecond) // the load does the waiting
		}
	}
	reached(0)
	d.Set(at[0], at[1])
	reached(1)
	d.Set(at[1], at[2])
	reached(2)
	_ = nodes[2].Close() // it dies while it is an endpoint
	reached(1)
	stop()
	callers.Wait()
	if failed.Load() > 0 || done.Load() < 60 {
		t.Errorf("%d of %d requests failed", failed.Load(), done.Load())
	}
}

// serveWithin is serve, with the adapter within.
func serveWithin(t *testing.T) (*transport.Conn, *adapter) {
	t.Helper()
	var within *adapter
	f := Factory()
	open := f.Open
	f.Open = func(ctx context.Context, s transport.Setup) (transport.Adapter, error) {
		a, err := open(ctx, s)
		within, _ = a.(*adapter)
		return a, err
	}
	c, err := transport.NewRegistry(f).Open(t.Context(), "http://?listen=127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c, within
}

func TestSubscriptionsFollowTheEndpoints(t *testing.T) {
	var n atomic.Int64
	one, face := serveWithin(t)
	two := instance(t, &n)
	d := peertest.NewDirectory(one.Addr())
	c := clientBy(t, d)
	heard := make(chan string, 1000)
	subscribe(t, c, "s.news", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		heard <- string(msg.Body)
		return nil, nil
	})
	publish := func(from *transport.Conn, body string) {
		t.Helper()
		if err := from.Publish(t.Context(), &transport.Message{Destination: "s.news", Body: []byte(body)}); err != nil {
			t.Fatal(err)
		}
	}
	until := func(from *transport.Conn, body string) {
		t.Helper()
		for limit := time.Now().Add(testTime); ; {
			publish(from, body)
			select {
			case got := <-heard:
				if got == body {
					return
				}
			case <-time.After(10 * time.Millisecond):
			}
			if time.Now().After(limit) {
				t.Fatalf("%q was never heard", body)
			}
		}
	}
	publish(one, "first")
	if got := <-heard; got != "first" {
		t.Fatalf("heard %q", got)
	}
	d.Set(one.Addr(), two.Addr())
	until(two, "from the new")
	d.Set(two.Addr())
	streams := func() int {
		face.node.mu.Lock()
		defer face.node.mu.Unlock()
		return len(face.node.streams)
	}
	for limit := time.Now().Add(testTime); streams() > 0; time.Sleep(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("%d streams are open at an endpoint that has left", streams())
		}
	}
	until(two, "from the one that stays")
}

// A cutting server takes requests, counts them, and closes every third connection instead of answering.
func cutting(t *testing.T, seen *sync.Map) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	var n atomic.Int64
	one := func(c net.Conn) {
		defer c.Close()
		in := bufio.NewReader(c)
		for {
			req, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			body, err := io.ReadAll(req.Body)
			if err != nil {
				return
			}
			times, _ := seen.LoadOrStore(string(body), new(atomic.Int64))
			times.(*atomic.Int64).Add(1)
			if n.Add(1)%3 == 0 {
				return // it has run, and nobody learns how that went
			}
			if _, err := fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body); err != nil {
				return
			}
		}
	}
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { one(c) })
		}
	})
	t.Cleanup(serving.Wait)
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

func TestARequestNotDeclaredIdempotentNeverRunsTwice(t *testing.T) {
	var seen sync.Map
	c := clientBy(t, peertest.NewDirectory(cutting(t, &seen), cutting(t, &seen)))
	lost := 0
	for i := range 600 {
		body := fmt.Sprint("request ", i)
		msg := &transport.Message{Destination: "s.x", Body: []byte(body)}
		msg.Header.Set("idempotency-key", body) // the application's, which must not make net/http send again
		reply, err := c.Request(t.Context(), msg)
		switch {
		case err == nil && string(reply.Body) != body:
			t.Fatalf("%s was answered with %q", body, reply.Body)
		case err != nil && !errors.Is(err, transport.CodeUnavailable):
			t.Fatalf("%s: %v", body, err)
		case err != nil:
			lost++
		}
	}
	ran := 0
	seen.Range(func(body, times any) bool {
		ran++
		if n := times.(*atomic.Int64).Load(); n != 1 {
			t.Errorf("%s ran %d times", body, n)
		}
		return true
	})
	if ran != 600 || lost < 100 {
		t.Errorf("%d ran and %d got no answer; want 600, and a third", ran, lost)
	}
	twice, failed := 0, 0
	for i := range 100 {
		body := fmt.Sprint("idempotent ", i)
		if _, err := c.Request(t.Context(), &transport.Message{Destination: "s.x", Body: []byte(body)}, transport.WithIdempotent()); err != nil {
			failed++
		}
		if times, ok := seen.Load(body); ok && times.(*atomic.Int64).Load() > 1 {
			twice++
		}
	}
	if twice < 20 || twice > 45 {
		t.Errorf("%d of 100 idempotent requests ran again, %d failed; want about 20 + a fifth of 600, as the budget has", twice, failed)
	}
}

func TestEndpointsAreReadFromAFileAndFromAURLsResolver(t *testing.T) {
	var n atomic.Int64
	node := instance(t, &n)
	path := filepath.Join(t.TempDir(), "s")
	if err := os.WriteFile(path, []byte(node.Addr()+" # here\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	table := transport.Service{Name: "s", Owns: []string{"s.>"}, Endpoints: []string{"file://" + path}}
	byFile := openConn(t, "http://", transport.WithService("client", table))
	byURL, err := transport.NewRegistry(Factory(WithResolver("test", peertest.NewDirectory(node.Addr())))).Open(t.Context(), "http://anywhere:1?resolve=test&balance=least")
	if err != nil {
		t.Fatal(err)
	}
	defer byURL.Close()
	for _, c := range []*transport.Conn{byFile, byURL} {
		if reply, err := c.Request(t.Context(), &transport.Message{Destination: "s.x", Body: []byte("hello")}); err != nil || string(reply.Body) != "hello" {
			t.Errorf("got %v, %v", reply, err)
		}
	}
	_, err = transport.NewRegistry(Factory()).Open(t.Context(), "http://", transport.WithService("client", transport.Service{Name: "s", Owns: []string{"s.>"}, Endpoints: []string{"consul:///s"}}))
	if err == nil || !strings.Contains(err.Error(), "WithResolver") {
		t.Errorf("a scheme that nothing resolves: %v, want what to do", err)
	}
}

func TestARequestThatComesAsANodeStopsListeningIsAnswered(t *testing.T) {
	node := serve(t, "")
	address := node.Addr()
	last, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer last.Close()
	drained := make(chan error, 1)
	go func() { drained <- node.Drain(t.Context()) }()
	for { // a connection to it would be one more that it answers
		l, err := net.Listen("tcp", address)
		if err == nil {
			_ = l.Close()
			break
		}
		time.Sleep(time.Millisecond)
	}
	if _, err := io.WriteString(last, "POST /send/x HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(last), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusServiceUnavailable || !resp.Close || resp.Header.Get("Polywire-Reason") != "no-handler" {
		t.Errorf("got %s, closing %t, %v; want 503 with the reason no-handler that closes", resp.Status, resp.Close, resp.Header)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
}
