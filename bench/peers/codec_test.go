package main

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
)

// TestEveryLibraryBringsBackWhatItWasGiven includes formats that we have no codec of.
func TestEveryLibraryBringsBackWhatItWasGiven(t *testing.T) {
	for _, f := range codecFormats() {
		for _, p := range f.peers {
			for _, shape := range []string{"order", "document", "list"} {
				c, err := p.open(shape)
				if err == nil {
					err = (&codecRig{coder: c}).prove(t.Context())
				}
				if err != nil {
					t.Errorf("%s, %s of %s: %v", p.name, shape, f.name, err)
				}
			}
		}
	}
}

func TestEveryCodecOfOursIsCompared(t *testing.T) {
	var names []string
	for _, f := range codecFormats() {
		names = append(names, f.name)
	}
	for _, l := range codecLines() {
		if name := l.params[0].value; !slices.Contains(names, name) || len(l.goals) == 0 {
			t.Errorf("%s: no goal, or none of %v", l.path(), names)
		}
	}
}

func TestACoderThatLosesOrGrowsFails(t *testing.T) {
	want, body := new(int), []byte("12")
	*want = 7
	good := coder{
		encode: func() ([]byte, error) { return body, nil },
		decode: func([]byte) (any, error) { n := 7; return &n, nil },
		want:   want,
	}
	if err := (&codecRig{coder: good}).prove(t.Context()); err != nil {
		t.Errorf("a coder that works: %v", err)
	}
	for name, c := range map[string]coder{
		"another value": {good.encode, func([]byte) (any, error) { n := 8; return &n, nil }, want, nil},
		"no encoding":   {func() ([]byte, error) { return nil, errors.New("refused") }, good.decode, want, nil},
		"no decoding":   {good.encode, func([]byte) (any, error) { return nil, errors.New("refused") }, want, nil},
	} {
		r := &codecRig{coder: c, decoding: true}
		if r.prove(t.Context()) == nil {
			t.Errorf("%s: proved, want an error", name)
		}
	}
	calls := 0
	r := &codecRig{coder: good}
	r.encode = func() ([]byte, error) {
		calls++
		return []byte(strings.Repeat("x", calls)), nil
	}
	if err := r.run(context.Background(), 3); err == nil {
		t.Error("got no error of an encoding that grows")
	}
}
