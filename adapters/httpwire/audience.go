package httpwire

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/internal/router"
	"github.com/polywire/polywire/transport"
)

const (
	// defaultCredit is how many messages wait for a subscriber that settles none, besides a batch.
	defaultCredit = 256
	// together is how long after one small write to a subscriber the next is made at the soonest. An
	// event after a while is written at once; of many, those of this time are written together. After a
	// write of worth bytes it is no time, since nothing is won by fewer ones.
	together = 500 * time.Microsecond
	worth    = 8 << 10
	// maxBehind are bytes of events that wait for one audience at most, if those that wait for all are
	// less than maxWaiting; else they are a batch. What comes on top is delivered, and shares its text.
	maxBehind  = maxRoom * 3 / 4
	maxWaiting = 64 << 20
	// farewell is the time for the last words to a subscriber.
	farewell = 20 * time.Millisecond
)

// An audience is a visitor that settles nothing: a message is done with once it is
// written. It implements [router.Reader].
//
//	idle ───▶ writing ◀──▶ paused      events come; of those soon after a write, a batch is made
//	  └──(ping)──┘
//
// Whoever brings the first event starts the goroutine that writes, and that ends once nothing is
// left, so an idle audience has neither a goroutine to write nor memory for it. end is for
// whoever notices that the audience is over; who then writes, or end itself, finishes.
type audience struct {
	n       *node
	sse     bool
	bound   transport.Bound // set before it is registered
	timer   *time.Timer     // runs tick: of the pause, or for a sign of life
	release func()          // ends what watches over the visitor's identity; may be nil
	done    chan struct{}   // closed by finish, read by the visit; nil where that does not wait
	sent    int             // bytes of the last write; of who writes

	mu    sync.Mutex // guards the fields below
	pen   pen        // used by who writes; nil while the visit writes the head
	room  *eventRoom // events that were read; nil for none
	queue []copied   // came after those, and are settled once they are written
	until time.Time  // of the pause
	state state
	over  bool
	why   *transport.Error // told as the last event; nil for no reason to tell
}

type state uint8

const (
	writing state = iota // also for good, once it is over
	paused
	idle
)

// A copied message waits to be written, in the words that all readers of it share.
type copied struct {
	d    transport.Delivery
	post *post
}

// A post is a delivered publication on its way to audiences, which share its text: it is
// written as JSON once, however many they are.
type post struct {
	env  *transport.Envelope
	once sync.Once
	text []byte // written by once
}

// share is the post of e. A router hands one publication to all its members in turn, in
// one envelope, so remembering the last is enough.
func (n *node) share(e *transport.Envelope) *post {
	p := n.latest.Load()
	if p == nil || p.env != e {
		p = &post{env: e}
		n.latest.Store(p)
	}
	return p
}

// attend binds a visitor that settles nothing. Where the visit's connection can be taken over,
// it returns at once and leaves the visitor to the audience.
func (v *visit) attend(b transport.Binding) error {
	a := &audience{n: v.n, sse: v.wantsSSE()}
	var err error
	if a.bound, err = v.n.a.router.Bind(v.r.Context(), b, a); err != nil {
		return err
	}
	if !v.n.admitAudience(a) {
		_ = a.bound.Unbind(context.Background()) // waits for Deliver alone, which does not block
		a.abandon()
		return transport.ErrClosed
	}
	v.w.Header()[nodeField] = []string{"1"}
	takes := v.takes()
	if takes {
		v.w.Header()["Connection"] = []string{"close"} // it is none of net/http's by the end of the stream
	}
	_ = v.begin().hello() // programs that show the head with the first bytes show it now; a visitor that is gone is noticed below
	a.timer = time.AfterFunc(v.n.a.limits.ping, a.tick)
	if takes && v.takeOver(a, v.claimOf(&b)) {
		return nil
	}
	a.done = make(chan struct{})
	a.begin(&responsePen{v})
	life, end := v.life(v.claimOf(&b))
	defer end()
	select {
	case <-life.Done():
		a.end(v.n.endOf(life))
	case <-a.done:
	}
	<-a.done
	return nil
}

// begin writes what has come, now that there is a pen.
func (a *audience) begin(p pen) {
	a.mu.Lock()
	a.pen = p
	a.mu.Unlock()
	a.run(false)
}

// Read implements router.Reader.
func (a *audience) Read(p *router.Post) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case a.over:
		return true // a copy of one's own is lost
	case len(a.queue) > 0:
		return false
	}
	if len(p.Text) == 0 {
		r := eventRoom{buf: p.Text, frames: &a.n.frames}
		r.event(p.Envelope)
		p.Text = r.buf
	}
	if !a.keep(a.form(p.Text, p.Envelope)) {
		return false
	}
	a.wake()
	return true
}

// keep puts text into a.room, unless that is full. mu is held.
func (a *audience) keep(text []byte) bool {
	held := 0
	if a.room != nil {
		held = len(a.room.buf)
	}
	if held+len(text) > a.n.mayWait() {
		return false
	}
	if a.room == nil {
		a.room = a.n.newRoom()
	}
	a.room.buf = append(a.room.buf, text...)
	a.n.waiting.Add(int64(len(text)))
	return true
}

// taken is what came since it was called last. mu is held.
func (a *audience) taken() (*eventRoom, []copied) {
	room, queue := a.room, a.queue
	a.room, a.queue = nil, nil
	if room != nil {
		a.n.waiting.Add(int64(chunkRoom - len(room.buf)))
	}
	return room, queue
}

// Deliver queues a message, which the binding's credit bounds.
func (a *audience) Deliver(d transport.Delivery) {
	a.mu.Lock()
	if a.over {
		a.mu.Unlock()
		attach.GiveBack(d)
		return
	}
	a.queue = append(a.queue, copied{d, a.n.share(d.Envelope())})
	a.wake()
	a.mu.Unlock()
}

// Lost is never called by a router.
func (a *audience) Lost(error) {}

// wake has written what came. mu is held.
func (a *audience) wake() {
	switch {
	case a.state == writing, a.state == paused && !a.full():
		return
	case a.state == idle && !a.full():
		if left := time.Until(a.until); left > 0 {
			a.state = paused
			a.timer.Reset(left)
			return
		}
	}
	a.state = writing
	go a.run(false) // ends once all is written; finish, which the node waits for, comes after it
}

// full reports whether nothing is won by waiting for more. mu is held.
func (a *audience) full() bool {
	return len(a.queue) > 0 || a.room != nil && len(a.room.buf) >= max(a.n.mayWait()/16, batchSize/4)
}

// mayWait is how many bytes of events may wait for one audience.
func (n *node) mayWait() int {
	if n.waiting.Load() < maxWaiting {
		return maxBehind
	}
	return batchSize
}

// tick ends a pause, or finds nothing to write for long.
func (a *audience) tick() {
	a.mu.Lock()
	if a.state == writing {
		a.mu.Unlock()
		return
	}
	a.state = writing
	a.mu.Unlock()
	a.run(true)
}

// run writes what has come, and a sign of life if nothing has and ping is set. Its caller has made the state writing.
func (a *audience) run(ping bool) {
	for {
		a.mu.Lock()
		room, queue := a.taken()
		switch {
		case a.over:
			a.mu.Unlock()
			a.n.freeRoom(room)
			a.finish(queue)
			return
		case room == nil && len(queue) == 0 && !ping:
			a.state = idle
			a.timer.Reset(a.n.a.limits.ping)
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
		err := a.write(room, queue)
		ping = false
		pause := together * time.Duration(max(0, worth-a.sent)) / worth
		a.mu.Lock()
		a.until = time.Now().Add(pause)
		switch {
		case err != nil:
			a.over = true
		case !a.over && a.room != nil && pause > 0 && !a.full():
			a.state = paused
			a.timer.Reset(pause)
			a.mu.Unlock()
			return
		}
		a.mu.Unlock()
	}
}

// write writes room, and then queue, which it settles.
func (a *audience) write(room *eventRoom, queue []copied) error {
	if room == nil {
		room = a.n.newRoom()
	}
	defer a.n.freeRoom(room)
	if room.empty() && len(queue) == 0 {
		room.buf = append(room.buf, signOfLife(a.sse)...)
	}
	var err error
	for i := 0; i < len(queue) && err == nil; i++ { // what is not sent is not made
		room.buf = append(room.buf, a.form(queue[i].post.words(a.n), queue[i].post.env)...)
		if len(room.buf) >= batchSize {
			err = a.send(a.pen.frame(room))
			room.clear()
		}
	}
	if !room.empty() && err == nil {
		err = a.send(a.pen.frame(room))
	}
	for i := range queue {
		settle(queue[i].d, err == nil)
	}
	return err
}

// send sends b, a batch at a time, for each of which the visitor has its time.
func (a *audience) send(b []byte) error {
	a.sent = len(b)
	for len(b) > 0 {
		a.mu.Lock()
		if !a.over { // else end has set the time
			a.pen.by(time.Now().Add(a.n.a.limits.write))
		}
		a.mu.Unlock()
		n := len(b)
		if n > 2*batchSize {
			n = batchSize
		}
		if err := a.pen.send(b[:n]); err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// settle ends a delivery that was written, or could not be.
func settle(d transport.Delivery, written bool) {
	if !written {
		attach.GiveBack(d)
		return
	}
	if d.Envelope().ReplyAddress != "" {
		_ = d.Reply(context.Background(), nil) // stale when its caller is gone
	}
	_ = d.Accept(context.Background()) // settled, or gone already
}

// words is the text of p.
func (p *post) words(n *node) []byte {
	p.once.Do(func() {
		r := eventRoom{buf: make([]byte, 0, len(p.env.Body)+512), frames: &n.frames}
		r.event(p.env)
		p.text = r.buf
	})
	return p.text
}

// end ends the audience, and tells why, if there is a reason to tell.
func (a *audience) end(why *transport.Error) {
	a.mu.Lock()
	if a.over {
		a.mu.Unlock()
		return
	}
	a.over, a.why = true, why
	if a.state == writing {
		if a.pen != nil {
			a.pen.by(time.Now().Add(farewell))
		}
		a.mu.Unlock()
		return // who writes finishes
	}
	a.state = writing
	a.mu.Unlock()
	a.finish(nil)
}

// finish gives back what was not written, and lets the visitor go. It is called once, by who made the state writing.
func (a *audience) finish(left []copied) {
	a.timer.Stop()
	_ = a.bound.Unbind(context.Background()) // waits for Deliver alone, which does not block
	for i := range left {
		attach.GiveBack(left[i].d)
	}
	a.abandon()
	if a.why != nil {
		room := a.n.newRoom()
		if room.failure(a.sse, a.why) == nil {
			a.pen.by(time.Now().Add(farewell))
			_ = a.pen.send(a.pen.frame(room)) // a peer that is gone needs no reason
		}
		a.n.freeRoom(room)
	}
	a.pen.close()
	if a.release != nil {
		a.release()
	}
	a.n.dismiss(a)
}

// abandon gives back what came and nobody will write.
func (a *audience) abandon() {
	a.mu.Lock()
	a.over = true
	room, queue := a.taken()
	a.mu.Unlock()
	a.n.freeRoom(room)
	for i := range queue {
		attach.GiveBack(queue[i].d)
	}
}

// admitAudience registers a, which has to be dismissed; false when the node closes.
func (n *node) admitAudience(a *audience) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.closed {
		return false
	}
	n.serving.Add(1)
	n.audiences[a] = struct{}{}
	return true
}

func (n *node) dismiss(a *audience) {
	n.mu.Lock()
	delete(n.audiences, a)
	n.mu.Unlock()
	if a.done != nil {
		close(a.done)
	}
	n.serving.Done()
}

// form is text, as event writes e, in the form that the visitor reads.
func (a *audience) form(text []byte, e *transport.Envelope) []byte {
	if a.sse {
		return text
	}
	before := len(dataLine)
	if citable(e.ID) {
		before += len(idLine) + len(e.ID) + 1
	}
	return text[before : len(text)-1]
}

// citable reports whether a line of server-sent events can hold id.
func citable(id string) bool { return id != "" && !strings.ContainsAny(id, "\r\n\x00") }
