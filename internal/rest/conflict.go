package rest

import "fmt"

// Conflict says why no table can hold both rules; nil when one can.
func Conflict(a, b *Rule) error {
	if a.verb != b.verb || !overlap(a, b) {
		return nil
	}
	switch ab, ba := covers(a, b), covers(b, a); {
	case ab && ba:
		return fmt.Errorf("%q and %q are the same: give each a path of its own", a.text, b.text)
	case !ab && !ba:
		return fmt.Errorf("%q and %q fit the same path, and neither is the more specific one: change one", a.text, b.text)
	}
	return nil
}

// overlap reports whether some path fits both.
func overlap(a, b *Rule) bool {
	if a.custom != b.custom && (!takesColon(a, b) && !takesColon(b, a)) {
		return false
	}
	x, y := a.segments, b.segments
	for {
		switch {
		case len(x) > 0 && x[0].kind == many, len(y) > 0 && y[0].kind == many:
			return true
		case len(x) == 0 || len(y) == 0:
			return len(x) == len(y)
		case x[0].kind == literal && y[0].kind == literal && x[0].literal != y[0].literal:
			return false
		}
		x, y = x[1:], y[1:]
	}
}

// takesColon reports whether a, which has no verb of its own, can take that of b as the end of a value.
func takesColon(a, b *Rule) bool {
	return a.custom == "" && b.custom != "" && len(a.segments) > 0 && a.segments[len(a.segments)-1].kind != literal
}

// covers reports whether every path of narrow fits wide.
func covers(wide, narrow *Rule) bool {
	if wide.custom != narrow.custom && !takesColon(wide, narrow) {
		return false
	}
	x, y := wide.segments, narrow.segments
	for {
		switch {
		case len(x) > 0 && x[0].kind == many:
			return true
		case len(y) > 0 && y[0].kind == many:
			return false
		case len(x) == 0 || len(y) == 0:
			return len(x) == len(y)
		case x[0].kind == literal && (y[0].kind != literal || x[0].literal != y[0].literal):
			return false
		}
		x, y = x[1:], y[1:]
	}
}
