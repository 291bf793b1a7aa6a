package stranger

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// A link is one TCP connection, with one goroutine that reads and one that writes.
type link struct {
	conn net.Conn
	out  chan []byte
	gone chan struct{} // closed when nothing is read any more

	mu    sync.Mutex // guards the fields below
	calls map[uint64]chan *frame
	next  uint64
}

// connect dials the hub; the caller runs read and write.
func connect(ctx context.Context, addr string) (*link, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return &link{conn: conn, out: make(chan []byte, 64), gone: make(chan struct{}), calls: map[uint64]chan *frame{}}, nil
}

// read hands over deliveries and answers calls until the connection ends.
func (l *link) read(deliver func(*frame)) error {
	defer close(l.gone)
	defer l.conn.Close()
	r := bufio.NewReaderSize(l.conn, maxHead)
	for {
		f, err := decode(r)
		if err != nil {
			return err
		}
		if f.Op == "deliver" {
			deliver(f)
			continue
		}
		l.mu.Lock()
		answer := l.calls[f.ID]
		delete(l.calls, f.ID)
		l.mu.Unlock()
		if answer != nil {
			answer <- f // capacity 1
		}
	}
}

// write is the one goroutine that writes, so that a frame whose caller gave up is still whole.
func (l *link) write() {
	for {
		select {
		case b := <-l.out:
			if _, err := l.conn.Write(b); err != nil {
				_ = l.conn.Close() // ends the reader
				return
			}
		case <-l.gone:
			return
		}
	}
}

// errLost ends the calls of a link that is gone.
var errLost = errors.New("the connection to the hub is lost")

// post writes f, whose bytes are copied before it returns, also when ctx ends first.
func (l *link) post(ctx context.Context, f *frame) error {
	b, err := encode(f)
	if err != nil {
		return &refused{"resource_exhausted", err.Error()}
	}
	select {
	case l.out <- b:
		return nil
	case <-l.gone:
		return errLost
	case <-ctx.Done():
		return ctx.Err()
	}
}

// call writes f and waits for the hub's answer.
func (l *link) call(ctx context.Context, f *frame) error {
	answer := make(chan *frame, 1)
	l.mu.Lock()
	l.next++
	f.ID = l.next
	l.calls[f.ID] = answer
	l.mu.Unlock()
	defer func() {
		l.mu.Lock()
		delete(l.calls, f.ID)
		l.mu.Unlock()
	}()
	if err := l.post(ctx, f); err != nil {
		return err
	}
	select {
	case got := <-answer:
		if ctx.Err() != nil {
			return ctx.Err() // never nil after ctx ended
		}
		if got.Op != "ok" {
			return &refused{got.Code, got.Text}
		}
		return nil
	case <-l.gone:
		return errLost
	case <-ctx.Done():
		l.cancel(f.ID, answer)
		return ctx.Err()
	}
}

// cancel has the hub forget a send that still waits for room. It waits for the answer, but not for
// long: whoever makes room next may be faster than a cancel on its way.
func (l *link) cancel(id uint64, answer <-chan *frame) {
	patience := time.NewTimer(50 * time.Millisecond)
	defer patience.Stop()
	select {
	case l.out <- fmt.Appendf(nil, "{\"op\":\"cancel\",\"id\":%d}\n", id):
	case <-l.gone:
		return
	case <-patience.C:
		return
	}
	select {
	case <-answer:
	case <-l.gone:
	case <-patience.C:
	}
}

// A refused error is the hub's answer.
type refused struct{ code, text string }

func (r *refused) Error() string { return r.code + ": " + r.text }
