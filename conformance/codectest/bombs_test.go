package codectest_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/conformance/codectest"
	"github.com/polywire/polywire/internal/codecharness"
)

// bombsEnv takes bombs of megabytes too when it is "all".
const bombsEnv = "POLYWIRE_BOMBS"

// childEnv names the codec whose bombs the child process reads.
const childEnv = "POLYWIRE_BOMBS_CHILD"

// TestNoBombEndsTheProcess reads the bombs in a child process that has 64 MiB
// before its collector works hard, a cap on its address space, and little time.
func TestNoBombEndsTheProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the cap on the address space is set by sh on Linux alone")
	}
	var rows strings.Builder
	for _, h := range codecharness.All() {
		t.Run(h.Name, func(t *testing.T) {
			found := explosions(t, h.Name)
			if n := len(codectest.Bombs(h.New(codecs.Limits{}))); n < 100 {
				t.Errorf("%d bombs, want at least 100", n)
			}
			for _, x := range found {
				if x.Allocated > x.Budget {
					t.Errorf("%s: %d bytes: got %d bytes allocated, want at most %d (%s)", x.Bomb, x.Bytes, x.Allocated, x.Budget, x.Says)
				}
			}
			rows.WriteString(dearest(h.Name, found))
		})
	}
	if *update && os.Getenv(bombsEnv) == "all" {
		inCatalogue(t, "bombs", "| format | bomb | bytes | allocated | at most | what the codec says |\n|---|---|---|---|---|---|\n"+rows.String())
	}
}

// dearest are the rows of the bombs that come nearest to what they may cost.
func dearest(name string, found []codectest.Explosion) string {
	slices.SortStableFunc(found, func(a, b codectest.Explosion) int {
		return -int(1000*a.Allocated/a.Budget) + int(1000*b.Allocated/b.Budget)
	})
	var b strings.Builder
	for _, x := range found[:min(8, len(found))] {
		fmt.Fprintf(&b, "| %s | %s | %d | %d | %d | %s |\n", name, cell(x.Bomb), x.Bytes, x.Allocated, x.Budget, cell(x.Says))
	}
	fmt.Fprintf(&b, "| %s | %d more | | | | |\n", name, max(0, len(found)-8))
	return b.String()
}

func cell(s string) string {
	return strings.NewReplacer("|", "\\|", "<", "&lt;", "`", "'", "*", "\\*").Replace(s)
}

// explosions runs this test's binary as the child of one codec.
func explosions(t *testing.T, name string) []codectest.Explosion {
	const sixGiB = 6 << 20 // in KiB, as ulimit counts
	limit := 60 * time.Second
	if os.Getenv(bombsEnv) == "all" {
		limit = 10 * time.Minute
	}
	script := fmt.Sprintf(`ulimit -v %d; exec "$0" -test.run '^TestChildReadsBombs$' -test.timeout %s`, sixGiB, limit)
	if raceEnabled {
		script = strings.Replace(script, fmt.Sprintf("ulimit -v %d; ", sixGiB), "", 1) // the detector reserves terabytes
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script, os.Args[0])
	cmd.Env = append(os.Environ(), childEnv+"="+name, "GOMEMLIMIT=64MiB")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("the child ended with %v after %d bytes: %.2000s", err, len(out), out)
	}
	var found []codectest.Explosion
	text, _, _ := strings.Cut(string(out), "\nPASS")
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		t.Fatalf("%v in %.500s", err, out)
	}
	return found
}

func TestChildReadsBombs(t *testing.T) {
	name := os.Getenv(childEnv)
	if name == "" {
		t.Skip("is what TestNoBombEndsTheProcess starts")
	}
	h, err := codecharness.Of(name)
	if err != nil {
		t.Fatal(err)
	}
	const most = 128 << 10
	c := h.New(codecs.Limits{})
	var found []codectest.Explosion
	for _, b := range codectest.Bombs(c) {
		if os.Getenv(bombsEnv) == "all" || len(b.Data()) <= most {
			found = append(found, b.Explode(c))
		}
	}
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		t.Fatal(err)
	}
}
