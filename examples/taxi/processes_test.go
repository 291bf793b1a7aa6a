package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/polywire/polywire/internal/brokertest"
)

// A process is one service, run by this test binary.
type process struct {
	name   string
	cmd    *exec.Cmd
	lines  chan string // what it says, written and closed by the goroutine that reads it
	stderr io.ReadCloser
}

func command(w wire, args ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0], append([]string{"-profile", w.profile, "-trip", "7", "-patience", "60s"}, args...)...)
	cmd.Env = append(append(os.Environ(), "TAXI_TEST_PROCESS=1"), w.env...)
	return cmd
}

func spawn(t *testing.T, w wire, name string) *process {
	t.Helper()
	p := &process{name: name, cmd: command(w, "-service", name), lines: make(chan string, 10000)}
	var err error
	if p.stderr, err = p.cmd.StderrPipe(); err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { // ends with the process; end waits for it
		defer close(p.lines)
		for s := bufio.NewScanner(p.stderr); s.Scan(); {
			p.lines <- s.Text()
		}
	}()
	t.Cleanup(func() { p.end(t) })
	return p
}

func (p *process) ready(t *testing.T) {
	t.Helper()
	var said []string
	for line := range p.lines {
		if line == p.name+" ready" {
			return
		}
		said = append(said, line)
	}
	t.Fatalf("%s ended before it was ready:\n%s", p.name, strings.Join(said, "\n"))
}

// end tells the process to stop, and it must stop well.
func (p *process) end(t *testing.T) {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // an error is seen below
	watchdog := time.AfterFunc(30*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer watchdog.Stop()
	for range p.lines {
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("%s: %v", p.name, err)
	}
}

// services starts all five at once: they find each other.
func services(t *testing.T, w wire) {
	t.Helper()
	var all []*process
	for _, p := range parts() {
		all = append(all, spawn(t, w, p.name))
	}
	for _, p := range all {
		p.ready(t)
	}
}

func TestFiveProcessesEndARideAsOneDoes(t *testing.T) {
	wires(t, func(t *testing.T, w wire) {
		if w.profile == "" {
			t.Skip("memory joins no processes")
		}
		services(t, w)
		var stdout, stderr bytes.Buffer
		rider := command(w, "-service", riderName, "-o", "json")
		rider.Stdout, rider.Stderr = &stdout, &stderr
		if err := rider.Run(); err != nil {
			t.Fatalf("rider: %v\n%s%s", err, stdout.String(), stderr.String())
		}
		out := decode(t, stdout.Bytes())
		out.Doubled = 0 // a broker may tell it twice
		if got := text(t, out); !strings.HasPrefix(got, ridden) {
			t.Errorf("got\n%s\nwant it to begin with\n%s", got, ridden)
		}
	})
}

// A crash kills a broker of the test's own while rides are ordered, and starts it again.
func TestABrokerThatIsKilledLosesNoAcceptedOrder(t *testing.T) {
	for profile, kind := range map[string]brokertest.Kind{"amqp": brokertest.RabbitMQ(), "kafka": brokertest.Kafka()} {
		t.Run(profile, func(t *testing.T) {
			b := kind.Own(t)
			w := wire{profile, []string{"TAXI_" + strings.ToUpper(profile) + "_URL=" + b.URL()}, true}
			services(t, w)
			rider := command(w, "-service", riderName, "-rides", "300", "-patience", "120s", "-o", "json")
			var stdout bytes.Buffer
			rider.Stdout = &stdout
			stderr, err := rider.StderrPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := rider.Start(); err != nil {
				t.Fatal(err)
			}
			var once sync.Once
			for s := bufio.NewScanner(stderr); s.Scan(); {
				if strings.Contains(s.Text(), "has arrived") { // rides are under way
					once.Do(func() {
						if err := errors.Join(b.Kill(t.Context()), b.Restart(t.Context())); err != nil {
							t.Error(err)
						}
					})
				}
			}
			if err := rider.Wait(); err != nil {
				t.Errorf("rider: %v", err)
			}
			out := decode(t, stdout.Bytes())
			t.Logf("%s killed once: %d ordered, %d refused, %d accepted, %d completed, %d lost, %d told twice",
				kind.Name, out.Ordered, out.Refused, out.Accepted, out.Completed, out.Lost, out.Doubled)
			if out.Lost > 0 || out.Completed != out.Accepted || out.Accepted == 0 {
				t.Errorf("of %d accepted orders %d were completed", out.Accepted, out.Completed)
			}
		})
	}
}
