package amqpwire

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/polywire/polywire/transport"
)

// python finds an interpreter with pika: POLYWIRE_TEST_PYTHON, or python3.
func python(t *testing.T) string {
	t.Helper()
	name := os.Getenv("POLYWIRE_TEST_PYTHON")
	if name == "" {
		name = "python3"
	}
	out, err := exec.Command(name, "-c", "import pika").CombinedOutput()
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("%s has no pika: %v\n%s", name, err, out)
	}
	if err != nil {
		t.Skip("no pika: python3 -m venv /tmp/pw-python && /tmp/pw-python/bin/pip install -r scripts/peers.txt && export POLYWIRE_TEST_PYTHON=/tmp/pw-python/bin/python")
	}
	return name
}

// A peer is amqp_peer.py at work.
type peer struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	err   strings.Builder
}

func startPeer(ctx context.Context, t *testing.T, url string, args ...string) *peer {
	t.Helper()
	broker, _, _ := strings.Cut(url, "?")
	p := &peer{cmd: exec.CommandContext(ctx, python(t), append([]string{"testdata/amqp_peer.py", broker, prefixOf(url)}, args...)...)}
	p.cmd.Stderr = &p.err
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if got := p.line(t); got != "ready" {
		t.Fatalf("the peer says %q", got)
	}
	return p
}

func (p *peer) line(t *testing.T) string {
	t.Helper()
	if !p.lines.Scan() {
		err := errors.Join(p.lines.Err(), p.cmd.Wait())
		t.Fatalf("the peer ended: %v\n%s", err, p.err.String())
	}
	return p.lines.Text()
}

func (p *peer) wait(t *testing.T) {
	t.Helper()
	for p.lines.Scan() {
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the peer: %v\n%s", err, p.err.String())
	}
}

type foreign struct {
	Routing, Body, ID, Type, Correlation, Source string
	Headers                                      map[string]any
	Unroutable                                   bool
}

func (p *peer) message(t *testing.T) foreign {
	t.Helper()
	var f foreign
	if err := json.Unmarshal([]byte(p.line(t)), &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestAPythonProgramRequestsAndIsRequested(t *testing.T) {
	url := ownURL(t)
	python(t)
	ctx := testContext(t)
	c := openConn(t, url)
	t.Run("our handler answers it", func(t *testing.T) { pythonCalls(ctx, t, c, url) })
	t.Run("it answers our request", func(t *testing.T) { pythonServes(ctx, t, c, url) })
	t.Run("our handler gets what it sends", func(t *testing.T) { pythonSends(ctx, t, c, url) })
	t.Run("it takes what we send", func(t *testing.T) { pythonTakes(ctx, t, c, url) })
	t.Run("our subscription gets what it publishes", func(t *testing.T) { pythonPublishes(ctx, t, c, url) })
	t.Run("it gets what we publish", func(t *testing.T) { pythonListens(ctx, t, c, url) })
}

func pythonCalls(ctx context.Context, t *testing.T, c *transport.Conn, url string) {
	sub, err := c.Handle(ctx, "go.service", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		if string(m.Body) == "bad" {
			return nil, transport.CodeNotFound.Errorf("no such thing: 100%%")
		}
		if m.Source != "python/1" || m.Time.IsZero() || m.Timeout <= 0 {
			t.Errorf("it came from %q at %v with %v left", m.Source, m.Time, m.Timeout)
		}
		return &transport.Message{Body: []byte("go: " + string(m.Body)), ContentType: m.ContentType, Header: m.Header.Clone()}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p := startPeer(ctx, t, url, "call", "go.service", "good", "bad")
	good, bad := p.message(t), p.message(t)
	want := map[string]any{"x-umlaut": "ü", "x-many": []any{"1", ""}, "x-number": "7"}
	for key, value := range want {
		if !reflect.DeepEqual(good.Headers[key], value) {
			t.Errorf("header %s came back as %v, want %v", key, good.Headers[key], value)
		}
	}
	if good.Body != "go: good" || good.Type != "text/plain" || good.Source == "" {
		t.Errorf("it got %+v", good)
	}
	if bad.Headers["polywire-code"] != "not_found" || bad.Headers["polywire-error"] != "no such thing: 100%25" {
		t.Errorf("it got the error as %+v", bad)
	}
	p.wait(t)
	if err := sub.Close(ctx); err != nil {
		t.Fatal(err)
	}
	p = startPeer(ctx, t, url, "call", "go.service", "anybody there?")
	if !p.message(t).Unroutable {
		t.Error("a request that nobody handles was taken")
	}
	p.wait(t)
}

func pythonServes(ctx context.Context, t *testing.T, c *transport.Conn, url string) {
	p := startPeer(ctx, t, url, "serve", "python.service", "2")
	m := &transport.Message{Destination: "python.service", Body: []byte("hello")}
	m.Header.Add("x-a", "1")
	m.Header.Add("x-a", "ü")
	reply, err := c.Request(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	if string(reply.Body) != "python: hello" || reply.ContentType != "text/plain" || !slices.Equal(reply.Header.Values("x-a"), []string{"1", "ü"}) {
		t.Errorf("it answered %v with body %q", reply, reply.Body)
	}
	_, err = c.Request(ctx, &transport.Message{Destination: "python.service", Body: []byte("bad")})
	var e *transport.Error
	if !errors.As(err, &e) || e.Code != transport.CodeNotFound || e.Message != "no such % thing" {
		t.Errorf("its error came as %v", err)
	}
	p.wait(t)
}

// collect handles, or subscribes, and returns what comes.
func collect(got chan *transport.Message) transport.Handler {
	return func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		got <- m.Clone()
		return nil, nil
	}
}

func pythonSends(ctx context.Context, t *testing.T, c *transport.Conn, url string) {
	got := make(chan *transport.Message, 1)
	if _, err := c.Handle(ctx, "sent", collect(got)); err != nil {
		t.Fatal(err)
	}
	p := startPeer(ctx, t, url, "send", "sent", "text")
	if m := receive(t, got); m.Key != "a key" || string(m.Body) != "text" || m.ContentType != "text/plain" || m.Header.Get("content-encoding") != "identity" {
		t.Errorf("got %v with key %q, body %q", m, m.Key, m.Body)
	}
	p.wait(t)
}

func pythonTakes(ctx context.Context, t *testing.T, c *transport.Conn, url string) {
	m := &transport.Message{Destination: "work", Key: "k", ContentType: "text/plain", Body: []byte("to do"), CorrelationID: "c"}
	m.Header.Set("x-zero", "0")
	if err := c.Send(ctx, m); err != nil {
		t.Fatal(err)
	}
	p := startPeer(ctx, t, url, "take", "work", "1")
	f := p.message(t)
	if f.Body != "to do" || f.Type != "text/plain" || f.Correlation != "c" || f.ID == "" || f.Headers["polywire-key"] != "k" || f.Headers["x-zero"] != "0" {
		t.Errorf("it got %+v", f)
	}
	p.wait(t)
}

func pythonPublishes(ctx context.Context, t *testing.T, c *transport.Conn, url string) {
	got := make(chan *transport.Message, 1)
	if _, err := c.Subscribe(ctx, "news.>", collect(got), transport.WithGroup("readers")); err != nil {
		t.Fatal(err)
	}
	p := startPeer(ctx, t, url, "publish", "news.python.now", "fresh")
	if m := receive(t, got); m.Destination != "news.python.now" || string(m.Body) != "fresh" {
		t.Errorf("got %v with body %q", m, m.Body)
	}
	p.wait(t)
}

func pythonListens(ctx context.Context, t *testing.T, c *transport.Conn, url string) {
	p := startPeer(ctx, t, url, "listen", "weather.#", "1")
	m := &transport.Message{Destination: "weather.today", ContentType: "text/plain", Body: []byte("rain")}
	m.SetTrace("00-11111111111111111111111111111111-2222222222222222-01", "")
	if err := c.Publish(ctx, m); err != nil {
		t.Fatal(err)
	}
	f := p.message(t)
	if f.Routing != "weather.today" || f.Body != "rain" || f.Type != "text/plain" || f.Headers["traceparent"] == nil {
		t.Errorf("it got %+v", f)
	}
	p.wait(t)
}
