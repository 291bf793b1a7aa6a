package main

import (
	"context"
	"sync"
)

const channelKind = "the floor: channels alone; own goroutine; body shared, no headers, no ctx, no deadline, no names"

// A channel is what a program without a library would write.
type channel struct {
	calls   chan call     // written by callers, read by the handler, closed by close
	topics  []chan []byte // one for each subscriber: written by publications, read by it, closed by close
	running sync.WaitGroup
}

type call struct {
	body  []byte
	reply chan []byte // of the caller
}

func openChannel(_ context.Context, reply []byte) (requester, error) {
	c := &channel{calls: make(chan call)}
	c.running.Go(func() {
		for in := range c.calls {
			in.reply <- answer(reply, in.body)
		}
	})
	return c, nil
}

func (c *channel) caller(_ context.Context, body []byte) (func() ([]byte, error), error) {
	replies := make(chan []byte)
	return func() ([]byte, error) {
		c.calls <- call{body, replies}
		return <-replies, nil
	}, nil
}

func channelPublishes(_ context.Context, topics []string, deliver func(int, []byte)) (publisher, error) {
	const buffered = 64
	c := &channel{}
	for i := range topics { // all of one topic
		in := make(chan []byte, buffered)
		c.topics = append(c.topics, in)
		c.running.Go(func() {
			for body := range in {
				deliver(i, body)
			}
		})
	}
	return c, nil
}

func (c *channel) publication(_ context.Context, _ string, body []byte) (func() error, error) {
	return func() error {
		for _, out := range c.topics {
			out <- body
		}
		return nil
	}, nil
}

func (c *channel) close() error {
	if c.calls != nil {
		close(c.calls)
	}
	for _, out := range c.topics {
		close(out)
	}
	c.running.Wait()
	return nil
}
