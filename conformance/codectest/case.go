package codectest

import (
	"slices"
	"strings"

	"github.com/polywire/polywire/codecs"
)

// A Level says what a failure of a case means.
type Level string

// Must cases decide whether a codec conforms; advisory ones inform.
const (
	Must     Level = "must"
	Advisory Level = "advisory"
)

// A Tier says how often a case is worth its time.
type Tier string

// Fast cases take less than about two seconds; nightly ones repeat many thousands of times.
const (
	Fast    Tier = "fast"
	Nightly Tier = "nightly"
)

// A Case checks one rule.
type Case struct {
	ID    string // as "C001"; reports, samples and deviations name it
	Group string // letter of its group in the catalogue, as "A"
	Rule  string // what it checks, in one sentence
	Level Level
	Tier  Tier

	// Unless names a deviation, one of those that codectest declares, which takes
	// the rule away: where the Harness has it, Inverse runs in place of Run.
	Unless string

	// Ability is what it needs of the Harness; without it the case is skipped.
	Ability string

	Run     func(e *Env)
	Inverse func(e *Env)
}

// Abilities that a case may need of its [Harness].
const (
	AbilityDocuments = "documents" // Harness.Documents
	AbilityMessages  = "messages"  // Harness.Messages
)

// Groups names the groups of the catalogue by letter.
func Groups() map[string]string {
	return map[string]string{
		"A": "round trip by kind", "B": "evolution", "C": "malformed input", "D": "limits", "E": "determinism",
		"F": "aliasing and retention", "G": "concurrency", "H": "zero values and nil", "J": "registry", "K": "registration",
	}
}

// Cases returns the catalogue, in the order of its ids.
func Cases() []Case {
	var all []Case
	for _, group := range [][]Case{
		kindCases(), evolutionCases(), malformedCases(), limitCases(), memoryCases(), nilCases(), refusalCases(), typeCases(),
	} {
		all = append(all, group...)
	}
	for i := range all {
		c := &all[i]
		if c.Level == "" {
			c.Level = Must
		}
		if c.Tier == "" {
			c.Tier = Fast
		}
	}
	slices.SortStableFunc(all, func(a, b Case) int { return strings.Compare(a.ID, b.ID) })
	return all
}

// limits is short for a case's own.
type limits = codecs.Limits
