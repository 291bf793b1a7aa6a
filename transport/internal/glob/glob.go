// Package glob compares the patterns of destinations that subscriptions, routes
// and access rules are made of. It promises that all three order them alike.
// Every pattern that it is given is valid; see transport.CheckPattern.
package glob

import (
	"cmp"
	"strings"
)

// Match reports whether destination is one of those that pattern stands for.
func Match(pattern, destination string) bool {
	for {
		p, pRest, pMore := strings.Cut(pattern, ".")
		if p == ">" {
			return true
		}
		d, dRest, dMore := strings.Cut(destination, ".")
		if p != "*" && p != d {
			return false
		}
		if !pMore || !dMore {
			return pMore == dMore
		}
		pattern, destination = pRest, dRest
	}
}

// Includes reports whether every destination of narrow is one of wide.
func Includes(wide, narrow string) bool {
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

// Overlap returns the pattern of what a and b have in common; "" when there is nothing.
func Overlap(a, b string) string {
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

// Narrower orders patterns so that one comes before all that include it.
func Narrower(a, b string) int {
	return cmp.Or(
		cmp.Compare(openEnded(a), openEnded(b)),
		cmp.Compare(strings.Count(b, "."), strings.Count(a, ".")),
		cmp.Compare(strings.Count(a, "*"), strings.Count(b, "*")),
		strings.Compare(a, b),
	)
}

func openEnded(pattern string) int { return strings.Count(pattern, ">") }

// Wild reports whether a pattern is more than one destination.
func Wild(pattern string) bool { return strings.ContainsAny(pattern, "*>") }

// Ties finds two patterns that fit one destination while neither includes the
// other, unless a third stands for exactly what both fit. It calls report with
// the places of the two and what they have in common.
func Ties(patterns []string, report func(first, second int, common string)) {
	exact := make(map[string]bool, len(patterns))
	for _, p := range patterns {
		exact[p] = true
	}
	for second, b := range patterns {
		for first, a := range patterns[:second] {
			common := Overlap(a, b)
			if common != "" && !exact[common] && !Includes(a, b) && !Includes(b, a) {
				report(first, second, common)
			}
		}
	}
}

// Valid reports whether pattern is one: tokens of [A-Za-z0-9_-] or *, joined by
// dots, the last of which may be >.
func Valid(pattern string) bool {
	if len(pattern) == 0 || len(pattern) > 180 {
		return false
	}
	for rest, more := pattern, true; more; {
		var token string
		token, rest, more = strings.Cut(rest, ".")
		if token == ">" && !more || token == "*" {
			continue
		}
		if token == "" || strings.Trim(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" {
			return false
		}
	}
	return true
}
