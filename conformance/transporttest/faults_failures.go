package transporttest

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/polywire/polywire/transport"
)

func timeFaults() []Fault {
	return []Fault{
		{Name: "loses the remaining time", Rules: []string{"3.1"}, adapter: func() *hooks {
			return &hooks{out: func(e *transport.Envelope) { e.Timeout = 0 }}
		}},
		{Name: "gives every message an hour", Rules: []string{"3.1"}, adapter: func() *hooks {
			return &hooks{out: func(e *transport.Envelope) { e.Timeout = time.Hour }}
		}},
		{Name: "handles what has expired", Rules: []string{"3.2"}, adapter: changing(func(e *transport.Envelope) { e.Timeout = time.Hour })},
		{Name: "keeps callers past their deadline", Rules: []string{"3.3"}, conn: func(c Conn) Conn { return late{c} }},
		{Name: "gives late replies to the next caller", Rules: []string{"3.3"}, Cases: []string{"T056"}, adapter: mixReplies},
		{Name: "does not tell handlers that their caller gave up", Rules: []string{"3.3"}, Except: "CancelsRemotely", adapter: delivering(
			func(_ transport.Binding, d transport.Delivery) transport.Delivery { return plainDelivery{d} })},
	}
}

// A late Conn returns long after the caller's time was up.
type late struct{ Conn }

func (l late) Request(ctx context.Context, m *transport.Message, opts ...transport.CallOption) (*transport.Message, error) {
	reply, err := l.Conn.Request(ctx, m, opts...)
	if errors.Is(err, transport.CodeDeadlineExceeded) {
		t := time.NewTimer(10 * time.Second)
		defer t.Stop()
		<-t.C
	}
	return reply, err
}

// mixReplies keeps replies that came too late for whoever asks next.
func mixReplies() *hooks {
	var mu sync.Mutex
	var stale *transport.Envelope
	return &hooks{request: func(ctx context.Context, e *transport.Envelope, next exchange) (*transport.Envelope, error) {
		mu.Lock()
		old := stale
		stale = nil
		mu.Unlock()
		if old != nil {
			return old, nil
		}
		done := make(chan struct{})
		var reply *transport.Envelope
		var err error
		kept := *e
		kept.Message = *e.Message.Clone()
		go func() { // ends with the exchange, which has a minute
			defer close(done)
			long, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
			defer cancel()
			r, failed := next(long, &kept)
			mu.Lock()
			defer mu.Unlock()
			if reply, err = r, failed; ctx.Err() != nil {
				stale = r
			}
		}()
		select {
		case <-done:
			return reply, err
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}}
}

func failureFaults() []Fault {
	failing := func(name string, rules []string, change func(err *transport.Error)) Fault {
		return Fault{Name: name, Rules: rules, adapter: replying(func(ctx context.Context, e *transport.Envelope, next write) error {
			if e.Err != nil {
				c := *e.Err
				change(&c)
				e.Err = &c
			}
			return next(ctx, e)
		})}
	}
	return []Fault{
		failing("makes every code unknown", []string{"4.1", "4.4"}, func(err *transport.Error) { err.Code = transport.CodeUnknown }),
		failing("calls every failure unavailable", []string{"4.4", "4.1"}, func(err *transport.Error) { err.Code = transport.CodeUnavailable }),
		failing("loses details of errors", []string{"4.2", "4.3"}, func(err *transport.Error) { err.Details = nil }),
		failing("loses hints when to try again", []string{"4.2", "4.3"}, func(err *transport.Error) { err.RetryAfter = 0 }),
		failing("cuts texts of errors", []string{"4.3"}, func(err *transport.Error) { err.Message = err.Message[:min(len(err.Message), 8)] }),
		failing("makes texts of errors one line", []string{"4.3"}, func(err *transport.Error) { err.Message = strings.ReplaceAll(err.Message, "\n", " ") }),
		{Name: "does not say where an error happened", Rules: []string{"4.2"}, conn: func(c Conn) Conn { return anonymous{c} }},
		{Name: "tells callers what a panic said", Rules: []string{"4.3"}, options: inboundFault(tellPanics)},
		{Name: "tells callers texts of errors that nobody meant for them", Rules: []string{"4.3"}, options: inboundFault(func(next transport.Handler) transport.Handler {
			return func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
				reply, err := next(ctx, msg)
				var known *transport.Error
				if err != nil && !errors.As(err, &known) {
					err = transport.CodeUnknown.Errorf("%s", err.Error())
				}
				return reply, err
			}
		})},
		{Name: "passes another service's error on", Rules: []string{"4.3"}, options: inboundFault(func(next transport.Handler) transport.Handler {
			return func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
				reply, err := next(ctx, msg)
				var known *transport.Error
				if errors.As(err, &known) && known.Op != "" {
					err = known.Code.Errorf("%s", known.Message)
				}
				return reply, err
			}
		})},
		{Name: "prefers the reply to the error", Rules: []string{"4.3"}, Cases: []string{"T040"}, options: inboundFault(func(next transport.Handler) transport.Handler {
			return func(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
				reply, err := next(ctx, msg)
				if reply != nil {
					err = nil
				}
				return reply, err
			}
		})},
	}
}

// tellPanics answers with what a handler panicked with.
func tellPanics(next transport.Handler) transport.Handler {
	return func(ctx context.Context, msg *transport.Message) (reply *transport.Message, err error) {
		defer func() {
			if v := recover(); v != nil {
				reply, err = nil, transport.CodeInternal.Errorf("%v", v)
			}
		}()
		return next(ctx, msg)
	}
}

// An anonymous Conn returns errors without their place.
type anonymous struct{ Conn }

func (a anonymous) strip(err error) error {
	var known *transport.Error
	if !errors.As(err, &known) {
		return err
	}
	return known.Code.Errorf("%s", known.Message)
}

func (a anonymous) Request(ctx context.Context, m *transport.Message, opts ...transport.CallOption) (*transport.Message, error) {
	reply, err := a.Conn.Request(ctx, m, opts...)
	return reply, a.strip(err)
}

func (a anonymous) Send(ctx context.Context, m *transport.Message, opts ...transport.CallOption) error {
	return a.strip(a.Conn.Send(ctx, m, opts...))
}
