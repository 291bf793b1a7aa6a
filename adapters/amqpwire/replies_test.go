package amqpwire

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/polywire/polywire/internal/brokertest"
	"github.com/polywire/polywire/transport"
)

// repliesTaken watches the queue of replies at a fake broker.
type repliesTaken struct {
	published chan bool     // for each message, whether its replies had a consumer
	asked     chan struct{} // for the declaration that gets no answer

	mu      sync.Mutex // guards the fields below
	silent  bool       // the next declaration gets no answer
	conn    *fakeConn  // whose consumer it is; nil without one
	channel uint16
	tag     string
}

func newRepliesTaken() *repliesTaken {
	return &repliesTaken{published: make(chan bool, 1), asked: make(chan struct{}, 1)}
}

func (r *repliesTaken) hook(c *fakeConn, m fakeMethod) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch [2]uint16{m.class, m.method} {
	case [2]uint16{50, 10}: // queue.declare
		if strings.HasPrefix(readShort(m.args[2:]), "pw.reply.") && r.silent {
			r.silent = false
			r.asked <- struct{}{}
			return true
		}
	case [2]uint16{60, 20}: // consume
		queue := readShort(m.args[2:])
		if strings.HasPrefix(queue, "pw.reply.") {
			r.conn, r.channel, r.tag = c, m.channel, readShort(m.args[3+len(queue):])
		}
	case [2]uint16{60, 40}: // publish
		r.published <- r.conn != nil
	}
	return false
}

// request makes one that nobody answers, and waits until the broker has it.
func (r *repliesTaken) request(t *testing.T, c *transport.Conn) (cancel context.CancelFunc, result <-chan error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	failed := make(chan error, 1) // written once, by the call
	go func() {
		_, err := c.Request(ctx, &transport.Message{Destination: "x"})
		failed <- err
	}()
	if !brokertest.Receive(t, r.published) {
		t.Error("a request was written while its replies had no queue")
	}
	return cancel, failed
}

// TestARequestIsWrittenWhenItsRepliesHaveAQueue restarts a broker that is slow to declare it.
func TestARequestIsWrittenWhenItsRepliesHaveAQueue(t *testing.T) {
	b, r := startFake(t), newRepliesTaken()
	b.hook = r.hook
	c := openConn(t, b.url()+"?connect-timeout=200ms")
	for range 2 {
		cancel, result := r.request(t, c)
		cancel()
		if err := brokertest.Receive(t, result); !errors.Is(err, transport.CodeCanceled) {
			t.Errorf("the call ended with %v", err)
		}
		r.mu.Lock()
		r.silent, r.conn = true, nil
		r.mu.Unlock()
		b.drop()
		brokertest.Receive(t, r.asked)
	}
}

func TestWhoeverWaitsForRepliesHearsThatTheirQueueIsGone(t *testing.T) {
	b, r := startFake(t), newRepliesTaken()
	b.hook = r.hook
	c := openConn(t, b.url())
	for range 2 {
		cancel, result := r.request(t, c)
		defer cancel()
		r.mu.Lock()
		conn, channel, tag := r.conn, r.channel, r.tag
		r.conn = nil
		r.mu.Unlock()
		conn.say(channel, concat(method(60, 30), short(tag), []byte{1}))
		if err := brokertest.Receive(t, result); !errors.Is(err, errRepliesLost) {
			t.Errorf("the call ended with %v", err)
		}
	}
}

// TestRequestsAreGivenBackWhenTheQueueOfSendsIsSilent holds a handler to take requests first, and to keep none that it cannot handle.
func TestRequestsAreGivenBackWhenTheQueueOfSendsIsSilent(t *testing.T) {
	b := startFake(t)
	consumed, closed := make(chan uint16, 1), make(chan uint16, 1)
	b.hook = func(c *fakeConn, m fakeMethod) bool {
		switch [2]uint16{m.class, m.method} {
		case [2]uint16{60, 20}:
			if readShort(m.args[2:]) == "pw.r.x" {
				consumed <- m.channel
			}
		case [2]uint16{20, 40}:
			closed <- m.channel
		case [2]uint16{50, 10}:
			return readShort(m.args[2:]) == "pw.q.x"
		}
		return false
	}
	c := openConn(t, b.url())
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	handler := func(context.Context, *transport.Message) (*transport.Message, error) { return nil, nil }
	if _, err := c.Handle(ctx, "x", handler); !errors.Is(err, transport.CodeDeadlineExceeded) {
		t.Errorf("Handle gives %v", err)
	}
	if channel := brokertest.Receive(t, consumed); brokertest.Receive(t, closed) != channel {
		t.Error("another channel was closed")
	}
}
