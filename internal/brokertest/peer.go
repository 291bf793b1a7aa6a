package brokertest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/polywire/polywire/transport"
)

// Python finds an interpreter that has module: POLYWIRE_TEST_PYTHON, or python3.
func Python(t testing.TB, module string) string {
	t.Helper()
	name := os.Getenv("POLYWIRE_TEST_PYTHON")
	if name == "" {
		name = "python3"
	}
	out, err := exec.CommandContext(t.Context(), name, "-c", "import "+module).CombinedOutput()
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("%s has no %s: %v\n%s", name, module, err, out)
	}
	if err != nil {
		t.Skipf("no %s: python3 -m venv /tmp/pw-python && /tmp/pw-python/bin/pip install -r scripts/peers.txt && export POLYWIRE_TEST_PYTHON=/tmp/pw-python/bin/python", module)
	}
	return name
}

// Node finds the node_modules of POLYWIRE_TEST_NODE, a folder where npm ci has run, for the
// NODE_PATH of a program that needs packages.
func Node(t testing.TB, packages ...string) string {
	t.Helper()
	folder := filepath.Join(os.Getenv("POLYWIRE_TEST_NODE"), "node_modules")
	err := errors.New("POLYWIRE_TEST_NODE is not set")
	if os.Getenv("POLYWIRE_TEST_NODE") != "" {
		_, err = exec.LookPath("node")
	}
	for _, name := range packages {
		if err == nil {
			_, err = os.Stat(filepath.Join(folder, name))
		}
	}
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("node and its packages %v: %v", packages, err)
	}
	if err != nil {
		t.Skipf("%v: cp conformance/testdata/vectors/package*.json /tmp/pw-node && (cd /tmp/pw-node && npm ci) && export POLYWIRE_TEST_NODE=/tmp/pw-node", err)
	}
	return folder
}

// A Peer is a program in another language at work. It tells what it does in lines.
type Peer struct {
	cmd   *exec.Cmd
	lines *bufio.Scanner
	err   strings.Builder
}

// StartPeer runs a script and returns when it says "ready".
func StartPeer(ctx context.Context, t testing.TB, python string, args ...string) *Peer {
	t.Helper()
	p := &Peer{cmd: exec.CommandContext(ctx, python, args...)}
	p.cmd.Stderr = &p.err
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.lines = bufio.NewScanner(out)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if got := p.Line(t); got != "ready" {
		t.Fatalf("the peer says %q", got)
	}
	return p
}

// Line is the next that it says.
func (p *Peer) Line(t testing.TB) string {
	t.Helper()
	if !p.lines.Scan() {
		err := errors.Join(p.lines.Err(), p.cmd.Wait())
		t.Fatalf("the peer ended: %v\n%s", err, p.err.String())
	}
	return p.lines.Text()
}

// Decode reads the next line, which is JSON, into v.
func (p *Peer) Decode(t testing.TB, v any) {
	t.Helper()
	if err := json.Unmarshal([]byte(p.Line(t)), v); err != nil {
		t.Fatal(err)
	}
}

// Wait waits until it ends, which must be well.
func (p *Peer) Wait(t testing.TB) {
	t.Helper()
	for p.lines.Scan() {
	}
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("the peer: %v\n%s", err, p.err.String())
	}
}

// Ask requests from a peer that answers "python: " and the body with the header it
// got, and to "bad" with an error.
func Ask(ctx context.Context, t testing.TB, c *transport.Conn, destination string) {
	t.Helper()
	m := &transport.Message{Destination: destination, Body: []byte("hello")}
	m.Header.Add("x-a", "1")
	m.Header.Add("x-a", "ü")
	reply, err := c.Request(ctx, m)
	if err != nil {
		t.Fatal(err)
	}
	if string(reply.Body) != "python: hello" || reply.ContentType != "text/plain" || !slices.Equal(reply.Header.Values("x-a"), []string{"1", "ü"}) {
		t.Errorf("it answered %v with body %q", reply, reply.Body)
	}
	_, err = c.Request(ctx, &transport.Message{Destination: destination, Body: []byte("bad")})
	var e *transport.Error
	if !errors.As(err, &e) || e.Code != transport.CodeNotFound || e.Message != "no such % thing" {
		t.Errorf("its error came as %v", err)
	}
}
