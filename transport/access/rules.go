package access

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/polywire/polywire/transport/internal/glob"
)

// Names in Rule.Who that stand for more than one identity.
const (
	Known     = "*"      // whoever has proved to be somebody
	Everybody = "anyone" // strangers too
)

// maxRulePatterns bounds the patterns of Rules for each verb.
const maxRulePatterns = 1000

// A Rule allows some to do something. All that no rule allows is denied.
type Rule struct {
	Who  []string // names of identities, "@group", Known or Everybody
	May  []Verb
	What []string // destinations, or patterns in which * is one token and > the rest
}

// Rules are an Authorizer. For a verb and a destination the narrowest pattern that
// fits decides, as in routes: whom the rules of that pattern name may, and nobody else, whatever wider patterns allow. Of
// a subscription by a pattern, all that it could bring must be allowed. The order of rules does not matter.
//
// Rules do not change, and may be used concurrently.
type Rules struct {
	verbs map[Verb]*table
}

// A table is what the rules say of one verb.
type table struct {
	exact map[string]*grant // of patterns that are destinations
	wild  []*grant          // the narrower before those that include it
	all   []*grant
}

// A grant is a pattern, and whom its rules name.
type grant struct {
	pattern   string
	names     map[string]bool
	groups    map[string]bool
	known     bool
	everybody bool
}

// NewRules checks rules: names, verbs, patterns, and that of two patterns which fit one
// destination one is the narrower. Its error names the first rule that is wrong, from 1.
func NewRules(rules ...Rule) (*Rules, error) {
	r := &Rules{verbs: map[Verb]*table{}}
	for i := range rules {
		if err := r.add(&rules[i]); err != nil {
			return nil, fmt.Errorf("access: rule %d: %w", i+1, err)
		}
	}
	for verb, t := range r.verbs {
		if err := t.finish(verb); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *Rules) add(rule *Rule) error {
	if len(rule.Who) == 0 || len(rule.May) == 0 || len(rule.What) == 0 {
		return fmt.Errorf("who, may and what must not be empty")
	}
	for _, who := range rule.Who {
		if err := CheckWho(who); err != nil {
			return err
		}
	}
	for _, verb := range rule.May {
		if !slices.Contains(Verbs(), verb) {
			return fmt.Errorf("unknown verb %.32q: use %s", verb, verbList())
		}
		t := r.verbs[verb]
		if t == nil {
			t = &table{exact: map[string]*grant{}}
			r.verbs[verb] = t
		}
		for _, pattern := range rule.What {
			if !glob.Valid(pattern) {
				return fmt.Errorf("pattern %.200q: use tokens of [A-Za-z0-9_-], or *, joined by dots, or > at the end", pattern)
			}
			t.grant(pattern).add(rule.Who)
		}
	}
	return nil
}

func verbList() string {
	var names []string
	for _, v := range Verbs() {
		names = append(names, string(v))
	}
	return strings.Join(names, ", ")
}

// CheckWho reports why who cannot stand in Rule.Who.
func CheckWho(who string) error {
	name := strings.TrimPrefix(who, "@")
	if who == Known || who == Everybody || properName(name) && name[0] != '@' {
		return nil
	}
	return fmt.Errorf("%.64q is no name of an identity: use the name, \"@group\", %q for all who are known, or %q for strangers too", who, Known, Everybody)
}

func (t *table) grant(pattern string) *grant {
	for _, g := range t.all {
		if g.pattern == pattern {
			return g
		}
	}
	g := &grant{pattern: pattern, names: map[string]bool{}, groups: map[string]bool{}}
	t.all = append(t.all, g)
	return g
}

func (g *grant) add(who []string) {
	for _, w := range who {
		switch w {
		case Known:
			g.known = true
		case Everybody:
			g.everybody = true
		default:
			if group, ok := strings.CutPrefix(w, "@"); ok {
				g.groups[group] = true
			} else {
				g.names[w] = true
			}
		}
	}
}

func (t *table) finish(verb Verb) error {
	if len(t.all) > maxRulePatterns {
		return fmt.Errorf("access: %d patterns for %s: at most %d; use wildcards", len(t.all), verb, maxRulePatterns)
	}
	var patterns []string
	for _, g := range t.all {
		patterns = append(patterns, g.pattern)
	}
	var tie error
	glob.Ties(patterns, func(a, b int, common string) {
		if tie == nil {
			tie = fmt.Errorf("access: %q and %q tie for %s of %s, as neither is the narrower one: add a rule for %q", patterns[a], patterns[b], verb, common, common)
		}
	})
	slices.SortFunc(t.all, func(a, b *grant) int { return glob.Narrower(a.pattern, b.pattern) })
	for _, g := range t.all {
		if glob.Wild(g.pattern) {
			t.wild = append(t.wild, g)
		} else {
			t.exact[g.pattern] = g
		}
	}
	return tie
}

// Authorize implements [Authorizer].
func (r *Rules) Authorize(_ context.Context, id *Identity, verb Verb, destination string) error {
	t := r.verbs[verb]
	if t == nil {
		return ErrDenied
	}
	decides := t.decides(destination)
	if !decides.allows(id) {
		return ErrDenied
	}
	if !glob.Wild(destination) {
		return nil
	}
	for _, g := range t.all {
		if g != decides && !glob.Includes(g.pattern, destination) && glob.Overlap(g.pattern, destination) != "" && !g.allows(id) {
			return ErrDenied
		}
	}
	return nil
}

// decides finds the narrowest pattern that fits all of a destination, or of a pattern.
func (t *table) decides(destination string) *grant {
	if g := t.exact[destination]; g != nil {
		return g
	}
	for _, g := range t.wild {
		if glob.Includes(g.pattern, destination) {
			return g
		}
	}
	return nil
}

func (g *grant) allows(id *Identity) bool {
	switch {
	case g == nil:
		return false
	case g.everybody:
		return true
	case !id.known():
		return false
	case g.known || g.names[id.Name]:
		return true
	}
	for _, group := range id.Groups {
		if g.groups[group] {
			return true
		}
	}
	return false
}

// Allowed lists whom the rules let do verb with a destination, or with what of a pattern no narrower
// rule fits, as in Rule.Who, sorted; for tools that explain a configuration.
func (r *Rules) Allowed(verb Verb, destination string) []string {
	t := r.verbs[verb]
	if t == nil {
		return nil
	}
	g := t.decides(destination)
	if g == nil {
		return nil
	}
	var who []string
	for name := range g.names {
		who = append(who, name)
	}
	for group := range g.groups {
		who = append(who, "@"+group)
	}
	if g.known {
		who = append(who, Known)
	}
	if g.everybody {
		who = append(who, Everybody)
	}
	slices.Sort(who)
	return who
}
