package schema

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
)

// JSONSchema returns a JSON Schema of draft 2020-12 that the JSON of t, which refers
// to ts, is valid by, as jsoncodec writes it. It is no stricter than a reader:
// fields that nobody knows are allowed, and so is anything where a generated message
// stands whose fields are not described. A nil t gives the definitions alone.
func (ts Types) JSONSchema(t *Type) ([]byte, error) {
	if err := ts.Check(); err != nil {
		return nil, err
	}
	doc := map[string]any{}
	if t != nil {
		if err := ts.CheckType(t); err != nil {
			return nil, err
		}
		doc = jsonValue(t)
	}
	doc["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	if len(ts) > 0 {
		defs := make(map[string]any, len(ts))
		for name, def := range ts {
			defs[name] = jsonStruct(def)
		}
		doc["$defs"] = defs
	}
	out, err := json.MarshalIndent(doc, "", "  ")
	return append(out, '\n'), err
}

// jsonValue returns the schema of a value of t.
func jsonValue(t *Type) map[string]any {
	switch t.Kind {
	case "bool":
		return map[string]any{"type": "boolean"}
	case "int", "uint", "duration":
		return jsonInteger(t)
	case "float":
		return map[string]any{"anyOf": []any{
			map[string]any{"type": "number"},
			map[string]any{"enum": []any{"NaN", "Infinity", "-Infinity"}},
		}}
	case "bytes":
		out := map[string]any{"type": "string", "contentEncoding": "base64"}
		if t.Len > 0 {
			size := (t.Len + 2) / 3 * 4
			out["minLength"], out["maxLength"] = size, size
		}
		return out
	case "time":
		return map[string]any{"type": "string", "format": "date-time"}
	case "list":
		return map[string]any{"type": "array", "items": jsonValue(t.Elem)}
	case "array":
		return map[string]any{"type": "array", "items": jsonValue(t.Elem), "minItems": t.Len, "maxItems": t.Len}
	case "map":
		return jsonMap(t)
	case "struct", "message":
		if t.Type != "" {
			return map[string]any{"$ref": "#/$defs/" + pointer(t.Type)}
		}
		return jsonStruct(t)
	default:
		return map[string]any{"type": "string"}
	}
}

// jsonInteger gives an integer its bounds, unless doubles, which validators count
// in, would round them.
func jsonInteger(t *Type) map[string]any {
	out := map[string]any{"type": "integer"}
	bits := t.Bits
	if bits < 1 || bits > 64 || t.Kind == "duration" {
		bits = 64
	}
	switch {
	case t.Kind == "uint":
		out["minimum"] = 0
		if bits < 64 {
			out["maximum"] = uint64(1)<<bits - 1
		}
	case bits < 64:
		out["minimum"], out["maximum"] = int64(math.MinInt64)>>(64-bits), int64(math.MaxInt64)>>(64-bits)
	}
	return out
}

func jsonMap(t *Type) map[string]any {
	out := map[string]any{"type": "object", "additionalProperties": jsonValue(t.Elem)}
	switch t.Key.Kind {
	case "bool":
		out["propertyNames"] = map[string]any{"enum": []any{"true", "false"}}
	case "int", "duration":
		out["propertyNames"] = map[string]any{"pattern": "^(0|-?[1-9][0-9]*)$"}
	case "uint":
		out["propertyNames"] = map[string]any{"pattern": "^(0|[1-9][0-9]*)$"}
	}
	return out
}

// jsonStruct returns the schema of the fields of t, or of anything if it is a
// message without.
func jsonStruct(t *Type) map[string]any {
	if t.Kind == "message" && t.Fields == nil {
		return map[string]any{}
	}
	properties := make(map[string]any, len(t.Fields))
	var required []string
	for i := range t.Fields {
		f := &t.Fields[i]
		properties[f.Name] = jsonValue(f)
		if !f.Optional && !f.OmitZero {
			required = append(required, f.Name)
		}
	}
	out := map[string]any{"type": "object", "properties": properties}
	if len(required) > 0 {
		slices.Sort(required)
		out["required"] = required
	}
	return out
}

// pointer returns name as a part of a JSON pointer in a fragment.
func pointer(name string) string {
	var out []byte
	for i := range len(name) {
		switch c := name[i]; {
		case c == '~':
			out = append(out, "~0"...)
		case c == '/':
			out = append(out, "~1"...)
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-' || c == '.':
			out = append(out, c)
		default:
			out = fmt.Appendf(out, "%%%02X", c)
		}
	}
	return string(out)
}
