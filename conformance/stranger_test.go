package conformance_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// stranger is a module of its own with an adapter for a wire that this one does not know.
const stranger = "testdata/stranger"

const polywire = "github.com/polywire/polywire"

func TestAnotherModuleWritesAnAdapterWithExportedNamesAlone(t *testing.T) {
	var mod struct{ Require []struct{ Path string } }
	if err := json.Unmarshal(goCommand(t, "mod", "edit", "-json"), &mod); err != nil {
		t.Fatal(err)
	}
	if len(mod.Require) != 1 || mod.Require[0].Path != polywire {
		t.Errorf("its go.mod requires %v, want %s alone", mod.Require, polywire)
	}
	goCommand(t, "vet", "./...")
}

func TestAnotherModulesAdapterStaysSmall(t *testing.T) {
	source, err := os.ReadFile(filepath.Join(stranger, "adapter.go"))
	if err != nil {
		t.Fatal(err)
	}
	if lines := bytes.Count(source, []byte("\n")); lines > 400 {
		t.Errorf("adapter.go has %d lines, want at most 400: what an adapter must do grew", lines)
	}
}

func TestAnotherModulesAdapterConforms(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the whole conformance suite; leave -short out")
	}
	t.Logf("%s", goCommand(t, "test", "./..."))
}

// goCommand runs the go command in the stranger's module, which must need nothing that its go.mod does not say.
func goCommand(t *testing.T, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = stranger
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOPROXY=off", "GOWORK=off")
	var failure bytes.Buffer
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %v in %s: %v\n%s%s", args, stranger, err, out, failure.Bytes())
	}
	return out
}
