// Package brokertest is what the tests of adapters for brokers share: it finds a
// broker or starts one that a test may hurt, runs peers in Python, and has the
// outages that every broker must survive. Tests alone import it.
//
// Where there is no broker, a test skips with the line that starts one; in CI,
// where CI=true, it fails.
package brokertest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A Kind is one of the brokers that scripts/brokers knows.
type Kind struct {
	Name string // as scripts/brokers calls it
	Env  string // the variable of scripts/brokers env that has its URL

	// BeforeKill is how long it takes at most to write down what it has promised.
	BeforeKill time.Duration
}

// RabbitMQ needs a while to write down that a quorum queue exists: one that is
// declared just before a SIGKILL is not found afterwards, and nobody can use its
// name. docs/wire/amqp.md tells users.
func RabbitMQ() Kind {
	return Kind{Name: "rabbitmq", Env: "POLYWIRE_TEST_AMQP_URL", BeforeKill: 1500 * time.Millisecond}
}

// Kafka is one broker, which is its own controller.
func Kafka() Kind { return Kind{Name: "kafka", Env: "POLYWIRE_TEST_KAFKA_URL"} }

// URL is that of the broker which the environment names.
func (k Kind) URL(t testing.TB) string {
	t.Helper()
	url := os.Getenv(k.Env)
	if url == "" && os.Getenv("CI") == "true" {
		t.Fatalf("%s is not set", k.Env)
	}
	if url == "" {
		t.Skipf(`no %s: scripts/brokers start .brokers %s && eval "$(scripts/brokers env .brokers)"`, k.Name, k.Name)
	}
	return url
}

// A Broker is one of the test's own. Its methods make it a peer of the conformance suite.
type Broker struct {
	kind Kind
	dir  string
	url  string
}

// Own starts a broker that ends with the test, where the environment names one at all.
func (k Kind) Own(t *testing.T) *Broker {
	t.Helper()
	k.URL(t)
	b := &Broker{kind: k, dir: t.TempDir()}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := b.do(ctx, "stop"); err != nil {
			t.Error(err)
		}
	})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	if err := b.do(ctx, "start"); err != nil {
		t.Fatal(err)
	}
	var err error
	if b.url, err = b.find(ctx); err != nil {
		t.Fatal(err)
	}
	return b
}

// find asks scripts/brokers where the broker listens.
func (b *Broker) find(ctx context.Context) (string, error) {
	name, err := script()
	if err != nil {
		return "", err
	}
	out, err := exec.CommandContext(ctx, name, "env", b.dir).Output()
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(out)) {
		if url, ok := strings.CutPrefix(strings.TrimSpace(line), "export "+b.kind.Env+"="); ok {
			return strings.Trim(url, `'"`), nil
		}
	}
	return "", fmt.Errorf("scripts/brokers env says %q, and nothing of %s", out, b.kind.Env)
}

// script looks for scripts/brokers in the folders above that of the test.
func script() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		name := filepath.Join(dir, "scripts", "brokers")
		_, err := os.Stat(name)
		if err == nil || !errors.Is(err, fs.ErrNotExist) {
			return name, err
		}
		if filepath.Dir(dir) == dir {
			return "", errors.New("scripts/brokers is in no folder above this one")
		}
		dir = filepath.Dir(dir)
	}
}

func (b *Broker) do(ctx context.Context, command string) error {
	name, err := script()
	if err != nil {
		return err
	}
	log, err := os.CreateTemp(b.dir, "log")
	if err != nil {
		return err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, name, command, b.dir, b.kind.Name)
	cmd.Stdout, cmd.Stderr = log, log // a file, as the broker keeps it open
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("scripts/brokers %s: %w\n%s", command, err, text)
	}
	return nil
}

// URL is where the broker listens.
func (b *Broker) URL() string { return b.url }

// Kill ends the broker by SIGKILL.
func (b *Broker) Kill(ctx context.Context) error {
	wait := time.NewTimer(b.kind.BeforeKill)
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return b.do(ctx, "kill9")
}

// Restart starts it again, with its data and its port.
func (b *Broker) Restart(ctx context.Context) error { return b.do(ctx, "up") }

// Pause stops it by SIGSTOP: its connections stay, and nothing answers.
func (b *Broker) Pause(ctx context.Context) error { return b.do(ctx, "pause") }

// Resume lets it go on.
func (b *Broker) Resume(ctx context.Context) error { return b.do(ctx, "resume") }
