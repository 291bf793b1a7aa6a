package codectest

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// A Status is how a case ended.
type Status = string

// Failed alone makes a run fail. A deviation or known failure that passes is Failed too.
const (
	Passed       Status = "pass"
	Inverted     Status = "inverted" // a named deviation takes the rule away, and behaves so
	Deviates     Status = "deviates" // fails as the harness documents
	Skipped      Status = "skip"
	Advised      Status = "advisory" // an advisory case failed
	KnownFailure Status = "known"
	Failed       Status = "fail"
)

// A Result is the outcome of one case.
type Result struct {
	ID       string        `json:"id"`
	Group    string        `json:"group"`
	Rule     string        `json:"rule"`
	Level    Level         `json:"level"`
	Status   Status        `json:"status"`
	Reason   string        `json:"reason,omitempty"` // of everything but a plain pass
	Duration time.Duration `json:"nanoseconds"`
}

// A Report is the outcome of a run. Two runs of the same cases differ in times alone.
type Report struct {
	Codec   string         `json:"codec"`
	Err     string         `json:"error,omitempty"` // of what is no case, as when ctx ended
	Counts  map[Status]int `json:"counts"`
	Results []Result       `json:"results"`
}

func (r *Report) add(res Result) {
	if r.Counts == nil {
		r.Counts = make(map[Status]int)
	}
	r.Counts[res.Status]++
	r.Results = append(r.Results, res)
}

// OK reports whether nothing failed.
func (r *Report) OK() bool { return r.Err == "" && r.Counts[Failed] == 0 && len(r.Results) > 0 }

func (r *Report) summary() string {
	parts := make([]string, 0, 7)
	for _, s := range []Status{Passed, Inverted, Deviates, Skipped, Advised, KnownFailure, Failed} {
		parts = append(parts, fmt.Sprintf("%d %s", r.Counts[s], s))
	}
	return fmt.Sprintf("%s: %d cases: %s", r.Codec, len(r.Results), strings.Join(parts, ", "))
}

// WriteJSON writes the report as one JSON document.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
