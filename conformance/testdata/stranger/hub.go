package stranger

import (
	"bufio"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bounds of one queue.
const (
	maxQueued      = 2048
	maxQueuedBytes = 64 << 20
)

// A Hub takes connections and moves messages between them, in memory.
type Hub struct {
	listener net.Listener
	running  sync.WaitGroup

	mu     sync.Mutex // guards the fields below and all that they lead to
	peers  map[*peer]struct{}
	queues map[string]*queue
	closed bool
}

// A queue is what consumers share: a destination, a subscription, a group, or a reply address.
type queue struct {
	key, kind, pattern, group string
	waiting                   []*item
	bytes                     int
	consumers                 []*consumer
	held                      []held // sends that wait for room
}

// A held send has no answer yet.
type held struct {
	p *peer
	f *frame
}

type item struct {
	f       frame
	due     time.Time
	attempt int
}

type consumer struct {
	p    *peer
	id   uint64
	q    *queue
	free int
}

// A peer is one connection.
type peer struct {
	conn      net.Conn
	consumers map[uint64]*consumer
	unsettled map[uint64]unsettled
	tag       uint64
	out       [][]byte
	more      chan struct{} // capacity 1: out has something
}

type unsettled struct {
	c *consumer
	m *item
}

// Listen starts a hub at addr, as "127.0.0.1:0".
func Listen(addr string) (*Hub, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	h := &Hub{listener: l, peers: map[*peer]struct{}{}, queues: map[string]*queue{}}
	h.running.Go(h.accept)
	return h, nil
}

// Addr is where it listens.
func (h *Hub) Addr() string { return h.listener.Addr().String() }

// Close drops every connection, and all that it keeps.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	for p := range h.peers {
		_ = p.conn.Close()
	}
	h.mu.Unlock()
	_ = h.listener.Close()
	h.running.Wait()
}

func (h *Hub) accept() {
	for {
		conn, err := h.listener.Accept()
		if err != nil {
			return
		}
		p := &peer{conn: conn, consumers: map[uint64]*consumer{}, unsettled: map[uint64]unsettled{}, more: make(chan struct{}, 1)}
		h.mu.Lock()
		if h.closed {
			_ = conn.Close()
		}
		h.peers[p] = struct{}{}
		h.mu.Unlock()
		gone := make(chan struct{})
		h.running.Go(func() { h.write(p, gone) })
		h.running.Go(func() {
			h.read(p)
			close(gone)
			h.leave(p)
		})
	}
}

func (h *Hub) read(p *peer) {
	r := bufio.NewReaderSize(p.conn, maxHead)
	for {
		f, err := decode(r)
		if err != nil {
			return
		}
		h.mu.Lock()
		h.handle(p, f)
		h.mu.Unlock()
	}
}

func (h *Hub) write(p *peer, gone <-chan struct{}) {
	for {
		select {
		case <-p.more:
		case <-gone:
			return
		}
		h.mu.Lock()
		out := p.out
		p.out = nil
		h.mu.Unlock()
		buffers := net.Buffers(out)
		if _, err := buffers.WriteTo(p.conn); err != nil {
			_ = p.conn.Close() // ends the reader
			return
		}
	}
}

// push queues a frame for p: credit bounds how many there are.
func (p *peer) push(f *frame) {
	b, err := encode(f)
	if err != nil {
		_ = p.conn.Close()
		return
	}
	p.out = append(p.out, b)
	select {
	case p.more <- struct{}{}:
	default:
	}
}

// leave returns what p had not settled, in its order, to those who are left.
func (h *Hub) leave(p *peer) {
	_ = p.conn.Close()
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.peers, p)
	h.cancel(p, 0)
	for id := range p.consumers {
		h.unbind(p, id)
	}
	var tags []uint64
	for tag := range p.unsettled {
		tags = append(tags, tag)
	}
	slices.Sort(tags)
	for _, tag := range slices.Backward(tags) {
		u := p.unsettled[tag]
		u.m.attempt++
		h.putBack(u)
	}
}

func (h *Hub) handle(p *peer, f *frame) {
	answer := &frame{Op: "ok", ID: f.ID}
	switch f.Op {
	case "bind":
		h.bind(p, f)
		return
	case "unbind":
		h.unbind(p, f.Binding)
	case "send":
		h.send(p, f)
		return
	case "cancel":
		h.cancel(p, f.ID)
		answer.Op, answer.Code = "err", "canceled" // the call's answer, unless it had one
	case "accept", "release":
		h.settle(p, f)
		return
	case "ping", "bye":
	default:
		answer.Op, answer.Code, answer.Text = "err", "unimplemented", "unknown op"
	}
	p.push(answer)
}

func (h *Hub) bind(p *peer, f *frame) {
	key := f.Kind + " " + f.Name
	if f.Kind == "topic" && f.Group == "" {
		key += " " + p.conn.RemoteAddr().String() + " " + strconv.FormatUint(f.Binding, 10)
	} else if f.Kind == "topic" {
		key += " group " + f.Group
	}
	q := h.queue(key, f.Kind, f.Name)
	q.group = f.Group
	c := &consumer{p: p, id: f.Binding, q: q, free: max(f.Credit, 1)}
	q.consumers = append(q.consumers, c)
	p.consumers[f.Binding] = c
	p.push(&frame{Op: "ok", ID: f.ID}) // ahead of the first delivery
	q.dispatch()
	h.admit(q)
}

func (h *Hub) queue(key, kind, pattern string) *queue {
	q := h.queues[key]
	if q == nil {
		q = &queue{key: key, kind: kind, pattern: pattern}
		h.queues[key] = q
	}
	return q
}

// unbind ends deliveries; what was delivered can still be settled.
func (h *Hub) unbind(p *peer, id uint64) {
	c := p.consumers[id]
	if c == nil {
		return
	}
	delete(p.consumers, id)
	q := c.q
	q.consumers = slices.DeleteFunc(q.consumers, func(x *consumer) bool { return x == c })
	h.sweep(q)
}

// sweep forgets a queue that nobody needs: a subscription ends with its last member.
func (h *Hub) sweep(q *queue) {
	if len(q.consumers) > 0 || q.kind == "queue" && len(q.waiting) > 0 {
		return
	}
	delete(h.queues, q.key)
	for _, x := range q.held { // without this queue nothing is in their way
		h.send(x.p, x.f)
	}
}

func (h *Hub) settle(p *peer, f *frame) {
	u, ok := p.unsettled[f.Tag]
	if !ok {
		return
	}
	delete(p.unsettled, f.Tag)
	u.c.free++
	if f.Op == "release" {
		h.putBack(u)
		return
	}
	u.c.q.dispatch()
	h.admit(u.c.q)
}

func (h *Hub) putBack(u unsettled) {
	q := u.c.q
	if h.queues[q.key] != q {
		if q.kind != "queue" {
			return // the subscription is gone
		}
		q = h.queue(q.key, q.kind, q.pattern)
	}
	q.waiting = slices.Insert(q.waiting, 0, u.m)
	q.bytes += len(u.m.f.body)
	q.dispatch()
}

// send queues a message for all who get it and answers, or holds it until there is room.
func (h *Hub) send(p *peer, f *frame) {
	to := h.targets(f)
	if f.Kind == "queue" && f.Waits && len(to[0].consumers) == 0 {
		h.sweep(to[0])
		p.push(&frame{Op: "err", ID: f.ID, Code: "no_handler"})
		return
	}
	for _, q := range to {
		switch {
		case q.room(f):
		case f.Waits:
			p.push(&frame{Op: "err", ID: f.ID, Code: "resource_exhausted", Text: "the queue is full"})
			return
		default:
			q.held = append(q.held, held{p, f})
			return
		}
	}
	for _, q := range to {
		m := &item{f: *f, attempt: 1}
		if f.Timeout > 0 {
			m.due = time.Now().Add(time.Duration(f.Timeout))
		}
		q.waiting = append(q.waiting, m)
		q.bytes += len(f.body)
		q.dispatch()
	}
	p.push(&frame{Op: "ok", ID: f.ID})
}

func (q *queue) room(f *frame) bool {
	return len(q.waiting) < maxQueued && (len(q.waiting) == 0 || q.bytes+len(f.body) <= maxQueuedBytes)
}

// admit takes held sends while there is room.
func (h *Hub) admit(q *queue) {
	for len(q.held) > 0 && q.room(q.held[0].f) {
		next := q.held[0]
		q.held = q.held[1:]
		h.send(next.p, next.f)
	}
}

// cancel forgets a held send whose caller gave up, or with id 0 all of a peer that left.
func (h *Hub) cancel(p *peer, id uint64) {
	for _, q := range h.queues {
		q.held = slices.DeleteFunc(q.held, func(x held) bool { return x.p == p && (id == 0 || x.f.ID == id) })
	}
}

func (h *Hub) targets(f *frame) (to []*queue) {
	switch f.Kind {
	case "queue":
		to = append(to, h.queue("queue "+f.Name, "queue", f.Name))
	case "reply":
		if q := h.queues["reply "+f.Name]; q != nil {
			to = append(to, q)
		}
	case "topic":
		groups := map[string]bool{"": false} // of a group whose members came by several patterns one gets it
		for _, q := range h.queues {
			if q.kind == "topic" && !groups[q.group] && match(strings.Split(q.pattern, "."), strings.Split(f.Name, ".")) {
				to = append(to, q)
				groups[q.group] = q.group != ""
			}
		}
	}
	return to
}

// dispatch gives what waits to consumers with credit, in turn.
func (q *queue) dispatch() {
	for len(q.waiting) > 0 {
		i := slices.IndexFunc(q.consumers, func(c *consumer) bool { return c.free > 0 })
		if i < 0 {
			return
		}
		c, m := q.consumers[i], q.waiting[0]
		q.consumers = append(slices.Delete(q.consumers, i, i+1), c)
		q.waiting[0] = nil
		q.waiting = q.waiting[1:]
		q.bytes -= len(m.f.body)
		c.deliver(m)
	}
}

func (c *consumer) deliver(m *item) {
	c.p.tag++
	f := m.f
	f.Op, f.ID, f.Binding, f.Tag, f.Attempt = "deliver", 0, c.id, c.p.tag, m.attempt
	if !m.due.IsZero() {
		f.Timeout = max(1, int64(time.Until(m.due)))
	}
	c.free--
	c.p.unsettled[c.p.tag] = unsettled{c, m}
	c.p.push(&f)
}

// match compares a pattern, in which * is a token and > one or more at the end, with a name.
func match(pattern, name []string) bool {
	for i, token := range pattern {
		if token == ">" {
			return len(name) > i
		}
		if i >= len(name) || token != "*" && token != name[i] {
			return false
		}
	}
	return len(pattern) == len(name)
}
