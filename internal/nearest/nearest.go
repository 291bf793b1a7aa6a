// Package nearest finds the name that somebody probably meant, for errors that
// name the fix. It imports the standard library alone, so that packages which
// promise the same may use it.
package nearest

import "strings"

const (
	maxEdits  = 3  // more, and it is another word
	maxLength = 64 // longer is no typing error, and would cost time
)

// Name returns the one of known that differs from got by the fewest edits, which
// are at most three and at most half of got's length; of equally near ones the
// first, and "" when none is near. An edit inserts, drops or changes a byte, or
// swaps it with its neighbour. Case does not count.
func Name(got string, known []string) string {
	if len(got) > maxLength {
		return ""
	}
	got = strings.ToLower(got)
	best, bound := "", min(len(got)/2, maxEdits)+1
	for _, name := range known {
		if apart := len(name) - len(got); apart >= bound || -apart >= bound {
			continue // as many edits at least
		}
		if d := distance(got, strings.ToLower(name)); d < bound {
			best, bound = name, d
		}
	}
	return best
}

// distance counts the edits that make b of a, none of them at a place that
// another has edited: the optimal string alignment distance.
func distance(a, b string) int {
	above, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		next[0] = i
		for j := 1; j <= len(b); j++ {
			change := row[j-1]
			if a[i-1] != b[j-1] {
				change++
			}
			next[j] = min(next[j-1]+1, row[j]+1, change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				next[j] = min(next[j], above[j-2]+1)
			}
		}
		above, row, next = row, next, above
	}
	return row[len(b)]
}
