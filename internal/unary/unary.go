// Package unary is the client side of gRPC's unary calls over one connection of HTTP/2 (RFC 9113), for calls that are
// many and small.
//
//	Call ─▶ header block and message into the buffer ─▶ whoever finds no writer writes for all ─▶ server
//	  ▲                                                                                             │
//	  └───────────────── a call ends ◀── the connection's reader: frames ◀──────────────────────────┘
//
// The caller's goroutine makes and writes the frames, and is woken once, with the whole reply. The frames of the
// network are read by x/net's Framer and HPACK decoder. Nothing is asked twice: an error says what is known
// of a call's fate. There are no streams, no interceptors, no name resolution and no compression of what is sent.
package unary

import (
	"context"
	"errors"
	"math"
	"time"

	"golang.org/x/net/http2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
)

// What is known of a call that has no reply. Errors of [Conn.Call] that are none of these and no
// ctx's are a lost connection: nobody knows whether the call ran.
var (
	ErrUnsent  = errors.New("the connection went out of use before the call was sent") // or the server said by GOAWAY that it did nothing
	ErrRefused = errors.New("the peer refused the stream, and did nothing with the call")
)

// A Config says how a [Conn] calls.
type Config struct {
	Scheme    string // http or https
	Authority string // host:port
	UserAgent string
	Window    int           // bytes that the server may send of a reply before they are taken; four times as many by the connection
	Headers   int           // bytes of a reply's header, and of its trailer, as HTTP/2 counts them
	Streams   int           // calls at once, where the server allows as many; more wait
	Alive     time.Duration // with calls under way, the connection may be silent as long before the server is asked for a sign of life
	Answer    time.Duration // for that sign to come, and for the server to take what is written
}

// A Request is one call. It is read until Call returns.
type Request struct {
	Path        string
	ContentType string
	Timeout     time.Duration // grpc-timeout; 0 is none
	Due         time.Time     // the call ends then; zero is never
	Fields      []string      // keys, in lower case, and their values, which are bytes where the key ends in -bin
	Message     []byte
}

// A Reply is what came of a call. Limit and Room are the caller's.
type Reply struct {
	Limit int    // bytes of the message, also when it is unpacked
	Room  []byte // for a message that fits

	Header, Trailer metadata.MD    // not to be changed: calls share them
	Status          *status.Status // nil is OK
	Message         []byte
}

// Call makes a call, of which r has the message on success and else the status. It ends with ctx, and when r's time is
// up, by [context.DeadlineExceeded]; the server is told.
func (c *Conn) Call(ctx context.Context, q *Request, r *Reply) error {
	x, _ := c.pool.Get().(*exchange)
	if x == nil {
		x = &exchange{done: make(chan struct{}, 1), turn: make(chan struct{}, 1)}
	}
	x.due, x.rest, x.body = q.Due, q.Message, message{limit: min(r.Limit, math.MaxInt32), room: r.Room}
	x.unframed = true
	err := c.exchange(ctx, q, x)
	switch {
	case err == nil:
		err = x.result(r)
	case errors.Is(err, errHeaders), errors.Is(err, errField):
		r.Status, err = status.New(codes.Internal, err.Error()), nil
	}
	select {
	case <-x.turn: // a turn that came after the end
	default:
	}
	*x = exchange{done: x.done, turn: x.turn}
	c.pool.Put(x)
	return err
}

// exchange sends q and waits until x is over.
func (c *Conn) exchange(ctx context.Context, q *Request, x *exchange) error {
	c.mu.Lock()
	err := c.admit(ctx, x)
	if err == nil {
		err = c.open(q, x)
	}
	if err != nil {
		c.mu.Unlock()
		return err
	}
	for !x.sent && !x.over {
		if len(c.out) < maxOut && c.takes(x) { // the others were written meanwhile
			c.appendData(x)
			c.flush()
			continue
		}
		if !x.blocked {
			c.blocked, x.blocked = append(c.blocked, x), true
		}
		c.mu.Unlock()
		var gaveUp error
		select {
		case <-x.turn:
		case <-x.done:
			return nil
		case <-ctx.Done():
			gaveUp = ctx.Err()
		}
		c.mu.Lock()
		if gaveUp != nil {
			return c.abandon(x, gaveUp)
		}
	}
	c.mu.Unlock()
	if ctx.Done() == nil {
		<-x.done
		return nil
	}
	select {
	case <-x.done:
		return nil
	case <-ctx.Done():
		c.mu.Lock()
		return c.abandon(x, ctx.Err())
	}
}

// abandon ends x for a caller who gave up, and unlocks c.mu.
func (c *Conn) abandon(x *exchange, err error) error {
	if !x.over {
		c.reset(x, http2.ErrCodeCancel)
		c.end(x, err)
		c.flush()
	}
	c.mu.Unlock()
	<-x.done
	return err
}

// admit waits until x may begin. Called with c.mu held, returns with it held.
func (c *Conn) admit(ctx context.Context, x *exchange) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if c.left {
		return ErrUnsent
	}
	if c.active < c.most && c.queue.n == 0 && len(c.out) < maxOut {
		c.active++
		return nil
	}
	c.queue.add(x)
	c.arm(x.due)
	for !x.granted && !x.over {
		c.mu.Unlock()
		var gaveUp error
		select {
		case <-x.turn:
		case <-ctx.Done():
			gaveUp = ctx.Err()
		}
		c.mu.Lock()
		if gaveUp != nil && !x.over {
			c.withdraw(x)
			return gaveUp
		}
	}
	if x.over {
		<-x.done
		return x.err
	}
	return nil
}
