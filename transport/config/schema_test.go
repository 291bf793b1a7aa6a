package config_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"
	"go.yaml.in/yaml/v4"

	"github.com/polywire/polywire/transport/config"
)

func schema(t *testing.T) *jsonschema.Resolved {
	t.Helper()
	var s jsonschema.Schema
	if err := json.Unmarshal(config.Schema(), &s); err != nil {
		t.Fatal(err)
	}
	r, err := s.Resolve(nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// instance reads YAML as a validator of JSON Schema wants it.
func instance(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := yaml.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestTheSchemaTakesWhatParseTakes(t *testing.T) {
	taxi, err := os.ReadFile("../../examples/taxi/taxi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s := schema(t)
	for name, text := range map[string][]byte{"Init": config.Init(), "the taxi's": taxi, "two": []byte(two), "compressing": []byte(compressing), "guarding": []byte(guarding)} {
		if err := s.Validate(instance(t, text)); err != nil {
			t.Errorf("the schema refuses %s: %v", name, err)
		}
	}
}

func TestTheSchemaRefusesWhatParseRefuses(t *testing.T) {
	s := schema(t)
	for what, text := range map[string]string{
		"no version":         "transports: {a: {url: \"inproc://\"}}",
		"another version":    "version: 2\ntransports: {a: {url: \"inproc://\"}}",
		"an unknown key":     "version: 1\ntransports: {a: {url: \"inproc://\"}}\nroute: {}",
		"a key of transport": "version: 1\ntransports: {a: {url: \"inproc://\", codex: json}}",
		"a compression":      "version: 1\ntransports: {a: {url: \"inproc://\", compress: {algorithm: zstd, level: 3}}}",
		"a threshold":        "version: 1\ntransports: {a: {url: \"inproc://\", compress: {algorithm: zstd, threshold: 1kb}}}",
		"no algorithm":       "version: 1\ntransports: {a: {url: \"inproc://\", compress: {threshold: 1KiB}}}",
		"a verb":             "version: 1\ntransports: {a: {url: \"inproc://\"}}\naccess: {rules: [{who: [anyone], may: [listen], what: [a]}]}",
		"a rule of nobody":   "version: 1\ntransports: {a: {url: \"inproc://\"}}\naccess: {rules: [{may: [send], what: [a]}]}",
		"a common name":      "version: 1\ntransports: {a: {url: \"inproc://\"}}\naccess: {certificates: {\"CN=orders\": orders}}",
		"no URL":             "version: 1\ntransports: {a: {codec: json}}",
		"a wrong type":       "version: 1\ntransports: {a: {url: 7}}",
		"a wrong pattern":    "version: 1\ntransports: {a: {url: \"inproc://\"}}\nroutes: {\"a..b\": {transport: a}}",
		"a middle >":         "version: 1\ntransports: {a: {url: \"inproc://\"}}\nroutes: {\"a.>.b\": {transport: a}}",
	} {
		if s.Validate(instance(t, []byte(text))) == nil {
			t.Errorf("the schema takes %s", what)
		}
		if _, err := config.Parse("x.yaml", []byte(text), options(t)); err == nil {
			t.Errorf("Parse takes %s", what)
		}
	}
}
