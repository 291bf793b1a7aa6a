package main

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/spf13/cobra"

	"github.com/polywire/polywire/transport"
)

func (a *app) subscribeCommand() *cobra.Command {
	t := &target{a: a}
	p := &printer{}
	var group string
	var count limit
	cmd := &cobra.Command{
		Use: "subscribe PATTERN", Short: "Print what is published, until interrupted", Args: exactly("PATTERN"),
		Example: `  polywire subscribe 'trip.*' -t http://localhost:8082 --format '{{.Destination}} {{.Body}}'`,
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := p.prepare(a.out); err != nil {
			return err
		}
		conn, err := t.open(cmd.Context())
		if err != nil {
			return err
		}
		defer conn.Close() //nolint:errcheck // Drain tells
		var opts []transport.BindOption
		if group != "" {
			opts = append(opts, transport.WithGroup(group))
		}
		tail := newTail(p, int(count))
		if _, err := conn.Subscribe(cmd.Context(), args[0], tail.handle, opts...); err != nil {
			return err
		}
		fmt.Fprintf(a.err, "subscribed to %s\n", args[0]) // for scripts too: what is published from now on comes
		err = tail.wait(cmd.Context())
		return errors.Join(err, conn.Drain(context.WithoutCancel(cmd.Context()))) // so that the last one is settled
	}
	t.flags(cmd.Flags())
	p.flags(cmd.Flags())
	cmd.Flags().StringVar(&group, "group", "", "share the messages with the others of `GROUP`")
	cmd.Flags().Var(&count, "count", "end after `N` messages")
	return cmd
}

// A tail prints messages, at most so many.
type tail struct {
	p *printer

	mu   sync.Mutex // guards the fields below
	left int        // to print; negative is no end
	err  error
	done chan struct{} // closed by handle at the last message or the first error; read by wait
}

func newTail(p *printer, count int) *tail {
	t := &tail{p: p, left: count, done: make(chan struct{})}
	if count <= 0 {
		t.left = -1
	}
	return t
}

func (t *tail) handle(_ context.Context, m *transport.Message) (*transport.Message, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.left == 0 || t.err != nil {
		return nil, transport.CodeUnavailable // somebody else's, or comes again
	}
	t.err = t.p.print(m, "")
	if t.left > 0 {
		t.left--
	}
	if t.left == 0 || t.err != nil {
		close(t.done)
	}
	return nil, t.err
}

func (t *tail) wait(ctx context.Context) error {
	select {
	case <-t.done:
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.err
}
