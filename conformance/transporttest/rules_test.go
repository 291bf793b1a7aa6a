package transporttest

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the table of rules in docs/conformance.md, and testdata, anew")

const (
	semantics = "../../docs/semantics.md"
	catalogue = "../../docs/conformance.md"
)

func TestEveryRuleHasAMustCaseAndASeededFault(t *testing.T) {
	for _, r := range Rules() {
		if r.Apart == "" && (len(r.Cases) == 0 || len(r.Faults) == 0) {
			t.Errorf("rule %s has %d must cases and %d seeded faults, want one of each at least", r.Section, len(r.Cases), len(r.Faults))
		}
	}
}

func TestTheRulesAreThoseOfTheSemantics(t *testing.T) {
	text, err := os.ReadFile(semantics)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`(?m)^- \*\*(\d+\.\d+)\*\*`).FindAllStringSubmatch(string(text), -1) {
		if !slices.Contains(sections(), m[1]) {
			t.Errorf("docs/semantics.md has a rule %s, which is not among Rules", m[1])
		}
	}
	for _, s := range sections() {
		if s != "2.0" && !strings.Contains(string(text), "- **"+s+"** ") {
			t.Errorf("Rules has a rule %s, which docs/semantics.md does not", s)
		}
	}
	for _, c := range Cases() {
		for _, s := range c.Sections {
			if !slices.Contains(sections(), s) {
				t.Errorf("case %s cites rule %s, which there is not", c.ID, s)
			}
		}
	}
	for _, f := range Faults() {
		for _, s := range f.Rules {
			if !slices.Contains(sections(), s) {
				t.Errorf("the fault that %s cites rule %s, which there is not", f.Name, s)
			}
		}
	}
}

func TestTheTableOfRulesIsUpToDate(t *testing.T) {
	text, err := os.ReadFile(catalogue)
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile(`(?s)(<!-- rules:[^\n]*-->\n).*?(<!-- end -->)`)
	want := block.ReplaceAll(text, []byte("${1}"+rulesTable()+"${2}"))
	switch {
	case bytes.Equal(text, want):
	case *update:
		if err := os.WriteFile(catalogue, want, 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("docs/conformance.md shows another table of rules: go test ./conformance/transporttest -run Table -update")
	}
}
