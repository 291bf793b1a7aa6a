package unary

import (
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// An exchange is one call by a connection, used again and again. All but its channels is guarded by the Conn's mutex
// until it is over.
//
//	queued ─▶ granted ─▶ open: it has an id ─▶ over
type exchange struct {
	id       uint32
	due      time.Time
	granted  bool
	rest     []byte // of the message to be sent
	unframed bool   // the length before it is still to be sent
	sent     bool   // all is
	blocked  bool   // among Conn.blocked
	window   int64  // bytes that the server takes
	taken    int    // bytes of the reply that the server has not been given back

	before, after *exchange // in the queue

	header, trailer *head
	body            message
	over            bool
	err             error          // there is no reply
	failed          *status.Status // of a reply that is none

	done chan struct{} // room for one: over; written once by end, read by the caller
	turn chan struct{} // room for one: it may go on; written with the Conn's mutex held, read by the caller, who looks whether it is so
}

func (x *exchange) wake() {
	select {
	case x.turn <- struct{}{}:
	default:
	}
}

// result makes the reply of x, which is over, and of nobody else any more.
func (x *exchange) result(r *Reply) error {
	if x.err != nil {
		return x.err
	}
	if x.header != nil {
		r.Header = x.header.md
	}
	if x.trailer != nil {
		r.Trailer = x.trailer.md
	}
	switch {
	case x.failed != nil:
		r.Status = x.failed
	case x.trailer.status != nil:
		r.Status = x.trailer.status
	case x.header == nil || !x.body.begun():
		r.Status = status.New(codes.Internal, "the server answered without a message")
	default:
		encoding := ""
		if x.header != nil {
			encoding = x.header.encoding
		}
		r.Message, r.Status = x.body.unpacked(encoding)
	}
	return nil
}

// open gives x, which is granted, its id, and writes what it can of it. Called with c.mu held.
func (c *Conn) open(q *Request, x *exchange) error {
	if err := c.fits(q); err != nil {
		c.active--
		c.grant()
		return err
	}
	if c.left || c.next > 1<<31-1 {
		c.leave()
		c.active--
		return ErrUnsent
	}
	x.id = c.next
	c.next += 2
	x.window = c.initial
	c.live[x.id] = x
	c.arm(x.due)
	c.appendHead(q, x)
	c.appendData(x)
	c.flush()
	return nil
}

var (
	errHeaders = errors.New("the header of the call is larger than the server takes")
	errField   = errors.New("the header of the call has a character that none takes")
)

// fits checks what the server would refuse, or read otherwise.
func (c *Conn) fits(q *Request) error {
	size := len(q.Path) + len(q.ContentType) + len(c.cfg.Authority) + len(c.cfg.UserAgent) + 512
	ok := isText(q.Path) && isText(q.ContentType)
	for i := 0; i < len(q.Fields); i += 2 {
		f := field{q.Fields[i], q.Fields[i+1]}
		size += f.size()
		ok = ok && isText(f.name) && (isText(f.value) || strings.HasSuffix(f.name, binarySuffix))
	}
	switch {
	case !ok:
		return errField
	case size > c.headers:
		return errHeaders
	}
	return nil
}

// isText reports whether s is printable ASCII.
func isText(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// end takes x out of all that has it, and lets its caller go. Called with c.mu held.
func (c *Conn) end(x *exchange, err error) {
	if x.over {
		return
	}
	x.over, x.err = true, err
	if x.id == 0 {
		c.withdraw(x)
		x.wake()
	} else {
		delete(c.live, x.id)
		c.active--
		c.grant()
	}
	if x.blocked {
		i := slices.Index(c.blocked, x)
		c.blocked = slices.Delete(c.blocked, i, i+1)
	}
	x.done <- struct{}{}
}

// give ends x with a status that the server did not send as such; the server is told that nobody reads on.
func (c *Conn) give(x *exchange, s *status.Status, code http2.ErrCode) {
	x.failed = s
	c.reset(x, code)
	c.end(x, nil)
}

// grant lets those go on who may begin now. Called with c.mu held.
func (c *Conn) grant() {
	for c.queue.n > 0 && c.active < c.most && len(c.out) < maxOut {
		x := c.queue.first
		c.queue.remove(x)
		c.active++
		x.granted = true
		x.wake()
	}
}

// withdraw takes x, which never got an id, out of the queue, or gives back what it was granted.
func (c *Conn) withdraw(x *exchange) {
	if x.granted {
		c.active--
		c.grant()
		return
	}
	c.queue.remove(x)
}

// A queue is of exchanges that wait to begin; thousands may leave it at once as their time is up.
type queue struct {
	first, last *exchange
	n           int
}

func (q *queue) add(x *exchange) {
	if x.before = q.last; q.last == nil {
		q.first = x
	} else {
		q.last.after = x
	}
	q.last = x
	q.n++
}

func (q *queue) remove(x *exchange) {
	if x.before == nil {
		q.first = x.after
	} else {
		x.before.after = x.after
	}
	if x.after == nil {
		q.last = x.before
	} else {
		x.after.before = x.before
	}
	x.before, x.after = nil, nil
	q.n--
}

// A message is that of a reply, as it comes in: a flag, four bytes of length, and as many bytes.
type message struct {
	limit  int
	room   []byte
	prefix [5]byte
	got    int // bytes of prefix
	want   int // bytes of data
	data   []byte
}

func (m *message) begun() bool { return m.got == len(m.prefix) && len(m.data) == m.want }

// take takes what came; a status is why it cannot be taken.
func (m *message) take(p []byte) *status.Status {
	if m.got < len(m.prefix) {
		n := copy(m.prefix[m.got:], p)
		if m.got += n; m.got < len(m.prefix) {
			return nil
		}
		p = p[n:]
		length := binary.BigEndian.Uint32(m.prefix[1:])
		switch {
		case m.prefix[0] > 1:
			return status.New(codes.Internal, "the message of the reply has a flag that gRPC does not know")
		case uint64(length) > uint64(m.limit): //nolint:gosec // above 0
			return tooLarge(m.limit)
		}
		m.want = int(length)
		if m.data = m.room[:0:len(m.room)]; m.want > len(m.room) {
			m.data = make([]byte, 0, min(m.want, firstRoom)) // the rest as it comes
		}
	}
	if len(p) > m.want-len(m.data) {
		return status.New(codes.Internal, "the server answered with more than one message")
	}
	if free := cap(m.data) - len(m.data); len(p) > free {
		m.data = slices.Grow(m.data, min(m.want-len(m.data), max(len(p), cap(m.data))))
	}
	m.data = append(m.data, p...)
	return nil
}

// firstRoom is made for a reply before the bytes that it announces have come.
const firstRoom = 64 << 10

func tooLarge(limit int) *status.Status {
	return status.Newf(codes.ResourceExhausted, "the message of the reply is larger than %d bytes", limit)
}
