//go:build unix

package httpwire

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/polywire/polywire/transport"
)

// A contender does n operations and returns when both ends are done with them.
type contender struct {
	name string
	run  func(n int) error
}

// cost measures the CPU time of contenders in rounds by turns, and returns each one's, by round, per operation.
func cost(t *testing.T, rounds, n int, all ...contender) [][]float64 {
	t.Helper()
	spent := make([][]float64, len(all))
	for round := -1; round < rounds; round++ { // the first warms up
		for k := range all {
			i := (k + round + 1) % len(all)
			before := cpuTime(t)
			if err := all[i].run(n); err != nil {
				t.Fatalf("%s: %v", all[i].name, err)
			}
			if round >= 0 {
				spent[i] = append(spent[i], float64(cpuTime(t)-before)/float64(n))
			}
		}
	}
	return spent
}

func cpuTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// ratio is the median of ours ÷ theirs in one round, and the quartiles.
func ratio(ours, theirs []float64) string {
	r := make([]float64, len(ours))
	for i := range r {
		r[i] = ours[i] / theirs[i]
	}
	slices.Sort(r)
	slices.Sort(ours)
	slices.Sort(theirs)
	n := len(r)
	return fmt.Sprintf("%.2f (quartiles %.2f and %.2f), %.2f µs beside %.2f µs", r[n/2], r[n/4], r[3*n/4], ours[n/2]/1e3, theirs[n/2]/1e3)
}

// TestCostBesideNetHTTP tells what calls and events cost beside net/http alone, as
// docs/wire/http.md has it. It takes a minute and asserts nothing, since machines differ.
func TestCostBesideNetHTTP(t *testing.T) {
	if os.Getenv("POLYWIRE_TEST_COST") == "" {
		t.Skip("set POLYWIRE_TEST_COST=1 to measure")
	}
	const rounds = 8
	for _, callers := range []int{1, 64} {
		if os.Getenv("POLYWIRE_TEST_COST") == "events" {
			break
		}
		got := cost(t, rounds, 1000, ourRequests(t, "", callers), theirRequests(t, callers), ourRequests(t, "http=2", callers))
		t.Logf("POST, %d callers: polywire ÷ net/http %s", callers, ratio(slices.Clone(got[0]), slices.Clone(got[1])))
		t.Logf("POST, %d callers: HTTP/2 ÷ HTTP/1.1 %s", callers, ratio(slices.Clone(got[2]), slices.Clone(got[0])))
	}
	for _, subscribers := range []int{1, 100} {
		got := cost(t, rounds, 6_000/int(math.Sqrt(float64(subscribers))), ourEvents(t, subscribers), theirEvents(t, subscribers))
		t.Logf("event to each of %d subscribers: polywire ÷ a flush each %s", subscribers, ratio(got[0], got[1]))
	}
}

func payload() []byte { return bytes.Repeat([]byte("x"), 128) }

func share(callers, n int, call func() error) error {
	var all sync.WaitGroup
	failed := make([]error, callers)
	for i := range callers {
		all.Go(func() {
			for range n / callers {
				if failed[i] = call(); failed[i] != nil {
					return
				}
			}
		})
	}
	all.Wait()
	for _, err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

func ourRequests(t *testing.T, options string, callers int) contender {
	node := serve(t, "")
	handle(t, node, "echo", func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		return &transport.Message{Body: msg.Body, ContentType: msg.ContentType}, nil
	})
	client := openConn(t, "http://"+node.Addr()+"?"+options)
	msg := &transport.Message{Destination: "echo", Body: payload(), ContentType: "application/octet-stream"}
	msg.Header.Set("tenant", "t1")
	msg.Header.Set("region", "eu")
	return contender{"polywire " + options, func(n int) error {
		return share(callers, n, func() error {
			reply, err := client.Request(t.Context(), msg)
			if err == nil && len(reply.Body) != len(msg.Body) {
				err = fmt.Errorf("a reply of %d bytes", len(reply.Body))
			}
			return err
		})
	}}
}

// theirRequests is net/http with a transport that keeps as many connections as there are callers.
func theirRequests(t *testing.T, callers int) contender {
	url := foreign(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
		_, _ = w.Write(body)
	}))
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256}}
	t.Cleanup(client.CloseIdleConnections)
	body := payload()
	return contender{"net/http", func(n int) error {
		return share(callers, n, func() error {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url+"/request/echo", bytes.NewReader(body))
			if err != nil {
				return err
			}
			req.Header["Content-Type"] = []string{"application/octet-stream"}
			req.Header["Tenant"], req.Header["Region"] = []string{"t1"}, []string{"eu"}
			resp, err := client.Do(req)
			if err != nil {
				return err
			}
			defer resp.Body.Close()
			got, err := io.ReadAll(resp.Body)
			if err == nil && len(got) != len(body) {
				err = fmt.Errorf("a reply of %d bytes", len(got))
			}
			return err
		})
	}}
}

// ourEvents publishes in process to subscribers that read server-sent events.
func ourEvents(t testing.TB, subscribers int) contender {
	node := serve(t, "")
	all := followAll(t, subscribers, node.Addr(), "/subscribe/news.*", 3)
	msg := &transport.Message{Destination: "news.local", Body: payload(), ContentType: "text/plain"}
	msg.Header.Set("tenant", "t1")
	msg.Header.Set("region", "eu")
	return contender{"polywire", func(n int) error {
		return all.count(n, func() error { return node.Publish(t.Context(), msg) })
	}}
}

// theirEvents flushes each event, of as many bytes as ours, as servers of the standard library alone do.
func theirEvents(t testing.TB, subscribers int) contender {
	opened := make(chan chan []byte, subscribers)
	url := foreign(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", eventStream)
		rc := http.NewResponseController(w)
		_ = rc.Flush()
		events := make(chan []byte, 256)
		opened <- events
		for {
			select {
			case b := <-events:
				_, err := fmt.Fprintf(w, "data: %s\n\n", b)
				if err != nil || rc.Flush() != nil {
					return
				}
			case <-r.Context().Done():
				return
			}
		}
	}))
	all := followAll(t, subscribers, strings.TrimPrefix(url, "http://"), "/", 2)
	var events []chan []byte
	for range subscribers {
		events = append(events, <-opened)
	}
	body := bytes.Repeat([]byte("x"), 480)
	return contender{"net/http", func(n int) error {
		return all.count(n, func() error {
			for _, c := range events {
				c <- body
			}
			return nil
		})
	}}
}
