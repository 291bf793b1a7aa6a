package transporttest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"runtime"

	"github.com/polywire/polywire/transport"
)

func payloadCases() []Case {
	return []Case{
		{ID: "T107", Group: "I", Sections: []string{"2.4"},
			Rule: "Bodies of every size around the powers of two, and of exactly the limit, arrive equal.", Run: bodySizes},
		{ID: "T108", Group: "I", Sections: []string{"2.4"},
			Rule: "A body above the limit is refused with ResourceExhausted, and the Conn works on.", Run: bodyTooLarge},
		{ID: "T109", Group: "I", Sections: []string{"2.4"},
			Rule: "Bodies that look like parts of protocols arrive byte-equal.", Run: bodyContents},
		{ID: "T111", Group: "I", Sections: []string{"2.4"}, Needs: []string{"Request"},
			Rule: "A reply above the caller's limit is ResourceExhausted there, and the server goes on.", Run: replyTooLarge},
		{ID: "T112", Group: "I", Sections: []string{"6.3"}, Needs: []string{"Request"}, Tier: Nightly,
			Rule: "A thousand bodies of 1 MiB leave no more than 64 of them in memory.", Run: bodyMemory},
		{ID: "T114", Group: "I", Sections: []string{"2.5"},
			Rule: "The caller may reuse its body once the verb returned.", Run: bodyReused},
		{ID: "T115", Group: "I", Sections: []string{"2.5"}, Needs: []string{"Send"},
			Rule: "A Clone that a handler keeps stays intact under load.", Run: cloneKept},
		{ID: "T242", Group: "I", Sections: []string{"2.4"}, Needs: []string{"Request"},
			Rule: "A body above the receiver's own, lower limit is refused there.", Run: bodyTooLargeThere},
	}
}

// maxBody is the limit that both sides have without options.
func (e *Env) maxBody() int {
	if n := e.Features.MaxBody; n > 0 && n < 4<<20 {
		return n
	}
	return 4 << 20
}

func sameBody(want []byte) func(*transport.Message) error {
	sum := sha256.Sum256(want)
	return func(got *transport.Message) error {
		if sha256.Sum256(got.Body) != sum {
			return fmt.Errorf("the body of %d bytes arrived with %d, or changed", len(want), len(got.Body))
		}
		return nil
	}
}

func bodySizes(ctx context.Context, e *Env) error {
	c := newCarrier(ctx, e)
	random := rand.NewChaCha8([32]byte{1})
	sizes := []int{0, 1, e.maxBody()}
	for n := 6; n <= 20; n++ {
		sizes = append(sizes, 1<<n-1, 1<<n, 1<<n+1)
	}
	for _, size := range sizes {
		if size > e.maxBody() {
			continue
		}
		body := make([]byte, size)
		_, _ = random.Read(body) // never fails, by its contract
		if err := c.carry(ctx, &transport.Message{Body: body}, sameBody(body)); err != nil {
			return fmt.Errorf("%d bytes: %w", size, err)
		}
	}
	return nil
}

func bodyTooLarge(ctx context.Context, e *Env) error {
	c := newCarrier(ctx, e)
	c.refused(ctx, &transport.Message{Body: make([]byte, e.maxBody()+1)}, transport.CodeResourceExhausted, "a body of the limit and one byte")
	body := []byte("still works")
	return c.carry(ctx, &transport.Message{Body: body}, sameBody(body))
}

func bodyContents(ctx context.Context, e *Env) error {
	c := newCarrier(ctx, e)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	bodies := [][]byte{all, make([]byte, 100), bytes.Repeat([]byte("\r\n"), 50)}
	for _, s := range []string{
		"\x00\n", "MESSAGE\nsubscription:0\n\n\x00", "{\"a\":1", "</a>", "0\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "data: x\n\n", "--boundary--\r\n", "\xff\xfe\xfd", "a\xc3", "\n", " ", "null", "\xce",
	} {
		bodies = append(bodies, []byte(s))
	}
	for _, body := range bodies {
		if err := c.carry(ctx, &transport.Message{Body: body}, sameBody(body)); err != nil {
			return fmt.Errorf("%.40q: %w", body, err)
		}
	}
	return nil
}

func replyTooLarge(ctx context.Context, e *Env) error {
	server, client := e.Fresh(ctx, ConnOptions{Client: []transport.Option{transport.WithMaxBody(1000)}})
	dest := e.Name("reply")
	e.Handle(ctx, server, dest, func(_ context.Context, msg *transport.Message) (*transport.Message, error) {
		if string(msg.Body) == "large" {
			return &transport.Message{Body: make([]byte, 1001)}, nil
		}
		return &transport.Message{Body: make([]byte, 1000)}, nil
	})
	for range 2 {
		_, err := client.Request(ctx, &transport.Message{Destination: dest, Body: []byte("large")})
		e.WantCode(err, transport.CodeResourceExhausted, "a reply of 1001 bytes where 1000 are allowed")
		reply, err := client.Request(ctx, &transport.Message{Destination: dest, Body: []byte("fits")})
		e.Must(err, "a reply of 1000 bytes")
		if len(reply.Body) != 1000 {
			return fmt.Errorf("the reply has %d bytes", len(reply.Body))
		}
	}
	return nil
}

func bodyTooLargeThere(ctx context.Context, e *Env) error {
	server, client := e.Fresh(ctx, ConnOptions{Server: []transport.Option{transport.WithMaxBody(1000)}})
	dest := e.Name("there")
	in := newInbox(e)
	e.Handle(ctx, server, dest, in.handle)
	_, err := client.Request(ctx, &transport.Message{Destination: dest, Body: make([]byte, 1001)})
	e.WantCode(err, transport.CodeResourceExhausted, "a request of 1001 bytes where the handler's side allows 1000")
	if in.len() != 0 {
		return fmt.Errorf("the handler was entered")
	}
	_, err = client.Request(ctx, &transport.Message{Destination: dest, Body: make([]byte, 1000)})
	return err
}

func bodyMemory(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("memory")
	e.Handle(ctx, server, dest, nothing)
	body := make([]byte, min(1<<20, e.maxBody()))
	before := heap()
	for range e.Count(1000) {
		_, err := client.Request(ctx, &transport.Message{Destination: dest, Body: body})
		e.Must(err, "request")
	}
	if grown := heap() - before; grown > 64*int64(len(body)) {
		return fmt.Errorf("the heap grew by %d MiB", grown>>20)
	}
	return nil
}

// nothing is a handler that does nothing.
func nothing(context.Context, *transport.Message) (*transport.Message, error) { return nil, nil }

// heap is what is in use, without what pools keep: that takes two collections to go.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func bodyReused(ctx context.Context, e *Env) error {
	c := newCarrier(ctx, e)
	body := make([]byte, 1000)
	for _, style := range []string{"Send", "Request", "Publish", "Gather"} {
		if !e.Features.Has(style) {
			continue
		}
		for i := range 20 {
			id := fmt.Sprintf("%s-%d", style, i)
			fill(body, byte(i))
			m := &transport.Message{ID: id, Body: body}
			m.Header.Add("x-a", "sent")
			_, err := c.call(ctx, style, m)
			e.Must(err, style)
			fill(body, 0xdd)
			m.Header.Set("x-a", "overwritten")
			got := c.in.find(id)
			if !bytes.Equal(got.Body, bytes.Repeat([]byte{byte(i)}, 1000)) || got.Header.Get("x-a") != "sent" {
				return fmt.Errorf("%s: the handler saw what the caller wrote after the call had returned", style)
			}
		}
	}
	return nil
}

func cloneKept(ctx context.Context, e *Env) error {
	server, client := e.Pair(ctx)
	dest := e.Name("clone")
	in := newInbox(e) // keeps clones
	e.Handle(ctx, server, dest, in.handle)
	n := e.Count(200)
	for i := range n {
		m := &transport.Message{Destination: dest, Body: bytes.Repeat([]byte{byte(i)}, 500)}
		m.Header.Set("x-i", fmt.Sprint(i))
		e.Must(client.Send(ctx, m), "send")
	}
	for _, m := range in.wait(n) {
		var i int
		_, err := fmt.Sscan(m.Header.Get("x-i"), &i)
		if err != nil || !bytes.Equal(m.Body, bytes.Repeat([]byte{byte(i)}, 500)) {
			return fmt.Errorf("a kept message changed: %q, %x", m.Header.Get("x-i"), m.Body[:8])
		}
	}
	return nil
}
