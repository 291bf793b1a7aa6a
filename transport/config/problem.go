package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/polywire/polywire/internal/nearest"
	"github.com/polywire/polywire/transport"
)

// maxProblems bounds what one report lists.
const maxProblems = 100

// A Problem is one mistake of a file, or one thing that contracts need and the file does not give.
type Problem struct {
	Line    int    `json:"line,omitempty"`   // 1 first; 0 for what does not stand in the file
	Column  int    `json:"column,omitempty"` // 1 first
	Path    string `json:"path,omitempty"`   // where in the document, as transports.bus.url
	Message string `json:"message"`          // what is wrong and how to mend it
}

// Errors are all problems of a file, in its order. It is CodeInvalidArgument for errors.Is.
type Errors struct {
	File     string    `json:"file"`
	Problems []Problem `json:"problems"`
}

// Error has one line a problem: file:line:column: path: message.
func (e *Errors) Error() string {
	lines := make([]string, len(e.Problems))
	for i, p := range e.Problems {
		lines[i] = e.File + ":"
		if p.Line > 0 {
			lines[i] += fmt.Sprintf("%d:%d:", p.Line, p.Column)
		}
		if p.Path != "" {
			lines[i] += " " + p.Path + ":"
		}
		lines[i] += " " + p.Message
	}
	return strings.Join(lines, "\n")
}

// Is reports whether target is the code of a wrong configuration.
func (e *Errors) Is(target error) bool { return target == transport.CodeInvalidArgument }

// problems collects mistakes; one found twice counts once.
type problems struct {
	found []Problem
	seen  map[Problem]bool
}

func (p *problems) add(at position, path, format string, args ...any) {
	problem := Problem{at.line, at.column, path, fmt.Sprintf(format, args...)}
	if p.seen[problem] {
		return
	}
	if p.seen == nil {
		p.seen = make(map[Problem]bool)
	}
	p.seen[problem] = true
	p.found = append(p.found, problem)
}

// err returns all as one error, or nil.
func (p *problems) err(file string) error {
	if len(p.found) == 0 {
		return nil
	}
	slices.SortStableFunc(p.found, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	out := &Errors{File: file, Problems: p.found}
	if n := len(p.found); n > maxProblems {
		out.Problems = append(p.found[:maxProblems:maxProblems], Problem{Message: fmt.Sprintf("%d more: mend these first", n-maxProblems)})
	}
	return out
}

// A position is where something stands in the file.
type position struct{ line, column int }

// known lists what could have been meant, and what probably was.
func known(got string, names []string) string {
	names = slices.Sorted(slices.Values(names))
	list := strings.Join(names, ", ")
	if list == "" {
		list = "none"
	}
	if near := nearest.Name(got, names); near != "" {
		return fmt.Sprintf(" (known: %s); did you mean %q?", list, near)
	}
	return fmt.Sprintf(" (known: %s)", list)
}
