package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	adapters "github.com/polywire/polywire/adapters/all"
	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/conformance/transporttest"
	"github.com/polywire/polywire/transport"
)

func (a *app) conformCommand() *cobra.Command {
	var only, tier, junit, output string
	cmd := &cobra.Command{
		Use: "conform URL|inproc|http", Short: "Run the conformance suite, as a table", Args: exactly("URL"),
		Long: `Conform runs the cases of conformance/transporttest on connections of its own: two
ends of one broker, of one process, or a node of HTTP and its client. Cases that must kill or
replace the other side need a harness in Go, and are listed as skipped.`,
		Example: `  polywire conform inproc
  polywire conform kafka://localhost:9092 --run 'T0[0-3]' --junit report.xml`,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		o := transporttest.Options{Tier: transporttest.Tier(tier)}
		if tier != string(transporttest.Fast) && tier != string(transporttest.Nightly) {
			return usage(fmt.Errorf("--tier %q is not known (known: fast, nightly)", tier))
		}
		if only != "" {
			re, err := regexp.Compile(only)
			if err != nil {
				return usage(fmt.Errorf("--run: %w", err))
			}
			o.Run = re
		}
		if output != "text" && output != "json" {
			return usage(fmt.Errorf("-o %s is not known (known: text, json)", output))
		}
		if o.Run != nil && !slices.ContainsFunc(transporttest.Cases(), func(c transporttest.Case) bool { return o.Run.MatchString(c.ID) }) {
			return usage(fmt.Errorf("--run %q matches no case: ids are T001, T002 and so on", only))
		}
		h, err := a.harness(args[0])
		if err != nil {
			return err
		}
		if output == "text" {
			o.OnResult = func(r transporttest.Result) {
				fmt.Fprintf(a.out, "%-9s %s  %6.0f ms  %s\n", r.Status, r.ID, float64(r.Duration.Microseconds())/1000, r.Rule)
			}
		}
		report := transporttest.Execute(cmd.Context(), h, o)
		return errors.Join(a.write(report, output, junit), verdict(report))
	}
	cmd.Flags().StringVar(&only, "run", "", "cases whose id matches `REGEX`")
	cmd.Flags().StringVar(&tier, "tier", "fast", "fast, or nightly for what takes long too")
	cmd.Flags().StringVar(&junit, "junit", "", "write a report for CI to `FILE`")
	cmd.Flags().StringVarP(&output, "output", "o", "text", "text or json")
	return cmd
}

func verdict(report *transporttest.Report) error {
	switch {
	case report.Err != "" && len(report.Results) == 0:
		return &exitError{exitConnect, errors.New(report.Err)}
	case !report.OK():
		return &exitError{exitConformance, fmt.Errorf("%s does not conform: %d cases failed of %d", report.Adapter, report.Counts[transporttest.Failed], len(report.Results))}
	}
	return nil
}

func (a *app) write(report *transporttest.Report, output, junit string) error {
	var err error
	switch output {
	case "json":
		err = report.WriteJSON(a.out)
	default:
		var skipped int
		for _, r := range report.Results {
			if r.Status == transporttest.Failed {
				fmt.Fprintf(a.out, "\n%s %s\n%s\n", r.ID, r.Rule, r.Reason)
			}
			if r.Status == transporttest.Skipped {
				skipped++
				fmt.Fprintf(a.out, "skipped %s: %s\n", r.ID, r.Reason)
			}
		}
		if report.Err != "" {
			fmt.Fprintln(a.out, report.Err)
		}
		c := report.Counts
		fmt.Fprintf(a.out, "%s: %d passed, %d inverted, %d failed, %d skipped\n", report.Adapter,
			c[transporttest.Passed], c[transporttest.Inverted], c[transporttest.Failed], skipped)
	}
	if err != nil || junit == "" {
		return err
	}
	return toFile(junit, report.WriteJUnit)
}

func toFile(name string, write func(io.Writer) error) error {
	f, err := os.Create(name)
	if err != nil {
		return usage(err)
	}
	return errors.Join(write(f), f.Close())
}

// harness makes the two ends that the suite runs between.
func (a *app) harness(where string) (transporttest.Harness, error) {
	if !strings.Contains(where, ":") {
		where += "://"
	}
	u, err := url.Parse(where)
	if err != nil {
		return transporttest.Harness{}, usage(fmt.Errorf("URL %.128q: %w", where, err))
	}
	f, err := a.registry.Features(where)
	if err != nil {
		t := target{a: a, url: where}
		return transporttest.Harness{}, usage(t.explain(err))
	}
	h := transporttest.FromURL(a.registry, where, where)
	h.Adapter = func(ctx context.Context, _ *transport.Conn) (transport.Adapter, error) { return bare(ctx, u) }
	switch {
	case f.Durable: // a broker: opening is slow, and its messages are
		h.Share, h.Scale, h.Tick = true, 0.2, 200*time.Millisecond
		h.Ignore = []string{"kgo.(*brokerCxn).handleResps", "kgo.(*broker).handleReqs", "kgo.(*source).", "kgo.(*Client).PollRecords"} // of the Kafka client: end with their answer
	case u.Scheme == "http" && u.Host == "":
		h = a.nodes()
	case f.InProcess:
		h = inMemory(where)
	}
	h.Name = f.Adapter
	return h, nil
}

// nodes makes a harness of a node of HTTP, on a free port, and its client.
func (a *app) nodes() transporttest.Harness {
	return transporttest.Harness{
		New: func(ctx context.Context, o transporttest.ConnOptions) (server, client *transport.Conn, err error) {
			if server, err = a.registry.Open(ctx, "http://?listen=127.0.0.1:0&attach", o.Server...); err != nil {
				return nil, nil, err
			}
			if client, err = a.registry.Open(ctx, "http://"+server.Addr(), o.Client...); err != nil {
				return nil, nil, errors.Join(err, server.Close())
			}
			return server, client, nil
		},
		Another: func(ctx context.Context, server *transport.Conn, opts ...transport.Option) (*transport.Conn, error) {
			return a.registry.Open(ctx, "http://"+server.Addr(), opts...)
		},
		Adapter: func(ctx context.Context, server *transport.Conn) (transport.Adapter, error) {
			return bare(ctx, &url.URL{Scheme: "http", Host: server.Addr()})
		},
		Raw: func(ctx context.Context, server *transport.Conn) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", server.Addr())
		},
	}
}

// inMemory makes a harness of one process, whose connections can be cut.
func inMemory(where string) transporttest.Harness {
	factory, peer := transporttest.Outage(inproc.Factory())
	h := transporttest.FromURL(transport.NewRegistry(factory), where, where)
	h.Peer = peer
	h.Adapter = func(ctx context.Context, _ *transport.Conn) (transport.Adapter, error) {
		return factory.Open(ctx, setup(&url.URL{Scheme: "inproc"}))
	}
	return h
}

// bare opens an adapter without a Conn around it.
func bare(ctx context.Context, u *url.URL) (transport.Adapter, error) {
	for _, f := range adapters.Factories() {
		if slices.Contains(f.Schemes, u.Scheme) {
			return f.Open(ctx, setup(u))
		}
	}
	return nil, fmt.Errorf("no adapter for the scheme %q", u.Scheme)
}

func setup(u *url.URL) transport.Setup {
	return transport.Setup{URL: u, Source: "raw/1", MaxBody: 4 << 20, Logger: slog.New(slog.DiscardHandler), Connected: func(error) {}}
}
