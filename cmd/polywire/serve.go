package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/polywire/polywire/transport/config"
)

func (a *app) serveCommand() *cobra.Command {
	t := &target{a: a}
	var data string
	cmd := &cobra.Command{
		Use: "serve NAME echo|reply|fail:CODE", Short: "Stand in for a service, until interrupted", Args: exactly("NAME", "echo|reply|fail:CODE"),
		Long: `Serve handles NAME, and subscribes to it, with a stand-in: echo gives back what it
gets, reply answers with the JSON of -d, fail:not_found with that code. It ends by an interrupt,
after what it has begun.`,
		Example: `  polywire serve hello echo -t 'http://?listen=127.0.0.1:8080'
  polywire serve account.verify reply -d '{"ok":true}' -t amqp://localhost`,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		what := args[1]
		if what == "reply" {
			body, err := a.body(data)
			if err != nil {
				return err
			}
			what = "reply:" + string(body)
		}
		h, err := standIn(what)
		if err != nil {
			return err
		}
		conn, err := t.open(cmd.Context())
		if err != nil {
			return err
		}
		defer conn.Close() //nolint:errcheck // Drain tells
		if err := serveOn(cmd.Context(), conn, args[0], h); err != nil {
			return err
		}
		fmt.Fprintf(a.err, "serving %s%s\n", args[0], at(conn))
		<-cmd.Context().Done()
		return conn.Drain(context.WithoutCancel(cmd.Context()))
	}
	t.flags(cmd.Flags())
	cmd.Flags().StringVar(&t.tokens, "tokens", "", "`FILE` of hashed tokens: only who shows one may call")
	cmd.Flags().StringVarP(&data, "data", "d", "{}", "`JSON` of the reply, @FILE, or - for standard input")
	return cmd
}

// at tells where a connection listens.
func at(conn connection) string {
	if c, ok := conn.(interface{ Addr() string }); ok && c.Addr() != "" {
		return " at " + c.Addr()
	}
	return ""
}

var _ connection = (*config.Bus)(nil)

// note tells a person at a terminal what goes on; scripts are not disturbed.
func (a *app) note(format string, args ...any) {
	if isTerminal(a.err) {
		fmt.Fprintf(a.err, format+"\n", args...)
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
