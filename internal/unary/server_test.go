package unary

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

const testTime = 20 * time.Second

// A scripted server speaks HTTP/2 as a test has it.
type scripted struct {
	*http2.Framer
	raw net.Conn
}

// sees is what a server does with a frame that it got.
type sees func(*scripted, http2.Frame)

// connect makes a Conn to a server that greets with settings, and gives every frame to on.
func connect(t testing.TB, cfg Config, on sees, settings ...http2.Setting) *Conn {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- serveOne(l, on, settings) }()
	t.Cleanup(func() { <-served })
	return dialConn(t, l.Addr().String(), cfg)
}

func dialConn(t testing.TB, address string, cfg Config) *Conn {
	t.Helper()
	raw, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	c, err := New(ctx, raw, nil, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func serveOne(l net.Listener, on sees, settings []http2.Setting) error {
	raw, err := l.Accept()
	_ = l.Close()
	if err != nil {
		return err
	}
	defer raw.Close()
	if _, err := io.CopyN(io.Discard, raw, int64(len(http2.ClientPreface))); err != nil {
		return err
	}
	s := &scripted{Framer: http2.NewFramer(raw, raw), raw: raw}
	s.AllowIllegalWrites = true
	if err := s.WriteSettings(settings...); err != nil {
		return err
	}
	for {
		f, err := s.ReadFrame()
		if err != nil {
			return err
		}
		on(s, f)
	}
}

func testConfig() Config {
	return Config{
		Scheme: "http", Authority: "test:1", UserAgent: "test", Window: 1 << 20, Headers: 16 << 10, Streams: 1000,
		Alive: time.Minute, Answer: 5 * time.Second,
	}
}

// block encodes pairs without a table, so that each is good for itself.
func block(pairs ...string) []byte {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	e.SetMaxDynamicTableSize(0)
	for i := 0; i < len(pairs); i += 2 {
		_ = e.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return b.Bytes()
}

func (s *scripted) header(id uint32, ends bool, pairs ...string) {
	_ = s.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: block(pairs...), EndHeaders: true, EndStream: ends})
}

func (s *scripted) head(id uint32) {
	s.header(id, false, ":status", "200", "content-type", "application/grpc")
}

func (s *scripted) trailer(id uint32, pairs ...string) { s.header(id, true, pairs...) }

func framed(body []byte) []byte {
	return append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body))), body...)
}

// answer sends a whole reply.
func (s *scripted) answer(id uint32, body string) {
	s.head(id)
	_ = s.WriteData(id, false, framed([]byte(body)))
	s.trailer(id, "grpc-status", "0")
}

// onCall makes sees of what is to happen once the whole of a call is there.
func onCall(do func(s *scripted, id uint32)) sees {
	return func(s *scripted, f http2.Frame) {
		if d, ok := f.(*http2.DataFrame); ok && d.StreamEnded() {
			do(s, d.StreamID)
		}
	}
}

// request makes one call, within testTime.
func request(t testing.TB, c *Conn, q *Request) (*Reply, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTime)
	defer cancel()
	if q.Path == "" {
		q.Path, q.ContentType = "/a.B/C", "application/grpc"
	}
	r := &Reply{Limit: 1 << 20}
	err := c.Call(ctx, q, r)
	if errors.Is(err, context.DeadlineExceeded) && q.Due.IsZero() {
		t.Fatal("the call does not end")
	}
	return r, err
}
