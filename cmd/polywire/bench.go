package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	allcodecs "github.com/polywire/polywire/codecs/all"
	"github.com/polywire/polywire/internal/codecbench"
)

func (a *app) benchCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "bench", Short: "Measure what things cost on this machine", Args: cobra.NoArgs}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	cmd.AddCommand(a.benchCodecCommand(), a.benchCallCommand("request"), a.benchCallCommand("publish"), a.benchCallCommand("gather"))
	return cmd
}

// A codecBench is a measurement of codecs as the flags want it.
type codecBench struct {
	a          *app
	selection  map[string]*[]string // of codecbench.Keys
	time       time.Duration
	rounds     int
	format     string
	html       string
	thresholds []string
}

func (a *app) benchCodecCommand() *cobra.Command {
	b := &codecBench{a: a, selection: map[string]*[]string{}}
	cmd := &cobra.Command{
		Use: "codec", Short: "Compare the formats by size and speed", Args: cobra.NoArgs,
		Long: `Codec encodes and decodes eight shapes of data in each format and tells sizes and speed. The formats
take turns in rounds; figures are medians. A row is told only if the decoded value equals the encoded one.

A threshold is [KEY=VALUE/...:]METRIC<LIMIT, with <, <=, > or >=, of the metrics ns, allocs, bytes,
wire, gzip, zstd, mb/s and items/s. When a row misses one, the exit code is 8.`,
		Example: `  polywire bench codec --html report.html
  polywire bench codec --codec json,protobuf --shape order --tier tuned --format md
  polywire bench codec --format go > new && benchstat -col /codec new
  polywire bench codec --shape order --threshold 'tier=tuned/rows=plain/op=encode:allocs<=0'`,
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return b.run(cmd.Context()) }
	for _, key := range codecbench.Keys() {
		b.selection[key] = cmd.Flags().StringSlice(key, nil, map[string]string{
			"codec": "only these formats", "shape": "only these shapes: order, document, list, series, text, blob, map, sparse",
			"tier": "tuned or naive: one codec and buffer for all calls, or new ones for each", "rows": "plain or generated: Go structs or protoc's messages",
			"op": "encode or decode",
		}[key])
	}
	cmd.Flags().DurationVar(&b.time, "time", 200*time.Millisecond, "how long to measure a row, all its rounds together")
	cmd.Flags().IntVar(&b.rounds, "rounds", 5, "how many rounds")
	cmd.Flags().StringVar(&b.format, "format", "text", strings.Join(codecbench.FormatNames(), ", "))
	cmd.Flags().StringVar(&b.html, "html", "", "write a page with charts to `FILE`")
	cmd.Flags().StringArrayVar(&b.thresholds, "threshold", nil, "a `LIMIT` that rows must keep, repeated")
	return cmd
}

func (b *codecBench) run(ctx context.Context) error {
	thresholds, err := b.check()
	if err != nil {
		return usage(err)
	}
	report, err := b.measure(ctx)
	if err != nil {
		return err
	}
	if err := codecbench.Formats()[b.format](b.a.out, report); err != nil {
		return err
	}
	if b.html != "" {
		if err := toFile(b.html, func(w io.Writer) error { return codecbench.WriteHTML(w, report) }); err != nil {
			return err
		}
	}
	return hold(thresholds, report)
}

// check finds mistakes in the flags before anything is measured.
func (b *codecBench) check() ([]codecbench.Threshold, error) {
	if codecbench.Formats()[b.format] == nil {
		return nil, fmt.Errorf("--format %s is not known (known: %s)", b.format, strings.Join(codecbench.FormatNames(), ", "))
	}
	if b.rounds < 1 || b.time <= 0 {
		return nil, fmt.Errorf("--rounds %d, --time %v: both must be above zero", b.rounds, b.time)
	}
	var all []codecbench.Threshold
	for _, text := range b.thresholds {
		t, err := codecbench.ParseThreshold(text)
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

func (b *codecBench) measure(ctx context.Context) (*codecbench.Report, error) {
	s := codecbench.Settings{Selection: codecbench.Selection{}, Time: b.time, Rounds: b.rounds, Progress: b.a.progress()}
	for key, values := range b.selection {
		s.Selection[key] = *values
	}
	report, err := codecbench.Measure(ctx, allcodecs.Makers(), s)
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, &exitError{exitInterrupted, errors.New("interrupted: nothing is told of rows that were half measured")}
	case errors.Is(err, codecbench.ErrSelection):
		return nil, usage(err)
	case err != nil:
		return nil, codecError(err)
	}
	return report, nil
}

// progress returns what tells how far a measurement is, on a terminal alone.
func (a *app) progress() func(done, total int, r codecbench.Row) {
	if !isTerminal(a.err) {
		return nil
	}
	return func(done, total int, r codecbench.Row) {
		if done == total {
			fmt.Fprint(a.err, clearLine)
			return
		}
		fmt.Fprintf(a.err, clearLine+"%d of %d  %s %s, %s, %s, %s", done+1, total, r.Codec, r.Op, r.Shape, r.Tier, r.Rows)
	}
}

// clearLine begins a line of a terminal anew.
const clearLine = "\r\x1b[K"

// hold returns an error of exit code 8 that lists what missed a threshold.
func hold(thresholds []codecbench.Threshold, report *codecbench.Report) error {
	var missed []string
	for _, t := range thresholds {
		some, err := t.Missed(report)
		if err != nil {
			return usage(err)
		}
		missed = append(missed, some...)
	}
	return thresholdError(missed)
}

// thresholdError is nil where nothing was missed.
func thresholdError(missed []string) error {
	if len(missed) == 0 {
		return nil
	}
	return &exitError{exitThreshold, fmt.Errorf("missed thresholds:\n%s", strings.Join(missed, "\n"))}
}
