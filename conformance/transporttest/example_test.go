package transporttest_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"testing"

	"github.com/polywire/polywire/adapters/inproc"
	"github.com/polywire/polywire/conformance/transporttest"
	"github.com/polywire/polywire/transport"
)

// The test of an adapter: give the harness what it can have, and more cases run.
func ExampleRun() {
	// func TestConformance(t *testing.T)
	_ = func(t *testing.T) {
		reg := transport.NewRegistry(inproc.Factory()) // yours
		transporttest.Run(t, transporttest.Harness{
			Name: "mine",
			New: func(ctx context.Context, o transporttest.ConnOptions) (server, client *transport.Conn, err error) {
				if server, err = reg.Open(ctx, "inproc://", o.Server...); err != nil {
					return nil, nil, err
				}
				client, err = reg.Open(ctx, "inproc://", o.Client...)
				return server, client, err
			},
			Another: func(ctx context.Context, _ *transport.Conn, opts ...transport.Option) (*transport.Conn, error) {
				return reg.Open(ctx, "inproc://", opts...)
			},
			Known: map[string]string{}, // by id of the case, why it fails as yet
		})
	}
}

// A running system is tested by its URL, from any program.
func ExampleExecute() {
	reg := transport.NewRegistry(inproc.Factory())
	report := transporttest.Execute(context.Background(), transporttest.FromURL(reg, "inproc://", "inproc://"), transporttest.Options{
		Run:      regexp.MustCompile(`^T00[137]$`),
		OnResult: func(r transporttest.Result) { fmt.Println(r.Status, r.ID, r.Rule) },
	})
	fmt.Println(report.OK())
	// Output:
	// pass T001 Send returns nil and one handler runs once, with the body and the header that were sent.
	// pass T003 A Request returns the handler's reply: body, header and content type.
	// pass T007 A Publish without subscribers succeeds promptly.
	// true
}

// A report goes to people, to programs, and to CI.
func ExampleReport() {
	report := transporttest.Report{Adapter: "mine", Features: "mine: Send Request acceptance=queued"}
	if err := report.WriteText(os.Stdout); err != nil {
		fmt.Println(err)
	}
	fmt.Println(report.OK(), "as no case ran")
	// Output:
	// mine: Send Request acceptance=queued
	// mine: 0 cases: 0 pass, 0 inverted, 0 skip, 0 advisory, 0 known, 0 fail
	// false as no case ran
}

// An adapter that answers requests itself proves the core's requests too.
func ExampleWithoutExchange() {
	reg := transport.NewRegistry(transporttest.WithoutExchange(inproc.Factory()))
	conn, err := reg.Open(context.Background(), "inproc://")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	f := conn.Features()
	fmt.Println(f.Request, f.CancelsRemotely)
	// Output: true false
}

// What has no other side to kill gets one.
func ExampleOutage() {
	ctx := context.Background()
	factory, peer := transporttest.Outage(inproc.Factory())
	conn, err := transport.NewRegistry(factory).Open(ctx, "inproc://")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer conn.Close()
	fmt.Println(peer.Kill(ctx), conn.State())
	fmt.Println(conn.Publish(ctx, &transport.Message{Destination: "news"}, transport.WithFailFast()))
	fmt.Println(peer.Restart(ctx), conn.State())
	// Output:
	// <nil> reconnecting
	// inproc: publish news: unavailable: not connected, and WithFailFast does not wait
	// <nil> ready
}
