package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	switch {
	case errors.Is(err, flag.ErrHelp):
	case err != nil:
		fmt.Fprintln(os.Stderr, "peers:", err)
		os.Exit(1)
	}
}

// options are what the command line asks for.
type options struct {
	settings
	write func(io.Writer, *report) error
	only  *regexp.Regexp
}

func parse(args []string, errout io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.SetOutput(errout)
	flags.IntVar(&o.Rounds, "rounds", 12, "how often each entry is measured; fewer than 6 give no bounds")
	flags.DurationVar(&o.Time, "time", 200*time.Millisecond, "how long one measurement takes, about")
	format := flags.String("format", "md", "what to print: "+formatNames())
	only := flags.String("run", "", "regexp of the lines to measure, as ^Request/handlers=inline")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	var err error
	var known bool
	o.write, known = formats()[*format]
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q: lines are chosen by -run", flags.Arg(0))
	case o.Rounds < 1 || o.Time <= 0:
		err = fmt.Errorf("-rounds %d, -time %v: both must be positive", o.Rounds, o.Time)
	case !known:
		err = fmt.Errorf("unknown -format %q (known: %s)", *format, formatNames())
	default:
		if o.only, err = regexp.Compile(*only); err != nil {
			err = fmt.Errorf("-run: %w", err)
		}
	}
	return o, err
}

func run(ctx context.Context, args []string, out, errout io.Writer) error {
	o, err := parse(args, errout)
	if err != nil {
		return err
	}
	r := newReport(o.settings)
	for _, l := range lines() {
		if !o.only.MatchString(l.path()) {
			continue
		}
		fmt.Fprintln(errout, l.path())
		samples, err := measureLine(ctx, &l, o.settings)
		if err != nil {
			return err
		}
		r.Lines = append(r.Lines, reportOf(&l, samples))
	}
	if len(r.Lines) == 0 {
		return fmt.Errorf("-run %q: no such line", o.only)
	}
	return o.write(out, r)
}
