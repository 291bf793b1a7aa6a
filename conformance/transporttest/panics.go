package transporttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strings"
	"sync"

	"github.com/polywire/polywire/transport"
)

func panicCases() []Case {
	request := []string{"Request"}
	return []Case{
		{ID: "T162", Group: "M", Sections: []string{"4.3"}, Needs: request,
			Rule: "A handler that panics answers Internal with a fixed text, and the next request works.", Run: handlerPanics},
		{ID: "T163", Group: "M", Sections: []string{"4.3"}, Needs: request,
			Rule: "runtime.Goexit in a handler is treated like a panic: no caller hangs.", Run: handlerExits},
		{ID: "T164", Group: "M", Sections: []string{"5.1", "4.3"}, Needs: []string{"Send"}, Timing: true,
			Rule: "A message whose handler panics is retried, and then becomes a dead letter.", Run: panicRetries},
		{ID: "T165", Group: "M", Sections: []string{"4.3"}, Needs: request,
			Rule: "A panic in middleware, outbound or inbound, is isolated likewise.", Run: middlewarePanics},
		{ID: "T167", Group: "M", Sections: []string{"4.3"}, Needs: request,
			Rule: "The logger gets value, stack and destination of a panic, on one line each; the caller none of it.", Run: panicLogged},
		{ID: "T188", Group: "O", Sections: []string{"4.2"}, Needs: request,
			Rule: "No text of a peer can forge a line of a log or of an error: control characters are replaced.", Run: noForgedLines},
	}
}

type customPanic struct{ text string }

func handlerPanics(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("panics")
	e.Handle(ctx, server, dest, func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		switch string(msg.Body) {
		case "string":
			panic(planted)
		case "error":
			panic(errors.New(planted))
		case "code":
			panic(transport.CodeNotFound.Errorf("%s", planted))
		case "custom":
			panic(customPanic{planted})
		case "nil map":
			var m map[string]int
			m["x"] = 1 //nolint:staticcheck // the panic is wanted
		}
		return echo(ctx, msg)
	}, transport.WithConcurrency(2))
	before := server.Stats().Panics
	kinds := []string{"string", "error", "code", "custom", "nil map"}
	for _, kind := range kinds {
		_, err := client.Request(ctx, &transport.Message{Destination: dest, Body: []byte(kind)})
		e.WantCode(err, transport.CodeInternal, "a handler that panics with "+kind)
		if strings.Contains(err.Error(), planted) || strings.Contains(err.Error(), "goroutine") {
			return fmt.Errorf("the panic's value or stack reached the caller: %v", err)
		}
		reply, err := client.Request(ctx, &transport.Message{Destination: dest, Body: []byte("fine")})
		e.Must(err, "the request after a panic with "+kind)
		if string(reply.Body) != "fine" {
			return fmt.Errorf("the request after a panic got %q", reply.Body)
		}
	}
	if n := server.Stats().Panics - before; n != uint64(len(kinds)) {
		return fmt.Errorf("%d panics were counted, want %d", n, len(kinds))
	}
	return nil
}

func handlerExits(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("exits")
	e.Handle(ctx, server, dest, func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
		if string(msg.Body) == "exit" {
			runtime.Goexit()
		}
		return echo(ctx, msg)
	}, transport.WithConcurrency(1))
	for range 3 {
		_, err := client.Request(ctx, &transport.Message{Destination: dest, Body: []byte("exit")})
		e.WantCode(err, transport.CodeInternal, "a handler that calls runtime.Goexit")
		_, err = client.Request(ctx, &transport.Message{Destination: dest, Body: []byte("fine")})
		e.Must(err, "the request after it")
	}
	return nil
}

func panicRetries(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("retries")
	in, dead := newInbox(e), newInbox(e)
	e.Handle(ctx, server, "dead."+dest, dead.handle)
	e.Handle(ctx, server, dest, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		in.add(msg)
		panic(planted)
	}, transport.WithRetry(3, e.Tick/10, e.Tick))
	e.Must(client.Send(ctx, &transport.Message{Destination: dest}), "send")
	letter := dead.wait(1)[0]
	for i, m := range in.wait(3) {
		if m.Attempt != i+1 {
			return fmt.Errorf("delivery %d is attempt %d", i+1, m.Attempt)
		}
	}
	if reason := letter.Header.Get("dead-reason"); strings.Contains(reason, planted) || !strings.Contains(reason, "internal") {
		return fmt.Errorf("the dead letter's reason is %q", reason)
	}
	return nil
}

func middlewarePanics(ctx context.Context, e *Env) error {
	outbound := func(next transport.Outbound) transport.Outbound {
		return func(ctx context.Context, op string, msg *transport.Message) (*transport.Message, error) {
			if string(msg.Body) == "outbound" {
				panic(planted)
			}
			return next(ctx, op, msg)
		}
	}
	inbound := func(next transport.Handler) transport.Handler {
		return func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
			if string(msg.Body) == "inbound" {
				panic(planted)
			}
			return next(ctx, msg)
		}
	}
	server, client := e.Fresh(ctx, ConnOptions{
		Server: []transport.Option{transport.WithInbound(inbound)}, Client: []transport.Option{transport.WithOutbound(outbound)},
	})
	dest := e.Name("middleware")
	e.Handle(ctx, server, dest, echo)
	for _, where := range []string{"outbound", "inbound"} {
		_, err := client.Request(ctx, &transport.Message{Destination: dest, Body: []byte(where)})
		e.WantCode(err, transport.CodeInternal, "a panic in "+where+" middleware")
		if strings.Contains(err.Error(), planted) {
			return fmt.Errorf("the panic's value reached the caller: %v", err)
		}
		_, err = client.Request(ctx, &transport.Message{Destination: dest, Body: []byte("fine")})
		e.Must(err, "the request after it")
	}
	return nil
}

// A recorder is a slog.Handler that keeps messages and attributes as they were given.
type recorder struct {
	mu      sync.Mutex // guards records
	records []slog.Record
}

func (r *recorder) Enabled(context.Context, slog.Level) bool { return true }
func (r *recorder) WithAttrs([]slog.Attr) slog.Handler       { return r }
func (r *recorder) WithGroup(string) slog.Handler            { return r }
func (r *recorder) Handle(_ context.Context, rec slog.Record) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.records = append(r.records, rec.Clone())
	return nil
}

// attrs lists the attributes of all records, but stacks, as key and text.
func (r *recorder) attrs() map[string][]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	all := map[string][]string{}
	for _, rec := range r.records {
		rec.Attrs(func(a slog.Attr) bool {
			all[a.Key] = append(all[a.Key], a.Value.Resolve().String())
			return true
		})
	}
	return all
}

func panicLogged(ctx context.Context, e *Env) error {
	log := &recorder{}
	server, client := e.Fresh(ctx, ConnOptions{Server: []transport.Option{transport.WithLogger(slog.New(log))}})
	dest := e.Name("logged")
	e.Handle(ctx, server, dest, func(context.Context, *transport.Message) (*transport.Message, error) {
		panic("value\r\nof \x1b[31mthe panic")
	})
	_, err := client.Request(ctx, &transport.Message{Destination: dest})
	e.WantCode(err, transport.CodeInternal, "a handler that panics")
	attrs := log.attrs()
	if v := attrs["value"]; len(v) != 1 || !strings.Contains(v[0], "the panic") || strings.ContainsAny(v[0], "\r\n\x1b") {
		return fmt.Errorf("the panic was logged as %q", v)
	}
	if d := attrs["destination"]; len(d) != 1 || d[0] != dest {
		return fmt.Errorf("the panic was logged for %q", d)
	}
	if s := attrs["stack"]; len(s) != 1 || !strings.Contains(s[0], "panicLogged") {
		return fmt.Errorf("the panic was logged with the stack %.200q", s)
	}
	return nil
}

func noForgedLines(ctx context.Context, e *Env) error {
	log := &recorder{}
	opt := []transport.Option{transport.WithLogger(slog.New(log))}
	server, client := e.Fresh(ctx, ConnOptions{Server: opt, Client: opt})
	const hostile = "x\r\nlevel=ERROR msg=forged \x1b[2J\u2028y"
	dest := e.Name("lines")
	e.Handle(ctx, server, dest, failing(transport.CodeAborted.Errorf("%s", hostile)), transport.WithRetry(1, e.Tick, e.Tick))
	_, err := client.Request(ctx, &transport.Message{Destination: dest})
	e.WantCode(err, transport.CodeAborted, "a handler with a hostile text")
	_, bad := client.Request(ctx, &transport.Message{Destination: "a." + hostile})
	e.WantCode(bad, transport.CodeInvalidArgument, "a hostile destination")
	if e.Features.Send {
		e.Must(client.Send(ctx, &transport.Message{Destination: dest}), "send")
		e.Until("the message is given up", func() bool { s := server.Stats(); return s.Dropped+s.DeadLettered > 0 })
	}
	for _, text := range []string{err.Error(), bad.Error(), fmt.Sprintf("%+v %#v", err, bad)} {
		if strings.ContainsAny(text, "\r\n\x1b\u2028") {
			return fmt.Errorf("an error prints control characters: %q", text)
		}
	}
	for key, values := range log.attrs() {
		for _, v := range values {
			if bytes.ContainsAny([]byte(v), "\r\n\x1b\u2028") && key != "stack" {
				return fmt.Errorf("the log's attribute %s has control characters: %q", key, v)
			}
		}
	}
	return nil
}
