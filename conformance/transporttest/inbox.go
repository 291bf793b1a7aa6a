package transporttest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/polywire/polywire/transport"
)

// An inbox keeps what a handler gets.
type inbox struct {
	e     *Env
	lasts time.Duration // how long echo takes, without regard to its ctx

	mu   sync.Mutex // guards the fields below
	got  []*transport.Message
	more chan struct{} // closed and replaced by handle, read by wait
}

func newInbox(e *Env) *inbox { return &inbox{e: e, more: make(chan struct{})} }

// handle is a transport.Handler that keeps a copy and answers nothing.
func (b *inbox) handle(_ context.Context, msg *transport.Message) (*transport.Message, error) {
	b.add(msg)
	return nil, nil
}

// echo keeps a copy and answers with the message's body and header.
func (b *inbox) echo(ctx context.Context, msg *transport.Message) (*transport.Message, error) {
	b.add(msg)
	if b.lasts > 0 {
		b.e.Pause(b.lasts)
	}
	return echo(ctx, msg)
}

func (b *inbox) add(msg *transport.Message) {
	c := msg.Clone()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.got = append(b.got, c)
	close(b.more)
	b.more = make(chan struct{})
}

// all is what came so far.
func (b *inbox) all() []*transport.Message {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]*transport.Message(nil), b.got...)
}

func (b *inbox) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.got)
}

// wait returns what came once it is n messages, or stops the case.
func (b *inbox) wait(n int) []*transport.Message {
	return b.waitFor(func(got []*transport.Message) bool { return len(got) >= n }, fmt.Sprintf("%d messages", n))
}

// waitFor returns what came once enough, which must not call b, says so, or stops the case.
func (b *inbox) waitFor(enough func([]*transport.Message) bool, what string) []*transport.Message {
	t := time.NewTimer(b.e.Patience)
	defer t.Stop()
	for {
		b.mu.Lock()
		over, more := enough(b.got), b.more
		b.mu.Unlock()
		if over {
			return b.all()
		}
		select {
		case <-more:
		case <-t.C:
			b.e.Fatalf("waited %v for %s at the handler: %d messages came", b.e.Patience, what, b.len())
		}
	}
}

// echo answers with the body, content type and header of the request.
func echo(_ context.Context, msg *transport.Message) (*transport.Message, error) {
	c := msg.Clone()
	return &transport.Message{Body: c.Body, Header: c.Header, ContentType: c.ContentType}, nil
}

// failing is a handler that always fails with err.
func failing(err error) transport.Handler {
	return func(context.Context, *transport.Message) (*transport.Message, error) { return nil, err }
}
