package main

import (
	"context"
	"net"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"polywire": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
			if err != nil {
				return err
			}
			defer l.Close() // free, and very likely so until the script listens there
			e.Setenv("ADDR", l.Addr().String())
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "waitfor": waitFor},
	})
}

// exits runs a command that must end with a code: exits CODE polywire ARG...
func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits CODE polywire ARG...")
	}
	err := ts.Exec(args[1], args[2:]...)
	code := "0"
	if err != nil {
		code = ""
		if e, ok := err.(interface{ ExitCode() int }); ok {
			code = string(rune('0' + e.ExitCode()))
		}
	}
	if code != args[0] {
		ts.Fatalf("%v ended with %q (%v), want %s", args[1:], code, err, args[0])
	}
}

// waitFor waits until somebody listens: waitfor ADDRESS
func waitFor(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: waitfor ADDRESS")
	}
	limit := time.Now().Add(20 * time.Second)
	for time.Now().Before(limit) {
		if c, err := net.DialTimeout("tcp", args[0], time.Second); err == nil {
			_ = c.Close()
			return
		}
		runtime.Gosched()
	}
	ts.Fatalf("nobody listens at %s", args[0])
}

// TestAnInterruptDrains holds that a stand-in ends well by a signal, in this process.
func TestAnInterruptDrains(t *testing.T) {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGUSR1)
	defer stop()
	ready := &lineWriter{ready: make(chan struct{})}
	code := make(chan int, 1)
	go func() { // ends with run, whose code is awaited
		code <- run(ctx, []string{"serve", "hello", "echo"}, streams{os.Stdin, os.Stdout, ready})
	}()
	<-ready.ready
	if err := syscall.Kill(os.Getpid(), syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	if got := <-code; got != exitOK {
		t.Errorf("exit code %d, want %d", got, exitOK)
	}
}

// A lineWriter tells of the first write.
type lineWriter struct {
	ready  chan struct{} // closed by the first Write, read by the test
	closed bool
}

func (w *lineWriter) Write(p []byte) (int, error) {
	if !w.closed {
		w.closed = true
		close(w.ready)
	}
	return len(p), nil
}
