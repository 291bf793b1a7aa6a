package httpwire

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/internal/reconnect"
	"github.com/polywire/polywire/transport"
)

// An attachment is one life of a stream from another node.
type attachment struct {
	r     *remote
	use   lease // until the stream ends
	link  *link
	token string
	life  context.Context
	end   context.CancelFunc // ends life, and with it the stream
	wake  chan struct{}      // room for one; written by tell, read by settle

	posting sync.Mutex // held while a settlement is posted, so that they arrive in order

	mu      sync.Mutex // guards the fields below
	open    map[uint64]*delivery
	told    attach.Settlement // not posted yet
	dead    bool
	leaving bool // stop was posted: the end of the stream is none of the connection
}

// dial opens a stream and returns once the other node delivers to it.
func (r *remote) dial(ctx context.Context, l *link) (*attachment, error) {
	a := r.b.a
	use, ok := r.e.Take()
	if !ok {
		return nil, departed(r.e)
	}
	t := &attachment{r: r, use: use, link: l, wake: make(chan struct{}, 1), open: map[uint64]*delivery{}}
	t.life, t.end = context.WithCancel(a.base)
	giveUp := context.AfterFunc(ctx, t.end)
	resp, err := use.Conn.get(t.life, use.Conn.streams, r.path(), ndjson)
	if !giveUp() && err == nil {
		_ = resp.Body.Close()
		err = context.Canceled
	}
	if err != nil {
		t.end()
		use.Release()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer use.Release()
		defer t.end()
		defer resp.Body.Close()
		return nil, r.notAttached(ctx, resp)
	}
	t.token = resp.Header.Get(streamField)
	read := func() {
		defer resp.Body.Close()
		t.lose(t.read(resp.Body))
	}
	if !a.spawn(read) || !a.spawn(t.settle) {
		t.lose(transport.ErrClosed)
		return nil, transport.ErrClosed
	}
	return t, nil
}

func (r *remote) path() string {
	q := url.Values{"credit": {strconv.Itoa(r.credit)}}
	if r.b.spec.Kind == transport.KindQueue {
		return "/handle/" + r.b.spec.Pattern + "?" + q.Encode()
	}
	if r.b.spec.Group != "" {
		q.Set("group", r.b.spec.Group)
	}
	return "/subscribe/" + url.PathEscape(r.b.spec.Pattern) + "?" + q.Encode()
}

func (r *remote) notAttached(ctx context.Context, resp *http.Response) error {
	answer, err := r.b.a.answer(ctx, resp)
	switch {
	case err != nil:
		return err
	case answer.Err != nil:
		return answer.Err
	}
	return transport.CodeUnknown.Errorf("%s answered a subscription with status %d", r.e.Address, resp.StatusCode)
}

// read delivers what comes until the stream ends.
func (t *attachment) read(body io.Reader) error {
	limits := &t.r.b.a.limits
	silence := time.AfterFunc(limits.silence, t.end)
	defer silence.Stop()
	limit := t.r.b.a.setup.MaxBody
	in := &eventReader{from: bufio.NewReaderSize(body, 16<<10), limit: maxLine(limit), alive: func() { silence.Reset(limits.silence) }}
	for {
		v, err := in.next()
		if err != nil {
			return err
		}
		if v.Error != nil {
			return v.Error.error() // why the stream ends
		}
		if v.Cancel != 0 {
			t.cancelled(v.Cancel)
			continue
		}
		if err := t.take(v, limit); err != nil {
			return err
		}
	}
}

func (t *attachment) take(v *event, limit int) error {
	e, err := v.envelope(limit)
	if err != nil {
		t.refuse(v, err)
		return nil
	}
	if e.Kind = t.r.b.spec.Kind; e.Kind == transport.KindQueue && e.Destination != t.r.b.spec.Pattern {
		return errors.New("the peer delivers another destination than was asked for")
	}
	if e.Timeout <= 0 {
		e.Timeout = defaultTimeout
	}
	e.Peer = t.r.b.a.home
	d := &delivery{t: t, n: v.N, env: e, ctx: context.Background()}
	if v.Reply {
		e.ReplyAddress, e.Gather = t.token+"/"+strconv.FormatUint(v.N, 10), v.Gather
		d.ctx, d.cancel = context.WithCancel(t.life)
	}
	t.mu.Lock()
	t.open[v.N] = d
	t.mu.Unlock()
	if !t.r.b.deliver(d) {
		_ = d.Release(t.life) // the first settlement of it
	}
	return nil
}

// refuse settles a message that no handler may see, and tells its caller why.
func (t *attachment) refuse(v *event, err error) {
	d := &delivery{t: t, n: v.N, env: &transport.Envelope{}, ctx: t.life}
	_ = d.Accept(t.life) // the first settlement of it
	if !v.Reply {
		return
	}
	d.env.ReplyAddress = t.token
	answer := func() {
		ctx, cancel := context.WithTimeout(t.life, t.r.b.a.limits.write)
		defer cancel()
		_ = d.Reply(ctx, &transport.Envelope{Err: asError(err)}) // its caller has a deadline of its own
	}
	t.r.b.a.spawn(answer)
}

func (t *attachment) cancelled(n uint64) {
	t.mu.Lock()
	d := t.open[n]
	t.mu.Unlock()
	if d != nil && d.cancel != nil {
		d.cancel()
	}
}

func (t *attachment) isDead() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.dead
}

// lose ends the attachment, and the link when nobody wanted that end, so that both are made new.
func (t *attachment) lose(err error) {
	t.mu.Lock()
	first := !t.dead
	t.dead = true
	wanted := t.leaving || errors.Is(err, transport.ErrClosed)
	t.open = map[uint64]*delivery{}
	t.mu.Unlock()
	t.end()
	if first {
		t.use.Release()
	}
	if first && !wanted {
		t.link.fail(unavailable(t.r.e.Address, err))
	}
}

// tell notes a settlement for the next post.
func (t *attachment) tell(note func(*attach.Settlement)) {
	t.mu.Lock()
	note(&t.told)
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// settle posts settlements, as many together as came while the last post took.
func (t *attachment) settle() {
	for {
		select {
		case <-t.wake:
			t.flush(t.life)
		case <-t.life.Done():
			return
		}
	}
}

// flush posts what is noted.
func (t *attachment) flush(ctx context.Context) {
	t.posting.Lock()
	defer t.posting.Unlock()
	t.mu.Lock()
	told := t.told
	t.told = attach.Settlement{}
	dead := t.dead
	t.mu.Unlock()
	if dead || told.Empty() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, t.r.b.a.limits.write)
	defer cancel()
	body, err := json.Marshal(told)
	if err == nil {
		err = t.post(ctx, "", nil, body)
	}
	if err != nil {
		t.lose(err) // the other node gives back what it does not know the fate of
	}
}

// stop ends deliveries from the other node, which ends the stream once all is settled.
func (t *attachment) stop(ctx context.Context) {
	t.mu.Lock()
	t.leaving = true
	t.told.Stop = true
	t.mu.Unlock()
	t.flush(ctx)
}

func (t *attachment) post(ctx context.Context, path string, h http.Header, body []byte) error {
	a := t.r.b.a
	req, err := t.use.Conn.request(ctx, http.MethodPost, "/stream/"+t.token+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if h != nil {
		req.Header = h
	}
	resp, err := a.do(t.use.Conn.streams.Transport, req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		return nil
	}
	answer, err := a.answer(ctx, resp)
	if err == nil && answer.Err != nil {
		err = answer.Err
	}
	return err
}

// A delivery is a message of a stream. It implements [transport.Delivery].
type delivery struct {
	t       *attachment
	n       uint64
	env     *transport.Envelope
	ctx     context.Context
	cancel  context.CancelFunc // of ctx; nil for one-way messages
	settled atomic.Bool
	replied atomic.Bool
}

func (d *delivery) Envelope() *transport.Envelope { return d.env }

// Context ends when the caller gave up, or the stream is lost.
func (d *delivery) Context() context.Context { return d.ctx }

func (d *delivery) Extend(context.Context) error { return nil }

func (d *delivery) Accept(context.Context) error {
	return d.settle(func(s *attach.Settlement) { s.Accept = append(s.Accept, d.n) })
}

// Release gives the message to another member at its home, if there is one.
func (d *delivery) Release(context.Context) error {
	return d.settle(func(s *attach.Settlement) { s.Release = append(s.Release, d.n) })
}

func (d *delivery) settle(note func(*attach.Settlement)) error {
	if d.settled.Swap(true) || d.t.isDead() {
		return transport.ErrStale
	}
	d.t.tell(note)
	d.forget()
	return nil
}

// Reply posts the answer and returns once the other node has it.
func (d *delivery) Reply(ctx context.Context, e *transport.Envelope) error {
	switch {
	case d.env.ReplyAddress == "":
		return transport.CodeFailedPrecondition.Errorf("nobody waits for a reply: answer only where Envelope.ReplyAddress is set")
	case d.replied.Swap(true) || d.t.isDead():
		return transport.ErrStale
	}
	defer d.forget()
	if e == nil {
		d.t.tell(func(s *attach.Settlement) { s.Silent = append(s.Silent, d.n) })
		return nil
	}
	h := make(http.Header, 8)
	_, body := encodeReply(h, e)
	if h[contentType] == nil {
		delete(h, contentType)
	}
	err := d.t.post(ctx, "/"+strconv.FormatUint(d.n, 10), h, bytes.Clone(body))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, transport.CodeNotFound):
		return transport.ErrStale
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return unavailable(d.t.r.e.Address, err)
}

// forget ends what is kept for a message that is settled and answered.
func (d *delivery) forget() {
	if !d.settled.Load() || d.cancel != nil && !d.replied.Load() && d.ctx.Err() == nil {
		return
	}
	d.t.mu.Lock()
	delete(d.t.open, d.n)
	d.t.mu.Unlock()
	if d.cancel != nil {
		d.cancel()
	}
}

// backOff waits as long as attempts to reach a peer are apart.
func backOff(ctx context.Context) error { return sleep(ctx, new(reconnect.Backoff).Next()) }

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
