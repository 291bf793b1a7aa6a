package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/polywire/polywire/conformance/transporttest"
)

// A suite is a run of the conformance suite as the flags want it.
type suite struct {
	a      *app
	only   string
	tier   string
	junit  string
	output string
}

func (a *app) conformCommand() *cobra.Command {
	s := &suite{a: a}
	cmd := &cobra.Command{
		Use: "conform URL|inproc|http", Short: "Run the conformance suite, as a table", Args: exactly("URL"),
		Long: `Conform runs the cases of conformance/transporttest on connections of its own: two
ends of one broker, of one process, or a node of HTTP and its client. It cannot kill or stop what
a URL names. Cases that need that are listed as not run, with the command that runs them; so are
those of the nightly tier. An interrupt ends the run; the exit code is then 130.`,
		Example: `  polywire conform inproc
  polywire conform kafka://localhost:9092 --run 'T0[0-3]' --junit report.xml`,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o, err := s.options()
		if err != nil {
			return err
		}
		h, err := a.harness(args[0])
		if err != nil {
			return err
		}
		report := transporttest.Execute(cmd.Context(), h, o)
		return errors.Join(s.write(report), verdict(cmd.Context(), report))
	}
	s.flags(cmd)
	cmd.AddCommand(a.conformCodecCommand())
	return cmd
}

func (s *suite) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&s.only, "run", "", "cases whose id matches `REGEX`")
	cmd.Flags().StringVar(&s.tier, "tier", "fast", "fast, or nightly for what takes long too")
	cmd.Flags().StringVar(&s.junit, "junit", "", "write a report for CI to `FILE`")
	cmd.Flags().StringVarP(&s.output, "output", "o", "text", "text or json")
}

// check finds mistakes in the flags of any suite, and returns what --run means.
func (s *suite) check() (*regexp.Regexp, error) {
	if s.tier != "fast" && s.tier != "nightly" {
		return nil, usage(fmt.Errorf("--tier %q is not known (known: fast, nightly)", s.tier))
	}
	if s.output != "text" && s.output != "json" {
		return nil, usage(fmt.Errorf("-o %s is not known (known: text, json)", s.output))
	}
	if s.only == "" {
		return nil, nil
	}
	re, err := regexp.Compile(s.only)
	if err != nil {
		return nil, usage(fmt.Errorf("--run: %w", err))
	}
	return re, nil
}

// options finds mistakes in the flags before anything is opened.
func (s *suite) options() (transporttest.Options, error) {
	o := transporttest.Options{Tier: transporttest.Tier(s.tier)}
	var err error
	if o.Run, err = s.check(); err != nil {
		return o, err
	}
	if o.Run != nil && !slices.ContainsFunc(transporttest.Cases(), func(c transporttest.Case) bool { return o.Run.MatchString(c.ID) }) {
		return o, usage(fmt.Errorf("--run %q matches no case: ids are T001, T002 and so on", s.only))
	}
	if s.output == "text" {
		o.OnResult = func(r transporttest.Result) { s.line(r.Status, r.ID, r.Rule, r.Duration) }
	}
	return o, nil
}

// line writes how one case ended.
func (s *suite) line(status, id, rule string, took time.Duration) {
	if status == transporttest.Skipped {
		status = "not run"
	}
	fmt.Fprintf(s.a.out, "%-9s %-5s %6.0f ms  %s\n", status, id, float64(took.Microseconds())/1000, rule)
}

// verdict is the error of a run. That some cases were not run is none, unless it was all of them.
func verdict(ctx context.Context, report *transporttest.Report) error {
	ran := len(report.Results) - report.Counts[transporttest.Skipped]
	switch {
	case ctx.Err() != nil:
		return &exitError{exitInterrupted, fmt.Errorf("%s: interrupted, which says nothing about conformance: %s",
			report.Adapter, cmp.Or(report.Err, fmt.Sprintf("all %d cases had run", ran)))}
	case report.Err != "" && len(report.Results) == 0:
		return &exitError{exitConnect, errors.New(report.Err)}
	case !report.OK():
		return &exitError{exitConformance, fmt.Errorf("%s does not conform: %d cases failed of %d that ran", report.Adapter, report.Counts[transporttest.Failed], ran)}
	case ran == 0:
		return usage(fmt.Errorf("%s: no case was run, so nothing is known: see above for what the chosen ones need", report.Adapter))
	}
	return nil
}

func (s *suite) write(report *transporttest.Report) error {
	var err error
	if s.output == "json" {
		err = report.WriteJSON(s.a.out)
	} else {
		s.text(report)
	}
	if err != nil || s.junit == "" {
		return err
	}
	return toFile(s.junit, report.WriteJUnit)
}

// text writes what stands under the table: failures, what was not run, and the counts.
func (s *suite) text(report *transporttest.Report) {
	for _, r := range report.Results {
		if r.Status == transporttest.Failed {
			fmt.Fprintf(s.a.out, "\n%s %s\n%s\n", r.ID, r.Rule, r.Reason)
		}
	}
	if report.Err != "" {
		fmt.Fprintln(s.a.out, report.Err)
	}
	notRun(s.a.out, report)
	c := report.Counts
	fmt.Fprintf(s.a.out, "%s: %d passed, %d inverted, %d failed, %d not run\n", report.Adapter,
		c[transporttest.Passed], c[transporttest.Inverted], c[transporttest.Failed], c[transporttest.Skipped])
}

// lacking says what a URL cannot give, in words.
var lacking = map[string]string{
	transporttest.AbilityRestart: "must kill the other side and start it again, and a URL does not let this command",
	transporttest.AbilityPause:   "must stop the other side without closing its connections, and a URL does not let this command",
	transporttest.AbilityProxy:   "must put a proxy before the other side, which its clients then dial",
	transporttest.AbilityRequest: "must dial the other side without a client of ours, and know a request in bytes",
	transporttest.AbilityHTTP2:   "are for listeners of HTTP/2, and must dial the other side without a client of ours",
	transporttest.AbilityCrowd:   "must open a listener that serves few connections at once",
}

// notRun tells which cases were not run, why, and what runs them.
func notRun(w io.Writer, report *transporttest.Report) {
	cases, order := map[[2]string][]string{}, [][2]string(nil)
	for _, r := range report.Results {
		if r.Status != transporttest.Skipped {
			continue
		}
		why := whyNot(report.Adapter, r)
		if cases[why] == nil {
			order = append(order, why)
		}
		cases[why] = append(cases[why], r.ID)
	}
	for _, why := range order {
		fmt.Fprintf(w, "not run: %s: %s\n         %s\n", strings.Join(cases[why], ", "), why[0], why[1])
	}
}

// whyNot is the reason in words, and what to do.
func whyNot(adapter string, r transporttest.Result) [2]string {
	for ability, reason := range lacking {
		if strings.HasSuffix(r.Reason, " "+ability) {
			return [2]string{reason, testsOf(adapter, ability)}
		}
	}
	if strings.HasPrefix(r.Reason, string(transporttest.Nightly)) {
		return [2]string{"of the nightly tier, which takes long", "to run them: add --tier nightly"}
	}
	return [2]string{r.Reason, testsOf(adapter, "")}
}

// testsOf says how to run cases that need an ability, on a broker of the tests' own where there is one.
func testsOf(adapter, ability string) string {
	if adapter == "inproc" {
		return "nothing runs them for inproc, which has no network and no process of its own to stop"
	}
	brokers := map[string]string{"amqp": "rabbitmq", "kafka": "kafka"}
	switch broker := brokers[adapter]; {
	case broker != "":
		return fmt.Sprintf(`to run them, in a checkout of polywire: scripts/brokers start .brokers %s && eval "$(scripts/brokers env .brokers)" && go test ./adapters/%swire -run TestConformance`, broker, adapter)
	case adapter == "http" || adapter == "grpc":
		return "to run them, in a checkout of polywire: go test ./adapters/" + adapter + "wire -run TestConformance"
	}
	return "to run them: write a transporttest.Harness that can, for transporttest.Run"
}

func toFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return usage(err)
	}
	return errors.Join(write(f), f.Close())
}
