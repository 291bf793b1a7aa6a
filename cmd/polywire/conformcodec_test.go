package main

import (
	"bytes"
	"context"
	"strings"
	"testing"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/conformance/codectest"
)

// A mute codec writes nothing of what it is given.
type mute struct{ codecs.Codec }

func (mute) Append(dst []byte, _ any) ([]byte, error) { return append(dst, "{}"...), nil }

func TestACodecThatFailsACaseIsExit7(t *testing.T) {
	var out bytes.Buffer
	s := &suite{a: &app{streams: streams{out: &out}}, tier: "fast", output: "text", only: "C00[12]"}
	o, err := s.codecOptions()
	if err != nil {
		t.Fatal(err)
	}
	err = s.conform(context.Background(), []codectest.Harness{{Name: "mute", New: func(codecs.Limits) codecs.Codec { return mute{jsoncodec.New()} }}}, o)
	if got := exitCode(err); got != exitConformance {
		t.Errorf("got exit code %d (%v), want %d", got, err, exitConformance)
	}
	for _, want := range []string{"fail      C001", "\nC001 true and false come back\n", "mute: 0 passed, 0 inverted, 0 deviate, 2 failed, 0 not run"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("got %s\nwant %q in it", out.String(), want)
		}
	}
}

func TestEveryBombIsTold(t *testing.T) {
	var out bytes.Buffer
	s := &suite{a: &app{streams: streams{out: &out}}}
	bombs := []codectest.Bomb{{Name: "one", Into: 0, Data: func() []byte { return []byte("[") }}}
	if err := s.explodeAll(context.Background(), "json", jsoncodec.New(), bombs); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, "json: decode at byte 1: want an integer, got an array") || !strings.Contains(got, "json: 1 bombs") {
		t.Errorf("got %s", got)
	}
}
