package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// A timeline prints what happens, one line each.
type timeline struct {
	mu    sync.Mutex // guards w
	w     io.Writer
	start time.Time
}

func newTimeline(w io.Writer) *timeline { return &timeline{w: w, start: time.Now()} }

// log is an api.Log.
func (t *timeline) log(service, style, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fmt.Fprintf(t.w, "%7.1f ms  %-13s  %-17s  %s\n", float64(time.Since(t.start).Microseconds())/1000, service, style, fmt.Sprintf(format, args...))
}
