package kafkawire

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

// A broker is a Kafka of the test's own, which it may hurt.
type broker struct {
	dir, url string
}

// ownBroker starts one with scripts/brokers, where the environment has Kafka at all.
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
		if url, ok := strings.CutPrefix(strings.TrimSpace(line), "export POLYWIRE_TEST_KAFKA_URL="); ok {
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
	cmd := exec.CommandContext(ctx, script(), command, b.dir, "kafka")
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

// Kill, Restart, Pause and Resume make it a peer of the conformance suite.
func (b *broker) Kill(ctx context.Context) error    { return b.do(ctx, "kill9") }
func (b *broker) Restart(ctx context.Context) error { return b.do(ctx, "up") }
func (b *broker) Pause(ctx context.Context) error   { return b.do(ctx, "pause") }
func (b *broker) Resume(ctx context.Context) error  { return b.do(ctx, "resume") }
