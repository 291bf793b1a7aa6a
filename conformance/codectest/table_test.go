package codectest_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/polywire/polywire/conformance/codectest"
)

var update = flag.Bool("update", false, "write the tables in docs/conformance.md anew")

const catalogue = "../../docs/conformance.md"

func TestTheTableOfCasesIsUpToDate(t *testing.T) {
	faults := map[string][]string{}
	for _, f := range codectest.Faults() {
		for _, id := range f.Cases {
			faults[id] = append(faults[id], f.Name)
		}
	}
	var b strings.Builder
	b.WriteString("| case | rule | a codec that is caught |\n|---|---|---|\n")
	for _, c := range codectest.Cases() {
		rule := c.Rule
		if c.Unless != "" {
			rule += " (unless " + c.Unless + ")"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", c.ID, strings.ReplaceAll(rule, "|", "\\|"), strings.Join(faults[c.ID], "; "))
	}
	inCatalogue(t, "cases", b.String())
}

// inCatalogue checks, or writes, what stands between the marks of a table.
func inCatalogue(t *testing.T, mark, table string) {
	t.Helper()
	text, err := os.ReadFile(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile(`(?s)(<!-- ` + mark + `:[^\n]*-->\n).*?(<!-- end -->)`)
	want := block.ReplaceAllFunc(text, func(old []byte) []byte {
		head, _, _ := bytes.Cut(old, []byte("\n"))
		return []byte(string(head) + "\n" + table + "<!-- end -->")
	})
	switch {
	case bytes.Equal(text, want):
	case *update:
		if err := os.WriteFile(catalogue, want, 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("docs/conformance.md shows another table: run the command that stands above it")
	}
}

func TestEveryCaseHasAGroupAndAnIDOfItsOwn(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range codectest.Cases() {
		if codectest.Groups()[c.Group] == "" || c.Run == nil || seen[c.ID] || c.Unless != "" && c.Inverse == nil {
			t.Errorf("%s is not whole, or there twice: %+v", c.ID, c)
		}
		seen[c.ID] = true
	}
	for _, s := range codectest.Corpus() {
		if !seen[s.Case] {
			t.Errorf("the sample %s is of the case %s, which there is not", s.Name, s.Case)
		}
	}
}
