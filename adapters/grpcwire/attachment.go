package grpcwire

import (
	"context"
	"sync"
	"time"

	"github.com/polywire/polywire/internal/attach"
	"github.com/polywire/polywire/transport"
)

// openAttachment opens a stream and returns once the other node delivers by it.
func (a *adapter) openAttachment(ctx context.Context, r *attach.Remote, l *attach.Link) (*attach.Inlet, error) {
	life, end := context.WithCancel(a.base)
	giveUp := context.AfterFunc(ctx, end)
	line, err := a.openLine(life, r)
	if !giveUp() && err == nil {
		line.s.done()
		err = ctx.Err()
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
	if !a.spawn(func() { t.Lose(line.read(t)) }) || !a.spawn(t.Settling) {
		t.Lose(transport.ErrClosed)
		return nil, transport.ErrClosed
	}
	return t, nil
}

func (a *adapter) openLine(ctx context.Context, r *attach.Remote) (*line, error) {
	c, err := a.stream(ctx, r.Place)
	if err != nil {
		return nil, err
	}
	spec := r.Spec()
	spec.Credit = r.Credit
	s, err := a.newStream(ctx, c, busAttach, appendBytes(nil, attachingOpen, appendOpening(nil, &spec)))
	if err != nil {
		return nil, err
	}
	if err := s.receive(&payload{}); err != nil { // the word that the binding is in effect
		s.done()
		return nil, err
	}
	return &line{a: a, s: s}, nil
}

// A line is the way back of one attachment. It implements [attach.Line].
type line struct {
	a   *adapter
	s   *clientStream
	end context.CancelFunc

	mu sync.Mutex // held while a message is sent
}

// read delivers what comes until the stream ends.
func (l *line) read(t *attach.Inlet) error {
	silence := time.AfterFunc(l.a.limits.silence, l.s.cancel)
	defer silence.Stop()
	for {
		var in payload
		if err := l.s.receive(&in); err != nil {
			return err
		}
		silence.Reset(l.a.limits.silence)
		if err := l.take(t, in.data); err != nil {
			return err
		}
	}
}

func (l *line) take(t *attach.Inlet, b []byte) error {
	for f := range fieldsOf(b) {
		switch f.number {
		case 0:
			return errProto
		case deliveringDelivery:
			if err := l.deliver(t, f.bytes); err != nil {
				return err
			}
		case deliveringCancel:
			for n := range numbersOf(f) {
				t.Cancelled(n)
			}
		}
	}
	return nil
}

func (l *line) deliver(t *attach.Inlet, b []byte) error {
	d, err := readDelivery(b)
	if err != nil {
		return err
	}
	e, err := readMessage(d.message)
	if err == nil && len(e.Body) > l.a.setup.MaxBody {
		err = tooLarge(l.a.setup.MaxBody)
	}
	if err != nil {
		t.Refuse(d.number, d.reply, asError(err))
		return nil
	}
	e.Gather = d.gather
	return t.Take(d.number, e, d.reply)
}

func (l *line) send(b []byte) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.s.SendMsg(&payload{data: b, owned: true})
}

// Settle sends settlements. A home that takes nothing for as long as ctx lasts loses the stream.
func (l *line) Settle(ctx context.Context, told attach.Settlement) error {
	stuck := context.AfterFunc(ctx, l.s.cancel)
	defer stuck()
	return l.send(appendTold(nil, &told))
}

// Answer sends the answer to message n.
func (l *line) Answer(ctx context.Context, n uint64, e *transport.Envelope) error {
	b := appendNumber(nil, answerNumber, n)
	b = appendBytes(b, answerMessage, appendMessage(nil, e))
	if err := l.send(appendBytes(nil, attachingAnswer, b)); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return l.s.failure(err)
	}
	return nil
}

// End ends the stream.
func (l *line) End() {
	l.s.done()
	l.end()
}
