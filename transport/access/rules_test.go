package access_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/polywire/polywire/transport/access"
)

func rule(who, may, what string) access.Rule {
	r := access.Rule{Who: strings.Fields(who), What: strings.Fields(what)}
	for _, v := range strings.Fields(may) {
		r.May = append(r.May, access.Verb(v))
	}
	return r
}

func TestTheNarrowestRuleDecides(t *testing.T) {
	rules, err := access.NewRules(
		rule("*", "request publish subscribe", "orders.>"),
		rule("@staff", "request subscribe", "orders.admin.>"),
		rule("anna", "request", "orders.admin.close"),
		rule("anyone", "request", "orders.ping"),
		rule("bob", "subscribe", "stock.*"),
	)
	if err != nil {
		t.Fatal(err)
	}
	stranger, bob := &access.Identity{}, &access.Identity{Name: "bob"}
	anna, carl := &access.Identity{Name: "anna", Groups: []string{"staff"}}, &access.Identity{Name: "carl", Groups: []string{"staff"}}
	for _, c := range []struct {
		id    *access.Identity
		verb  access.Verb
		what  string
		wants bool
	}{
		{bob, access.Request, "orders.create", true},
		{stranger, access.Request, "orders.create", false},
		{stranger, access.Request, "orders.ping", true},
		{bob, access.Request, "orders.ping", true},
		{bob, access.Request, "orders.admin.list", false},
		{carl, access.Request, "orders.admin.list", true},
		{carl, access.Request, "orders.admin.close", false},
		{anna, access.Request, "orders.admin.close", true},
		{bob, access.Send, "orders.create", false},
		{bob, access.Gather, "orders.create", false},
		{bob, access.Handle, "orders.create", false},
		{bob, access.Publish, "orders.admin.list", true}, // no rule for this verb is narrower
		{bob, access.Request, "other", false},
		{bob, access.Request, "orders", false},
		{nil, access.Request, "orders.create", false},
		{bob, access.Subscribe, "stock.x", true},
		{bob, access.Subscribe, "stock.*", true},
		{bob, access.Subscribe, "stock.>", false},
		{bob, access.Subscribe, "orders.>", false}, // it would bring orders.admin
		{carl, access.Subscribe, "orders.>", true},
		{bob, access.Subscribe, "orders.*", true}, // orders.admin.… is deeper
		{bob, access.Subscribe, "orders.*.>", false},
		{bob, access.Subscribe, ">", false},
		{carl, access.Subscribe, "orders.admin.*", true},
		{bob, access.Subscribe, "*.create", false},
		{&access.Identity{Name: "@staff"}, access.Request, "orders.admin.list", false}, // a gate lets no such name in either
	} {
		err := rules.Authorize(t.Context(), c.id, c.verb, c.what)
		if got := err == nil; got != c.wants || err != nil && !errors.Is(err, access.ErrDenied) {
			t.Errorf("%+v may %s %s: %v (%v), want %v", c.id, c.verb, c.what, got, err, c.wants)
		}
	}
}

func TestRulesThatAreWrongAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		rules []access.Rule
		want  string
	}{
		"nobody":           {[]access.Rule{rule("", "send", "a")}, "rule 1"},
		"no verb":          {[]access.Rule{rule("a", "", "a")}, "rule 1"},
		"no pattern":       {[]access.Rule{rule("a", "send", "")}, "rule 1"},
		"an unknown verb":  {[]access.Rule{rule("a", "send", "a"), rule("a", "listen", "a")}, "rule 2: unknown verb"},
		"a wrong pattern":  {[]access.Rule{rule("a", "send", "a.>.b")}, "pattern"},
		"half a wildcard":  {[]access.Rule{rule("a", "send", "a*")}, "pattern"},
		"an empty group":   {[]access.Rule{rule("@", "send", "a")}, "no name"},
		"two at signs":     {[]access.Rule{rule("@@a", "send", "a")}, "no name"},
		"a tie":            {[]access.Rule{rule("a", "send", "a.*"), rule("b", "send", "*.b")}, `add a rule for "a.b"`},
		"a group of all":   {[]access.Rule{rule("@*", "send", "a")}, "no name"},
		"a group of names": {[]access.Rule{rule("@anyone", "send", "a")}, "no name"},
	} {
		if _, err := access.NewRules(c.rules...); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}
