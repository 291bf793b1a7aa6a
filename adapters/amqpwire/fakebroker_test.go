package amqpwire

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// A fakeBroker says yes to everything, and keeps nothing: enough for a Conn to
// open, bind and send. What it should rather do the test puts into hook.
type fakeBroker struct {
	ln    net.Listener
	start []byte // the first frame; connection.start unless the test says otherwise

	// hook sees every method frame first; it reports whether that was all there is to say.
	hook func(c *fakeConn, m fakeMethod) bool

	mu    sync.Mutex
	conns []*fakeConn
	wg    sync.WaitGroup
}

type fakeMethod struct {
	channel       uint16
	class, method uint16
	args          []byte
}

type fakeConn struct {
	net.Conn
	broker *fakeBroker
	in     *bufio.Reader
	tags   map[uint16]uint64 // published on each channel
	left   map[uint16]uint64 // bytes of the body in progress
}

func startFake(t testing.TB) *fakeBroker {
	t.Helper()
	return startFakeOn(t, func(ln net.Listener) net.Listener { return ln })
}

// startFakeOn starts it behind a listener of the test's own.
func startFakeOn(t testing.TB, wrap func(net.Listener) net.Listener) *fakeBroker {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ln = wrap(ln)
	b := &fakeBroker{ln: ln, start: frame(typeMethod, concat(method(10, 10), []byte{0, 9}, table(nil), long("PLAIN"), long("en_US")))}
	binary.BigEndian.PutUint16(b.start[1:], 0)
	b.wg.Go(b.accept)
	t.Cleanup(func() {
		_ = ln.Close()
		b.drop()
		b.wg.Wait()
	})
	return b
}

func (b *fakeBroker) url() string { return "amqp://" + b.ln.Addr().String() }

func (b *fakeBroker) accept() {
	for {
		conn, err := b.ln.Accept()
		if err != nil {
			return
		}
		c := &fakeConn{Conn: conn, broker: b, in: bufio.NewReader(conn), tags: map[uint16]uint64{}, left: map[uint16]uint64{}}
		b.mu.Lock()
		b.conns = append(b.conns, c)
		b.mu.Unlock()
		b.wg.Go(c.serve)
	}
}

// drop cuts all connections.
func (b *fakeBroker) drop() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range b.conns {
		_ = c.Close()
	}
	b.conns = nil
}

func (c *fakeConn) serve() {
	defer c.Close()
	if _, err := io.CopyN(io.Discard, c.in, 8); err != nil { // the protocol's name
		return
	}
	if _, err := c.Write(c.broker.start); err != nil {
		return
	}
	var head [frameHeader]byte
	for {
		if _, err := io.ReadFull(c.in, head[:]); err != nil {
			return
		}
		payload := make([]byte, binary.BigEndian.Uint32(head[3:])+frameEnd)
		if _, err := io.ReadFull(c.in, payload); err != nil {
			return
		}
		c.frame(head[0], binary.BigEndian.Uint16(head[1:]), payload[:len(payload)-frameEnd])
	}
}

func (c *fakeConn) frame(kind byte, channel uint16, payload []byte) {
	switch kind {
	case typeMethod:
		m := fakeMethod{channel, binary.BigEndian.Uint16(payload), binary.BigEndian.Uint16(payload[2:]), payload[4:]}
		if c.broker.hook == nil || !c.broker.hook(c, m) {
			c.answer(m)
		}
	case typeHeader:
		c.left[channel] = binary.BigEndian.Uint64(payload[4:])
		c.confirm(channel)
	case 3:
		c.left[channel] -= uint64(len(payload))
		c.confirm(channel)
	}
}

// confirm acks the message in progress when it is whole.
func (c *fakeConn) confirm(channel uint16) {
	if c.left[channel] == 0 && c.tags[channel] > 0 {
		c.say(channel, concat(method(classBasic, methodAck), binary.BigEndian.AppendUint64(nil, c.tags[channel]), []byte{0}))
	}
}

func (c *fakeConn) answer(m fakeMethod) {
	ok := method(m.class, m.method+1)
	switch [2]uint16{m.class, m.method} {
	case [2]uint16{10, 11}: // start-ok
		c.say(0, concat(method(10, 30), []byte{0, 100, 0, 2, 0, 0, 0, 0}))
	case [2]uint16{10, 40}: // open
		c.say(0, concat(ok, short("")))
	case [2]uint16{20, 10}: // channel.open
		c.say(m.channel, concat(ok, long("")))
	case [2]uint16{50, 10}: // queue.declare
		c.say(m.channel, concat(ok, short(readShort(m.args[2:])), make([]byte, 8)))
	case [2]uint16{50, 40}: // queue.delete
		c.say(m.channel, concat(ok, make([]byte, 4)))
	case [2]uint16{60, 20}: // consume
		queue := readShort(m.args[2:])
		c.say(m.channel, concat(ok, short(readShort(m.args[3+len(queue):]))))
	case [2]uint16{60, 30}: // cancel
		c.say(m.channel, concat(ok, short(readShort(m.args))))
	case [2]uint16{60, 40}: // publish
		c.tags[m.channel]++
		c.left[m.channel] = 1 // until its header tells
	case [2]uint16{10, 50}, [2]uint16{20, 40}, [2]uint16{40, 10}, [2]uint16{50, 20}, [2]uint16{60, 10}, [2]uint16{85, 10}:
		c.say(m.channel, ok)
	}
}

func (c *fakeConn) say(channel uint16, payload []byte) {
	b := frame(typeMethod, payload)
	binary.BigEndian.PutUint16(b[1:], channel)
	_, _ = c.Write(b)
}

func method(class, m uint16) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(nil, class), m)
}

func short(s string) []byte { return append([]byte{byte(len(s))}, s...) }

func readShort(b []byte) string { return string(b[1 : 1+int(b[0])]) }

func long(s string) []byte { return append(binary.BigEndian.AppendUint32(nil, uint32(len(s))), s...) }

// table encodes pairs of texts.
func table(pairs amqp.Table) []byte {
	var b []byte
	for key, value := range pairs {
		text, _ := value.(string)
		b = append(append(append(b, short(key)...), 'S'), long(text)...)
	}
	return long(string(b))
}

func concat(parts ...[]byte) (all []byte) {
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}
