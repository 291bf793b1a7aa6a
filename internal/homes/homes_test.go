package homes

import (
	"strings"
	"testing"

	"github.com/polywire/polywire/transport"
)

func asIs(endpoint string) (string, error) { return endpoint, nil }

func TestPatternsAreOrderedBySpecificity(t *testing.T) {
	rows := []transport.Service{
		{Name: "all", Owns: []string{">"}, Endpoints: []string{"h:1"}}, {Name: "a", Owns: []string{"a.>"}, Endpoints: []string{"h:2"}},
		{Name: "star", Owns: []string{"a.*.c"}, Endpoints: []string{"h:3"}}, {Name: "exact", Owns: []string{"a.b.c"}, Endpoints: []string{"h:4"}},
	}
	h, err := New(Config[int]{Services: rows, Address: asIs})
	if err != nil {
		t.Fatal(err)
	}
	for destination, want := range map[string]string{"a.b.c": "exact", "a.x.c": "star", "a.x": "a", "a.b.d": "a", "b": "all", "a": "all"} {
		if got := h.Of(destination); got == nil || got.name != want {
			t.Errorf("home of %s is %v, want %s", destination, got, want)
		}
	}
	rows[3].Owns = []string{"a.>"}
	if _, err := New(Config[int]{Services: rows, Address: asIs}); err == nil || !strings.Contains(err.Error(), "both own") {
		t.Errorf("two owners of one pattern: %v, want both named", err)
	}
}

func TestOverlapFindsPatternsWithACommonDestination(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"a", "a", true}, {"a", "b", false}, {"a.*", "a.b", true}, {"a.*", "*.b", true}, {"a.>", "a.b.c", true}, {"a.>", "a", false},
		{">", "a.b", true}, {"a.*.c", "a.b", false}, {"a.>", "*.b.>", true}, {"a.b.>", "a.c.>", false},
	} {
		if got := overlap(c.a, c.b); got != c.want {
			t.Errorf("overlap(%s, %s) = %v", c.a, c.b, got)
		}
		if got := overlap(c.b, c.a); got != c.want {
			t.Errorf("overlap(%s, %s) = %v", c.b, c.a, got)
		}
	}
}

func TestAQueueIsBoundAtItsHomeAloneOrAtTheHostOfTheURL(t *testing.T) {
	rows := []transport.Service{
		{Name: "mine", Owns: []string{"mine.>"}, Listen: ":1"}, {Name: "theirs", Owns: []string{"theirs.>"}, Endpoints: []string{"h:2"}},
	}
	table, err := New(Config[int]{Rest: "hub:80", Service: "mine", Services: rows, Address: asIs})
	if err != nil {
		t.Fatal(err)
	}
	if p, err := table.Invited("mine.x"); p != nil || err != nil {
		t.Errorf("what this process owns is invited by %v, %v; want this process", p, err)
	}
	if p, err := table.Invited("x"); err != nil || p == nil || p.name != "hub:80" {
		t.Errorf("what nobody owns is invited by %v, %v; want hub:80", p, err)
	}
	if p, err := table.Invited("theirs.x"); p != nil || err == nil || !strings.Contains(err.Error(), "belongs to service theirs") {
		t.Errorf("what another owns is invited by %v, %v; want a refusal that names the owner", p, err)
	}
}
