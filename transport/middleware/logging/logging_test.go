package logging_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/middleware/logging"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A book keeps lines, and tells of each.
type book struct {
	mu    sync.Mutex // guards lines
	lines []string
	more  chan struct{} // written by Write, read by wait; room for all that a test writes
}

func newBook() *book { return &book{more: make(chan struct{}, 64)} }

func (b *book) Write(p []byte) (int, error) {
	b.mu.Lock()
	b.lines = append(b.lines, string(p))
	b.mu.Unlock()
	b.more <- struct{}{}
	return len(p), nil
}

// wait returns n lines as fields, by their message.
func (b *book) wait(t *testing.T, n int) map[string]map[string]any {
	t.Helper()
	for range n {
		select {
		case <-b.more:
		case <-time.After(20 * time.Second):
			t.Fatalf("got %d lines, want %d: %v", len(b.lines), n, b.lines)
		}
	}
	out := map[string]map[string]any{}
	for _, l := range b.lines {
		var fields map[string]any
		if err := json.Unmarshal([]byte(l), &fields); err != nil {
			t.Fatal(err)
		}
		out[fields["msg"].(string)] = fields
	}
	return out
}

func open(t *testing.T, b *book, opts ...logging.Option) *transport.Conn {
	t.Helper()
	m := logging.New(slog.New(slog.NewJSONHandler(b, nil)), opts...)
	c, err := transport.NewRegistry(inproc.Factory()).Open(t.Context(), "inproc://", m.Options()...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func TestALineTellsWhatWhereHowLongAndHowItEnded(t *testing.T) {
	b := newBook()
	c := open(t, b)
	if _, err := c.Handle(t.Context(), "quote", func(context.Context, *transport.Message) (*transport.Message, error) {
		return nil, transport.CodeNotFound.Errorf("no such trip")
	}); err != nil {
		t.Fatal(err)
	}
	msg := &transport.Message{Destination: "quote", ID: "m1", Body: []byte("body-is-secret"), Params: map[string][]string{"p": {"param-is-secret"}}}
	msg.Header.Set("token", "header-is-secret")
	msg.SetTrace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "")
	if _, err := c.Request(t.Context(), msg); !errors.Is(err, transport.CodeNotFound) {
		t.Fatal(err)
	}
	lines := b.wait(t, 2)
	for message, want := range map[string]map[string]any{
		"call": {"level": "WARN", "op": "request", "destination": "quote", "transport": "inproc", "sent": 14.0, "code": "not_found", "id": "m1", "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736"},
		"handled": {"level": "WARN", "style": "request", "destination": "quote", "received": 14.0, "code": "not_found", "error": "not_found: no such trip",
			"span_id": "00f067aa0ba902b7"},
	} {
		for key, value := range want {
			if got := lines[message][key]; got != value {
				t.Errorf("%s: %s is %v, want %v", message, key, got, value)
			}
		}
		if took, _ := lines[message]["took"].(float64); took <= 0 {
			t.Errorf("%s took %v, want some time", message, took)
		}
	}
	if text := strings.Join(b.lines, ""); strings.Contains(text, "secret") {
		t.Errorf("a line tells what it must not:\n%s", text)
	}
}

func TestADeferredAnswerAndAPanicHaveTheirLine(t *testing.T) {
	b := newBook()
	c := open(t, b, logging.WithLevel(slog.LevelDebug), logging.WithFailureLevel(slog.LevelError)) // the handler takes Info and above
	if _, err := c.Handle(t.Context(), "later", func(_ context.Context, m *transport.Message) (*transport.Message, error) {
		d, err := m.Defer()
		if err == nil {
			go func() { _ = d.Reply(nil, transport.CodeAborted) }() // ends at once; the caller waits for it
		}
		return nil, err
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Request(t.Context(), &transport.Message{Destination: "later"}); !errors.Is(err, transport.CodeAborted) {
		t.Fatal(err)
	}
	if lines := b.wait(t, 2); lines["handled"]["code"] != "aborted" || lines["handled"]["level"] != "ERROR" {
		t.Errorf("got %v, want the code of the deferred answer", lines["handled"])
	}
	if _, err := c.Handle(t.Context(), "panics", func(context.Context, *transport.Message) (*transport.Message, error) { panic("x") }); err != nil {
		t.Fatal(err)
	}
	_, _ = c.Request(t.Context(), &transport.Message{Destination: "panics"})
	if lines := b.wait(t, 2); lines["handled"]["code"] != "internal" {
		t.Errorf("got %v, want the line of a panic", lines["handled"])
	}
}

func TestALevelThatIsNotWantedWritesNothing(t *testing.T) {
	b := newBook()
	c := open(t, b, logging.WithLevel(slog.LevelDebug))
	if _, err := c.Handle(t.Context(), "log", func(context.Context, *transport.Message) (*transport.Message, error) { return nil, nil }); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Request(t.Context(), &transport.Message{Destination: "log"}); err != nil {
		t.Fatal(err)
	}
	if len(b.lines) != 0 {
		t.Errorf("got %q, want nothing below the level of the logger", b.lines)
	}
}
