package transporttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/polywire/polywire/transport"
)

func errorCases() []Case {
	request := []string{"Request"}
	return []Case{
		{ID: "T033", Group: "C", Sections: []string{"4.1"}, Needs: request, Rule: "Each of the sixteen codes that a handler returns reaches the caller.", Run: codesTravel},
		{ID: "T034", Group: "C", Sections: []string{"4.2", "4.3"}, Needs: request,
			Rule: "A handler's error text of up to 4 KiB arrives equal; a longer one is cut on a rune boundary.", Run: errorTexts},
		{ID: "T035", Group: "C", Sections: []string{"4.2", "4.3"}, Needs: request,
			Rule: "Error details arrive equal and in order, at most 16 of them.", Run: errorDetails},
		{ID: "T036", Group: "C", Sections: []string{"4.3"}, Needs: request,
			Rule: "An error of no code becomes Unknown with a fixed text.", Run: plainErrors},
		{ID: "T037", Group: "C", Sections: []string{"4.3"}, Needs: request, Rule: "A code or an Error that is wrapped keeps its code.", Run: wrappedCodes},
		{ID: "T038", Group: "C", Sections: []string{"4.3"}, Needs: request,
			Rule: "A handler's context error becomes Canceled or DeadlineExceeded.", Run: contextErrors},
		{ID: "T039", Group: "C", Sections: []string{"1.4"}, Needs: request, Rule: "A handler that returns nil, nil gives an empty reply.", Run: nilReply},
		{ID: "T040", Group: "C", Sections: []string{"4.3"}, Needs: request, Rule: "Of a reply and an error the error wins.", Run: errorWins},
		{ID: "T045", Group: "C", Sections: []string{"4.1", "4.2"}, Needs: request,
			Rule: "Temporary is true for Unavailable, Aborted, and ResourceExhausted with a hint, alone.", Run: temporary},
		{ID: "T046", Group: "C", Sections: []string{"4.2"},
			Rule: "Errors and printed messages name operation and destination, never header values or body bytes.", Run: noSecrets},
		{ID: "T047", Group: "C", Sections: []string{"4.2"}, Needs: request, Rule: "A handler's hint when to try again reaches the caller.", Run: retryHint},
		{ID: "T048", Group: "C", Sections: []string{"4.4"}, Needs: request, Rule: "The same fault gives the same code on every adapter.", Run: faultCodes},
		{ID: "T231", Group: "C", Sections: []string{"4.3"}, Needs: request,
			Rule: "An error received from another service and returned unhandled loses its text, and its code but for four.", Run: receivedErrors},
	}
}

// An errorBox is a handler that fails with what was put in last.
type errorBox struct {
	mu  sync.Mutex // guards err
	err error
}

func (b *errorBox) set(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.err = err
}

func (b *errorBox) handle(context.Context, *transport.Message) (*transport.Message, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return nil, b.err
}

// fails binds a handler that returns err, and returns what the caller gets.
func (e *Env) fails(ctx context.Context, name string, err error) *transport.Error {
	server, client := e.Pair(ctx)
	e.Handle(ctx, server, e.Name(name), failing(err))
	_, got := client.Request(ctx, &transport.Message{Destination: e.Name(name)})
	var te *transport.Error
	if !errors.As(got, &te) {
		e.Fatalf("the caller got %v (%T), want a *transport.Error", got, got)
	}
	return te
}

// failsWith is fails for many errors in turn, through one handler.
func (e *Env) failsWith(ctx context.Context, name string) func(err error) *transport.Error {
	server, client := e.Pair(ctx)
	var next errorBox
	e.Handle(ctx, server, e.Name(name), next.handle)
	return func(err error) *transport.Error {
		next.set(err)
		_, got := client.Request(ctx, &transport.Message{Destination: e.Name(name)})
		var te *transport.Error
		if !errors.As(got, &te) {
			e.Fatalf("the caller got %v (%T), want a *transport.Error", got, got)
		}
		return te
	}
}

func codesTravel(ctx context.Context, e *Env) error {
	fail := e.failsWith(ctx, "codes")
	for c := transport.CodeCanceled; c <= transport.CodeUnauthenticated; c++ {
		text := "because of " + c.String()
		got := fail(c.Errorf("%s", text))
		if got.Code != c || !errors.Is(got, c) || got.Message != text {
			e.Errorf("%v %q arrived as %v %q", c, text, got.Code, got.Message)
		}
		if got := fail(c); got.Code != c {
			e.Errorf("the bare code %v arrived as %v", c, got.Code)
		}
	}
	return nil
}

func errorTexts(ctx context.Context, e *Env) error {
	fail := e.failsWith(ctx, "texts")
	for _, text := range []string{
		"", "plain", "with 100 % and %41", "two\nlines\r\n\ttab", "Grüße 日本語 😀", strings.Repeat("x", 4096), " spaces ", "nul\x00 del\x7f", "\"quoted\" \\ back",
	} {
		if got := fail(transport.CodeAborted.Errorf("%s", text)); got.Message != text {
			e.Errorf("the text %.60q arrived as %.60q", text, got.Message)
		}
	}
	got := fail(transport.CodeAborted.Errorf("%s", strings.Repeat("€", 2000)))
	if len(got.Message) > 4096 || len(got.Message) < 4000 || !utf8.ValidString(got.Message) {
		e.Errorf("a text of 6000 bytes arrived with %d, want it cut near 4096, on a rune boundary", len(got.Message))
	}
	if n := len(got.Error()); n > 1024 {
		e.Errorf("the error prints %d bytes, want it bounded", n)
	}
	return nil
}

func errorDetails(ctx context.Context, e *Env) error {
	fail := e.failsWith(ctx, "details")
	out := transport.CodeFailedPrecondition.Errorf("not yet")
	for i := range 16 {
		out.Details = append(out.Details, transport.Detail{Type: fmt.Sprintf("type.example/D%d", i), Data: []byte{byte(i), 0, 0xff, '\n'}})
	}
	got := fail(out)
	if len(got.Details) != 16 {
		return fmt.Errorf("%d details arrived, want 16", len(got.Details))
	}
	for i, d := range got.Details {
		if d.Type != out.Details[i].Type || !bytes.Equal(d.Data, out.Details[i].Data) {
			return fmt.Errorf("detail %d arrived as %s %x", i, d.Type, d.Data)
		}
	}
	out.Details = append(out.Details, transport.Detail{Type: "type.example/one-too-many"})
	if got := fail(out); len(got.Details) > 16 {
		return fmt.Errorf("%d details arrived, want 16 at most", len(got.Details))
	}
	out.Details = []transport.Detail{{Type: "type.example/big", Data: make([]byte, 9000)}}
	if got := fail(out); got.Code != transport.CodeFailedPrecondition || len(got.Details) != 0 {
		return fmt.Errorf("a detail of 9000 bytes arrived, want it dropped and the error kept: %v", got)
	}
	return nil
}

func plainErrors(ctx context.Context, e *Env) error {
	fail := e.failsWith(ctx, "plain")
	first := fail(errors.New("secret of the database"))
	second := fail(fmt.Errorf("wrapped: %w", errors.New("another secret")))
	if first.Code != transport.CodeUnknown || second.Code != transport.CodeUnknown {
		return fmt.Errorf("errors of no code arrived as %v and %v, want Unknown", first.Code, second.Code)
	}
	if first.Message != second.Message || strings.Contains(first.Error(), "secret") {
		return fmt.Errorf("the texts are %q and %q, want one fixed text", first.Message, second.Message)
	}
	return nil
}

func wrappedCodes(ctx context.Context, e *Env) error {
	fail := e.failsWith(ctx, "wrapped")
	if got := fail(fmt.Errorf("trip 7: %w", transport.CodeNotFound)); got.Code != transport.CodeNotFound {
		e.Errorf("a wrapped code arrived as %v", got.Code)
	}
	got := fail(fmt.Errorf("outer: %w", transport.CodeAlreadyExists.Errorf("trip %d exists", 7)))
	if got.Code != transport.CodeAlreadyExists || got.Message != "trip 7 exists" {
		e.Errorf("a wrapped Error arrived as %v %q", got.Code, got.Message)
	}
	return nil
}

func contextErrors(ctx context.Context, e *Env) error {
	fail := e.failsWith(ctx, "context")
	for err, want := range map[error]transport.Code{
		context.Canceled: transport.CodeCanceled, context.DeadlineExceeded: transport.CodeDeadlineExceeded,
	} {
		if got := fail(fmt.Errorf("query: %w", err)); got.Code != want {
			e.Errorf("%v arrived as %v", err, got.Code)
		}
	}
	return nil
}

func nilReply(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	e.Handle(ctx, server, e.Name("nil"), newInbox(e).handle)
	reply, err := client.Request(ctx, &transport.Message{Destination: e.Name("nil"), Body: []byte("x")})
	e.Must(err, "request")
	if reply == nil || len(reply.Body) != 0 || reply.Header.Len() != 0 {
		return fmt.Errorf("got %v, want an empty reply", reply)
	}
	return nil
}

func errorWins(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	e.Handle(ctx, server, e.Name("both"), func(context.Context, *transport.Message) (*transport.Message, error) {
		return &transport.Message{Body: []byte("a reply too")}, transport.CodeAborted.Errorf("no")
	})
	reply, err := client.Request(ctx, &transport.Message{Destination: e.Name("both")})
	e.WantCode(err, transport.CodeAborted, "a handler that returns both")
	if reply != nil {
		return fmt.Errorf("the reply was delivered beside the error: %v", reply)
	}
	return nil
}

func temporary(ctx context.Context, e *Env) error {
	fail := e.failsWith(ctx, "temporary")
	for c := transport.CodeCanceled; c <= transport.CodeUnauthenticated; c++ {
		want := c == transport.CodeUnavailable || c == transport.CodeAborted
		if got := fail(c.Errorf("x")); got.Temporary() != want {
			e.Errorf("Temporary of %v is %v", c, got.Temporary())
		}
	}
	hinted := transport.CodeResourceExhausted.Errorf("x")
	hinted.RetryAfter = time.Second
	if got := fail(hinted); !got.Temporary() {
		e.Errorf("ResourceExhausted with a hint is not temporary")
	}
	return nil
}

const planted = "planted-secret-4711"

func noSecrets(ctx context.Context, e *Env) error {
	_, client := e.Pair(ctx)
	var h transport.Header
	h.Set("authorization", planted)
	msg := &transport.Message{Destination: e.Name("secret"), Header: h, Body: []byte(planted)}
	bad := *msg
	bad.Header = h.Clone()
	bad.Header.Set("x-bad", planted+"\n")
	short, cancel := context.WithTimeout(ctx, e.Tick)
	defer cancel()
	_, nobody := client.Request(short, msg)
	_, invalid := client.Request(ctx, &bad)
	for _, x := range []any{msg, *msg, msg.Header, nobody, invalid} {
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "value", x)
		if strings.Contains(fmt.Sprintf("%v %+v %#v %s %q", x, x, x, x, x)+log.String(), planted) {
			return fmt.Errorf("a %T prints a header value or a body", x)
		}
	}
	for _, err := range []error{nobody, invalid} {
		if !strings.Contains(err.Error(), "request") || !strings.Contains(err.Error(), msg.Destination) {
			return fmt.Errorf("%q does not name operation and destination", err)
		}
	}
	return nil
}

func retryHint(ctx context.Context, e *Env) error {
	out := transport.CodeUnavailable.Errorf("later")
	out.RetryAfter = 1500 * time.Millisecond
	if got := e.fails(ctx, "hint", out); got.RetryAfter != out.RetryAfter {
		return fmt.Errorf("the hint arrived as %v, want %v", got.RetryAfter, out.RetryAfter)
	}
	return nil
}

// faultCodes is the one table of faults and codes for all adapters (semantics §4.4).
func faultCodes(ctx context.Context, e *Env) error {
	server, client := e.Fresh(ctx, ConnOptions{Server: []transport.Option{transport.WithMaxBody(64 << 10)}, Client: []transport.Option{transport.WithMaxBody(64 << 10)}})
	ok, stuck, big := e.Name("ok"), e.Name("stuck"), e.Name("big")
	e.Handle(ctx, server, ok, echo)
	e.Handle(ctx, server, stuck, func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	})
	e.Handle(ctx, server, big, func(context.Context, *transport.Message) (*transport.Message, error) {
		return &transport.Message{Body: make([]byte, 64<<10+1)}, nil
	})
	e.Handle(ctx, server, e.Name("panics"), func(context.Context, *transport.Message) (*transport.Message, error) { panic("a bug") })
	soon, cancel := context.WithTimeout(ctx, 2*e.Tick)
	defer cancel()
	gone, goneCancel := context.WithCancel(ctx)
	goneCancel()
	for _, f := range []struct {
		name string
		ctx  context.Context
		msg  transport.Message
		want transport.Code
	}{
		{"a handler that stalls", soon, transport.Message{Destination: stuck}, transport.CodeDeadlineExceeded},
		{"a caller that has given up", gone, transport.Message{Destination: ok}, transport.CodeCanceled},
		{"a destination that is none", ctx, transport.Message{Destination: "a..b"}, transport.CodeInvalidArgument},
		{"a wildcard", ctx, transport.Message{Destination: e.Name("*")}, transport.CodeInvalidArgument},
		{"a body that is too large", ctx, transport.Message{Destination: ok, Body: make([]byte, 64<<10+1)}, transport.CodeResourceExhausted},
		{"a reply that is too large", ctx, transport.Message{Destination: big}, transport.CodeResourceExhausted},
		{"a handler that panics", ctx, transport.Message{Destination: e.Name("panics")}, transport.CodeInternal},
	} {
		_, err := client.Request(f.ctx, &f.msg)
		if problem := wrongCode(err, f.want); problem != "" {
			e.Errorf("%s: %s", f.name, problem)
		}
	}
	e.Must(client.Close(), "close")
	_, err := client.Request(ctx, &transport.Message{Destination: ok})
	e.WantCode(err, transport.CodeUnavailable, "a Conn that is closed")
	return nil
}

func receivedErrors(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	var inner errorBox
	back, front := e.Name("back"), e.Name("front")
	e.Handle(ctx, server, back, inner.handle)
	e.Handle(ctx, server, front, func(ctx context.Context, _ *transport.Message) (*transport.Message, error) {
		_, err := server.Request(ctx, &transport.Message{Destination: back})
		return nil, fmt.Errorf("calling back: %w", err)
	})
	keeps := map[transport.Code]bool{
		transport.CodeUnavailable: true, transport.CodeResourceExhausted: true, transport.CodeDeadlineExceeded: true, transport.CodeCanceled: true,
	}
	for c := transport.CodeCanceled; c <= transport.CodeUnauthenticated; c++ {
		inner.set(c.Errorf("%s", planted))
		_, err := client.Request(ctx, &transport.Message{Destination: front})
		want := transport.CodeInternal
		if keeps[c] {
			want = c
		}
		if problem := wrongCode(err, want); problem != "" {
			e.Errorf("%v from behind: %s", c, problem)
		}
		if err != nil && strings.Contains(err.Error(), planted) {
			e.Errorf("the text of a received error leaked: %v", err)
		}
	}
	return nil
}
