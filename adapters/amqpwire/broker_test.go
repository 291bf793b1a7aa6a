package amqpwire

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A broker is a RabbitMQ of the test's own, which it may hurt.
type broker struct {
	dir, url string
}

// ownBroker starts one with scripts/brokers, where the environment has RabbitMQ at all.
func ownBroker(t *testing.T) *broker {
	t.Helper()
	realURL(t)
	b := &broker{dir: t.TempDir()}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := b.do(ctx, "stop"); err != nil {
			t.Error(err)
		}
	})
	if err := b.do(ctx, "start"); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(ctx, script(), "env", b.dir).Output()
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(out)) {
		if url, ok := strings.CutPrefix(strings.TrimSpace(line), "export POLYWIRE_TEST_AMQP_URL="); ok {
			b.url = strings.Trim(url, `'"`)
		}
	}
	if b.url == "" {
		t.Fatalf("scripts/brokers env says %q", out)
	}
	return b
}

func script() string { return filepath.Join("..", "..", "scripts", "brokers") }

func (b *broker) do(ctx context.Context, command string) error {
	cmd := exec.CommandContext(ctx, script(), command, b.dir, "rabbitmq")
	log, err := os.CreateTemp(b.dir, "log")
	if err != nil {
		return err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log // a file, as the broker keeps it open
	if err := cmd.Run(); err != nil {
		text, _ := os.ReadFile(log.Name())
		return fmt.Errorf("scripts/brokers %s: %w\n%s", command, err, text)
	}
	return nil
}

// registered is how long RabbitMQ takes at most to have written down that a quorum
// queue exists: one that is declared just before a SIGKILL is not found afterwards,
// and nobody can use its name. docs/wire/amqp.md tells users.
const registered = 1500 * time.Millisecond

// Kill, Restart, Pause and Resume make it a peer of the conformance suite.
func (b *broker) Kill(ctx context.Context) error {
	wait := time.NewTimer(registered)
	<-wait.C
	return b.do(ctx, "kill9")
}

func (b *broker) Restart(ctx context.Context) error { return b.do(ctx, "up") }
func (b *broker) Pause(ctx context.Context) error   { return b.do(ctx, "pause") }
func (b *broker) Resume(ctx context.Context) error  { return b.do(ctx, "resume") }
