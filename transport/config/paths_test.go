package config_test

import (
	"strings"
	"testing"

	"github.com/polywire/polywire/transport/config"
	"github.com/polywire/polywire/transport/contract"
)

type song struct {
	ID string `wire:"id,1"`
}

var songs = contract.NewService("songs", contract.NewResource("songs", func(s *song) *string { return &s.ID }).Endpoints()...)

func TestPathsOfContractsAreThoseOfTheOwnerUnlessTheFileSaysOthers(t *testing.T) {
	o := options(t)
	o.Contracts = []*contract.Service{songs}
	c := parse(t, head+"services:\n  music:\n    owns: [\"songs.>\"]\n    paths:\n      songs.get: GET /music/{id}\n", o)
	for destination, want := range map[string]string{
		"songs.get":    "GET /music/{id}",
		"songs.delete": "DELETE /songs/{id}",
		"songs.other":  "",
	} {
		if got := c.Route(destination).Path; got != want {
			t.Errorf("%s: got %q, want %q", destination, got, want)
		}
	}
	if got := parse(t, head, o).Route("songs.get").Path; got != "GET /songs/{id}" {
		t.Errorf("without services: got %q, want the contract's", got)
	}
	if text := c.String(); strings.Contains(text, "songs.delete") {
		t.Errorf("the text shows what the file does not say:\n%s", text)
	}
}

func TestPathsOfContractsThatConflictAreRefused(t *testing.T) {
	o := options(t)
	broken := contract.NewService("songs", contract.NewMethod[song, song]("songs.get", contract.HTTP("GET songs")))
	for what, tc := range map[string]struct {
		contract *contract.Service
		want     string
	}{
		"with the file's": {songs, `taxi.yaml:5:3: services.music: its paths, with those of contracts: songs.get and songs.read: "GET /songs/{id}" and "GET /songs/{name}" are the same: give each a path of its own`},
		"by themselves":   {broken, `method songs.get: HTTP: rule "GET songs"`},
	} {
		o.Contracts = []*contract.Service{tc.contract}
		_, err := config.Parse("taxi.yaml", []byte(head+"services:\n  music:\n    owns: [\"songs.>\"]\n    paths:\n      songs.read: GET /songs/{name}\n"), o)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: got %v, want %s", what, err, tc.want)
		}
	}
}

func TestExplainTellsThatAPathChanges(t *testing.T) {
	with := parse(t, head+"services:\n  s:\n    owns: [\"x.*\"]\n    paths:\n      x.get: GET /x/{id}\n", options(t))
	d := &contract.Description{Operations: []contract.Operation{{Destination: "x.get", Style: "method"}}}
	e := config.Explain(parse(t, head, options(t)), with, d)
	if len(e.Changes) != 1 || len(e.Changes[0].Differs) != 1 || e.Changes[0].Differs[0].Meaning != "on REST it is GET /x/{id}, where it was not there" {
		t.Errorf("got %+v", e.Changes)
	}
}

func TestCheckHoldsPathsAgainstTheContract(t *testing.T) {
	text := head + "services:\n  music:\n    owns: [\"songs.>\"]\n    paths:\n      songs.get: GET /songs/{name}?lang\n      songs.sold: POST /sold\n"
	sold := contract.NewService("sold", contract.NewTopic[song]("songs.sold"))
	err := parse(t, text, options(t)).Check(songs, sold)
	want := `taxi.yaml:8:18: services.music.paths["songs.get"]: "name" is no param of songs.get: its contract binds no field to that name
taxi.yaml:8:18: services.music.paths["songs.get"]: "lang" is no param of songs.get: its contract binds no field to that name
taxi.yaml:9:19: services.music.paths["songs.sold"]: songs.sold is a topic, which has many receivers: a path is for a method or a queue`
	if err == nil || err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
}
