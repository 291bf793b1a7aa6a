package router

import (
	"slices"

	"github.com/polywire/polywire/transport"
)

// A Reader is a sink that settles nothing of what is published: as the member of a subscription
// without a group it takes messages while their publisher waits, which costs no delivery, no
// copy and no settlement. What it has no room for is delivered to it as to any sink.
type Reader interface {
	transport.Sink
	// Read takes p, or reports that it has no room for it. It is called with a queue
	// locked, in order with Deliver, so it does not block and does not call the router.
	Read(p *Post) bool
}

// A Post is one publication on its way to Readers. It is theirs until Read returns.
type Post struct {
	Envelope *transport.Envelope // the publisher's, who may change it afterwards
	Text     []byte              // empty at first: what one Reader makes of it, for the next
}

// maxPost is how much memory of a Post is kept for the next.
const maxPost = 64 << 10

func (r *Router) post(e *transport.Envelope) *Post {
	p, ok := r.posts.Get().(*Post)
	if !ok {
		p = &Post{}
	}
	p.Envelope = e
	return p
}

func (r *Router) posted(p *Post) {
	if cap(p.Text) > maxPost {
		return
	}
	p.Envelope, p.Text = nil, p.Text[:0]
	r.posts.Put(p)
}

// read offers p to the Reader of q, if it has one and nothing older waits for it.
func (q *queue) read(p *Post) bool {
	if q.reader == nil {
		return false
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.dead || len(q.members) == 0 || q.count > 0 || !q.blocked.empty() {
		return false
	}
	m := q.members[0]
	return !m.busy && m.next.empty() && q.reader.Read(p)
}

// readers offers e to all Readers of rt, and returns what is left of it: nil for nothing.
func (r *Router) readers(e *transport.Envelope, rt *routes) *routes {
	first := slices.IndexFunc(rt.all, func(q *queue) bool { return q.reader != nil })
	if first < 0 {
		return rt
	}
	p := r.post(e)
	defer r.posted(p)
	var left []*queue
	for _, q := range rt.all[first:] {
		if !q.read(p) {
			left = append(left, q)
		}
	}
	if first+len(left)+len(rt.split) == 0 {
		return nil
	}
	return &routes{all: append(left, rt.all[:first]...), split: rt.split}
}
