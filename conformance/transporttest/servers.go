package transporttest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/polywire/polywire/conformance/faultproxy"
	"github.com/polywire/polywire/transport"
)

// serverCases let what a client dials turn hostile in the middle of a connection.
func serverCases() []Case {
	return []Case{
		{ID: "T183", Group: "O", Sections: []string{"3.3", "4.2", "8.3"}, Needs: []string{"Request"}, Abilities: []string{AbilityProxy},
			Rule: "A server that answers without end, out of order, or with nonsense gives a typed error by the deadline, costs little memory, and does not hold up Close.", Run: hostileServers},
	}
}

// A hostileAnswer is what a server says in place of its answer.
type hostileAnswer struct {
	name         string
	data, repeat []byte
}

func hostileAnswers() []hostileAnswer {
	frame := func(kind, flags byte, stream uint32, payload ...byte) []byte {
		return appendFrame(nil, kind, flags, stream, payload)
	}
	const head = "HTTP/1.1 200 OK\r\n"
	large := strings.Repeat("x", 16<<10)
	return []hostileAnswer{
		{"a header without end", []byte(head + "X: "), []byte(large)},
		{"header fields without end", []byte(head), []byte("X: " + large[:1000] + "\r\n")},
		{"a body without end", []byte(head + "\r\n"), []byte(large)},
		{"chunks without end", []byte(head + "Transfer-Encoding: chunked\r\n\r\n"), []byte("4000\r\n" + large + "\r\n")},
		{"a body of 4 EiB", []byte(head + "Content-Length: 4611686018427387904\r\n\r\n"), []byte(large)},
		{"informational answers without end", nil, []byte("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")},
		{"a field that is none", []byte(head + planted + " is no field\r\n\r\n"), nil},
		{"a status that is none", []byte("HTTP/1.1 " + planted + "\r\n\r\n"), nil},
		{"a length that is none", []byte(head + "Content-Length: " + planted + "\r\n\r\n"), nil},
		{"two lengths", []byte(head + "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab"), nil},
		{"lines without end", nil, []byte("\r\n")},
		{"zeros", nil, make([]byte, 1<<10)},
		{"a frame size of 0", frame(frameSettings, 0, 0, 0, 5, 0, 0, 0, 0), frame(framePing, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)},
		{"DATA before HEADERS", frame(frameData, 0, 1, 'x'), frame(frameData, 0, 1, 'x')},
		{"HEADERS of a stream that is none", frame(frameHeaders, flagEndHeaders, 2, 0x88), frame(frameHeaders, flagEndHeaders, 2, 0x88)},
		{"CONTINUATION without end", frame(frameHeaders, 0, 1, 0x88), appendFrame(nil, frameContinuation, 0, 1, appendFields(nil, []HTTP2Field{{"x", large[:1000]}}))},
		{"SETTINGS without end", nil, frame(frameSettings, 0, 0)},
		{"PING without end", nil, frame(framePing, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)},
		{"a window that overflows", frame(frameWindow, 0, 0, 0x7f, 0xff, 0xff, 0xff), frame(frameWindow, 0, 0, 0x7f, 0xff, 0xff, 0xff)},
		{"GOAWAY and silence that goes on", frame(frameGoAway, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0), frame(framePing, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)},
		{"a frame that is too large", []byte{0xff, 0xff, 0xff, frameData, 0, 0, 0, 0, 1}, []byte(large)},
		{"RST_STREAM of nothing", frame(frameReset, 0, 0, 0, 0, 0, 1), nil},
		{"a reset of every stream", frame(frameReset, 0, 1, 0, 0, 0, 8), frame(frameReset, 0, 3, 0, 0, 0, 8)},
	}
}

func hostileServers(ctx context.Context, e *Env) error {
	server, _ := e.Fresh(ctx, ConnOptions{})
	dest := e.Name("hostile")
	e.Handle(ctx, server, dest, echo)
	answers := hostileAnswers()
	crowd(2*len(answers), 4, func(i int) {
		a := answers[(i-1)/2]
		if problem := e.hostile(ctx, dest, &a, i%2 == 0); problem != "" {
			e.Errorf("%s: %s", a.name, problem)
		}
	})
	return nil
}

// hostile lets a say its piece as the client opens, or as it calls.
func (e *Env) hostile(ctx context.Context, dest string, a *hostileAnswer, opened bool) (problem string) {
	p, err := faultproxy.Listen(ctx, faultproxy.Options{Upstream: e.h.Upstream(e.current.raw)})
	if err != nil {
		return err.Error()
	}
	defer func() { _ = p.Close() }()
	fault := faultproxy.Fault{Do: faultproxy.Replace, Data: a.data, Repeat: a.repeat}
	if !opened {
		p.Trap(faultproxy.Down, fault)
	}
	deadline := 5 * e.Tick
	opening := deadline
	if opened {
		opening = e.Patience // nothing hostile is said before
	}
	short, cancel := context.WithTimeout(ctx, opening)
	defer cancel()
	start := time.Now()
	c, err := e.h.Via(short, p.Addr())
	if err != nil {
		return e.hostileError(err, start, opening, opened)
	}
	defer func() {
		begin := time.Now()
		_ = c.Close() // what the other side says to that is worth nothing
		if d := time.Since(begin); d > 20*e.Tick {
			problem += fmt.Sprintf(" Close took %v", d)
		}
	}()
	before := heap()
	if opened {
		p.Trap(faultproxy.Down, fault)
	}
	calling, done := context.WithTimeout(ctx, deadline)
	defer done()
	start = time.Now()
	reply, err := e.h.dress(c).Request(calling, &transport.Message{Destination: dest, Body: []byte("call")})
	if err := grown(before, 64<<20, "meanwhile"); err != nil {
		return err.Error()
	}
	switch {
	case err == nil && string(reply.Body) != "call":
		return fmt.Sprintf("what was said passed for the reply: %.60q", reply.Body)
	case err == nil && p.Traffic().Faults == 0:
		return "nothing hostile was said"
	case err == nil:
		return "" // on another connection
	}
	return e.hostileError(err, start, deadline, false)
}

// hostileError tells what is wrong with how a call or an opening failed.
func (e *Env) hostileError(err error, start time.Time, deadline time.Duration, early bool) string {
	if d := time.Since(start); d > deadline+20*e.Tick { // floods take processors, other calls' too
		return fmt.Sprintf("it took %v, want an end by the deadline of %v: %v", d, deadline, err)
	}
	if early {
		return fmt.Sprintf("it could not be opened before anything hostile was said: %v", err)
	}
	return untyped(err)
}

// untyped tells when err is no error of this module, or shows what it should not.
func untyped(err error) string {
	te, ok := errors.AsType[*transport.Error](err)
	switch {
	case !ok:
		return fmt.Sprintf("got %v (%T), want a *transport.Error", err, err)
	case te.Code == 0 || len(err.Error()) > 1024 || strings.ContainsAny(err.Error(), "\x00\r\n\x1b"):
		return fmt.Sprintf("the error has no code, or is not quoted and cut: %.200q", err)
	case strings.Contains(err.Error(), planted):
		return fmt.Sprintf("the error shows what was said in a header: %v", err)
	}
	return ""
}
