package amqpwire

import (
	"context"
	"sync"
)

// tasks are the goroutines of one owner, who refuses new ones and waits for all
// when it ends. The zero value is ready.
type tasks struct {
	wg sync.WaitGroup

	mu     sync.Mutex // guards closed, and Add against Wait
	closed bool
}

// start runs f on a goroutine; it reports false, and runs nothing, after wait was called.
func (t *tasks) start(f func()) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.wg.Go(f)
	return true
}

// wait refuses new tasks and returns when all have ended, or ctx has.
func (t *tasks) wait(ctx context.Context) error {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	all := make(chan struct{}) // closed when all have ended; read here
	go func() {                // ends with the last task
		t.wg.Wait()
		close(all)
	}()
	select {
	case <-all:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
