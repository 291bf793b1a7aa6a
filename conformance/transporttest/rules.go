package transporttest

import (
	"fmt"
	"slices"
	"strings"
)

// A Rule is a numbered rule of docs/semantics.md with what holds adapters to it.
type Rule struct {
	Section string
	Cases   []string // ids of its must cases
	Faults  []string // names of the seeded faults that break it
	Apart   string   // why it has no case or no fault here, and what proves it instead
}

// Rules lists every rule, in the order of docs/semantics.md; 2.0 is that all
// fields of a message arrive.
func Rules() []Rule {
	apart := map[string]string{
		"7.4": "a goroutine that is left would end the fake clock, so no fault is seeded; every case ends with a look at what is left, which has a test of its own",
	}
	var all []Rule
	for _, section := range sections() {
		r := Rule{Section: section, Apart: apart[section]}
		for _, c := range Cases() {
			if c.Level == Must && slices.Contains(c.Sections, section) {
				r.Cases = append(r.Cases, c.ID)
			}
		}
		for _, f := range Faults() {
			if slices.Contains(f.Rules, section) {
				r.Faults = append(r.Faults, f.Name)
			}
		}
		all = append(all, r)
	}
	return all
}

func sections() []string {
	var all []string
	for chapter, last := range []int{1: 10, 2: 6, 3: 3, 4: 4, 5: 4, 6: 4, 7: 4, 8: 6} {
		first := 1
		if chapter == 2 {
			first = 0
		}
		for n := first; chapter > 0 && n <= last; n++ {
			all = append(all, fmt.Sprintf("%d.%d", chapter, n))
		}
	}
	return all
}

// rulesTable is what docs/conformance.md shows.
func rulesTable() string {
	var b strings.Builder
	b.WriteString("| rule | must cases | seeded faults |\n|---|---|---|\n")
	for _, r := range Rules() {
		faults := strings.Join(r.Faults, "; ")
		if faults == "" {
			faults = r.Apart
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r.Section, strings.Join(r.Cases, " "), faults)
	}
	return b.String()
}
