package inproc

import (
	"context"
	"net/url"
	"sync"
	"time"

	"github.com/polywire/polywire/transport"
)

// Faults say what a [Faulty] wire does to messages. Chances are from 0 to 1; the
// zero value does nothing.
//
// The n-th message that one Conn sends to a destination in one style meets the
// same fate in every run of one Seed, whatever happens on other destinations. Replies are spared unless Replies is set.
type Faults struct {
	Seed uint64
	Only string // the pattern of destinations that faults are for; empty is all, dead letters too

	Fail      float64 // the verb fails with CodeUnavailable; nothing was sent
	Drop      float64 // the message is lost, though Send and Publish return nil; a Request or Gather gets no answer
	Duplicate float64 // the message arrives twice
	Reorder   float64 // of Send and Publish: it arrives after the next one to its destination, or after Hold

	Delay time.Duration // the verb takes up to that much longer
	Hold  time.Duration // how long Reorder waits for a next message; default 100 ms

	Replies bool // Drop, Duplicate and Delay are for replies too

	// Observe, if set, is told of every fault but delays, as "drop" and the
	// destination; for a reply as "drop reply". It is called from any goroutine.
	Observe func(fault, destination string)
}

// Faulty is [Factory] with a wire that loses, repeats, reorders and delays, for
// tests of how a service bears it. Its scheme, names and options are those of Factory; all
// of its Conns have the same Faults. It works under testing/synctest. What is held or delayed when the Conn closes is lost.
//
// Features tell what does not hold any more: no OrderedByKey with Reorder, no
// CountsResponders with Drop, no DetectsNoHandler with Drop or Reorder.
func Faulty(f Faults) transport.Factory {
	h := &hub{routers: map[string]*shared{}}
	return transport.Factory{
		Name:    "inproc",
		Schemes: []string{"inproc"},
		Features: func(u *url.URL) (transport.Features, error) {
			o, err := parse(u)
			return f.features(o.inline), err
		},
		Open: func(_ context.Context, s transport.Setup) (transport.Adapter, error) {
			if err := f.check(); err != nil {
				return nil, err
			}
			a, err := h.open(s.URL)
			if err != nil {
				return nil, err
			}
			return newFaulty(a, f), nil
		},
	}
}

func (f *Faults) check() error {
	for _, p := range [...]struct {
		name   string
		chance float64
	}{{"Fail", f.Fail}, {"Drop", f.Drop}, {"Duplicate", f.Duplicate}, {"Reorder", f.Reorder}} {
		if !(p.chance >= 0 && p.chance <= 1) {
			return transport.CodeInvalidArgument.Errorf("inproc: Faults.%s is %v: use a chance from 0 to 1", p.name, p.chance)
		}
	}
	if f.Delay < 0 || f.Hold < 0 {
		return transport.CodeInvalidArgument.Errorf("inproc: Faults.Delay is %v and Hold %v: they must not be negative", f.Delay, f.Hold)
	}
	if f.Only != "" {
		return transport.CheckPattern(f.Only)
	}
	return nil
}

func (f *Faults) features(inline bool) transport.Features {
	have := features(inline)
	have.OrderedByKey = f.Reorder == 0
	have.CountsResponders = f.Drop == 0
	have.DetectsNoHandler = f.Drop == 0 && f.Reorder == 0
	have.DetectsNoHandlerOnRequest = f.Drop == 0
	return have
}

// A faulty adapter passes on what its faults leave over. Held and delayed
// messages live in timers, which Close stops or waits for.
type faulty struct {
	*adapter
	faults Faults
	base   context.Context // of what is sent after its verb returned
	cancel context.CancelFunc

	running sync.WaitGroup // functions of timers; Close waits for them

	mu     sync.Mutex // guards the fields below
	fates  fates
	held   map[stream]*later
	timers map[*later]struct{}
	ended  bool
}

// A later is work for a timer; whoever takes it out of faulty.timers does it, once.
type later struct {
	timer *time.Timer
	do    func()
}

func newFaulty(a *adapter, f Faults) *faulty {
	if f.Hold == 0 {
		f.Hold = 100 * time.Millisecond
	}
	out := &faulty{adapter: a, faults: f, held: map[stream]*later{}, timers: map[*later]struct{}{}}
	out.fates = fates{faults: &out.faults, next: map[stream]uint64{}}
	out.base, out.cancel = context.WithCancel(context.Background())
	return out
}

func (f *faulty) Features() transport.Features { return f.faults.features(f.inline) }

func (f *faulty) Close(ctx context.Context) error {
	f.mu.Lock()
	f.ended = true
	for l := range f.timers {
		l.timer.Stop()
		delete(f.timers, l)
		f.running.Done()
	}
	f.mu.Unlock()
	f.cancel()
	ended := make(chan struct{})
	go func() { // ends with the functions, whose ctx has ended; an inline handler among them may take longer than ctx
		f.running.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-ctx.Done():
	}
	return f.adapter.Close(ctx)
}

// after runs do in d, unless Close comes first. A nil result means that it came already.
func (f *faulty) after(d time.Duration, do func()) *later {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.ended {
		return nil
	}
	l := &later{do: do}
	f.timers[l] = struct{}{}
	f.running.Add(1)
	l.timer = time.AfterFunc(d, func() { f.run(l) })
	return l
}

// run does l if nobody did or will.
func (f *faulty) run(l *later) {
	f.mu.Lock()
	_, mine := f.timers[l]
	delete(f.timers, l)
	f.mu.Unlock()
	if mine {
		defer f.running.Done()
		l.do()
	}
}

// pause is the delay of a verb.
func pause(ctx context.Context, d time.Duration) error {
	if d == 0 {
		return nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *faulty) observe(fault, destination string) {
	if f.faults.Observe != nil {
		f.faults.Observe(fault, destination)
	}
}
