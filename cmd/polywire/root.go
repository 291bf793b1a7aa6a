package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	adapters "github.com/polywire/polywire/adapters/all"
	"github.com/polywire/polywire/codecs"
	allcodecs "github.com/polywire/polywire/codecs/all"
	"github.com/polywire/polywire/transport"
)

// streams are what a command reads and writes.
type streams struct {
	in       io.Reader
	out, err io.Writer
}

// An app is what all commands share.
type app struct {
	streams
	registry *transport.Registry
	codecs   *codecs.Registry
}

// run is main without the process. It returns the exit code.
func run(ctx context.Context, args []string, s streams) int {
	known, err := allcodecs.Registry()
	if err != nil {
		fmt.Fprintln(s.err, err)
		return exitUsage
	}
	a := &app{streams: s, registry: adapters.Registry(), codecs: known}
	root := a.root()
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	err = root.ExecuteContext(ctx)
	if err != nil {
		fmt.Fprintln(s.err, "polywire:", err)
	}
	return exitCode(err)
}

func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "polywire",
		Short: "Talk to services over any transport",
		Long: `polywire talks to services in five styles over any transport: request and response, one-way
notification, publish and subscribe, and their asynchronous forms. JSON goes in and out.

Exit codes: 0 ok, 2 usage or configuration, 3 cannot connect, 4 timeout, 5 error reply, 6 codec, 7 conformance, 8 threshold, 130 conform or bench was interrupted.`,
		SilenceErrors: true, SilenceUsage: true,
		SuggestionsMinimumDistance: 2,
	}
	root.SetFlagErrorFunc(flagError)
	root.AddCommand(
		a.requestCommand(), a.sendCommand(), a.publishCommand(), a.gatherCommand(), a.subscribeCommand(), a.serveCommand(),
		a.conformCommand(), a.benchCommand(), a.configCommand(), a.transportsCommand(), a.codecsCommand(), a.schemaCommand(), a.versionCommand(),
	)
	return root
}

// exactly is cobra.ExactArgs whose error says what the arguments are.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) != len(names) {
			return usage(fmt.Errorf("%s takes %d arguments, %v, and got %d: see %s --help", cmd.Name(), len(names), names, len(args), cmd.CommandPath()))
		}
		return nil
	}
}
