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
	"time"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/internal/http1"
	"github.com/polywire/polywire/transport"
)

// openAttachment opens a stream and returns once the other node delivers to it.
func (a *adapter) openAttachment(ctx context.Context, r *attach.Remote, l *attach.Link) (*attach.Inlet, error) {
	life, end := context.WithCancel(a.base)
	giveUp := context.AfterFunc(ctx, end)
	line, body, err := a.openLine(life, r)
	if !giveUp() && err == nil {
		_ = body.Close()
		line.use.Release()
		err = context.Canceled
	}
	if err != nil {
		end()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, err
	}
	line.end = end
	t := attach.NewInlet(life, r, l, line)
	read := func() {
		defer body.Close()
		t.Lose(unavailable(line.use.Conn.address, line.read(t, body)))
	}
	if !a.spawn(read) || !a.spawn(t.Settling) {
		t.Lose(transport.ErrClosed)
		_ = body.Close()
		return nil, transport.ErrClosed
	}
	return t, nil
}

// openLine asks for a stream, whose lines are body.
func (a *adapter) openLine(ctx context.Context, r *attach.Remote) (_ *line, body io.ReadCloser, err error) {
	e := r.Place.(*endpoint) // which attach.From gave
	use, ok := e.Take()
	if !ok {
		return nil, nil, departed(e)
	}
	resp, err := use.Conn.get(ctx, use.Conn.streams, pathOf(r), ndjson)
	if err != nil {
		use.Release()
		return nil, nil, err
	}
	if resp.StatusCode != http.StatusOK {
		defer use.Release()
		defer resp.Body.Close()
		return nil, nil, a.notAttached(ctx, e, resp)
	}
	return &line{a: a, use: use, token: resp.Header.Get(streamField)}, resp.Body, nil
}

func pathOf(r *attach.Remote) string {
	spec := r.Spec()
	q := url.Values{"credit": {strconv.Itoa(r.Credit)}}
	if spec.Kind == transport.KindQueue {
		return "/handle/" + spec.Pattern + "?" + q.Encode()
	}
	if spec.Group != "" {
		q.Set("group", spec.Group)
	}
	return "/subscribe/" + url.PathEscape(spec.Pattern) + "?" + q.Encode()
}

func (a *adapter) notAttached(ctx context.Context, e *endpoint, resp *http.Response) error {
	answer, err := a.answer(ctx, &response{Response: resp, from: e.Address})
	switch {
	case err != nil:
		return err
	case answer.Err != nil:
		return answer.Err
	}
	return transport.CodeUnknown.Errorf("%s answered a subscription with status %d", e.Address, resp.StatusCode)
}

// A line is the way back of one attachment. It implements [attach.Line].
type line struct {
	a     *adapter
	use   lease // until End
	token string
	end   context.CancelFunc // ends the stream
	once  sync.Once          // of use
}

// End ends the stream, and the use of the endpoint.
func (l *line) End() {
	l.end()
	l.once.Do(l.use.Release)
}

// read delivers what comes until the stream ends.
func (l *line) read(t *attach.Inlet, body io.Reader) error {
	limits := &l.a.limits
	silence := time.AfterFunc(limits.silence, l.end)
	defer silence.Stop()
	limit := l.a.setup.MaxBody
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
			t.Cancelled(v.Cancel)
			continue
		}
		if err := take(t, v, limit); err != nil {
			return err
		}
	}
}

func take(t *attach.Inlet, v *event, limit int) error {
	e, err := v.envelope(limit)
	if err != nil {
		t.Refuse(v.N, v.Reply, asError(err))
		return nil
	}
	e.Gather = v.Reply && v.Gather
	return t.Take(v.N, e, v.Reply)
}

// Settle posts settlements.
func (l *line) Settle(ctx context.Context, told attach.Settlement) error {
	body, err := json.Marshal(told)
	if err == nil {
		err = l.post(ctx, "", nil, body)
	}
	if err != nil {
		return unavailable(l.use.Conn.address, err)
	}
	return nil
}

// Answer posts the answer to message n and returns once the other node has it.
func (l *line) Answer(ctx context.Context, n uint64, e *transport.Envelope) error {
	h := make(http.Header, 8)
	_, body := encodeReply(h, e)
	if h[contentType] == nil {
		delete(h, contentType)
	}
	err := l.post(ctx, "/"+strconv.FormatUint(n, 10), h, bytes.Clone(body))
	switch {
	case err == nil:
		return nil
	case errors.Is(err, transport.CodeNotFound):
		return transport.ErrStale
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return unavailable(l.use.Conn.address, err)
}

func (l *line) post(ctx context.Context, path string, h http.Header, body []byte) error {
	o := &outgoing{method: http.MethodPost, target: "/stream/" + l.token + path, body: body}
	for name, values := range h {
		for _, v := range values {
			o.fields = append(o.fields, http1.Field{Name: name, Value: v})
		}
	}
	resp, err := l.use.Conn.do(ctx, l.use.Conn.streams, o)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 == 2 {
		return nil
	}
	answer, err := l.a.answer(ctx, &response{Response: resp, from: l.use.Conn.address})
	if err == nil && answer.Err != nil {
		err = answer.Err
	}
	return err
}
