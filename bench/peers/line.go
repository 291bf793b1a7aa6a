package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
)

// A line is one thing that is compared: entries that all do it, the first being ours.
type line struct {
	name    string // of the thing done, as "Request"
	params  []param
	title   string // what is done, for people
	each    int    // deliveries in one operation; figures are told for one of them
	series  string // of lines that differ in size alone, whose figures are told beside each other too
	scale   bool   // is told in its series alone
	entries []entry
	goals   []goal
}

// A param is part of a line's name, as handlers=inline, that benchstat can compare along.
type param struct{ key, value string }

// path is the line's name as Go's benchmarks have them: Request/callers=1.
func (l *line) path() string {
	var b strings.Builder
	b.WriteString(l.name)
	for _, p := range l.params {
		fmt.Fprintf(&b, "/%s=%s", p.key, p.value)
	}
	return b.String()
}

// sizes are the params that are numbers.
func (l *line) sizes() []param {
	var out []param
	for _, p := range l.params {
		if _, err := strconv.Atoi(p.value); err == nil {
			out = append(out, p)
		}
	}
	return out
}

// An entry is one library's part in a line.
type entry struct {
	name string
	kind string // what it keeps and what it leaves out, so that nobody compares in vain
	open func(ctx context.Context) (rig, error)
}

// A rig is a library made ready for one line. Its methods are called one at a time.
type rig interface {
	// prove checks that all arrives where it should, with bodies that differ.
	prove(ctx context.Context) error
	// run does n operations and returns when both ends are done with them.
	run(ctx context.Context, n int) error
	close() error
}

// A goal is a limit that docs/benchmarks.md sets to our figure in a line.
type goal struct {
	what measure
	peer string // of ratio and moreAllocs; empty for all else
	most float64
}

// A measure is what a goal limits.
type measure string

const (
	ratio  measure = "CPU, ours ÷ theirs"
	cpu    measure = "CPU ns"
	allocs measure = "allocations"

	moreAllocs measure = "allocations, ours − theirs"
)
