// Package casereport writes what a run of a conformance suite found, as text for
// people and as the XML that CI systems read. Each suite has rows of its own and
// turns them into these.
package casereport

import (
	"encoding/xml"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

// The statuses that a suite's own share their meaning with.
const (
	Passed  = "pass"
	Skipped = "skip"
	Failed  = "fail"
)

// A Row is the outcome of one case. A status other than the three above is
// neither a failure nor left out; its reason is shown.
type Row struct {
	ID, Group, Rule, Status, Reason string
	Duration                        time.Duration
}

// A Report is the outcome of a run.
type Report struct {
	Of       string // what was tested: an adapter, a codec
	Head     string // the first line of the text; may be empty
	Statuses []string
	Counts   map[string]int
	Err      string // of what is no case
	Rows     []Row
}

// Summary is one line of counts.
func (r *Report) Summary() string {
	parts := make([]string, 0, len(r.Statuses))
	for _, s := range r.Statuses {
		parts = append(parts, fmt.Sprintf("%d %s", r.Counts[s], s))
	}
	return fmt.Sprintf("%s: %d cases: %s", r.Of, len(r.Rows), strings.Join(parts, ", "))
}

// WriteText writes a table: one line a case, then the reasons, then the counts.
func (r *Report) WriteText(w io.Writer) error {
	tw := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	if r.Head != "" {
		fmt.Fprintf(tw, "%s\n", r.Head)
	}
	for _, x := range r.Rows {
		reason := ""
		if x.Status != Failed && x.Reason != "" {
			reason = " (" + FirstLine(x.Reason) + ")"
		}
		fmt.Fprintf(tw, "%s\t%s\t%s\t%s%s\n", x.ID, x.Status, x.Duration.Round(time.Millisecond), x.Rule, reason)
	}
	if err := tw.Flush(); err != nil { // before reasons, whose tabs are no columns
		return err
	}
	var below strings.Builder
	for _, x := range r.Rows {
		if x.Status == Failed {
			fmt.Fprintf(&below, "\n%s failed: %s\n%s\n", x.ID, x.Rule, indent(x.Reason))
		}
	}
	if r.Err != "" {
		fmt.Fprintf(&below, "\nerror: %s\n", r.Err)
	}
	below.WriteString(r.Summary() + "\n")
	_, err := io.WriteString(w, below.String())
	return err
}

type junitSuites struct {
	XMLName xml.Name `xml:"testsuites"`
	Suites  []junitSuite
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

// WriteJUnit writes the reports as the XML that CI systems read: one suite, or
// several in one element.
func WriteJUnit(w io.Writer, reports ...*Report) error {
	if _, err := io.WriteString(w, xml.Header); err != nil {
		return err
	}
	enc := xml.NewEncoder(w)
	enc.Indent("", "  ")
	var all junitSuites
	for _, r := range reports {
		all.Suites = append(all.Suites, r.junit())
	}
	var doc any = all
	if len(all.Suites) == 1 {
		doc = all.Suites[0]
	}
	if err := enc.Encode(doc); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\n")
	return err
}

func (r *Report) junit() junitSuite {
	suite := junitSuite{
		Name: "polywire conformance: " + r.Of, Tests: len(r.Rows), Failures: r.Counts[Failed], Skipped: r.Counts[Skipped], Err: r.Err,
	}
	if r.Err != "" {
		suite.Errors = 1
	}
	var total time.Duration
	for _, x := range r.Rows {
		total += x.Duration
		suite.Cases = append(suite.Cases, x.junit(r.Of))
	}
	suite.Time = seconds(total)
	return suite
}

func (x Row) junit(of string) junitCase {
	c := junitCase{Class: of + "." + x.Group, Name: x.ID + " " + x.Rule, Time: seconds(x.Duration)}
	switch x.Status {
	case Passed:
	case Failed:
		c.Failure = &junitMessage{Message: FirstLine(x.Reason), Text: x.Reason}
	case Skipped:
		c.Skipped = &junitMessage{Message: x.Reason}
	default:
		c.Out = x.Status + ": " + x.Reason
	}
	return c
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// FirstLine is s up to its first line break.
func FirstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

func indent(s string) string { return "    " + strings.ReplaceAll(s, "\n", "\n    ") }
