package transporttest

import (
	"context"
	"sync"
	"time"
)

// A watch measures how long something takes, less the time for which the machine kept this
// process from running: a ceiling then says something of the adapter, and nothing of who else the machine serves.
//
// A goroutine that should wake ten times in a tick adds up how late it is. What an adapter waits for makes it no later.
type watch struct {
	every time.Duration // zero on a fake clock, on which nothing is late

	mu      sync.Mutex // guards the fields below
	due     time.Time  // when the goroutine is to wake
	stalled time.Duration
}

// watch starts a watch that runs until the case ends.
func (e *Env) watch() *watch {
	if e.Fake {
		return &watch{}
	}
	w := &watch{every: max(e.Tick/10, time.Millisecond)}
	w.due = time.Now().Add(w.every)
	stop := make(chan struct{}) // closed by the cleanup, which waits for the goroutine
	var running sync.WaitGroup
	running.Go(func() { w.run(stop) })
	e.Cleanup(func(context.Context) {
		close(stop)
		running.Wait()
	})
	return w
}

func (w *watch) run(stop <-chan struct{}) {
	t := time.NewTimer(w.every)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case <-t.C:
		}
		w.mu.Lock()
		now := time.Now()
		w.stalled += now.Sub(w.due)
		w.due = now.Add(w.every)
		w.mu.Unlock()
		t.Reset(w.every)
	}
}

// A lap is a moment of a watch.
type lap struct {
	w       *watch
	begun   time.Time
	stalled time.Duration // until then
}

func (w *watch) lap() lap { return lap{w, time.Now(), w.late()} }

// late is how late the goroutine was in all, and is now.
func (w *watch) late() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.every == 0 {
		return 0
	}
	return w.stalled + max(0, time.Since(w.due))
}

// took is how long it is since l, less what the machine took of it.
func (l lap) took() time.Duration { return time.Since(l.begun) - (l.w.late() - l.stalled) }
