package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
)

// Header fields of every request and message, where the library has any.
const (
	tenantKey, tenant = "tenant", "t1"
	regionKey, region = "region", "eu"
	octets            = "application/octet-stream"
)

// A requester is a library with one handler that replies.
type requester interface {
	// caller prepares what one goroutine calls again and again: it sends body and
	// returns the body of the reply, valid until the next call.
	caller(ctx context.Context, body []byte) (func() ([]byte, error), error)
	close() error
}

// An answerer opens a requester whose handler replies with reply, or with the body
// that came when reply is nil.
type answerer func(ctx context.Context, reply []byte) (requester, error)

// answer is what a handler returns for body.
func answer(reply, body []byte) []byte {
	if reply == nil {
		return body
	}
	return reply
}

// requests makes an entry that calls with bodies of size bytes from several goroutines.
func requests(name, kind string, open answerer, size, callers int) entry {
	return entry{name: name, kind: kind, open: func(ctx context.Context) (rig, error) {
		r := &requestRig{open: open, reply: filled(size, 'r')}
		var err error
		if r.requester, err = open(ctx, r.reply); err != nil {
			return nil, err
		}
		body := filled(size, 'q')
		for range callers {
			call, err := r.caller(ctx, body)
			if err != nil {
				return nil, errors.Join(err, r.close())
			}
			r.calls = append(r.calls, call)
		}
		return r, nil
	}}
}

func filled(size int, with byte) []byte { return bytes.Repeat([]byte{with}, size) }

// A requestRig makes requests, each goroutine one after the other.
type requestRig struct {
	requester
	open  answerer
	reply []byte
	calls []func() ([]byte, error)
}

// run shares n requests out to the callers. A lone one is this goroutine.
func (r *requestRig) run(_ context.Context, n int) error {
	if len(r.calls) == 1 {
		return r.repeat(r.calls[0], n)
	}
	failed := make([]error, len(r.calls))
	var all sync.WaitGroup
	for i, call := range r.calls {
		share := n / len(r.calls)
		if i < n%len(r.calls) {
			share++
		}
		all.Go(func() { failed[i] = r.repeat(call, share) })
	}
	all.Wait()
	return errors.Join(failed...)
}

func (r *requestRig) repeat(call func() ([]byte, error), n int) error {
	for range n {
		got, err := call()
		if err != nil {
			return err
		}
		if last := len(got) - 1; len(got) != len(r.reply) || got[0] != r.reply[0] || got[last] != r.reply[last] {
			return fmt.Errorf("a reply of %d bytes %.8q…, want %d bytes %.8q…", len(got), got, len(r.reply), r.reply)
		}
	}
	return nil
}

// prove calls a handler that echoes from as many goroutines, each with bodies of its own,
// and then checks one whole reply of the handler that is timed.
func (r *requestRig) prove(ctx context.Context) error {
	echo, err := r.open(ctx, nil)
	if err != nil {
		return err
	}
	failed := make([]error, len(r.calls))
	var all sync.WaitGroup
	for i := range r.calls {
		all.Go(func() { failed[i] = proveEcho(ctx, echo, i, len(r.reply)) })
	}
	all.Wait()
	if err := errors.Join(append(failed, echo.close())...); err != nil {
		return err
	}
	got, err := r.calls[0]()
	if err == nil && !bytes.Equal(got, r.reply) {
		err = fmt.Errorf("the reply: got %q, want %q", got, r.reply)
	}
	return err
}

func proveEcho(ctx context.Context, echo requester, caller, size int) error {
	for i := range 3 {
		body := filled(size, byte('a'+i))
		copy(body, fmt.Sprintf("%d of %d", i, caller))
		call, err := echo.caller(ctx, body)
		if err != nil {
			return err
		}
		for range 2 {
			got, err := call()
			if err != nil {
				return err
			}
			if !bytes.Equal(got, body) {
				return fmt.Errorf("an echo: got %q, want %q", got, body)
			}
		}
	}
	return nil
}
