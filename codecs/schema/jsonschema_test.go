package schema_test

import (
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/google/jsonschema-go/jsonschema"

	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/codecs/schema"
)

// resolved returns the JSON Schema of v's type as an independent validator reads it.
func resolved(t *testing.T, v any) *jsonschema.Resolved {
	t.Helper()
	var d schema.Describer
	described, err := d.Type(reflect.TypeOf(v))
	if err != nil {
		t.Fatal(err)
	}
	document, err := d.Types.JSONSchema(described)
	if err != nil {
		t.Fatal(err)
	}
	var s jsonschema.Schema
	if err := json.Unmarshal(document, &s); err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	r, err := s.Resolve(nil)
	if err != nil {
		t.Fatalf("%v\n%s", err, document)
	}
	return r
}

func validate(t *testing.T, r *jsonschema.Resolved, body []byte) error {
	t.Helper()
	var instance any
	if err := json.Unmarshal(body, &instance); err != nil {
		t.Fatal(err)
	}
	return r.Validate(instance)
}

func TestWhatTheCodecWritesIsValidByTheJSONSchema(t *testing.T) {
	full := aTree()
	full.Rate = float32(math.Inf(-1))
	for _, v := range []any{
		*aTree(), *full, tree{}, []tree{{}}, map[bool]int8{true: 1}, [2]float64{math.NaN(), 1}, int64(math.MaxInt64), uint8(255),
	} {
		body, err := jsoncodec.New().Append(nil, v)
		if err != nil {
			t.Fatal(err)
		}
		if err := validate(t, resolved(t, v), body); err != nil {
			t.Errorf("%T: %v\n%s", v, err, body)
		}
	}
}

func TestTheJSONSchemaRefusesWhatTheCodecRefuses(t *testing.T) {
	body, err := jsoncodec.New().Append(nil, tree{})
	if err != nil {
		t.Fatal(err)
	}
	r := resolved(t, tree{})
	for from, to := range map[string]string{
		`"level":0`:      `"level":128`,
		`"big":0`:        `"big":-1`,
		`"rate":0`:       `"rate":"nan"`,
		`"hash":"AAAA"`:  `"hash":"AAAAAAAA"`,
		`"grid":[[],[]]`: `"grid":[[]]`,
		`"index":{}`:     `"index":{"01":true}`,
		`"name":""`:      `"name":7`,
		`"spent":0`:      `"spent":0.5`,
		`"point":{"x":0`: `"point":{"y":0`,
		`{"name"`:        `{"count":true,"name"`,
	} {
		if !strings.Contains(string(body), from) {
			t.Fatalf("%s is not in %s", from, body)
		}
		wrong := []byte(strings.Replace(string(body), from, to, 1))
		if err := validate(t, r, wrong); err == nil {
			t.Errorf("%s is valid", to)
		}
		if err := jsoncodec.New().Decode(wrong, new(tree)); err == nil && from != `"point":{"x":0` { // a field left out is zero
			t.Errorf("the codec reads %s", to)
		}
	}
	if err := validate(t, r, []byte(strings.Replace(string(body), "{", `{"later":1,`, 1))); err != nil {
		t.Errorf("a field that nobody knows: %v", err)
	}
}

func TestAJSONSchemaNamesItsDefinitions(t *testing.T) {
	types := schema.Types{"a/b~c d": {Kind: "struct"}, "M": {Kind: "message"}}
	document, err := types.JSONSchema(&schema.Type{Kind: "list", Elem: &schema.Type{Kind: "struct", Type: "a/b~c d"}})
	if err != nil || !strings.Contains(string(document), `"#/$defs/a~1b~0c%20d"`) {
		t.Errorf("got %s, error %v", document, err)
	}
	if _, err := types.JSONSchema(&schema.Type{Kind: "struct", Type: "None"}); err == nil {
		t.Error("a reference to nothing has a schema")
	}
	if document, err := types.JSONSchema(nil); err != nil || !strings.Contains(string(document), `"M": {}`) {
		t.Errorf("got %s, error %v", document, err)
	}
}
