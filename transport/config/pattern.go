package config

import (
	"cmp"
	"strings"
)

// includes reports whether every destination of narrow is one of wide. Both are valid patterns.
func includes(wide, narrow string) bool {
	for {
		w, wRest, wMore := strings.Cut(wide, ".")
		n, nRest, nMore := strings.Cut(narrow, ".")
		switch {
		case w == ">":
			return true
		case n == ">" || w != "*" && w != n:
			return false
		case !wMore || !nMore:
			return wMore == nMore
		}
		wide, narrow = wRest, nRest
	}
}

// overlap returns the pattern of what a and b have in common; "" when there is nothing.
func overlap(a, b string) string {
	var common []string
	for {
		at, aRest, aMore := strings.Cut(a, ".")
		bt, bRest, bMore := strings.Cut(b, ".")
		switch {
		case at == ">":
			return strings.Join(append(common, b), ".")
		case bt == ">":
			return strings.Join(append(common, a), ".")
		case at == "*":
			common = append(common, bt)
		case bt == "*" || at == bt:
			common = append(common, at)
		default:
			return ""
		}
		if !aMore || !bMore {
			if aMore != bMore {
				return ""
			}
			return strings.Join(common, ".")
		}
		a, b = aRest, bRest
	}
}

// narrower orders patterns so that one comes before all that include it.
func narrower(a, b string) int {
	return cmp.Or(
		cmp.Compare(openEnded(a), openEnded(b)),
		cmp.Compare(strings.Count(b, "."), strings.Count(a, ".")),
		cmp.Compare(strings.Count(a, "*"), strings.Count(b, "*")),
		strings.Compare(a, b),
	)
}

func openEnded(pattern string) int { return strings.Count(pattern, ">") }

func wildcard(pattern string) bool { return strings.ContainsAny(pattern, "*>") }

// ties finds two patterns that fit one destination while neither includes the
// other, unless a third stands for exactly what both fit. It calls report with
// the places of the two and what they have in common.
func ties(patterns []string, report func(first, second int, common string)) {
	exact := make(map[string]bool, len(patterns))
	for _, p := range patterns {
		exact[p] = true
	}
	for second, b := range patterns {
		for first, a := range patterns[:second] {
			common := overlap(a, b)
			if common != "" && !exact[common] && !includes(a, b) && !includes(b, a) {
				report(first, second, common)
			}
		}
	}
}
