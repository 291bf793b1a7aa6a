package amqpwire

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/transport"
)

func onChannel(channel uint16, b []byte) []byte {
	binary.BigEndian.PutUint16(b[1:], channel)
	return b
}

func deliver(tag string) []byte {
	return frame(typeMethod, concat(method(60, 60), short(tag), make([]byte, 8), []byte{0}, short(""), short("x")))
}

func randomBytes(n int) []byte {
	r := rand.New(rand.NewPCG(1, 2))
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func closeMethod(class, m, code uint16, text string) []byte {
	return frame(typeMethod, concat(method(class, m), binary.BigEndian.AppendUint16(nil, code), short(text), make([]byte, 4)))
}

// deepTable nests tables until they have size bytes.
func deepTable(size int) []byte {
	const level = 7 // name of one byte, type, length
	var b []byte
	for left := size - 4; left >= level; left -= level {
		b = append(binary.BigEndian.AppendUint32(b, uint32(left)), 1, 'k', 'F')
	}
	return append(b, 0, 0, 0, 0)
}

// TestHostileAnswersAreSurvived lets the broker answer one message with what no
// broker should. That message is not taken for accepted, the next is sent.
func TestHostileAnswersAreSurvived(t *testing.T) {
	headerOf := func(size uint64) []byte { return contentHeader(size) }
	cases := map[string]func(channel uint16) []byte{
		"nothing":                              func(uint16) []byte { return nil },
		"random bytes":                         func(uint16) []byte { return randomBytes(4096) },
		"text":                                 func(uint16) []byte { return []byte("HTTP/1.1 400 Bad Request\r\n\r\n") },
		"a frame that claims 4 GiB":            func(uint16) []byte { return []byte{1, 0, 0, 255, 255, 255, 255, 0, 60} },
		"a frame without its end":              func(c uint16) []byte { b := onChannel(c, headerOf(1)); b[len(b)-1] = 0; return b },
		"a frame of an unknown type":           func(c uint16) []byte { return onChannel(c, frame(99, []byte("xxxxxxxxxxxxxxxx"))) },
		"an unknown method":                    func(c uint16) []byte { return onChannel(c, frame(typeMethod, method(77, 77))) },
		"a body of 16 EiB":                     func(c uint16) []byte { return append(onChannel(c, deliver("t")), onChannel(c, headerOf(1<<64-1))...) },
		"a body of 1 GiB":                      func(c uint16) []byte { return append(onChannel(c, deliver("t")), onChannel(c, headerOf(1<<30))...) },
		"a body before its header":             func(c uint16) []byte { return onChannel(c, frame(3, []byte("body"))) },
		"a delivery for nobody":                func(c uint16) []byte { return append(onChannel(c, deliver("t")), onChannel(c, headerOf(0))...) },
		"a confirm of all there can ever be":   func(c uint16) []byte { return onChannel(c, confirm(methodAck, 1<<64-1)) },
		"a confirm of a message to come":       func(c uint16) []byte { return onChannel(c, confirm(methodAck, 1000)) },
		"a refusal of a message to come":       func(c uint16) []byte { return onChannel(c, confirm(methodNack, 1<<40)) },
		"a channel that is closed with a text": func(c uint16) []byte { return onChannel(c, closeMethod(20, 40, 504, strings.Repeat("\x1b[2J", 60))) },
		"a channel of nobody":                  func(uint16) []byte { return onChannel(1999, closeMethod(20, 40, 504, "x")) },
		"a farewell":                           func(uint16) []byte { return onChannel(0, closeMethod(10, 50, 320, "bye")) },
		"tables in tables":                     func(c uint16) []byte { return append(onChannel(c, deliver("t")), onChannel(c, deepHeader())...) },
	}
	for name, script := range cases {
		t.Run(name, func(t *testing.T) { surviveAnswer(t, script) })
	}
}

func deepHeader() []byte {
	return frame(typeHeader, concat([]byte{0, 60, 0, 0}, make([]byte, 8), []byte{0x20, 0}, deepTable(120<<10)))
}

func surviveAnswer(t *testing.T, script func(channel uint16) []byte) {
	b := startFake(t)
	var once sync.Once
	made := make(chan uint64, 1) // what was allocated before the answer was written
	b.hook = func(c *fakeConn, m fakeMethod) (handled bool) {
		if m.class == 60 && m.method == 40 && bytes.Contains(m.args, []byte("evil")) {
			once.Do(func() {
				answer := script(m.channel)
				made <- allocated()
				_, _ = c.Write(answer)
				handled = true
				_ = c.Close()
			})
		}
		return handled
	}
	c := openConn(t, b.url())
	short, cancel := context.WithTimeout(brokertest.Context(t), 2*time.Second)
	defer cancel()
	if err := c.Send(brokertest.Context(t), &transport.Message{Destination: "good"}); err != nil {
		t.Fatalf("the first send: %v", err)
	}
	start := time.Now()
	err := c.Send(short, &transport.Message{Destination: "evil", Body: []byte("x")})
	switch {
	case err == nil:
		t.Error("a message that was not confirmed counts as accepted")
	case time.Since(start) > 3*time.Second:
		t.Errorf("it took %v to say %v", time.Since(start), err)
	case strings.ContainsAny(err.Error(), "\x1b\n") || len(err.Error()) > 1024:
		t.Errorf("the broker's text is not quoted and cut: %q", err)
	}
	if grown := allocated() - <-made; grown > 64<<20 {
		t.Errorf("%d MiB were allocated for it", grown>>20)
	}
	err = c.Send(brokertest.Context(t), &transport.Message{Destination: "good"})
	if errors.Is(err, transport.CodeUnavailable) { // written while the connection was being closed
		err = c.Send(brokertest.Context(t), &transport.Message{Destination: "good"})
	}
	if err != nil {
		t.Errorf("the send afterwards: %v", err)
	}
}

func allocated() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.TotalAlloc
}

// TestHostileWelcomesFailSoon lets the broker greet with what no broker should.
func TestHostileWelcomesFailSoon(t *testing.T) {
	start := func(parts ...[]byte) []byte {
		return onChannel(0, frame(typeMethod, concat(append([][]byte{method(10, 10), {0, 9}}, parts...)...)))
	}
	for name, welcome := range map[string][]byte{
		"nothing":              nil,
		"text":                 []byte("220 mail.example.org ESMTP ready, and a line to fill a frame\r\n"),
		"its own version":      []byte("AMQP\x00\x01\x00\x00"),
		"random bytes":         randomBytes(4096),
		"4 GiB to come":        {1, 0, 0, 255, 255, 255, 255, 0, 10, 0, 10},
		"no mechanism of ours": start(table(nil), long("GSSAPI"), long("en_US")),
		"a table beyond it":    start(long("")[:2], []byte{255, 255}, long("PLAIN")),
		"tables in tables":     start(deepTable(4000), long("PLAIN"), long("en_US")),
		"a farewell":           onChannel(0, closeMethod(10, 50, 320, "bye")),
	} {
		t.Run(name, func(t *testing.T) {
			b := startFake(t)
			b.start = welcome
			b.hook = func(c *fakeConn, _ fakeMethod) bool { return true }
			begin := time.Now()
			_, err := transport.NewRegistry(Factory()).Open(brokertest.Context(t), b.url()+"?connect-timeout=500ms")
			if !errors.Is(err, transport.CodeUnavailable) && !errors.Is(err, transport.CodeUnauthenticated) || time.Since(begin) > 5*time.Second {
				t.Errorf("got %v after %v, want unavailable or unauthenticated soon", err, time.Since(begin))
			}
		})
	}
}

func TestABrokerThatBlocksPublishersHoldsNobodyBeyondHisDeadline(t *testing.T) {
	b := startFake(t)
	told := make(chan *fakeConn, 1)
	b.hook = func(c *fakeConn, m fakeMethod) bool {
		if m.class == 60 && m.method == 40 && bytes.Contains(m.args, []byte("block")) {
			c.say(0, concat(method(10, 60), short("low on memory")))
			told <- c
		}
		return false
	}
	c := openConn(t, b.url())
	if err := c.Send(brokertest.Context(t), &transport.Message{Destination: "block"}); err != nil {
		t.Fatal(err)
	}
	conn := brokertest.Receive(t, told)
	short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := c.Send(short, &transport.Message{Destination: "x"}); !errors.Is(err, transport.CodeDeadlineExceeded) {
		t.Errorf("a send while blocked gives %v", err)
	}
	conn.say(0, method(10, 61))
	if err := c.Send(brokertest.Context(t), &transport.Message{Destination: "x"}); err != nil {
		t.Errorf("a send afterwards gives %v", err)
	}
}
