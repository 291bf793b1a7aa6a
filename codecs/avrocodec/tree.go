package avrocodec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"
)

// What a schema may have at most.
const (
	maxSchemaBytes = 1 << 20
	maxSchemaDepth = 512    // of JSON; a record inside a record takes three
	maxSchemaParts = 20_000 // values of JSON
)

// readTree reads the JSON of a schema: objects as map[string]any, numbers as
// json.Number. Names that come twice are refused, since two readers could take
// two of the values.
func readTree(text []byte) (any, error) {
	switch {
	case len(text) > maxSchemaBytes:
		return nil, fmt.Errorf("more than %d bytes", maxSchemaBytes)
	case !utf8.Valid(text):
		return nil, errors.New("invalid UTF-8")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	r := treeReader{decoder: d}
	tree, err := r.value(0)
	if err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one JSON value")
	}
	return tree, checkTree(tree)
}

type treeReader struct {
	decoder *json.Decoder
	parts   int
}

var errNoJSON = errors.New("not valid JSON")

func (r *treeReader) value(depth int) (any, error) {
	t, err := r.decoder.Token()
	if err != nil {
		return nil, errNoJSON
	}
	if r.parts++; r.parts > maxSchemaParts || depth > maxSchemaDepth {
		return nil, fmt.Errorf("more than %d parts, or nested deeper than %d levels", maxSchemaParts, maxSchemaDepth)
	}
	switch t {
	case json.Delim('['):
		return r.list(depth + 1)
	case json.Delim('{'):
		return r.object(depth + 1)
	default:
		return t, nil
	}
}

func (r *treeReader) list(depth int) (any, error) {
	list := []any{}
	for r.decoder.More() {
		item, err := r.value(depth)
		if err != nil {
			return nil, err
		}
		list = append(list, item)
	}
	if _, err := r.decoder.Token(); err != nil {
		return nil, errNoJSON
	}
	return list, nil
}

func (r *treeReader) object(depth int) (any, error) {
	object := map[string]any{}
	for r.decoder.More() {
		name, err := r.decoder.Token()
		if err != nil {
			return nil, errNoJSON
		}
		key := name.(string) // Token returns nothing else here
		if _, ok := object[key]; ok {
			return nil, errors.New("one name twice in an object of JSON")
		}
		if object[key], err = r.value(depth); err != nil {
			return nil, err
		}
	}
	if _, err := r.decoder.Token(); err != nil {
		return nil, errNoJSON
	}
	return object, nil
}

// checkTree refuses what the engine would accept, though it is no schema.
func checkTree(tree any) error {
	switch t := tree.(type) {
	case string:
		return nil
	case []any:
		for _, branch := range t {
			if err := checkTree(branch); err != nil {
				return err
			}
		}
		return nil
	case map[string]any:
		return checkObject(t)
	default:
		return errors.New("a type is neither a string nor an object nor a list of JSON")
	}
}

func checkObject(t map[string]any) error {
	typ, ok := t["type"].(string)
	if !ok {
		return errors.New("a type has no string under its name type")
	}
	if err := checkNames(t); err != nil {
		return err
	}
	switch typ {
	case "array":
		return checkTree(t["items"])
	case "map":
		return checkTree(t["values"])
	case "fixed":
		return checkSize(t["size"])
	case "record", "error":
		fields, ok := t["fields"].([]any)
		if !ok {
			return errors.New("a record has no list of fields")
		}
		for _, f := range fields {
			if err := checkField(f); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkField(f any) error {
	field, ok := f.(map[string]any)
	if !ok {
		return errors.New("a field is no object of JSON")
	}
	if err := checkNames(field); err != nil {
		return err
	}
	name, ok := field["name"].(string)
	if !ok || !isName(name) {
		return errors.New("a field has no name of letters, digits and '_'")
	}
	return checkTree(field["type"])
}

// checkSize holds the size of a fixed to what a message can have.
func checkSize(size any) error {
	n, ok := size.(json.Number)
	if !ok {
		return errors.New("a fixed has no size")
	}
	if i, err := n.Int64(); err != nil || i < 0 || i > 1<<31-1 {
		return errors.New("the size of a fixed is no integer from 0 to 2147483647")
	}
	return nil
}

// checkNames checks the names in a definition by the rules, whatever the global
// setting of the engine says.
func checkNames(t map[string]any) error {
	for _, key := range []string{"name", "namespace"} {
		name, ok := t[key]
		if !ok {
			continue
		}
		text, ok := name.(string)
		if !ok || !isFullName(text) && (key == "name" || text != "") {
			return fmt.Errorf("a %s is not made of letters, digits and '_'", key)
		}
	}
	for _, key := range []string{"aliases", "symbols"} {
		list, ok := t[key].([]any)
		if _, has := t[key]; has && !ok {
			return fmt.Errorf("the %s of a type are no list", key)
		}
		for _, name := range list {
			if text, ok := name.(string); !ok || !isFullName(text) || key == "symbols" && !isName(text) {
				return fmt.Errorf("one of the %s is not made of letters, digits and '_'", key)
			}
		}
	}
	return nil
}

// isFullName reports whether s is names with points between them.
func isFullName(s string) bool {
	for part := range bytes.SplitSeq([]byte(s), []byte{'.'}) {
		if !isName(string(part)) {
			return false
		}
	}
	return true
}

// isName reports whether s is a name of Avro.
func isName(s string) bool {
	for i, c := range []byte(s) {
		letter := c == '_' || c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// reduced returns the JSON of a checked tree without what the engine need not
// see: defaults, of which it loses digits, documentation, logical types.
func reduced(tree any) []byte {
	text, err := json.Marshal(reduce(tree))
	if err != nil {
		return nil // a tree of JSON is always written again
	}
	return text
}

func reduce(tree any) any {
	switch t := tree.(type) {
	case []any:
		list := make([]any, len(t))
		for i, branch := range t {
			list[i] = reduce(branch)
		}
		return list
	case map[string]any:
		return reduceObject(t)
	default:
		return tree
	}
}

func reduceObject(t map[string]any) any {
	kept := keep(t, "type", "name", "namespace", "aliases", "symbols", "size")
	switch t["type"] {
	case "array":
		kept["items"] = reduce(t["items"])
	case "map":
		kept["values"] = reduce(t["values"])
	case "enum":
		if symbol, ok := t["default"]; ok {
			kept["default"] = symbol
		}
	case "record", "error":
		list, _ := t["fields"].([]any)
		fields := make([]any, len(list))
		for i, f := range list {
			field, _ := f.(map[string]any)
			one := keep(field, "name", "aliases")
			one["type"] = reduce(field["type"])
			fields[i] = one
		}
		kept["fields"] = fields
	}
	return kept
}

func keep(t map[string]any, names ...string) map[string]any {
	kept := make(map[string]any)
	for name, value := range t {
		if slices.Contains(names, name) {
			kept[name] = value
		}
	}
	return kept
}

// addDefaults gives the fields of the records that tree defines their defaults.
func (n *node) addDefaults(tree any) {
	switch t := tree.(type) {
	case []any:
		for i, branch := range t {
			n.branches[i].addDefaults(branch)
		}
	case map[string]any:
		switch n.kind {
		case isArray:
			n.items.addDefaults(t["items"])
		case isMap:
			n.items.addDefaults(t["values"])
		case isRecord:
			n.addFieldDefaults(t)
		}
	}
}

func (n *node) addFieldDefaults(t map[string]any) {
	list, ok := t["fields"].([]any)
	if !ok || len(list) != len(n.fields) {
		return // {"type": "NameOfARecord"} defines none
	}
	for i, f := range list {
		field, _ := f.(map[string]any)
		def, has := field["default"]
		n.fields[i].def, n.fields[i].hasDef = def, has
		n.fields[i].node.addDefaults(field["type"])
	}
}
