package transport

import (
	"strings"

	"github.com/polywire/polywire/transport/internal/glob"
)

// Limits of names.
const (
	maxDestination = 180
	maxGroup       = 48
)

// CheckDestination reports why name is no destination: 1 to 180 bytes, tokens
// of [A-Za-z0-9_-] joined by dots. Case matters. The error has CodeInvalidArgument.
func CheckDestination(name string) error {
	limit := maxDestination
	if strings.HasPrefix(name, deadPrefix) {
		limit += len(deadPrefix) + maxGroup + 1 // any destination has a dead-letter destination
	}
	if len(name) == 0 || len(name) > limit {
		return invalid("destination of %d bytes: use 1 to %d", len(name), limit)
	}
	start := true
	for i := range len(name) {
		c := name[i]
		switch {
		case c == '.':
			if start {
				return invalid("destination %q has an empty token: join tokens by single dots", clip(name, maxDestination))
			}
			start = true
			continue
		case c == '*' || c == '>':
			return invalid("destination %q has a wildcard: wildcards are for Subscribe, routes and access rules", name)
		case !tokenByte(c):
			return invalid("destination %q: tokens are of [A-Za-z0-9_-], joined by dots", clip(name, maxDestination))
		}
		start = false
	}
	if start {
		return invalid("destination %q ends in a dot", name)
	}
	return nil
}

// CheckPattern reports why pattern is none: a destination in which a whole
// token may be * (one token), and the last may be > (one or more).
func CheckPattern(pattern string) error {
	if len(pattern) == 0 || len(pattern) > maxDestination {
		return invalid("pattern of %d bytes: use 1 to %d", len(pattern), maxDestination)
	}
	rest, more := pattern, true
	for more {
		var token string
		token, rest, more = strings.Cut(rest, ".")
		switch {
		case token == "*":
		case token == ">":
			if more {
				return invalid("pattern %q: > stands for the rest and comes last", clip(pattern, maxDestination))
			}
		case CheckDestination(token) != nil:
			return invalid("pattern %q: tokens are of [A-Za-z0-9_-], or * or >, joined by dots", clip(pattern, maxDestination))
		}
	}
	return nil
}

// Match reports whether destination is one of those that pattern, which may be
// a plain destination, stands for. Both must be valid.
func Match(pattern, destination string) bool { return glob.Match(pattern, destination) }

func tokenByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-'
}

func checkGroup(group string) error {
	if group == "" {
		return nil
	}
	if len(group) > maxGroup || strings.IndexFunc(group, func(r rune) bool { return r > 0x7f || !tokenByte(byte(r)) }) >= 0 {
		return invalid("group %q: use [A-Za-z0-9_-]{1,%d}", clip(group, maxGroup), maxGroup)
	}
	return nil
}
