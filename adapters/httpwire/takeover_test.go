package httpwire

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/transport"
)

// A breakingConn takes some bytes of its first write, whose time is up then, and all of those that follow.
type breakingConn struct {
	net.Conn
	takes int
	got   strings.Builder
	ended bool
}

func (c *breakingConn) Write(b []byte) (int, error) {
	if n := c.takes; n > 0 {
		c.takes = 0
		c.got.Write(b[:n])
		return n, os.ErrDeadlineExceeded
	}
	return c.got.Write(b)
}

func (c *breakingConn) SetWriteDeadline(time.Time) error { return nil }
func (c *breakingConn) Close() error                     { c.ended = true; return nil }

func TestAStreamThatIsCutOffInAChunkSaysNothingMore(t *testing.T) {
	a := limited(t, "", defaultLimits())
	for name, cut := range map[string]bool{"whole": false, "cut off": true} {
		c := &breakingConn{}
		if cut {
			c.takes = 7
		}
		p := &chunkPen{conn: c}
		r := a.node.newRoom()
		r.buf = append(r.buf, "data: 1\n\n"...)
		text := string(p.frame(r))
		want := text + "0\r\n\r\n"
		if cut {
			want = text[:7] // what came behind it would be taken for the rest of the event
		}
		if err := p.send([]byte(text)); (err != nil) != cut {
			t.Errorf("%s: sent with %v", name, err)
		}
		if r.clear(); cut && p.send([]byte("4\r\nmore\r\n")) == nil {
			t.Errorf("%s: more was sent", name)
		}
		if p.close(); c.got.String() != want || !c.ended {
			t.Errorf("%s: the peer reads %q, want %q, and the connection is closed: %v", name, c.got.String(), want, c.ended)
		}
	}
}

func TestAStalledSubscriberDelaysNoClose(t *testing.T) {
	party := newAnonymousParty(t)
	for scheme, options := range map[string]string{"http": "", "https": "&" + party.options()} {
		t.Run(scheme, func(t *testing.T) {
			node, err := transport.NewRegistry(Factory()).Open(t.Context(), scheme+"://?listen=127.0.0.1:0"+options)
			if err != nil {
				t.Fatal(err)
			}
			conn := dial(t, node.Addr())
			_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10)
			if scheme == "https" {
				conn = tls.Client(conn, &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // what is tested is its end
			}
			if _, err := io.WriteString(conn, "GET /subscribe/news.* "+plainHead); err != nil {
				t.Fatal(err)
			}
			if _, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil {
				t.Fatal(err)
			}
			// More than the system takes for a peer that does not read, so that a write is under way.
			msg := &transport.Message{Destination: "news.local", Body: make([]byte, 3<<20)}
			for range 8 {
				if err := node.Publish(t.Context(), msg); err != nil {
					t.Fatal(err)
				}
			}
			if err := node.Close(); err != nil {
				t.Errorf("Close: %v, want the stalled subscriber to be let go of at once", err)
			}
		})
	}
}

func TestASubscriberThatGoesOnTalkingIsLetGo(t *testing.T) {
	a := limited(t, "", defaultLimits())
	l := listen(t, a.Addr(), plainHead)
	words := make([]byte, 1<<10)
	for range 2 * chatter / len(words) {
		if _, err := l.conn.Write(words); err != nil {
			break // it is gone
		}
	}
	gone(t, a)
}

// A brokenPen fails.
type brokenPen struct{ chunkPen }

func (*brokenPen) by(time.Time)      {}
func (*brokenPen) send([]byte) error { return io.ErrClosedPipe }

func TestWhatCannotBeWrittenIsNotMade(t *testing.T) {
	a := limited(t, "", defaultLimits())
	s := &audience{n: a.node, sse: true, pen: &brokenPen{}}
	var queue []copied
	for range 3 {
		e := &transport.Envelope{}
		e.Body = make([]byte, batchSize)
		queue = append(queue, copied{&givenBack{e: e}, &post{env: e}})
	}
	if err := s.write(nil, queue); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("got %v, want %v", err, io.ErrClosedPipe)
	}
	for i, c := range queue {
		if made := c.post.text != nil; made != (i == 0) {
			t.Errorf("message %d was made into text: %v", i, made)
		}
		if !c.d.(*givenBack).released {
			t.Errorf("message %d was not given back", i)
		}
	}
}

// A givenBack is a delivery that is to be released.
type givenBack struct {
	transport.Delivery
	e        *transport.Envelope
	released bool
}

func (d *givenBack) Envelope() *transport.Envelope { return d.e }
func (d *givenBack) Release(context.Context) error { d.released = true; return nil }
