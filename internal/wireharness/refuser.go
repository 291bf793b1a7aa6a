package wireharness

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
)

// A Refuser is a server of HTTP/2 in clear text that refuses every stream, which says that it did nothing with it.
type Refuser struct {
	listener net.Listener
	refused  atomic.Int64
	serving  sync.WaitGroup

	mu    sync.Mutex // guards the fields below
	conns []net.Conn
}

// NewRefuser serves at l until Close.
func NewRefuser(l net.Listener) *Refuser {
	r := &Refuser{listener: l}
	r.serving.Go(func() { // ends with the listener
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			r.mu.Lock()
			r.conns = append(r.conns, c)
			r.mu.Unlock()
			r.serving.Go(func() { _ = r.serve(c) })
		}
	})
	return r
}

// Addr is where it listens.
func (r *Refuser) Addr() string { return r.listener.Addr().String() }

// Refused is how many streams it has refused.
func (r *Refuser) Refused() int64 { return r.refused.Load() }

// Close ends it and its connections.
func (r *Refuser) Close() {
	_ = r.listener.Close()
	r.mu.Lock()
	for _, c := range r.conns {
		_ = c.Close()
	}
	r.mu.Unlock()
	r.serving.Wait()
}

// serve reads frames, and answers HEADERS with RST_STREAM, SETTINGS and PING as is due (RFC 9113, section 6).
func (r *Refuser) serve(c net.Conn) error {
	const headers, reset, settings, ping = 1, 3, 4, 6
	if _, err := c.Write([]byte{0, 0, 0, settings, 0, 0, 0, 0, 0}); err != nil {
		return err
	}
	if _, err := io.CopyN(io.Discard, c, int64(len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))); err != nil {
		return err
	}
	for head := make([]byte, 9); ; {
		if _, err := io.ReadFull(c, head); err != nil {
			return err
		}
		body := make([]byte, binary.BigEndian.Uint32(head)>>8)
		if _, err := io.ReadFull(c, body); err != nil {
			return err
		}
		var answer []byte
		switch kind, ack := head[3], head[4]&1 != 0; {
		case kind == headers:
			r.refused.Add(1)
			answer = append([]byte{0, 0, 4, reset, 0}, head[5:]...)
			answer = append(answer, 0, 0, 0, 7) // REFUSED_STREAM
		case kind == settings && !ack:
			answer = []byte{0, 0, 0, settings, 1, 0, 0, 0, 0}
		case kind == ping && !ack:
			answer = append([]byte{0, 0, 8, ping, 1, 0, 0, 0, 0}, body...)
		}
		if _, err := c.Write(answer); err != nil {
			return err
		}
	}
}
