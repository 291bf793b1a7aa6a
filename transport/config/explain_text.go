package config

import (
	"fmt"
	"strings"
)

// String is the explanation for people; destinations with the same changes are told about together.
func (e *Explanation) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s → %s\n", e.From, e.To)
	var same []string
	told := make(map[string]int) // text of the changes → group
	var groups []string
	var members [][]string
	for i := range e.Changes {
		c := &e.Changes[i]
		if c.Same() {
			same = append(same, c.title())
			continue
		}
		text := c.text()
		at, ok := told[text]
		if !ok {
			at = len(groups)
			told[text] = at
			groups, members = append(groups, text), append(members, nil)
		}
		members[at] = append(members[at], c.title())
	}
	for i, text := range groups {
		fmt.Fprintf(&b, "\n%s\n%s", strings.Join(members[i], ", "), text)
	}
	if len(same) > 0 {
		fmt.Fprintf(&b, "\nnothing changes for: %s\n", strings.Join(same, ", "))
	}
	return b.String()
}

func (c *Change) title() string {
	switch {
	case c.Style != "":
		return c.Destination + " (" + c.Style + ")"
	case c.Destination == ">":
		return "all other destinations"
	}
	return c.Destination
}

func (c *Change) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "  %s → %s\n", c.From.summary(), c.To.summary())
	for _, part := range []struct {
		verb        string
		differences []Difference
	}{{"breaks", c.Breaks}, {"weakens", c.Weakens}, {"gains", c.Gains}, {"differs", c.Differs}} {
		for _, d := range part.differences {
			fmt.Fprintf(&b, "  %-8s %s: %s\n", part.verb, d.Feature, d.Meaning)
		}
	}
	if len(c.Keeps) > 0 {
		fmt.Fprintf(&b, "  %-8s %s\n", "keeps", strings.Join(c.Keeps, " "))
	}
	return b.String()
}

// summary is a Route in a few words.
func (r Route) summary() string {
	return fmt.Sprintf("%s (transport %q)", r.Features.Adapter, r.Transport)
}
