package main

import (
	"bytes"
	"context"
	"net"
	"os"
	"os/signal"
	"regexp"
	"runtime"
	"strconv"
	"strings"
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
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"exits": exits, "waitfor": waitFor, "waitline": waitLine},
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
			code = strconv.Itoa(e.ExitCode())
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

// waitLine waits until a file has a text: waitline FILE TEXT
func waitLine(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: waitline FILE TEXT")
	}
	limit := time.Now().Add(20 * time.Second)
	for time.Now().Before(limit) {
		if b, err := os.ReadFile(ts.MkAbs(args[0])); err == nil && strings.Contains(string(b), args[1]) {
			return
		}
		runtime.Gosched()
	}
	ts.Fatalf("%s never had %q", args[0], args[1])
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

// TestAnInterruptOfConformIsNoVerdict holds that the cases that did not run are no failures.
func TestAnInterruptOfConformIsNoVerdict(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	out := &lineWriter{ready: make(chan struct{})}
	var errs bytes.Buffer
	code := make(chan int, 1)
	go func() { // ends with run, whose code is awaited
		code <- run(ctx, []string{"conform", "inproc"}, streams{os.Stdin, out, &errs})
	}()
	<-out.ready // the first case has ended
	interrupt()
	if got := <-code; got != exitInterrupted {
		t.Errorf("exit code %d, want %d", got, exitInterrupted)
	}
	if text := out.String(); strings.Contains(text, "fail      T") || !strings.Contains(text, ", 0 failed, ") {
		t.Errorf("got the table\n%s\nwant no failure in it", text)
	}
	if want := regexp.MustCompile(`inproc: interrupted, .*: stopped after \d+ of \d+ cases: `); !want.MatchString(errs.String()) {
		t.Errorf("got %q, want %s", errs.String(), want)
	}
}

// A lineWriter keeps what is written, and tells of the first write.
type lineWriter struct {
	bytes.Buffer
	ready chan struct{} // closed by the first Write, read by the test
}

func (w *lineWriter) Write(p []byte) (int, error) {
	if w.Len() == 0 {
		close(w.ready)
	}
	return w.Buffer.Write(p)
}
