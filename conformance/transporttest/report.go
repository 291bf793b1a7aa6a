package transporttest

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
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
	Reason   string        `json:"reason,omitempty"` // of everything but a plain pass
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

func (r *Report) summary() string {
	parts := make([]string, 0, 6)
	for _, s := range []Status{Passed, Inverted, Skipped, Advised, KnownFailure, Failed} {
		parts = append(parts, fmt.Sprintf("%d %s", r.Counts[s], s))
	}
	return fmt.Sprintf("%s: %d cases: %s", r.Adapter, len(r.Results), strings.Join(parts, ", "))
}

// WriteText writes a table: one line a case, then the reasons, then the counts.
func (r *Report) WriteText(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	fmt.Fprintf(tw, "%s\n", r.Features)
	for _, x := range r.Results {
		reason := ""
		if x.Status != Failed && x.Reason != "" {
			reason = " (" + firstLine(x.Reason) + ")"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s%s\n", x.ID, x.Status, x.Duration.Round(time.Millisecond), x.Rule, reason)
	}
	if err := tw.Flush(); err != nil { // before reasons, whose tabs are no columns
		return err
	}
	var below strings.Builder
	for _, x := range r.Results {
		if x.Status == Failed {
			fmt.Fprintf(&below, "\n%s failed: %s\n%s\n", x.ID, x.Rule, indent(x.Reason))
		}
	}
	if r.Err != "" {
		fmt.Fprintf(&below, "\nerror: %s\n", r.Err)
	}
	below.WriteString(r.summary() + "\n")
	_, err := io.WriteString(w, below.String())
	return err
}

// WriteJSON writes the report as one JSON document.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

type junitSuite struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Errors   int         `xml:"errors,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []junitCase `xml:"testcase"`
	Err      string      `xml:"system-err,omitempty"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Time    string        `xml:"time,attr"`
	Failure *junitMessage `xml:"failure"`
	Skipped *junitMessage `xml:"skipped"`
	Out     string        `xml:"system-out,omitempty"`
}

type junitMessage struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// WriteJUnit writes the report as the XML that CI systems read.
func (r *Report) WriteJUnit(w io.Writer) error {
	suite := junitSuite{
		Name: "polywire conformance: " + r.Adapter, Tests: len(r.Results), Failures: r.Counts[Failed], Skipped: r.Counts[Skipped], Err: r.Err,
	}
	if r.Err != "" {
		suite.Errors = 1
	}
	var total time.Duration
	for _, x := range r.Results {
		total += x.Duration
		suite.Cases = append(suite.Cases, x.junit(r.Adapter))
	}
	suite.Time = seconds(total)
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	if err := enc.Encode(suite); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (x Result) junit(adapter string) junitCase {
	c := junitCase{Class: adapter + "." + x.Group, Name: x.ID + " " + x.Rule, Time: seconds(x.Duration)}
	switch x.Status {
	case Failed:
		c.Failure = &junitMessage{Message: firstLine(x.Reason), Text: x.Reason}
	case Skipped:
		c.Skipped = &junitMessage{Message: x.Reason}
	case Inverted, KnownFailure, Advised:
		c.Out = x.Status + ": " + x.Reason
	}
	return c
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func indent(s string) string { return "    " + strings.ReplaceAll(s, "\n", "\n    ") }
