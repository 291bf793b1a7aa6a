// Command polywire sends, requests, publishes, gathers, subscribes and serves
// over any transport that the library knows, checks configurations, and runs the conformance suite.
//
// It knows no Go types: JSON goes in and out, whatever the wire's format.
// docs/cli.md is its reference. Exit codes:
//
//	0 ok  2 usage or configuration  3 cannot connect  4 timeout  5 error reply  6 codec  7 conformance  8 threshold  130 conform or bench was interrupted
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // so that a second interrupt ends the process at once
	os.Exit(run(ctx, os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr}))
}
