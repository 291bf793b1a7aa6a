package kafkawire

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/polywire/polywire/transport"
)

// python finds an interpreter with confluent-kafka: POLYWIRE_TEST_PYTHON, or python3.
func python(t *testing.T) string {
	t.Helper()
	name := os.Getenv("POLYWIRE_TEST_PYTHON")
	if name == "" {
		name = "python3"
	}
	out, err := exec.Command(name, "-c", "import confluent_kafka").CombinedOutput()
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("%s has no confluent-kafka: %v\n%s", name, err, out)
	}
	if err != nil {
		t.Skip("no confluent-kafka: python3 -m venv /tmp/pw-python && /tmp/pw-python/bin/pip install confluent-kafka && export POLYWIRE_TEST_PYTHON=/tmp/pw-python/bin/python")
	}
	return name
}

// A peer is kafka_peer.py at work.
type peer struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	err   strings.Builder
}

func startPeer(ctx context.Context, t *testing.T, url string, args ...string) *peer {
	t.Helper()
	broker, prefix, _ := strings.Cut(strings.TrimPrefix(url, "kafka://"), "?prefix=")
	p := &peer{cmd: exec.CommandContext(ctx, python(t), append([]string{"testdata/kafka_peer.py", broker, prefix}, args...)...)}
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
	if err := p.cmd.Wait(); err != nil && !errors.Is(err, io.EOF) {
		t.Errorf("the peer: %v\n%s", err, p.err.String())
	}
}

type foreign struct {
	Key, Body string
	Headers   [][2]string
}

func (p *peer) message(t *testing.T) foreign {
	t.Helper()
	var f foreign
	if err := json.Unmarshal([]byte(p.line(t)), &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f foreign) values(key string) (all []string) {
	for _, h := range f.Headers {
		if h[0] == key {
			all = append(all, h[1])
		}
	}
	return all
}

func TestAPythonProgramRequestsAndIsRequested(t *testing.T) {
	prefix := unique()
	url := realURL(t) + "?prefix=" + prefix
	python(t)
	t.Cleanup(func() { removeTopics(t, realURL(t), prefix) })
	ctx := testContext(t)
	c := openConn(t, url)
	t.Run("our handler answers it", func(t *testing.T) { pythonCalls(ctx, t, c, url) })
	t.Run("it answers our request", func(t *testing.T) { pythonServes(ctx, t, c, url) })
	t.Run("our handler gets what it sends", func(t *testing.T) { pythonSends(ctx, t, c, url) })
	t.Run("it gets what we publish", func(t *testing.T) { pythonListens(ctx, t, c, url) })
}

func pythonCalls(ctx context.Context, t *testing.T, c *transport.Conn, url string) {
	_, err := c.Handle(ctx, "go.service", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		if string(m.Body) == "bad" {
			return nil, transport.CodeNotFound.Errorf("no such thing: 100%%")
		}
		return &transport.Message{Body: []byte("go: " + string(m.Body)), ContentType: m.ContentType, Header: m.Header.Clone()}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Request(ctx, &transport.Message{Destination: "go.service"}); err != nil { // makes the reply topic
		t.Fatal(err)
	}
	p := startPeer(ctx, t, url, "call", "go.service", "good", "bad")
	good, bad := p.message(t), p.message(t)
	if good.Body != "go: good" || !slices.Equal(good.values("content-type"), []string{"text/plain"}) ||
		!slices.Equal(good.values("x-many"), []string{"1", ""}) || !slices.Equal(good.values("x-umlaut"), []string{"ü"}) {
		t.Errorf("it got %+v", good)
	}
	if !slices.Equal(bad.values("polywire-code"), []string{"not_found"}) || !slices.Equal(bad.values("polywire-error"), []string{"no such thing: 100%25"}) {
		t.Errorf("it got the error as %+v", bad)
	}
	p.wait(t)
}

func pythonServes(ctx context.Context, t *testing.T, c *transport.Conn, url string) {
	// A request that nobody handles makes the topic, and is kept for the peer.
	first := make(chan error, 1)
	go func() {
		_, err := c.Request(ctx, &transport.Message{Destination: "python.service", Body: []byte("first")})
		first <- err
	}()
	waitTopic(t, url, "python.service")
	p := startPeer(ctx, t, url, "serve", "python.service", "3")
	if err := receive(t, first); err != nil {
		t.Fatal(err)
	}
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

func waitTopic(t *testing.T, url, topic string) {
	a := openAdapter(t, url)
	defer closeAdapter(t, a)
	waitUntil(t, func() bool {
		found, err := a.admin.ListTopics(t.Context(), a.names.prefix+topic)
		return err == nil && found[a.names.prefix+topic].Err == nil && len(found) == 1
	})
}

func pythonSends(ctx context.Context, t *testing.T, c *transport.Conn, url string) {
	got := make(chan *transport.Message, 1)
	_, err := c.Handle(ctx, "sent", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		got <- m.Clone()
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	p := startPeer(ctx, t, url, "send", "sent", "a key", "text")
	if m := receive(t, got); m.Key != "a key" || string(m.Body) != "text" || m.ContentType != "text/plain" || m.Time.IsZero() {
		t.Errorf("got %v with key %q, body %q, time %v", m, m.Key, m.Body, m.Time)
	}
	p.wait(t)
}

func pythonListens(ctx context.Context, t *testing.T, c *transport.Conn, url string) {
	m := &transport.Message{Destination: "news", Key: "k", ContentType: "text/plain", Body: []byte("fresh"), CorrelationID: "c"}
	m.SetTrace("00-11111111111111111111111111111111-2222222222222222-01", "")
	if err := c.Publish(ctx, m); err != nil { // makes the topic
		t.Fatal(err)
	}
	p := startPeer(ctx, t, url, "listen", "news", "1")
	if err := c.Publish(ctx, m); err != nil {
		t.Fatal(err)
	}
	f := p.message(t)
	if f.Key != "k" || f.Body != "fresh" || !slices.Equal(f.values("content-type"), []string{"text/plain"}) ||
		!slices.Equal(f.values("polywire-correlation-id"), []string{"c"}) || len(f.values("traceparent")) != 1 {
		t.Errorf("it got %+v", f)
	}
	p.wait(t)
}
