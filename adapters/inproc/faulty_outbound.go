package inproc

import (
	"context"
	"sync"
	"time"

	"github.com/polywire/polywire/transport"
)

// errFault is what a verb fails with that Faults.Fail hit.
func errFault() error {
	return transport.CodeUnavailable.Errorf("a fault that the test asked for (inproc.Faults.Fail); nothing was sent")
}

// sendTime is how long a held message that does not expire, as a dead letter, waits for room in its queue.
const sendTime = 30 * time.Second

// meet draws the fate of a message and applies what all styles have in common.
func (f *faulty) meet(ctx context.Context, style, destination string) (fate, error) {
	f.mu.Lock()
	met := f.fates.draw(stream{style, destination})
	f.mu.Unlock()
	if met.fail {
		f.observe("fail", destination)
		return met, errFault()
	}
	return met, pause(ctx, met.delay)
}

func (f *faulty) Send(ctx context.Context, e *transport.Envelope) error {
	if e.Kind != transport.KindReply {
		return f.oneWay(ctx, e, "send", f.adapter.Send)
	}
	if !f.faults.Replies {
		return f.adapter.Send(ctx, e)
	}
	back := f.meetReply(e.Destination)
	if err := pause(ctx, back.delay); err != nil || back.drop {
		return err
	}
	err := f.adapter.Send(ctx, e)
	if err == nil && back.duplicate {
		_ = f.adapter.Send(ctx, e) // the first one counts
	}
	return err
}

func (f *faulty) Publish(ctx context.Context, e *transport.Envelope) error {
	return f.oneWay(ctx, e, "publish", f.adapter.Publish)
}

type verb func(ctx context.Context, e *transport.Envelope) error

func (f *faulty) oneWay(ctx context.Context, e *transport.Envelope, style string, send verb) error {
	met, err := f.meet(ctx, style, e.Destination)
	if err != nil {
		return err
	}
	of := stream{style, e.Destination}
	switch {
	case met.drop:
		f.observe("drop", e.Destination)
		return nil
	case met.reorder && f.hold(of, e, send):
		f.observe("reorder", e.Destination)
		return nil
	}
	err = send(ctx, e)
	if err == nil && met.duplicate {
		f.observe("duplicate", e.Destination)
		_ = send(ctx, e) // the first one counts
	}
	f.letGo(of)
	return err
}

// hold keeps e until letGo or for Hold; false when one of its stream is held already.
func (f *faulty) hold(of stream, e *transport.Envelope, send verb) bool {
	f.mu.Lock()
	_, taken := f.held[of]
	if !taken {
		f.held[of] = nil // reserved
	}
	f.mu.Unlock()
	if taken {
		return false
	}
	kept, due := keep(e), time.Now().Add(e.Timeout)
	l := f.after(f.faults.Hold, func() {
		f.unhold(of)
		left := sendTime
		if kept.Timeout > 0 {
			left = time.Until(due)
			kept.Timeout = left
		}
		ctx, cancel := context.WithTimeout(f.base, left)
		defer cancel()
		if ctx.Err() == nil {
			_ = send(ctx, kept) // its sender was told that it is accepted; a bad wire loses it
		}
	})
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, pending := f.timers[l]; pending {
		f.held[of] = l
	}
	return true
}

func (f *faulty) unhold(of stream) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.held, of)
}

// letGo sends what was held of a stream, after another message overtook it.
func (f *faulty) letGo(of stream) {
	f.mu.Lock()
	l := f.held[of]
	f.mu.Unlock()
	if l != nil && l.timer.Stop() {
		f.run(l)
	}
}

func (f *faulty) Request(ctx context.Context, e *transport.Envelope) (*transport.Envelope, error) {
	met, err := f.meet(ctx, "request", e.Destination)
	if err != nil {
		return nil, err
	}
	if met.drop {
		f.observe("drop", e.Destination)
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if met.duplicate {
		f.observe("duplicate", e.Destination)
		second := keep(e)
		f.after(0, func() {
			ctx, cancel := context.WithTimeout(f.base, second.Timeout)
			defer cancel()
			_, _ = f.adapter.Request(ctx, second) // the caller takes the first reply alone
		})
	}
	reply, err := f.adapter.Request(ctx, e)
	if err != nil || !f.faults.Replies {
		return reply, err
	}
	back := f.meetReply(e.Destination)
	if err := pause(ctx, back.delay); err != nil {
		return nil, err
	}
	if back.drop {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	return reply, nil
}

// meetReply draws the fate of a reply; it tells of drops and duplicates.
func (f *faulty) meetReply(destination string) fate {
	f.mu.Lock()
	met := f.fates.draw(stream{"reply", destination})
	f.mu.Unlock()
	switch {
	case met.drop:
		f.observe("drop reply", destination)
	case met.duplicate:
		f.observe("duplicate reply", destination)
	}
	return met
}

func (f *faulty) Gather(ctx context.Context, e *transport.Envelope, reply func(*transport.Envelope)) error {
	met, err := f.meet(ctx, "gather", e.Destination)
	if err != nil {
		return err
	}
	if met.drop {
		f.observe("drop", e.Destination)
		return nil
	}
	if f.faults.Replies {
		reply = (&badReplies{f: f, ctx: ctx, destination: e.Destination, reply: reply, open: 1}).take
	}
	if met.duplicate {
		f.observe("duplicate", e.Destination)
		if err := f.adapter.Gather(ctx, e, some(reply)); err != nil {
			return err
		}
	}
	return f.adapter.Gather(ctx, e, reply)
}

// some leaves out the word that no more replies can come.
func some(reply func(*transport.Envelope)) func(*transport.Envelope) {
	return func(e *transport.Envelope) {
		if e != nil {
			reply(e)
		}
	}
}

// badReplies apply faults to the replies of one Gather.
type badReplies struct {
	f           *faulty
	ctx         context.Context
	destination string
	reply       func(*transport.Envelope)

	mu   sync.Mutex // guards the fields below
	open int        // replies on their way, and 1 until the last one is announced
	lost bool       // one was dropped, so the caller can never know that it has all
	told bool       // the end was announced
}

func (b *badReplies) take(e *transport.Envelope) {
	if e == nil {
		b.count(-1)
		return
	}
	met := b.f.meetReply(b.destination)
	if met.drop {
		b.mu.Lock()
		b.lost = true
		b.mu.Unlock()
		return
	}
	b.count(1)
	give := func() {
		if b.ctx.Err() == nil {
			b.reply(e)
			if met.duplicate {
				b.reply(e)
			}
		}
		b.count(-1)
	}
	if met.delay == 0 {
		give()
		return
	}
	b.f.after(met.delay, give)
}

// count keeps the number of replies to come, and announces the end.
func (b *badReplies) count(n int) {
	b.mu.Lock()
	b.open += n
	over := b.open == 0 && !b.lost && !b.told
	b.told = b.told || over
	b.mu.Unlock()
	if over && b.ctx.Err() == nil {
		b.reply(nil)
	}
}

// keep copies what a verb's caller owns.
func keep(e *transport.Envelope) *transport.Envelope {
	k := *e
	k.Message = *e.Message.Clone()
	return &k
}
