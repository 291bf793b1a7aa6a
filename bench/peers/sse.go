package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"

	"github.com/polywire/polywire/adapters/httpwire"
	"github.com/polywire/polywire/transport"
)

const (
	ownSSEKind   = "Publish through the core to a bounded queue; destination, id, source, time and headers in each event; what waits is written at once"
	flushSSEKind = "net/http alone: a channel, and a flush for each event, which is its body alone"
	eventStream  = "text/event-stream"
)

// A sseClient reads the events of several streams, each on a goroutine of its own, as a
// plain HTTP client: the same for all that are compared.
type sseClient struct {
	http    *http.Client
	cancel  context.CancelFunc
	reading sync.WaitGroup // the goroutines that read; close waits for them
}

// follow opens the stream at url, and calls deliver with what body finds in each event.
func (c *sseClient) follow(ctx context.Context, url string, body func(data []byte) []byte, deliver func([]byte)) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	req.Header.Set("Accept", eventStream)
	resp, err := c.http.Do(req)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		_ = resp.Body.Close()
		return fmt.Errorf("%s: status %s", url, resp.Status)
	}
	c.reading.Go(func() {
		defer resp.Body.Close()
		lines := bufio.NewScanner(resp.Body)
		for lines.Scan() {
			if data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: ")); ok {
				deliver(body(data))
			}
		}
	})
	return nil
}

func (c *sseClient) close() {
	c.cancel()
	c.http.CloseIdleConnections()
	c.reading.Wait()
}

// A sseNode publishes through a node of ours.
type sseNode struct {
	polywire
	client *sseClient
}

func openSSENode(ctx context.Context, patterns []string, deliver func(int, []byte)) (publisher, error) {
	node, err := transport.NewRegistry(httpwire.Factory()).Open(ctx, "http://?listen=127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	reading, cancel := context.WithCancel(ctx)
	n := &sseNode{polywire{node}, &sseClient{http: httpClient(false), cancel: cancel}}
	for i, pattern := range patterns {
		err := n.client.follow(reading, "http://"+node.Addr()+"/subscribe/"+pattern, bodyOfEvent, func(b []byte) { deliver(i, b) })
		if err != nil {
			return nil, errors.Join(err, n.close())
		}
	}
	return n, nil
}

// bodyOfEvent finds the body in an event of ours: it comes last, after the headers, and has nothing to escape here.
func bodyOfEvent(data []byte) []byte {
	_, body, _ := bytes.Cut(data, []byte(`},"body":"`))
	return bytes.TrimSuffix(body, []byte(`"}`))
}

func (n *sseNode) close() error {
	n.client.close()
	return n.polywire.close()
}

// A flusher writes and flushes each event as it comes.
type flusher struct {
	*httpServer
	client *sseClient

	mu      sync.Mutex // guards streams
	streams []chan []byte
}

func openFlusher(ctx context.Context, patterns []string, deliver func(int, []byte)) (publisher, error) {
	f := &flusher{}
	var err error
	if f.httpServer, err = serveHTTP(http.HandlerFunc(f.serve), false); err != nil {
		return nil, err
	}
	reading, cancel := context.WithCancel(ctx)
	f.client = &sseClient{http: httpClient(false), cancel: cancel}
	for i := range patterns {
		err := f.client.follow(reading, f.url, func(data []byte) []byte { return data }, func(b []byte) { deliver(i, b) })
		if err != nil {
			return nil, errors.Join(err, f.close())
		}
	}
	return f, nil
}

func (f *flusher) serve(w http.ResponseWriter, r *http.Request) {
	events := make(chan []byte, 1024) // written by publication, read here, never closed
	f.mu.Lock()
	f.streams = append(f.streams, events)
	f.mu.Unlock()
	w.Header().Set("Content-Type", eventStream)
	flush := http.NewResponseController(w)
	if flush.Flush() != nil {
		return
	}
	for {
		select {
		case body := <-events:
			if _, err := io.WriteString(w, "data: "); err != nil {
				return
			}
			_, _ = w.Write(body) // the next write fails too
			_, _ = io.WriteString(w, "\n\n")
			if flush.Flush() != nil {
				return
			}
		case <-r.Context().Done():
			return
		}
	}
}

func (f *flusher) publication(ctx context.Context, _ string, body []byte) (func() error, error) {
	return func() error {
		f.mu.Lock()
		defer f.mu.Unlock()
		for _, s := range f.streams {
			select {
			case s <- body:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	}, nil
}

func (f *flusher) close() error {
	f.client.close()
	return f.httpServer.close()
}
