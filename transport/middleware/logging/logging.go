// Package logging is the middleware that writes one line of log/slog for each call
// and for each message that is handled: what it was, where it went, how long it took
// and what it ended with. It never writes header values, params or bodies.
//
//	call      op=request destination=account.verify transport=http took=1.2ms sent=17 received=5
//	handled   style=request destination=account.verify transport=http source=trip/1f2e took=0.9ms … code=not_found error="…"
//
// The trace of oteltrace stands in a line where that middleware is around this one.
package logging

import (
	"context"
	"log/slog"
	"time"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/internal/hooks"
)

// A Middleware writes lines. New makes one; it is safe for concurrent use.
type Middleware struct {
	logger          *slog.Logger
	success, failed slog.Level
}

// An Option changes what New makes.
type Option func(*Middleware)

// WithLevel is the level of lines of what succeeded. The default is Info.
func WithLevel(level slog.Level) Option { return func(m *Middleware) { m.success = level } }

// WithFailureLevel is the level of lines of what failed. The default is Warn.
func WithFailureLevel(level slog.Level) Option { return func(m *Middleware) { m.failed = level } }

// New returns a Middleware that writes to l. What l does not want costs next to nothing.
func New(l *slog.Logger, opts ...Option) *Middleware {
	m := &Middleware{logger: l, success: slog.LevelInfo, failed: slog.LevelWarn}
	for _, opt := range opts {
		opt(m)
	}
	return m
}

// Options are those of [transport.Registry.Open] and of a configuration's Open.
func (m *Middleware) Options() []transport.Option {
	return []transport.Option{transport.WithInbound(m.Inbound), transport.WithOutbound(m.Outbound)}
}

// A conn is what the core tells of the Conn of a call or of a delivery.
type conn interface {
	Adapter() string
	CodeOf(err error) transport.Code
}

// Outbound writes a line when a call has ended, or a Gather has been published, for [transport.WithOutbound].
func (m *Middleware) Outbound(next transport.Outbound) transport.Outbound {
	return func(ctx context.Context, op string, msg *transport.Message) (*transport.Message, error) {
		began := time.Now()
		reply, err := next(ctx, op, msg)
		level := m.level(err)
		if !m.logger.Enabled(ctx, level) {
			return reply, err
		}
		call, _ := ctx.Value(hooks.Call{}).(conn)
		l := line{call, append(make([]slog.Attr, 0, 12), slog.String("op", op))}
		l.about(msg, time.Since(began))
		l.add(slog.Int("sent", len(msg.Body)))
		if reply != nil {
			l.add(slog.Int("received", len(reply.Body)))
		}
		l.outcome(err)
		m.logger.LogAttrs(ctx, level, "call", l.attrs...)
		return reply, err
	}
}

// A handling is what the core tells of a message that is being handled.
type handling interface {
	conn
	Style() string
	Binding() (pattern, group string)
	IsDeferred() bool
	OnLater(interface{ AnsweredLater(err error) })
}

// Inbound writes a line when a handler has returned, or its deferred answer was given, for [transport.WithInbound].
func (m *Middleware) Inbound(next transport.Handler) transport.Handler {
	return func(ctx context.Context, msg *transport.Message) (reply *transport.Message, err error) {
		in, _ := ctx.Value(hooks.Handling{}).(handling)
		h := &handled{m: m, ctx: ctx, in: in, began: time.Now(), msg: *msg, size: len(msg.Body)}
		h.msg.Body, h.msg.Header, h.msg.Params = nil, transport.Header{}, nil // which no line has
		if in != nil {
			in.OnLater(h)
		}
		err = transport.CodeInternal // of a handler that does not return
		defer func() {
			if in == nil || !in.IsDeferred() {
				h.write(reply, err)
			}
		}()
		return next(ctx, msg)
	}
}

// A handled message waits for its line.
type handled struct {
	m     *Middleware
	ctx   context.Context
	in    handling // nil outside of a Conn
	began time.Time
	msg   transport.Message // as it came, without body, header and params
	size  int               // of the body
}

// AnsweredLater writes the line of what the handler deferred. The core calls it.
func (h *handled) AnsweredLater(err error) { h.write(nil, err) }

func (h *handled) write(reply *transport.Message, err error) {
	level := h.m.level(err)
	if !h.m.logger.Enabled(h.ctx, level) {
		return
	}
	l := line{nil, make([]slog.Attr, 0, 16)}
	if h.in != nil {
		l.conn = h.in
		l.add(slog.String("style", h.in.Style()))
	}
	l.about(&h.msg, time.Since(h.began))
	l.add(slog.String("source", h.msg.Source), slog.Int("received", h.size))
	if h.msg.Attempt > 1 {
		l.add(slog.Int("attempt", h.msg.Attempt))
	}
	if h.in != nil {
		if _, group := h.in.Binding(); group != "" {
			l.add(slog.String("group", group))
		}
	}
	if reply != nil && h.msg.ReplyWanted() {
		l.add(slog.Int("sent", len(reply.Body)))
	}
	l.outcome(err)
	h.m.logger.LogAttrs(h.ctx, level, "handled", l.attrs...)
}

func (m *Middleware) level(err error) slog.Level {
	if err != nil {
		return m.failed
	}
	return m.success
}

// A line is what is written at once.
type line struct {
	conn  conn // nil outside of a Conn
	attrs []slog.Attr
}

func (l *line) add(attrs ...slog.Attr) { l.attrs = append(l.attrs, attrs...) }

func (l *line) about(msg *transport.Message, took time.Duration) {
	l.add(slog.String("destination", msg.Destination))
	if l.conn != nil {
		l.add(slog.String("transport", l.conn.Adapter()))
	}
	if msg.ID != "" {
		l.add(slog.String("id", msg.ID))
	}
	const traceparent = len("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	if parent, _ := msg.Trace(); len(parent) >= traceparent {
		l.add(slog.String("trace_id", parent[3:35]), slog.String("span_id", parent[36:52]))
	}
	l.add(slog.Duration("took", took))
}

// maxText bounds the text of an error in a line.
const maxText = 512

func (l *line) outcome(err error) {
	if err == nil {
		return
	}
	code := transport.CodeUnknown
	if l.conn != nil {
		code = l.conn.CodeOf(err)
	}
	text := err.Error()
	if len(text) > maxText {
		text = text[:maxText]
	}
	l.add(slog.String("code", code.String()), slog.String("error", text))
}
