package avrocodec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"

	"github.com/twmb/franz-go/pkg/sr"
)

// maxReferences is how many schemas one schema of a registry may refer to, those that they refer to included.
const maxReferences = 64

// A gathering makes one schema of one that refers to others of its registry: each
// definition goes where its name stands first, as if the schema had been registered in one piece.
type gathering struct {
	registry *Registry
	seen     map[version]bool
	found    map[string]any  // definitions of other schemas, by full name
	placed   map[string]bool // names that are defined by what was written already
}

// inOnePiece returns the text of s with all that it refers to.
func (r *Registry) inOnePiece(ctx context.Context, s sr.Schema) ([]byte, error) {
	g := gathering{registry: r, seen: make(map[version]bool), found: make(map[string]any), placed: make(map[string]bool)}
	if err := g.fetch(ctx, s.References); err != nil {
		return nil, err
	}
	tree, err := readTree([]byte(s.Schema))
	if err != nil {
		return nil, err
	}
	return json.Marshal(g.place(tree, ""))
}

func (g *gathering) fetch(ctx context.Context, references []sr.SchemaReference) error {
	for _, ref := range references {
		at := version{ref.Subject, ref.Version}
		if g.seen[at] {
			continue
		}
		g.seen[at] = true
		if len(g.seen) > maxReferences || len(references) > maxReferences {
			return fmt.Errorf("the schema refers to more than %d others", maxReferences)
		}
		answer, err := g.registry.client.SchemaByVersion(ctx, at.subject, at.number)
		switch {
		case isNotFound(err):
			return fmt.Errorf("the schema refers to version %d of %.64q, which the registry does not have", at.number, at.subject)
		case err != nil:
			return answered(err)
		case answer.Type != sr.TypeAvro:
			return fmt.Errorf("the schema refers to version %d of %.64q, which is of another format", at.number, at.subject)
		}
		tree, err := readTree([]byte(answer.Schema.Schema))
		if err != nil {
			return err
		}
		g.collect(tree, "")
		if err := g.fetch(ctx, answer.References); err != nil {
			return err
		}
	}
	return nil
}

// collect notes the definitions in a tree that readTree has checked; space is the namespace around it.
func (g *gathering) collect(tree any, space string) {
	switch t := tree.(type) {
	case []any:
		for _, branch := range t {
			g.collect(branch, space)
		}
	case map[string]any:
		if name, ok := fullName(t, space); ok {
			g.found[name], space = t, spaceOf(name)
		}
		for _, part := range parts(t) {
			g.collect(part, space)
		}
	}
}

// place returns a copy of tree in which each name is defined where it stands first.
func (g *gathering) place(tree any, space string) any {
	switch t := tree.(type) {
	case string:
		return g.placeName(t, space)
	case []any:
		list := make([]any, len(t))
		for i, branch := range t {
			list[i] = g.place(branch, space)
		}
		return list
	case map[string]any:
		return g.placeObject(t, space)
	default:
		return tree
	}
}

func (g *gathering) placeName(name, space string) any {
	full := name
	if space != "" && !strings.Contains(name, ".") {
		full = space + "." + name
	}
	for _, candidate := range []string{full, name} {
		if def, ok := g.found[candidate]; ok && !g.placed[candidate] {
			return g.placeObject(def.(map[string]any), spaceOf(candidate))
		}
		if g.placed[candidate] {
			return candidate
		}
	}
	return name
}

func (g *gathering) placeObject(t map[string]any, space string) any {
	object := maps.Clone(t)
	if name, ok := fullName(t, space); ok {
		if g.placed[name] {
			return name
		}
		g.placed[name], space = true, spaceOf(name)
		object["name"], object["namespace"] = name, space
	}
	switch t["type"] {
	case "array":
		object["items"] = g.place(t["items"], space)
	case "map":
		object["values"] = g.place(t["values"], space)
	case "record", "error":
		list, _ := t["fields"].([]any)
		fields := make([]any, len(list))
		for i, f := range list {
			field, _ := f.(map[string]any)
			field = maps.Clone(field)
			field["type"] = g.place(field["type"], space)
			fields[i] = field
		}
		object["fields"] = fields
	case "enum", "fixed":
	default:
		name, _ := t["type"].(string) // {"type": "NameOfARecord"}
		if placed := g.placeName(name, space); placed != any(name) {
			return placed
		}
	}
	return object
}

// parts are the types inside an object.
func parts(t map[string]any) []any {
	switch t["type"] {
	case "array":
		return []any{t["items"]}
	case "map":
		return []any{t["values"]}
	}
	var types []any
	list, _ := t["fields"].([]any)
	for _, f := range list {
		field, _ := f.(map[string]any)
		types = append(types, field["type"])
	}
	return types
}

// fullName is the name that an object defines, if it defines one.
func fullName(t map[string]any, space string) (string, bool) {
	name, ok := t["name"].(string)
	if !ok || strings.Contains(name, ".") {
		return name, ok
	}
	if own, has := t["namespace"].(string); has {
		space = own
	}
	if space != "" {
		name = space + "." + name
	}
	return name, true
}

func spaceOf(full string) string {
	return full[:max(0, strings.LastIndexByte(full, '.'))]
}

// parse parses a schema of the registry; nil is one that it does not have.
func (r *Registry) parse(ctx context.Context, s sr.Schema, err error) (*Schema, error) {
	switch {
	case isNotFound(err):
		return nil, nil
	case err != nil:
		return nil, answered(err)
	case s.Type != sr.TypeAvro:
		return nil, errors.New("the schema registry has a schema of another format there")
	}
	text := []byte(s.Schema)
	if len(s.References) > 0 {
		if text, err = r.inOnePiece(ctx, s); err != nil {
			return nil, err
		}
	}
	return ParseSchema(text)
}
