package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/conformance/codectest"
	"github.com/polywire/polywire/internal/codecharness"
)

func (a *app) conformCodecCommand() *cobra.Command {
	s := &suite{a: a}
	bombs := false
	cmd := &cobra.Command{
		Use: "codec NAME|all", Short: "Run the conformance suite of codecs, as a table", Args: exactly("NAME"),
		Long: `Conform codec runs the cases of conformance/codectest on one codec, or on all one after the
other. Where a codec departs from the profile on purpose, the case is inverted or must fail, and
the reason stands below the table. With --bombs it reads hostile input in place of the cases, and
tells what the codec says to each and how many bytes it allocated.`,
		Example: `  polywire conform codec all
  polywire conform codec protobuf --run 'C0[34]' --junit report.xml
  polywire conform codec json --bombs`,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o, err := s.codecOptions()
		if err != nil {
			return err
		}
		harnesses, err := chosen(args[0])
		if err != nil {
			return err
		}
		if bombs {
			return s.explode(cmd.Context(), harnesses)
		}
		return s.conform(cmd.Context(), harnesses, o)
	}
	s.flags(cmd)
	cmd.Flags().BoolVar(&bombs, "bombs", false, "read hostile input, and tell what each costs")
	return cmd
}

// chosen are the harnesses that a name means.
func chosen(name string) ([]codectest.Harness, error) {
	if name == "all" {
		return codecharness.All(), nil
	}
	h, err := codecharness.Of(name)
	if err != nil {
		return nil, usage(err)
	}
	return []codectest.Harness{h}, nil
}

// codecOptions finds mistakes in the flags before anything runs.
func (s *suite) codecOptions() (codectest.Options, error) {
	o := codectest.Options{Tier: codectest.Tier(s.tier)}
	var err error
	if o.Run, err = s.check(); err != nil {
		return o, err
	}
	if o.Run != nil && !slices.ContainsFunc(codectest.Cases(), func(c codectest.Case) bool { return o.Run.MatchString(c.ID) }) {
		return o, usage(fmt.Errorf("--run %q matches no case: ids are C001, C002 and so on", s.only))
	}
	if s.output == "text" {
		o.OnResult = func(r codectest.Result) { s.line(r.Status, r.ID, r.Rule, r.Duration) }
	}
	return o, nil
}

// conform runs the suite on each harness.
func (s *suite) conform(ctx context.Context, harnesses []codectest.Harness, o codectest.Options) error {
	var reports []*codectest.Report
	var failures []error
	for _, h := range harnesses {
		if ctx.Err() != nil {
			break
		}
		report := codectest.Execute(ctx, h, o)
		reports = append(reports, report)
		failures = append(failures, codecVerdict(ctx, report))
		if s.output == "text" {
			s.codecText(report)
		}
	}
	return errors.Join(errors.Join(failures...), s.writeCodecs(reports))
}

// codecVerdict is the error of a run.
func codecVerdict(ctx context.Context, report *codectest.Report) error {
	ran := len(report.Results) - report.Counts[codectest.Skipped]
	switch {
	case ctx.Err() != nil:
		return &exitError{exitInterrupted, fmt.Errorf("%s: interrupted, which says nothing about conformance: %s",
			report.Codec, cmp.Or(report.Err, fmt.Sprintf("all %d cases had run", ran)))}
	case !report.OK():
		return &exitError{exitConformance, fmt.Errorf("%s does not conform: %d cases failed of %d that ran", report.Codec, report.Counts[codectest.Failed], ran)}
	case ran == 0:
		return usage(fmt.Errorf("%s: no case was run, so nothing is known: see above for what the chosen ones need", report.Codec))
	}
	return nil
}

// codecText writes what stands under the table: failures, reasons, and the counts.
func (s *suite) codecText(report *codectest.Report) {
	for _, r := range report.Results {
		switch r.Status {
		case codectest.Passed:
		case codectest.Failed:
			fmt.Fprintf(s.a.out, "\n%s %s\n%s\n", r.ID, r.Rule, r.Reason)
		case codectest.Skipped:
			fmt.Fprintf(s.a.out, "not run: %s: %s\n", r.ID, withFlag(r.Reason))
		default:
			fmt.Fprintf(s.a.out, "%s: %s: %s\n", r.Status, r.ID, r.Reason)
		}
	}
	if report.Err != "" {
		fmt.Fprintln(s.a.out, report.Err)
	}
	c := report.Counts
	fmt.Fprintf(s.a.out, "%s: %d passed, %d inverted, %d deviate, %d failed, %d not run\n", report.Codec,
		c[codectest.Passed], c[codectest.Inverted], c[codectest.Deviates], c[codectest.Failed], c[codectest.Skipped])
}

// withFlag says by flag what a test says by environment.
func withFlag(reason string) string {
	if strings.HasPrefix(reason, string(codectest.Nightly)) {
		return "of the nightly tier, which takes long: add --tier nightly"
	}
	return reason
}

func (s *suite) writeCodecs(reports []*codectest.Report) error {
	var err error
	switch {
	case s.output != "json":
	case len(reports) == 1:
		err = reports[0].WriteJSON(s.a.out)
	default:
		enc := json.NewEncoder(s.a.out)
		enc.SetIndent("", "  ")
		err = enc.Encode(reports)
	}
	if err != nil || s.junit == "" {
		return err
	}
	return toFile(s.junit, func(w io.Writer) error { return codectest.WriteJUnit(w, reports...) })
}

// explode reads the bombs of each codec.
func (s *suite) explode(ctx context.Context, harnesses []codectest.Harness) error {
	for _, h := range harnesses {
		c := h.New(codecs.Limits{})
		if err := s.explodeAll(ctx, h.Name, c, codectest.Bombs(c)); err != nil {
			return err
		}
	}
	return nil
}

// explodeAll tells what becomes of each bomb.
func (s *suite) explodeAll(ctx context.Context, name string, c codecs.Codec, bombs []codectest.Bomb) error {
	dear := 0
	tw := tabwriter.NewWriter(s.a.out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(tw, "%s\tbytes\tallocated\tat most\ttook\tsays\n", name)
	for _, b := range bombs {
		if ctx.Err() != nil {
			return &exitError{exitInterrupted, errors.New("interrupted, which says nothing about conformance")}
		}
		x := b.Explode(c)
		mark := ""
		if x.Allocated > x.Budget {
			dear++
			mark = " TOO MUCH"
		}
		fmt.Fprintf(tw, "%s\t%d\t%d%s\t%d\t%v\t%s\n", x.Bomb, x.Bytes, x.Allocated, mark, x.Budget, x.Took.Round(time.Millisecond), x.Says)
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	fmt.Fprintf(s.a.out, "%s: %d bombs\n", name, len(bombs))
	if dear > 0 {
		return &exitError{exitConformance, fmt.Errorf("%s: %d bombs cost more than they may", name, dear)}
	}
	return nil
}
