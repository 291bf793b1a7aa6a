package transporttest

import (
	"encoding/json"
	"io"
	"time"

	"github.com/polywire/polywire/internal/casereport"
)

// A Status is how a case ended.
type Status = string

// Failed alone makes a run fail. A known failure that passes is Failed too.
const (
	Passed       Status = "pass"
	Inverted     Status = "inverted" // a feature is not declared, and that is true
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
	Sections []string      `json:"sections"`
	Level    Level         `json:"level"`
	Status   Status        `json:"status"`
	Reason   string        `json:"reason,omitempty"`   // of everything but a plain pass
	Measured string        `json:"measured,omitempty"` // what a campaign of the nightly tier counted
	Duration time.Duration `json:"nanoseconds"`
}

// A Report is the outcome of a run. Two runs of the same cases differ in times alone.
type Report struct {
	Adapter  string         `json:"adapter"`
	Features string         `json:"features"`
	Err      string         `json:"error,omitempty"` // of what is no case, as when nothing could be opened
	Counts   map[Status]int `json:"counts"`
	Results  []Result       `json:"results"`
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

func (r *Report) summary() string { return r.written().Summary() }

// written is the report in the form that all suites are written in.
func (r *Report) written() *casereport.Report {
	w := &casereport.Report{
		Of: r.Adapter, Head: r.Features, Counts: r.Counts, Err: r.Err,
		Statuses: []string{Passed, Inverted, Skipped, Advised, KnownFailure, Failed},
	}
	for _, x := range r.Results {
		w.Rows = append(w.Rows, casereport.Row{ID: x.ID, Group: x.Group, Rule: x.Rule, Status: x.Status, Reason: x.Reason, Duration: x.Duration})
	}
	return w
}

// WriteText writes a table: one line a case, then the reasons, then the counts.
func (r *Report) WriteText(w io.Writer) error { return r.written().WriteText(w) }

// WriteJSON writes the report as one JSON document.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// WriteJUnit writes the report as the XML that CI systems read.
func (r *Report) WriteJUnit(w io.Writer) error { return casereport.WriteJUnit(w, r.written()) }

func firstLine(s string) string { return casereport.FirstLine(s) }
