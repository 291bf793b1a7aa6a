package httpwire

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/access"
)

// A pen writes to a visitor that settles nothing. It is used by one goroutine at a time, but for by. After
// a send that failed all others fail: what the visitor has is the beginning of something, which nothing may follow.
type pen interface {
	// by sets when what is written must have been taken.
	by(t time.Time)
	// frame is what to send of what r holds, which it may change.
	frame(r *eventRoom) []byte
	// send sends b at once.
	send(b []byte) error
	// close ends the stream as far as the pen has to.
	close()
}

// A responsePen writes by net/http: over HTTP/2, to clients of HTTP/1.0, and where a request had a body.
type responsePen struct{ v *visit }

func (p *responsePen) by(t time.Time) { _ = p.v.rc.SetWriteDeadline(t) }

func (p *responsePen) frame(r *eventRoom) []byte { return r.buf[chunkRoom:] }

func (p *responsePen) send(b []byte) error {
	if _, err := p.v.w.Write(b); err != nil {
		return err
	}
	return p.v.flush()
}

func (p *responsePen) close() {}

// takes reports whether the visit's connection can be taken over from net/http, which holds two
// goroutines and 10 KB of buffers for each, and writes three times for what is written here once.
func (v *visit) takes() bool {
	return v.r.ProtoMajor == 1 && v.r.ProtoMinor >= 1 && v.r.Body == http.NoBody
}

// takeOver gives the connection to a, after the head, which says that chunks follow; false when it cannot be had.
//
// From here on all that net/http would do is the audience's: deadlines of writes, the end of the peer, which
// watch notices, that of its identity or right, and that of the node. The listener counts the connection as before.
func (v *visit) takeOver(a *audience, c access.Claim) bool {
	conn, _, err := v.rc.Hijack() // what was read already, behind the request, is nobody's
	if err != nil {
		return false
	}
	n := v.n
	if gate := n.a.setup.Access; gate.Bounds(v.peer) {
		life, end := gate.Life(context.Background(), c)
		stop := context.AfterFunc(life, func() { a.end(n.endOf(life)) })
		a.release = func() { stop(); end() }
	}
	n.serving.Go(func() { a.watch(conn) }) // ends with conn, which finish closes
	a.begin(&chunkPen{conn: conn})
	return true
}

// chatter is how many bytes a visitor may say behind its request.
const chatter = 64 << 10

// watch notices that the peer is gone. What it says behind its request is passed over, since the answer has no end; one
// that goes on saying something is let go, as it costs more than it reads.
func (a *audience) watch(conn net.Conn) {
	rest := make([]byte, 16)
	for said := 0; said < chatter; {
		n, err := conn.Read(rest)
		if err != nil {
			break
		}
		said += n
	}
	a.end(nil)
}

// endOf is why a life ended, when that is the end of what its visitor was let in by; else nil.
func (n *node) endOf(life context.Context) *transport.Error {
	if err := n.a.setup.Access.Ended(life); err != nil {
		return asError(err)
	}
	return nil
}

const lastChunk = "0\r\n\r\n"

// chunkRoom is kept free at the beginning of what a pen writes: for the size of a chunk, of eight digits at most.
const chunkRoom = 8 + 2

// A chunkPen writes chunks of HTTP/1.1 to a connection that was taken over.
type chunkPen struct {
	conn   net.Conn
	broken error // of the first send that failed, maybe within a chunk
}

func (p *chunkPen) by(t time.Time) { _ = p.conn.SetWriteDeadline(t) } // the next write fails too

func (p *chunkPen) frame(r *eventRoom) []byte {
	var room [chunkRoom]byte
	head := append(strconv.AppendInt(room[:0], int64(len(r.buf)-chunkRoom), 16), "\r\n"...)
	start := chunkRoom - len(head)
	copy(r.buf[start:], head)
	r.buf = append(r.buf, "\r\n"...)
	return r.buf[start:]
}

func (p *chunkPen) send(b []byte) error {
	if p.broken == nil {
		_, p.broken = p.conn.Write(b)
	}
	return p.broken
}

// close says that the stream has ended, which a peer hears that is there and reads. One whose stream was cut off
// notices by the end of the connection: no goodbye of TLS is tried, for which a peer that is stalled has five seconds.
func (p *chunkPen) close() {
	p.by(time.Now().Add(farewell))
	conn := p.conn
	if secure, ok := conn.(*tls.Conn); p.send([]byte(lastChunk)) != nil && ok {
		conn = secure.NetConn()
	}
	_ = conn.Close()
}
