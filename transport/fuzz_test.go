package transport

import (
	"bytes"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/polywire/polywire/transport/internal/glob"
)

var (
	plainDestination = regexp.MustCompile(`\A[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\z`)
	plainPattern     = regexp.MustCompile(`\A(>|([A-Za-z0-9_-]+|\*)(\.([A-Za-z0-9_-]+|\*))*(\.>)?)\z`)
)

// FuzzDestination holds the checks of names against regular expressions, and
// every name against itself.
func FuzzDestination(f *testing.F) {
	for _, seed := range []string{"", "a", "trip.created", "a..b", ".a", "a.", "*", ">", "a.*.b", "a.>", "a.>.b", "a*", "dead.a", "dead.", "é", "a\n", strings.Repeat("a", 181), "dead." + strings.Repeat("a", 229)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		limit := 180
		if strings.HasPrefix(name, "dead.") {
			limit = 180 + 5 + 48 + 1
		}
		err := CheckDestination(name)
		if want := len(name) <= limit && plainDestination.MatchString(name); (err == nil) != want {
			t.Fatalf("destination %q: got %v, want it valid: %v", name, err, want)
		}
		patternErr := CheckPattern(name)
		if want := len(name) <= 180 && plainPattern.MatchString(name); (patternErr == nil) != want {
			t.Fatalf("pattern %q: got %v, want it valid: %v", name, patternErr, want)
		}
		for _, e := range []error{err, patternErr} {
			if e != nil && len(e.Error()) > 1024 {
				t.Fatalf("%q: an error of %d bytes", name, len(e.Error()))
			}
		}
		if err == nil && (!Match(name, name) || !Match(">", name) || glob.Wild(name)) {
			t.Fatalf("%q: matches itself %v, matches > %v, has a wildcard %v", name, Match(name, name), Match(">", name), glob.Wild(name))
		}
	})
}

// FuzzMatch compares Match with the rule told by tokens.
func FuzzMatch(f *testing.F) {
	for _, seed := range [][2]string{{"a", "a"}, {"a.*", "a.b"}, {"a.>", "a.b.c"}, {"a.>", "a"}, {"*", "a.b"}, {"*.b.>", "a.b.c"}, {"a.b", "a"}, {">", "a"}, {"a.*.c", "a..c"}} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, destination string) {
		if CheckPattern(pattern) != nil || CheckDestination(destination) != nil {
			return
		}
		want := matchTokens(strings.Split(pattern, "."), strings.Split(destination, "."))
		if got := Match(pattern, destination); got != want {
			t.Fatalf("Match(%q, %q): got %v, want %v", pattern, destination, got, want)
		}
	})
}

func matchTokens(pattern, destination []string) bool {
	switch {
	case len(pattern) == 0 || len(destination) == 0:
		return len(pattern) == len(destination)
	case pattern[0] == ">":
		return true
	case pattern[0] != "*" && pattern[0] != destination[0]:
		return false
	}
	return matchTokens(pattern[1:], destination[1:])
}

// FuzzHeader runs a program of calls on a Header and on a plain list of fields.
func FuzzHeader(f *testing.F) {
	f.Add("aA1;aA2;sA3;dA;aB-bin", []byte{0, 255})
	f.Add("ak;ck1;dk;ck2", []byte(nil))
	f.Add("aÅx;såy;dÅ", []byte("binary"))
	f.Fuzz(func(t *testing.T, program string, binary []byte) {
		var h Header
		var model [][2]string
		for _, call := range strings.Split(program, ";") {
			h, model = runHeader(t, h, model, call)
			sameHeader(t, h, model)
		}
		h.SetBinary("Some-Bin", binary)
		got, err := h.Binary("some-bin")
		if err != nil || !bytes.Equal(got, binary) {
			t.Fatalf("got %x, %v, want %x", got, err, binary)
		}
		var alone Header
		alone.SetBinary("some-bin", binary)
		if err := alone.check(); (err == nil) != (len("some-bin")+len(alone.Get("some-bin")) <= maxHeaderBytes) {
			t.Fatalf("%d bytes: %v", len(binary), err)
		}
	})
}

// runHeader does one call: a letter for what, one for the key, the value.
func runHeader(t *testing.T, h Header, model [][2]string, call string) (Header, [][2]string) {
	what, rest := cutRune(call)
	key, value := cutRune(rest)
	lower := strings.ToLower(key)
	others := slices.DeleteFunc(slices.Clone(model), func(f [2]string) bool { return f[0] == lower })
	switch what {
	case "a":
		h.Add(key, value)
		return h, append(model, [2]string{lower, value})
	case "s":
		h.Set(key, value)
		return h, append(others, [2]string{lower, value})
	case "d":
		before := h
		h.Del(key)
		sameHeader(t, before, model) // copies made before keep it
		return h, others
	case "c":
		c := h.Clone()
		c.Add(key, value)
		sameHeader(t, h, model) // a clone shares nothing
		return c, append(slices.Clone(model), [2]string{lower, value})
	}
	return h, model
}

func cutRune(s string) (first, rest string) {
	for i := range s {
		if i > 0 {
			return s[:i], s[i:]
		}
	}
	return s, ""
}

func sameHeader(t *testing.T, h Header, model [][2]string) {
	t.Helper()
	var got [][2]string
	for key, value := range h.All() {
		got = append(got, [2]string{key, value})
	}
	if !slices.Equal(got, model) || h.Len() != len(model) {
		t.Fatalf("got the fields %q, want %q", got, model)
	}
	for _, f := range model {
		var values []string
		for _, g := range model {
			if g[0] == f[0] {
				values = append(values, g[1])
			}
		}
		if key := strings.ToUpper(f[0]); strings.ToLower(key) == f[0] && (!h.Has(key) || h.Get(key) != values[0] || !slices.Equal(h.Values(key), values)) {
			t.Fatalf("%q: got %q of %q, want %q", key, h.Get(key), h.Values(key), values)
		}
	}
}
