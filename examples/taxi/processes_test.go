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
	killed bool
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

// until reads what the process says up to a line with text in it.
func (p *process) until(t *testing.T, text string) string {
	t.Helper()
	for line := range p.lines {
		if strings.Contains(line, text) {
			return line
		}
	}
	t.Fatalf("%s never said %q", p.name, text)
	return ""
}

// kill ends it as a crash does.
func (p *process) kill(t *testing.T) {
	t.Helper()
	p.killed = true
	if err := p.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	for range p.lines {
	}
	_ = p.cmd.Wait() // it was killed
}

// end tells the process to stop, and it must stop well.
func (p *process) end(t *testing.T) {
	if p.killed {
		return
	}
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
func services(t *testing.T, w wire) map[string]*process {
	t.Helper()
	all := map[string]*process{}
	for _, p := range parts() {
		all[p.name] = spawn(t, w, p.name)
	}
	for _, p := range all {
		p.ready(t)
	}
	return all
}

// A riding is the rider's process.
type riding struct {
	cmd    *exec.Cmd
	stdout bytes.Buffer
	lines  *bufio.Scanner // what it says of each step
}

func rides(t *testing.T, w wire, args ...string) *riding {
	t.Helper()
	r := &riding{cmd: command(w, append([]string{"-service", riderName, "-o", "json"}, args...)...)}
	r.cmd.Stdout = &r.stdout
	stderr, err := r.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	r.lines = bufio.NewScanner(stderr)
	return r
}

// end waits until all rides are over; each that was accepted must have been completed.
func (r *riding) end(t *testing.T) {
	t.Helper()
	for r.lines.Scan() {
	}
	if err := r.cmd.Wait(); err != nil {
		t.Errorf("rider: %v", err)
	}
	out := decode(t, r.stdout.Bytes())
	t.Logf("%d ordered, %d refused, %d accepted, %d completed, %d lost, %d told twice",
		out.Ordered, out.Refused, out.Accepted, out.Completed, out.Lost, out.Doubled)
	if out.Lost > 0 || out.Completed != out.Accepted || out.Accepted == 0 {
		t.Errorf("of %d accepted orders %d were completed", out.Accepted, out.Completed)
	}
}

// Without a broker, whoever asks a service that has crashed is told so, and tries again: the order that was accepted waits.
func TestAServiceThatIsKilledMidRideLosesNoAcceptedOrder(t *testing.T) {
	for _, profile := range []string{"http", "grpc"} {
		t.Run(profile, func(t *testing.T) {
			w := wire{profile, ports(t), false}
			all := services(t, w)
			many := rides(t, w, "-rides", "200")
			for many.lines.Scan() && !strings.Contains(many.lines.Text(), "has arrived") {
			}
			all["accounts"].kill(t) // rides are under way
			one := rides(t, w, "-trip", "8")
			told := all["trips"].until(t, "so the order comes again: ")
			spawn(t, w, "accounts").ready(t)
			many.end(t)
			one.end(t)
			if want := profile + ": request account.verify: unavailable: 127.0.0.1:"; !strings.Contains(told, want) {
				t.Errorf("who asked was told %q, want %q in it", told, want)
			}
		})
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
			r := rides(t, w, "-rides", "300", "-patience", "400s")
			var once sync.Once
			for r.lines.Scan() {
				if strings.Contains(r.lines.Text(), "has arrived") { // rides are under way
					once.Do(func() {
						if err := errors.Join(b.Kill(t.Context()), b.Restart(t.Context())); err != nil {
							t.Error(err)
						}
					})
				}
			}
			r.end(t)
		})
	}
}
