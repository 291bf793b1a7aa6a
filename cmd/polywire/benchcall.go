package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/polywire/polywire/internal/benchfmt"
	"github.com/polywire/polywire/internal/loadbench"
	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/config"
)

// A callBench measures calls of one style as the flags want it.
type callBench struct {
	*verb
	op         string
	settings   loadbench.Settings
	callers    int // 0 is the default of the loop
	bytes      int
	max        int // answers to a gather
	format     string
	thresholds []string
	limits     []benchfmt.Limit
}

// Callers unless a flag says otherwise.
const (
	closedCallers = 1
	openCallers   = 256
)

func (a *app) benchCallCommand(op string) *cobra.Command {
	styles := map[string][]string{"request": {"method"}, "publish": {"topic", "survey"}, "gather": {"survey"}}
	b := &callBench{verb: a.newVerb(styles[op]...), op: op}
	b.output, b.unwatched = "json", true
	cmd := &cobra.Command{
		Use: op + " DESTINATION", Args: exactly("DESTINATION"),
		Short: map[string]string{
			"request": "Measure requests", "publish": "Measure publications", "gather": "Measure publications with their answers",
		}[op],
		Long: `Without --rate, each of the callers makes one call after the other: a closed loop. With --rate, calls begin
at that rate whether or not those before have ended: an open loop, in which a latency counts from the time at which its call was
to begin, so that one that had to wait for others is told as slow. Over inproc:// an echo serves DESTINATION unless --serve does.

A threshold is METRIC<LIMIT, with <, <=, > or >=, of the metrics ` + strings.Join(loadbench.Metrics(), ", ") + `.
When one is missed, the exit code is 8.`,
		Example: `  polywire bench ` + op + ` hello -d '{"name":"Ada"}'
  polywire bench ` + op + ` hello -t http://localhost:8080 --callers 64 --time 30s --threshold 'p99<5ms'
  polywire bench ` + op + ` hello -t amqp://localhost --serve hello=echo --rate 2000 --format go | benchstat -`,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error { return b.run(cmd.Context(), args[0]) }
	b.flags(cmd)
	return cmd
}

func (b *callBench) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	b.target.flags(f)
	b.letter.flags(f)
	f.IntVar(&b.callers, "callers", 0, fmt.Sprintf("closed loop: `N` callers, %d without it; open loop: calls in flight at most, %d without it", closedCallers, openCallers))
	f.Float64Var(&b.settings.Rate, "rate", 0, "open loop: `N` calls a second")
	f.DurationVar(&b.settings.WarmUp, "warm-up", time.Second, "how long to call before anything is measured")
	f.DurationVar(&b.settings.Time, "time", 5*time.Second, "how long to measure, all rounds together")
	f.IntVar(&b.settings.Count, "count", 0, "measure `N` calls in place of a time")
	f.IntVar(&b.settings.Rounds, "rounds", 5, "parts of the measurement, whose figures json, csv and go tell too")
	f.IntVar(&b.bytes, "bytes", 0, "a body of `N` bytes in place of -d")
	f.StringVar(&b.format, "format", "text", strings.Join(loadbench.FormatNames(), ", "))
	f.StringArrayVar(&b.thresholds, "threshold", nil, "a `LIMIT` that must be kept, as p99<5ms, repeated")
	if b.op == "gather" {
		f.IntVar(&b.max, "max", 1, "a gather ends at its `N`th answer; 0 is only where the transport counts responders")
	}
}

func (b *callBench) run(ctx context.Context, destination string) error {
	m, err := b.prepare(destination)
	if err != nil {
		return err
	}
	conn, err := b.open(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // what counts has happened
	if err := b.checkAPI(ctx, conn, m); err != nil {
		return replied(ctx, err, true)
	}
	report, err := loadbench.Run(ctx, b.settings, b.call(conn, m), code)
	switch {
	case err != nil && ctx.Err() != nil:
		return &exitError{exitInterrupted, errors.New("interrupted: nothing is told of what was half measured")}
	case err != nil:
		return replied(ctx, err, true)
	}
	report.About = loadbench.About{Op: b.op, Destination: destination, Transport: adapter(conn, destination), Sent: len(m.Body)}
	if b.raw == "" && b.bytes == 0 && b.codec != "json" {
		report.Codec = b.codec
	}
	if err := loadbench.Formats()[b.format](b.a().out, report); err != nil {
		return err
	}
	return thresholdError(report.Missed(b.limits))
}

func (b *callBench) a() *app { return b.target.a }

// prepare finds mistakes in the flags before anything is opened, and makes the message.
func (b *callBench) prepare(destination string) (*transport.Message, error) {
	s := &b.settings
	if s.Callers = b.callers; s.Callers == 0 {
		if s.Callers = closedCallers; s.Rate > 0 {
			s.Callers = openCallers
		}
	}
	if s.Count > 0 {
		s.Rounds = min(s.Rounds, s.Count)
	}
	if loadbench.Formats()[b.format] == nil {
		return nil, usage(fmt.Errorf("--format %s is not known (known: %s)", b.format, strings.Join(loadbench.FormatNames(), ", ")))
	}
	if err := s.Check(); err != nil {
		return nil, usage(err)
	}
	for _, text := range b.thresholds {
		l, err := loadbench.ParseThreshold(text)
		if err != nil {
			return nil, usage(err)
		}
		b.limits = append(b.limits, l)
	}
	if b.max < 0 || b.bytes < 0 || b.bytes > maxInput || b.bytes > 0 && b.data != "" {
		return nil, usage(fmt.Errorf("--max %d, --bytes %d: use numbers that are not below zero, bytes up to %d and without -d", b.max, b.bytes, maxInput))
	}
	if b.file == "" && strings.HasPrefix(b.url, "inproc:") && len(b.serve) == 0 {
		b.serve = []string{destination + "=echo"}
	}
	s.Progress = b.progress()
	m, err := b.message(destination)
	if err != nil {
		return nil, err
	}
	if b.bytes > 0 {
		m.Body, m.ContentType, m.Accept = make([]byte, b.bytes), "application/octet-stream", ""
	}
	m.Timeout = time.Duration(b.timeout)
	return m, nil
}

// call makes one call of m, which is shared as no verb writes to it.
func (b *callBench) call(conn connection, m *transport.Message) loadbench.Call {
	switch b.op {
	case "request":
		return func(ctx context.Context) (int, error) {
			reply, err := conn.Request(ctx, m)
			if err != nil {
				return 0, err
			}
			return len(reply.Body), nil
		}
	case "publish":
		return func(ctx context.Context) (int, error) { return 0, conn.Publish(ctx, m) }
	}
	var opts []transport.CallOption
	if b.max > 0 {
		opts = append(opts, transport.WithMax(b.max))
	}
	return func(ctx context.Context) (int, error) { return gathered(ctx, conn, m, opts) }
}

// errNoAnswer is a gather that nobody answered.
var errNoAnswer = transport.CodeNotFound.Errorf("nobody answered the gather: serve it, or see that its subscriptions answer")

// gathered waits for the answers to m. One that is an error, and none at all, fails the call.
func gathered(ctx context.Context, conn connection, m *transport.Message, opts []transport.CallOption) (received int, err error) {
	g, err := conn.Gather(ctx, m, opts...)
	if err != nil {
		return 0, err
	}
	answers := 0
	for r := range g.All() {
		if r.Err != nil {
			return 0, r.Err
		}
		received += len(r.Message.Body)
		answers++
	}
	if answers == 0 {
		return 0, errNoAnswer
	}
	return received, nil
}

// code names an error of a call in few words.
func code(err error) string {
	var e *transport.Error
	if errors.As(err, &e) {
		return e.Code.String()
	}
	return transport.CodeUnknown.String()
}

// adapter is the name of the one that carries destination.
func adapter(conn connection, destination string) string {
	switch c := conn.(type) {
	case *transport.Conn:
		return c.Features().Adapter
	case *config.Bus:
		return c.Features(destination).Adapter
	}
	return "unknown"
}

// progress returns what tells how far a measurement is, on a terminal alone.
func (b *callBench) progress() func(loadbench.Progress) {
	out := b.a().err
	if !isTerminal(out) {
		return nil
	}
	return func(p loadbench.Progress) {
		part := "warming up"
		if p.Warm {
			part = fmt.Sprintf("%3.0f %%", p.Done*100)
		}
		fmt.Fprintf(out, clearLine+"%s  %d calls, %s/s, %d failed", part, p.Calls, benchfmt.Count(p.PerSec), p.Failed)
		if p.Warm && p.Done >= 1 {
			fmt.Fprint(out, clearLine)
		}
	}
}
