package main

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	adapters "github.com/polywire/polywire/adapters/all"
	"github.com/polywire/polywire/codecs"
)

var update = flag.Bool("update", false, "write the generated parts of README.md anew")

const readme = "../../README.md"

// TestTheFeatureMatrixIsWhatAdaptersDeclare compares README's table with `polywire transports -o md`.
func TestTheFeatureMatrixIsWhatAdaptersDeclare(t *testing.T) {
	a := &app{registry: adapters.Registry(), codecs: new(codecs.Registry)}
	all, err := a.features()
	if err != nil {
		t.Fatal(err)
	}
	var table bytes.Buffer
	if err := markdown(&table, all); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile(`(?s)(<!-- features:[^\n]*-->\n).*?(<!-- end -->)`)
	want := block.ReplaceAll(text, []byte("${1}"+strings.ReplaceAll(table.String(), "$", "$$")+"${2}"))
	switch {
	case bytes.Equal(text, want):
	case *update:
		if err := os.WriteFile(readme, want, 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("README.md tells of other features than the adapters declare: go test ./cmd/polywire -update")
	}
}

// TestTheFirstProgramOfTheReadmeCompiles holds it equal to examples/hello.
func TestTheFirstProgramOfTheReadmeCompiles(t *testing.T) {
	text, err := os.ReadFile(readme)
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile("../../examples/hello/main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```go\n")
	shown, _, _ := strings.Cut(rest, "```")
	if shown != string(program) {
		t.Errorf("README.md shows a program that is not examples/hello/main.go")
	}
}

// TestEveryLinkBetweenDocumentsLeadsSomewhere looks at relative links alone.
func TestEveryLinkBetweenDocumentsLeadsSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)#\s"]+)(#[^)]*)?\)`)
	var documents []string
	for _, pattern := range []string{"../../*.md", "../../docs/*.md", "../../docs/*/*.md", "../../examples/*/*.md", "../../scripts/*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		documents = append(documents, found...)
	}
	if len(documents) < 15 {
		t.Fatalf("only %d documents were found", len(documents))
	}
	for _, name := range documents {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(name), m[1])); err != nil {
				t.Errorf("%s links to %s, which is not there", strings.TrimPrefix(name, "../../"), m[1])
			}
		}
	}
}
