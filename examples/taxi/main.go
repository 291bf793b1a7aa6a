// Command taxi is a ride-hailing system of five services that use all five
// styles of polywire. Without arguments it takes one ride in one process:
//
//	go run ./examples/taxi
//
// The same services run as five processes, over HTTP, gRPC, RabbitMQ or
// Kafka, by configuration alone; README.md tells how.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

// options are the command's flags.
type options struct {
	config, profile, codec string
	service                string
	split                  bool
	scene                  string
	trip, rider            string
	rides                  int
	patience               time.Duration
	output                 string
	page, trips, dispatch  string
}

func parse(args []string, stderr io.Writer) (*options, error) {
	o := &options{}
	f := flag.NewFlagSet("taxi", flag.ContinueOnError)
	f.SetOutput(stderr)
	f.StringVar(&o.config, "config", "", "configuration `file`; the one beside the source without it")
	f.StringVar(&o.profile, "profile", "", "`profile` of the file: http, rest, grpc, amqp or kafka; in one process without it")
	f.StringVar(&o.codec, "codec", "", "`codec` of all messages, in place of the file's")
	f.StringVar(&o.service, "service", "", "run one `service` alone: accounts, trips, dispatch, drivers, notifications, or rider, who takes the ride, or page, which shows rides to browsers")
	f.StringVar(&o.page, "page", "127.0.0.1:8090", "`address` of the page")
	f.StringVar(&o.trips, "trips", "http://127.0.0.1:8082", "`URL` at which the page finds the trips service")
	f.StringVar(&o.dispatch, "dispatch", "http://127.0.0.1:8083", "`URL` at which the page finds the dispatch service")
	f.BoolVar(&o.split, "split", false, "give each service connections of its own, as if it were a process")
	f.StringVar(&o.scene, "scene", "ride", "ride, or outage: a ride is ordered while the trips service is down")
	f.StringVar(&o.trip, "trip", time.Now().UTC().Format("150405.000"), "`id` of the trip")
	f.StringVar(&o.rider, "rider", "ada", "who rides; charles may not")
	f.IntVar(&o.rides, "rides", 1, "rides to order, one after the other")
	f.DurationVar(&o.patience, "patience", 30*time.Second, "how long to wait for the end of all rides")
	f.StringVar(&o.output, "o", "text", "text, or json: the outcome alone on standard output")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case f.NArg() > 0:
		return nil, fmt.Errorf("taxi: unexpected %q: everything is said by flags", f.Arg(0))
	case o.scene != "ride" && o.scene != "outage":
		return nil, fmt.Errorf("taxi: unknown scene %q (known: ride, outage)", o.scene)
	case o.output != "text" && o.output != "json":
		return nil, fmt.Errorf("taxi: unknown output %q (known: text, json)", o.output)
	case o.rides < 1:
		return nil, fmt.Errorf("taxi: -rides %d: at least 1", o.rides)
	}
	return o, nil
}

// run is main without the process.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	var out *outcome
	if err == nil {
		out, err = play(ctx, o, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	if out == nil { // a service that was told to stop
		return 0
	}
	if err := out.write(stdout, o.output); err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	if out.Lost > 0 {
		return 1
	}
	return 0
}

// play runs what the flags ask for; the outcome is nil for a service alone.
func play(ctx context.Context, o *options, stdout, stderr io.Writer) (*outcome, error) {
	if o.service == pageName {
		return nil, watch(ctx, o, stderr)
	}
	lines := stdout
	if o.output == "json" || o.service != "" {
		lines = stderr
	}
	s := newSystem(o, newTimeline(lines))
	defer s.stop()
	switch {
	case o.service == riderName:
		return s.ride(ctx)
	case o.service != "":
		if err := s.start(ctx, o.service); err != nil {
			return nil, err
		}
		fmt.Fprintln(stderr, o.service, "ready")
		<-ctx.Done()
		return nil, nil
	}
	if err := s.startAll(ctx); err != nil {
		return nil, err
	}
	if o.scene == "outage" {
		return s.outage(ctx)
	}
	return s.ride(ctx)
}
