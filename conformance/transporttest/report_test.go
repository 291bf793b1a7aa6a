package transporttest_test

import (
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/polywire/polywire/conformance/transporttest"
)

// everyStatus is a report with a case of each, and with texts that are no good XML, JSON or line.
func everyStatus() *transporttest.Report {
	result := func(id, status, reason string, d time.Duration) transporttest.Result {
		return transporttest.Result{
			ID: id, Group: "A", Rule: "Rule of " + id + ".", Sections: []string{"1.1"}, Level: transporttest.Must, Status: status, Reason: reason, Duration: d,
		}
	}
	r := &transporttest.Report{
		Adapter: "mine", Features: "mine: Send acceptance=queued",
		Counts: map[transporttest.Status]int{},
		Results: []transporttest.Result{
			result("T001", transporttest.Passed, "", 1500*time.Microsecond),
			result("T002", transporttest.Inverted, "Features.Request is not declared, and behaves so", 2*time.Millisecond),
			result("T003", transporttest.Skipped, `the harness has no ability "pause"`, 0),
			result("T004", transporttest.Advised, "slow", 3*time.Second),
			result("T005", transporttest.KnownFailure, "not yet: lost", time.Millisecond),
			result("T006", transporttest.Failed, "got <a>&\"b\"]]>, want\tc\x01\nand a second line", 250*time.Millisecond),
		},
	}
	for _, x := range r.Results {
		r.Counts[x.Status]++
	}
	return r
}

func written(t *testing.T, write func(*strings.Builder) error) string {
	t.Helper()
	var b strings.Builder
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// golden compares with a file of testdata; go test -run Report -update writes it anew.
func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if flag.Lookup("update").Value.String() == "true" {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (- want, + got):\n%s", file, diff)
	}
}

func TestTheTextOfAReportHasALineForEachCase(t *testing.T) {
	golden(t, "report.txt", written(t, func(b *strings.Builder) error { return everyStatus().WriteText(b) }))
}

func TestTheJSONOfAReportIsReadBackWhole(t *testing.T) {
	want := everyStatus()
	text := written(t, func(b *strings.Builder) error { return want.WriteJSON(b) })
	var got transporttest.Report
	if err := json.Unmarshal([]byte(text), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, &got); diff != "" {
		t.Errorf("the report differs from what was read back (- want, + got):\n%s", diff)
	}
	short := transporttest.Report{Adapter: "mine", Features: "mine: Send", Counts: map[transporttest.Status]int{"pass": 1}, Results: want.Results[:1]}
	golden(t, "report.json", written(t, func(b *strings.Builder) error { return short.WriteJSON(b) }))
}

// A junit is what CI systems read of a report.
type junit struct {
	XMLName  xml.Name `xml:"testsuite"`
	Name     string   `xml:"name,attr"`
	Tests    int      `xml:"tests,attr"`
	Failures int      `xml:"failures,attr"`
	Skipped  int      `xml:"skipped,attr"`
	Errors   int      `xml:"errors,attr"`
	Time     string   `xml:"time,attr"`
	Err      string   `xml:"system-err"`
	Cases    []struct {
		Class   string `xml:"classname,attr"`
		Name    string `xml:"name,attr"`
		Time    string `xml:"time,attr"`
		Failure *struct {
			Message string `xml:"message,attr"`
			Text    string `xml:",chardata"`
		} `xml:"failure"`
		Skipped *struct {
			Message string `xml:"message,attr"`
		} `xml:"skipped"`
		Out string `xml:"system-out"`
	} `xml:"testcase"`
}

func readJUnit(t *testing.T, r *transporttest.Report) (text string, parsed junit) {
	t.Helper()
	text = written(t, func(b *strings.Builder) error { return r.WriteJUnit(b) })
	if err := xml.Unmarshal([]byte(text), &parsed); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	return text, parsed
}

func TestTheJUnitOfAReportParsesWithItsCounts(t *testing.T) {
	text, got := readJUnit(t, everyStatus())
	golden(t, "report.xml", text)
	if got.Tests != 6 || got.Failures != 1 || got.Skipped != 1 || got.Errors != 0 || len(got.Cases) != 6 {
		t.Errorf("%d tests, %d failures, %d skipped, %d errors and %d cases; want 6, 1, 1, 0 and 6", got.Tests, got.Failures, got.Skipped, got.Errors, len(got.Cases))
	}
	failures, skips := 0, 0
	for _, c := range got.Cases {
		if c.Failure != nil {
			failures++
		}
		if c.Skipped != nil {
			skips++
		}
	}
	if failures != got.Failures || skips != got.Skipped {
		t.Errorf("%d cases have a failure and %d are skipped, but the suite says %d and %d", failures, skips, got.Failures, got.Skipped)
	}
	if f := got.Cases[5].Failure; f == nil || !strings.HasPrefix(f.Text, `got <a>&"b"]]>, want`) || strings.Contains(f.Message, "\n") {
		t.Errorf("the failure of T006 reads %+v; want its whole text, and one line as the message", f)
	}
}

func TestAReportOfNothingIsAnError(t *testing.T) {
	r := &transporttest.Report{Adapter: "mine", Err: "nobody answers at <mine>"}
	if r.OK() {
		t.Error("a run that could not open anything is OK")
	}
	_, got := readJUnit(t, r)
	if got.Errors != 1 || got.Tests != 0 || got.Err != r.Err {
		t.Errorf("JUnit tells of %d errors, %d tests, %q; want 1, 0, %q", got.Errors, got.Tests, got.Err, r.Err)
	}
	if text := written(t, func(b *strings.Builder) error { return r.WriteText(b) }); !strings.Contains(text, "error: "+r.Err) {
		t.Errorf("the text does not tell the error:\n%s", text)
	}
}

func TestARunCountsHowEachCaseEnded(t *testing.T) {
	ok := func(context.Context, *transporttest.Env) error { return nil }
	bad := func(context.Context, *transporttest.Env) error { return errors.New("not so") }
	made := func(id string, run func(context.Context, *transporttest.Env) error) transporttest.Case {
		return transporttest.Case{ID: id, Group: "A", Level: transporttest.Must, Tier: transporttest.Fast, Rule: "made up", Run: run}
	}
	cases := []transporttest.Case{
		made("T1", ok), made("T2", bad), made("T3", bad), made("T4", bad), made("T5", ok), made("T6", ok), made("T7", ok), made("T8", ok),
	}
	cases[2].Level = transporttest.Advisory
	cases[4].Abilities = []string{transporttest.AbilityPause}
	cases[5].Needs = []string{"Durable"}
	cases[6].Tier = transporttest.Nightly
	h := inprocHarness()
	h.Known = map[string]string{"T4": "not yet", "T8": "not yet either"}

	report := transporttest.Execute(t.Context(), h, transporttest.Options{Cases: cases})
	var got []string
	for _, r := range report.Results {
		got = append(got, r.ID+" "+r.Status)
	}
	want := []string{"T1 pass", "T2 fail", "T3 advisory", "T4 known", "T5 skip", "T6 inverted", "T7 skip", "T8 fail"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the cases ended otherwise (- want, + got):\n%s", diff)
	}
	counts := map[transporttest.Status]int{"pass": 1, "fail": 2, "advisory": 1, "known": 1, "skip": 2, "inverted": 1}
	if diff := cmp.Diff(counts, report.Counts); diff != "" || report.OK() {
		t.Errorf("OK is %v; the counts differ (- want, + got):\n%s", report.OK(), diff)
	}
	if !strings.Contains(report.Results[7].Reason, "take it off the list") {
		t.Errorf("a known failure that passes: %q; want it to say what to do", report.Results[7].Reason)
	}
}
