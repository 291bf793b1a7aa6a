package main

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"
)

// A timeline prints what happens, one line each.
type timeline struct {
	w     io.Writer
	start time.Time

	mu    sync.Mutex     // guards writing to w, and the fields below
	lines map[string]int // by service
	more  chan struct{}  // capacity 1: written by log, read by await
}

func newTimeline(w io.Writer) *timeline {
	return &timeline{w: w, start: time.Now(), lines: map[string]int{}, more: make(chan struct{}, 1)}
}

// log is an api.Log.
func (t *timeline) log(service, style, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.w, "%7.1f ms  %-13s  %-17s  %s\n", float64(time.Since(t.start).Microseconds())/1000, service, style, fmt.Sprintf(format, args...))
	t.lines[service]++
	select {
	case t.more <- struct{}{}:
	default:
	}
}

// await returns once service has logged n lines, or ctx ends. One goroutine at a time may wait.
func (t *timeline) await(ctx context.Context, service string, n int) {
	for {
		t.mu.Lock()
		enough := t.lines[service] >= n
		t.mu.Unlock()
		if enough {
			return
		}
		select {
		case <-t.more:
		case <-ctx.Done():
			return
		}
	}
}
