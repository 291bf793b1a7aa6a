package transporttest

import (
	"bytes"
	"runtime"
	"slices"
	"strings"
	"time"
)

// Goroutines of the runtime and of package testing, which come and go with no case.
var ownGoroutines = []string{
	"testing.(*T).", "testing.(*M).", "testing.runTests", "testing.runFuzz", "runtime.ensureSigM", "os/signal.", "runtime.gc",
	"runtime.ReadTrace", "internal/synctest", "testing/synctest", "transporttest.goroutines",
}

// goroutines returns the stacks of all goroutines by id.
func goroutines() map[string]string {
	buf := make([]byte, 1<<20)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	all := make(map[string]string)
	for stack := range bytes.SplitSeq(buf, []byte("\n\n")) {
		id, rest, ok := strings.Cut(strings.TrimPrefix(string(stack), "goroutine "), " ")
		if ok {
			all[id] = rest
		}
	}
	return all
}

// leaked waits until no goroutine is left that was not there before, and returns the stacks of those that stay.
func leaked(before map[string]string, ignore []string, patience time.Duration) []string {
	var left []string
	poll(patience, func() bool {
		left = left[:0]
		for id, stack := range goroutines() {
			if _, old := before[id]; !old && !ignored(stack, ignore) {
				left = append(left, stack)
			}
		}
		return len(left) == 0
	})
	slices.Sort(left)
	return left
}

func ignored(stack string, ignore []string) bool {
	has := func(text string) bool { return strings.Contains(stack, text) }
	return slices.ContainsFunc(ownGoroutines, has) || slices.ContainsFunc(ignore, has)
}
