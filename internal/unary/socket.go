package unary

import (
	"net"
	"sync"
	"syscall"
	"time"
)

// A socket is a connection whose Write does not wait: what the system does not take at once is written by drain,
// for whoever writes has a deadline of its own, and many write by one connection.
type socket struct {
	net.Conn
	raw     syscall.RawConn // nil where the system tells none
	put     func(fd uintptr) bool
	patient time.Duration // for the peer to take what is written
	kick    chan struct{} // room for one: there is something for drain; written by Write, read by the Conn's flusher

	mu      sync.Mutex // guards the fields below
	open    bool       // else Write waits, as handshakes want it
	waiting []byte
	busy    bool   // drain writes
	now     []byte // what put writes
	n       int    // what put wrote
	err     error
}

func newSocket(c net.Conn, patient time.Duration) *socket {
	s := &socket{Conn: c, patient: patient, kick: make(chan struct{}, 1)}
	if r, ok := c.(syscall.Conn); ok {
		s.raw, _ = r.SyscallConn() // without it drain writes all
	}
	if s.raw != nil {
		limitSilence(s.raw, patient)
	}
	s.put = s.putAt
	return s
}

func (s *socket) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.open {
		return s.Conn.Write(p)
	}
	rest := p
	if !s.busy && len(s.waiting) == 0 && s.raw != nil {
		s.now, s.n, s.err = p, 0, nil
		err := s.raw.Write(s.put)
		s.now = nil
		if err == nil {
			err = s.err
		}
		if err != nil {
			return s.n, &net.OpError{Op: "write", Net: "tcp", Addr: s.RemoteAddr(), Err: err}
		}
		rest = p[s.n:]
	}
	if len(rest) > 0 {
		s.waiting = append(s.waiting, rest...)
		s.wake()
	}
	return len(p), nil
}

func (s *socket) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// behind reports whether more is written than the peer has taken.
func (s *socket) behind() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy || len(s.waiting) > 0
}

// drain waits until the peer has taken what was written, as long as it takes something in time.
func (s *socket) drain() error {
	for {
		s.mu.Lock()
		rest := s.waiting
		s.waiting, s.busy = nil, len(rest) > 0
		s.mu.Unlock()
		if len(rest) == 0 {
			return nil
		}
		for len(rest) > 0 {
			if err := s.SetWriteDeadline(time.Now().Add(s.patient)); err != nil {
				return err
			}
			n := min(len(rest), 64<<10)
			if _, err := s.Conn.Write(rest[:n]); err != nil {
				return err
			}
			rest = rest[n:]
		}
		if err := s.SetWriteDeadline(time.Time{}); err != nil {
			return err
		}
	}
}
