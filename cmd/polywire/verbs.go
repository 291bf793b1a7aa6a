package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/polywire/polywire/transport"
	"github.com/polywire/polywire/transport/contract"
)

// A verb is a command that sends one message and prints what comes back.
type verb struct {
	target
	letter
	printer
	style []string // of operations in a description that it may call

	described *contract.Description // what --api named; nil without
	operation *contract.Operation   // of the destination; nil without --api
}

func (a *app) newVerb(style ...string) *verb {
	return &verb{target: target{a: a}, letter: letter{a: a}, style: style}
}

func (v *verb) command(use, short, example string, run func(ctx context.Context, conn connection, m *transport.Message) error) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short, Example: example, Args: exactly("DESTINATION")}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := v.printer.prepare(v.target.a.out); err != nil {
			return err
		}
		m, err := v.message(args[0])
		if err != nil {
			return err
		}
		ctx := cmd.Context()
		conn, err := v.open(ctx)
		if err != nil {
			return err
		}
		defer conn.Close() //nolint:errcheck // what counts has happened
		interrupted := ctx
		if v.timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, time.Duration(v.timeout))
			defer cancel()
		}
		if err = v.checkAPI(ctx, conn, m); err == nil {
			err = run(ctx, conn, m)
		}
		return replied(interrupted, err, v.reached.Load())
	}
	v.target.flags(cmd.Flags())
	v.letter.flags(cmd.Flags())
	return cmd
}

func (a *app) requestCommand() *cobra.Command {
	v := a.newVerb("method")
	cmd := v.command("request DESTINATION", "Send a request and print the answer",
		`  polywire request account.verify -t http://localhost:8080 -d '{"id":"7"}'
  polywire request hello -d '{"name":"Ada"}' --serve hello=echo`,
		func(ctx context.Context, conn connection, m *transport.Message) error {
			reply, err := conn.Request(ctx, m)
			if err != nil {
				return err
			}
			return v.show(reply, "")
		})
	v.printer.flags(cmd.Flags())
	return cmd
}

func (a *app) sendCommand() *cobra.Command {
	v := a.newVerb("queue", "method")
	v.output = "json"
	cmd := v.command("send DESTINATION", "Send a one-way notification to one handler",
		`  polywire send trip.pickup -t amqp://localhost -d @pickup.json`,
		func(ctx context.Context, conn connection, m *transport.Message) error { return conn.Send(ctx, m) })
	cmd.Flags().StringVar(&v.replyTo, "reply-to", "", "`DESTINATION` that the handler's answer is sent to")
	return cmd
}

func (a *app) publishCommand() *cobra.Command {
	v := a.newVerb("topic", "survey")
	v.output = "json"
	return v.command("publish DESTINATION", "Publish to every subscription",
		`  polywire publish trip.created -t kafka://localhost:9092 --key 7 -d '{"trip":"7"}'`,
		func(ctx context.Context, conn connection, m *transport.Message) error { return conn.Publish(ctx, m) })
}

func (a *app) gatherCommand() *cobra.Command {
	v := a.newVerb("survey")
	var most limit
	var stall period
	cmd := v.command("gather DESTINATION", "Publish and print the answers as they come",
		`  polywire gather dispatch.bids -t http://localhost:8083 --max 3 --timeout 2s -d '{"trip":"7"}'`,
		func(ctx context.Context, conn connection, m *transport.Message) error {
			var opts []transport.CallOption
			if most > 0 {
				opts = append(opts, transport.WithMax(int(most)))
			}
			if stall > 0 {
				opts = append(opts, transport.WithStall(time.Duration(stall)))
			}
			g, err := conn.Gather(ctx, m, opts...)
			if err != nil {
				return err
			}
			return v.answers(g)
		})
	cmd.Flags().Var(&most, "max", "end at the `N`th answer")
	cmd.Flags().Var(&stall, "stall", "end when no answer came for this `TIME`")
	v.printer.flags(cmd.Flags())
	return cmd
}

// answers prints all of g; that some are errors makes no error of the command. What
// --api does not allow does, once all are printed.
func (v *verb) answers(g *transport.Gathering) error {
	count := 0
	var wrong []error
	for r := range g.All() {
		count++
		var err error
		if failed, ok := r.Err.(*transport.Error); ok { //nolint:errorlint // a Result holds nothing else
			err = v.failure(failed, r.From)
		} else {
			wrong = append(wrong, v.answer(r))
		}
		if err != nil {
			return err
		}
	}
	fmt.Fprintf(v.target.a.err, "%d answers, ended by: %s\n", count, g.Reason())
	return errors.Join(wrong...)
}

// answer prints r and holds it against the description.
func (v *verb) answer(r transport.Result) error {
	if err := v.show(r.Message, r.From); err != nil {
		return codecError(fmt.Errorf("from %s: %w", r.From, err))
	}
	return nil
}

// show prints a reply, which from gave, and holds it against the description.
func (v *verb) show(reply *transport.Message, from string) error {
	reply, err := v.understood(reply)
	if err != nil {
		return err
	}
	return errors.Join(v.print(reply, from), v.checkReply(reply))
}
