package config_test

import (
	"strings"
	"testing"

	"github.com/polywire/polywire/transport/config"
	"github.com/polywire/polywire/transport/contract"
)

type event struct {
	ID string `json:"id"`
}

var shop = contract.NewService("shop",
	contract.NewMethod[event, event]("shop.ask"),
	contract.NewQueue[event]("shop.order"),
	contract.NewTopic[event]("shop.sold", contract.KeyOf(func(e *event) string { return e.ID })),
	contract.NewSurvey[event, event]("shop.bids"))

const swap = `version: 1
transports:
  memory: {url: "inproc://", codec: json}
  log: {url: "kafka://user:secret@localhost:9092?insecure-auth=true", codec: json}
defaults: {transport: memory}
profiles:
  kafka: {defaults: {transport: log}}
`

func TestExplainTellsWhatMattersToEachStyle(t *testing.T) {
	d, err := shop.Describe()
	if err != nil {
		t.Fatal(err)
	}
	from, o := parse(t, swap, options(t)), options(t)
	o.Profile = "kafka"
	e := config.Explain(from, parse(t, swap, o), d)
	if len(e.Changes) != 4 {
		t.Fatalf("%d changes, want one for each operation", len(e.Changes))
	}
	has := func(ds []config.Difference, feature string) bool {
		for _, d := range ds {
			if d.Feature == feature && d.Meaning != "" {
				return true
			}
		}
		return false
	}
	for i, want := range []struct{ weakens, gains string }{
		{"DetectsNoHandlerOnRequest", "DetachedReply"}, {"DetectsNoHandler", "Durable"}, {"", "Durable"}, {"CountsResponders", ""},
	} {
		c := &e.Changes[i]
		if want.weakens != "" && !has(c.Weakens, want.weakens) || want.gains != "" && !has(c.Gains, want.gains) || len(c.Breaks) > 0 {
			t.Errorf("%s: weakens %v, gains %v, breaks %v; want %q and %q among them, and none", c.Destination, c.Weakens, c.Gains, c.Breaks, want.weakens, want.gains)
		}
		if c.From.Transport != "memory" || c.To.Transport != "log" {
			t.Errorf("%s goes from %s to %s", c.Destination, c.From.Transport, c.To.Transport)
		}
	}
	if text := e.String(); strings.Contains(text, "secret") || !strings.Contains(text, "shop.order (queue)") {
		t.Errorf("the text shows a secret, or no destination:\n%s", text)
	}
}

func TestExplainOfTheSameSaysThatNothingChanges(t *testing.T) {
	c := parse(t, swap, options(t))
	if got := config.Explain(c, c).String(); !strings.Contains(got, "nothing changes for: all other destinations") {
		t.Errorf("got\n%s", got)
	}
}

func TestCheckNamesWhatAContractNeedsAndWhoHasIt(t *testing.T) {
	o := options(t)
	if err := parse(t, swap, o).Check(shop); err != nil {
		t.Errorf("in process: %v", err)
	}
	for what, c := range map[string]struct{ file, want string }{
		"no codec": {
			"version: 1\ntransports:\n  memory: {url: \"inproc://\"}\n",
			"no codec for shop.ask: name one here, for transport \"memory\", or in the defaults",
		},
		"no home": {
			"version: 1\ntransports:\n  net: {url: \"direct://\", codec: json}\nservices:\n  front: {owns: [\"front.*\"], listen: \":8081\", endpoints: [\"localhost:8081\"]}\n",
			"shop.ask has no home: ",
		},
	} {
		o := options(t)
		o.Client = true
		err := parse(t, c.file, o).Check(shop)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q in it", what, err, c.want)
		}
	}
}

func TestWhatIsPrintedShowsNoSecret(t *testing.T) {
	c := parse(t, swap, options(t))
	for what, text := range map[string]string{"String": c.String(), "URL": c.Route("x").URL} {
		if strings.Contains(text, "secret") {
			t.Errorf("%s shows a password:\n%s", what, text)
		}
	}
	if _, err := config.Parse("again.yaml", []byte(c.String()), options(t)); err != nil {
		t.Errorf("what String prints is no configuration: %v\n%s", err, c)
	}
}

func FuzzParse(f *testing.F) {
	for _, m := range mistakes {
		f.Add([]byte(m.file))
	}
	f.Add([]byte(swap))
	f.Add(config.Init())
	f.Add([]byte("version: 1\ntransports: &t {a: {url: \"inproc://\"}}\nprofiles: {p: {transports: *t}}\n"))
	o := options(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := config.Parse("fuzz.yaml", text, o)
		if err != nil {
			if len(err.Error()) > 1<<20 {
				t.Errorf("an error of %d bytes", len(err.Error()))
			}
			return
		}
		if c.Route("a.b").Transport == "" {
			t.Errorf("no transport for a destination of\n%s", text)
		}
		_ = c.String()
	})
}
