package conformance_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Modules of their own: stranger has an adapter for a wire that this one does not
// know, sealed a codec.
const (
	stranger = "testdata/stranger"
	sealed   = "testdata/sealed"
)

const polywire = "github.com/polywire/polywire"

func TestAnotherModuleWritesAnAdapterWithExportedNamesAlone(t *testing.T) {
	requiresPolywireAlone(t, stranger)
}

func TestAnotherModuleWritesACodecWithExportedNamesAlone(t *testing.T) {
	requiresPolywireAlone(t, sealed)
}

func requiresPolywireAlone(t *testing.T, module string) {
	t.Helper()
	var mod struct {
		Require []struct {
			Path     string
			Indirect bool
		}
	}
	if err := json.Unmarshal(goCommand(t, module, "mod", "edit", "-json"), &mod); err != nil {
		t.Fatal(err)
	}
	for _, r := range mod.Require {
		if !r.Indirect && r.Path != polywire {
			t.Errorf("the go.mod of %s requires %s, want %s alone", module, r.Path, polywire)
		}
	}
	goCommand(t, module, "vet", "./...")
}

func TestAnotherModulesCodecConforms(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the whole conformance suite; leave -short out")
	}
	t.Logf("%s", goCommand(t, sealed, "test", "./..."))
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
	t.Logf("%s", goCommand(t, stranger, "test", "./..."))
}

// goCommand runs the go command in another module, which must need nothing that its go.mod does not say.
func goCommand(t *testing.T, module string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = module
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=readonly", "GOPROXY=off", "GOWORK=off")
	var failure bytes.Buffer
	cmd.Stderr = &failure
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go %v in %s: %v\n%s%s", args, module, err, out, failure.Bytes())
	}
	return out
}
