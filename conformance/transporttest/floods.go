package transporttest

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/transport"
)

// floodCases speak HTTP/2 to a listener as no client does.
func floodCases() []Case {
	http2 := []string{AbilityHTTP2}
	requests := []string{"Request"}
	return []Case{
		{ID: "T181", Group: "O", Sections: []string{"6.2", "8.3"}, Needs: requests, Abilities: http2,
			Rule: "Fifty thousand requests that are reset as they are made run no more handlers at once than may, and delay nobody.", Run: rapidReset},
		{ID: "T182", Group: "O", Sections: []string{"8.3"}, Needs: requests, Abilities: http2,
			Rule: "Floods of CONTINUATION, SETTINGS, PING, PRIORITY and empty DATA are ended or cost little, and delay nobody.", Run: floods},
	}
}

func rapidReset(ctx context.Context, e *Env) error {
	const streams, limit = 50_000, 8
	server, _ := e.Pair(ctx)
	dest := e.Name("reset")
	var running, most, entered atomic.Int64
	e.Handle(ctx, server, dest, func(context.Context, *transport.Message) (*transport.Message, error) {
		entered.Add(1)
		now := running.Add(1)
		defer running.Add(-1)
		for m := most.Load(); now > m && !most.CompareAndSwap(m, now); m = most.Load() {
		}
		e.Pause(e.Tick / 4) // as a handler that does not see at once that its caller is gone
		return nil, nil
	}, transport.WithConcurrency(limit))
	fields, data := e.h.HTTP2(dest, nil)
	before := heap()
	err := e.meanwhile(ctx, func() {
		for left := e.Count(streams); left > 0 && ctx.Err() == nil; {
			left -= e.resets(ctx, left, fields, data)
		}
	})
	switch {
	case err != nil:
		return err
	case most.Load() > limit:
		return fmt.Errorf("%d handlers ran at once, want %d at most", most.Load(), limit)
	case entered.Load() == 0:
		return fmt.Errorf("none of the requests was handled, so nothing is known")
	}
	e.Until("all handlers have ended", func() bool { return running.Load() == 0 })
	return grown(before, 32<<20, "after the resets")
}

// resets makes a connection, asks and resets at most n times, and returns how often it did. Fifty
// are asked before they are reset, so that handlers are entered on a machine that is slow to run them.
func (e *Env) resets(ctx context.Context, n int, fields []HTTP2Field, data []byte) int {
	c := e.stranger(ctx)
	if c == nil {
		return 0
	}
	defer func() { _ = c.Close() }()
	gone := drained(c)
	if _, err := c.Write(appendHello(nil)); err != nil {
		return 0
	}
	var requests, resets []byte
	for i := range n {
		stream := uint32(2*i + 1)
		requests = appendRequest(requests, stream, fields, data)
		resets = appendFrame(resets, frameReset, 0, stream, []byte{0, 0, 0, 8}) // CANCEL
		if i%50 != 49 && i != n-1 {
			continue
		}
		if _, err := c.Write(append(requests, resets...)); err != nil || closed(gone) {
			return i + 1
		}
		requests, resets = requests[:0], resets[:0]
	}
	if half, ok := c.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		<-gone // once all of it was read
	}
	return n
}

// drained reads and drops what c is told; the channel is closed when it ends.
func drained(c net.Conn) <-chan struct{} {
	gone := make(chan struct{})
	go func() { // ends with the connection
		defer close(gone)
		buf := make([]byte, 4<<10)
		for {
			if _, err := c.Read(buf); err != nil {
				return
			}
		}
	}()
	return gone
}

// A flood is one frame, said again and again after a beginning.
type flood struct {
	name  string
	begin func(b []byte) []byte
	frame []byte
	most  int  // bytes that may be taken before the end; 0 is any number, where each frame is cheap
	deaf  bool // what comes back is not read
}

func (e *Env) floods() []flood {
	fields, _ := e.h.HTTP2(e.Name("served"), nil)
	open := func(b []byte) []byte {
		return appendFrame(b, frameHeaders, flagEndHeaders, 1, appendFields(nil, fields))
	}
	header := appendFields(nil, []HTTP2Field{{"x-flood", text(1000)}})
	return []flood{
		{"CONTINUATION", func(b []byte) []byte { return appendFrame(b, frameHeaders, 0, 1, appendFields(nil, fields)) },
			appendFrame(nil, frameContinuation, 0, 1, header), 8 << 20, false},
		{"empty CONTINUATION", func(b []byte) []byte { return appendFrame(b, frameHeaders, 0, 1, appendFields(nil, fields)) },
			appendFrame(nil, frameContinuation, 0, 1, nil), 0, false},
		{"SETTINGS whose answers are not read", nil, appendFrame(nil, frameSettings, 0, 0, nil), 128 << 20, true},
		{"PING whose answers are not read", nil, appendFrame(nil, framePing, 0, 0, make([]byte, 8)), 128 << 20, true},
		{"SETTINGS", nil, appendFrame(nil, frameSettings, 0, 0, nil), 0, false},
		{"PING", nil, appendFrame(nil, framePing, 0, 0, make([]byte, 8)), 0, false},
		{"PRIORITY", nil, appendFrame(nil, framePriority, 0, 3, []byte{0, 0, 0, 0, 16}), 0, false},
		{"empty DATA", open, appendFrame(nil, frameData, 0, 1, nil), 0, false},
		{"unknown frames", nil, appendFrame(nil, 0x7f, 0, 0, make([]byte, 100)), 0, false},
	}
}

func floods(ctx context.Context, e *Env) error {
	e.Pair(ctx)
	for _, f := range e.floods() {
		before := heap()
		err := e.flooded(ctx, &f)
		if err == nil {
			err = grown(before, 16<<20, "afterwards")
		}
		if err != nil {
			e.Errorf("a flood of %s: %v", f.name, err)
		}
	}
	return nil
}

func (e *Env) flooded(ctx context.Context, f *flood) error {
	c := e.stranger(ctx)
	if c == nil {
		return fmt.Errorf("no connection is to be had")
	}
	defer func() { _ = c.Close() }()
	if f.deaf {
		deaf(c)
	} else {
		drained(c)
	}
	hello := appendHello(nil)
	if f.begin != nil {
		hello = f.begin(hello)
	}
	said, ended := 0, false
	err := e.meanwhile(ctx, func() { said, ended = e.pour(c, hello, f) })
	if err == nil && f.most > 0 && !ended {
		return fmt.Errorf("%d MiB of it were taken, and no end was seen", said>>20)
	}
	return err
}

// pour writes f for a second, or until the other side ends it or takes no more.
func (e *Env) pour(c net.Conn, hello []byte, f *flood) (said int, ended bool) {
	batch := hello
	for len(batch) < 32<<10 {
		batch = append(batch, f.frame...)
	}
	for start := time.Now(); time.Since(start) < 2*e.Tick || f.most > 0 && said < f.most; {
		_ = c.SetWriteDeadline(time.Now().Add(5 * e.Tick))
		n, err := c.Write(batch)
		if said += n; err != nil {
			return said, true
		}
		batch = batch[:0]
		for len(batch) < 32<<10 {
			batch = append(batch, f.frame...)
		}
	}
	return said, false
}
