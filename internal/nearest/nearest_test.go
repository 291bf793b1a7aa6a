package nearest

import (
	"strings"
	"testing"
)

func TestNameFindsWhatWasMeant(t *testing.T) {
	known := []string{"amqp", "http", "inproc", "kafka", "timeout"}
	for _, c := range []struct{ rule, got, want string }{
		{"a letter is missing", "htp", "http"},
		{"a letter is too much", "htttp", "http"},
		{"neighbours are swapped", "kafak", "kafka"},
		{"case does not count", "INPROC", "inproc"},
		{"half of the letters may differ", "smtp", "amqp"},
		{"more than half may not", "smxx", ""},
		{"a letter alone is nothing", "x", ""},
		{"nothing is nothing", "", ""},
		{"three edits", "tiemuot2", "timeout"},
		{"four are another word", "timeoutabcd", ""},
		{"itself", "http", "http"},
		{"what is very long", strings.Repeat("timeout", 10), ""},
	} {
		if got := Name(c.got, known); got != c.want {
			t.Errorf("%s: Name(%q): got %q, want %q", c.rule, c.got, got, c.want)
		}
	}
}

func TestOfEquallyNearNamesTheFirstWins(t *testing.T) {
	if got := Name("bax", []string{"bar", "baz"}); got != "bar" {
		t.Errorf("got %q, want bar", got)
	}
	if got := Name("bazz", []string{"barz", "baz"}); got != "barz" {
		t.Errorf("got %q, want barz", got)
	}
}

func TestDistanceCountsEdits(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0}, {"abc", "abd", 1}, {"abc", "acb", 1},
		{"abc", "ab", 1}, {"abc", "zabc", 1}, {"kitten", "sitting", 3}, {"ca", "abc", 3}, {"abcdef", "badcfe", 3},
	} {
		if got, back := distance(c.a, c.b), distance(c.b, c.a); got != c.want || back != c.want {
			t.Errorf("distance(%q, %q): got %d, and back %d, want %d", c.a, c.b, got, back, c.want)
		}
	}
}
