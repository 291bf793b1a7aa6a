package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.yaml.in/yaml/v4"
)

// Limits of a file, against documents that are made to be large.
const (
	maxFile    = 1 << 20
	maxValues  = 50_000 // with all that aliases repeat
	maxAliases = 100
	maxDepth   = 16
)

type kind uint8

const (
	null kind = iota
	scalar
	list
	mapping
)

func (k kind) String() string {
	return [...]string{"nothing", "a single value", "a list", "a mapping"}[k]
}

// A value is one node of the document, read-only once composed: profiles share them.
type value struct {
	position
	kind    kind
	text    string // of a scalar, before expansion
	items   []*value
	entries []entry
}

// An entry is a key of a mapping and what stands there.
type entry struct {
	position
	key string
	val *value
}

// get returns what stands at key, or nil.
func (v *value) get(key string) *value {
	if v == nil {
		return nil
	}
	for _, e := range v.entries {
		if e.key == key {
			return e.val
		}
	}
	return nil
}

// readDocument composes data into values; nil when it could not.
func readDocument(data []byte, p *problems) *value {
	if len(data) > maxFile {
		p.add(position{}, "", "is %d bytes long: at most %d", len(data), maxFile)
		return nil
	}
	root, err := load(data)
	if err != nil {
		at, text := syntax(err)
		p.add(at, "", "%s", text)
		return nil
	}
	if root == nil {
		p.add(position{1, 1}, "", "the file is empty: begin with version: 1 and transports")
		return nil
	}
	c := composer{problems: p}
	v := c.value(root, "", 0)
	if v.kind != mapping {
		p.add(v.position, "", "the file holds %s: want a mapping with version and transports", v.kind)
		return nil
	}
	return v
}

// load parses exactly one document; nil stands for none.
func load(data []byte) (*yaml.Node, error) {
	loader, err := yaml.NewLoader(bytes.NewReader(data), yaml.WithV3Defaults())
	if err != nil {
		return nil, err
	}
	var first, second yaml.Node
	switch err := loader.Load(&first); {
	case errors.Is(err, io.EOF):
		return nil, nil
	case err != nil:
		return nil, err
	}
	switch err := loader.Load(&second); {
	case err == nil:
		return nil, fmt.Errorf("more than one document: keep one, and use profiles for variants")
	case !errors.Is(err, io.EOF):
		return nil, err
	}
	if first.Kind == yaml.DocumentNode && len(first.Content) == 1 {
		return first.Content[0], nil
	}
	return nil, nil
}

// syntax finds where the YAML is broken.
func syntax(err error) (position, string) {
	var at *yaml.LoadError
	if !errors.As(err, &at) {
		return position{}, err.Error()
	}
	text := "this is no YAML: " + at.Message
	if strings.Contains(at.Message, "',' or '}'") || strings.Contains(at.Message, "',' or ']'") {
		text += "; within { } and [ ], put quotes around values with ${…}"
	}
	if at.Mark.Line == 0 {
		return position{}, text
	}
	return position{at.Mark.Line, max(at.Mark.Column, 1)}, text
}

// A composer turns nodes into values and follows aliases within limits.
type composer struct {
	*problems
	values  int
	aliases int
	full    bool // a limit was met and reported
}

func (c *composer) value(n *yaml.Node, path string, depth int) *value {
	v := &value{position: position{n.Line, n.Column}}
	if c.exceeded(n, path, depth) {
		return v
	}
	if n.Kind != yaml.AliasNode && n.Style&yaml.TaggedStyle != 0 {
		c.add(v.position, path, "tags as %.32q are not read: leave it out", n.Tag)
	}
	switch n.Kind {
	case yaml.AliasNode:
		target := *c.value(n.Alias, path, depth+1)
		target.position = v.position
		return &target
	case yaml.ScalarNode:
		v.kind, v.text = scalar, n.Value
		if n.Tag == "!!null" {
			v.kind = null
		}
	case yaml.SequenceNode:
		v.kind = list
		for i, item := range n.Content {
			v.items = append(v.items, c.value(item, fmt.Sprintf("%s[%d]", path, i), depth+1))
		}
	case yaml.MappingNode:
		v.kind = mapping
		c.entries(v, n, path, depth)
	}
	return v
}

// exceeded reports whether a limit stands against n.
func (c *composer) exceeded(n *yaml.Node, path string, depth int) bool {
	c.values++
	if n.Kind == yaml.AliasNode {
		c.aliases++
	}
	at := position{n.Line, n.Column}
	switch {
	case c.full:
	case depth > maxDepth:
		c.add(at, path, "is nested deeper than %d levels", maxDepth)
	case c.aliases > maxAliases:
		c.add(at, path, "more than %d aliases: use a profile, or repeat the values", maxAliases)
	case c.values > maxValues:
		c.add(at, path, "more than %d values with all that aliases repeat", maxValues)
	default:
		return false
	}
	c.full = true
	return true
}

func (c *composer) entries(v *value, n *yaml.Node, path string, depth int) {
	lines := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		at := position{k.Line, k.Column}
		switch {
		case k.Kind != yaml.ScalarNode:
			c.add(at, path, "a key is a single word, not %s", c.value(k, path, depth+1).kind)
			continue
		case k.Tag == "!!merge":
			c.add(at, path, "merge keys (<<) are not read: repeat the keys, or use a profile")
			continue
		}
		if line, twice := lines[k.Value]; twice {
			c.add(at, join(path, k.Value), "%.64q stands in line %d already: drop one, or give each a name of its own", k.Value, line)
			continue
		}
		lines[k.Value] = k.Line
		v.entries = append(v.entries, entry{at, k.Value, c.value(n.Content[i+1], join(path, k.Value), depth+1)})
	}
}

// join makes the path of a key below path.
func join(path, key string) string {
	plain := key != "" && strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
	switch {
	case !plain:
		return fmt.Sprintf("%s[%.64q]", path, key)
	case path == "":
		return key
	}
	return path + "." + key
}

// merge lays over on base: mappings key by key, all else whole; nothing (null) takes a key away.
func merge(base, over *value) *value {
	if base == nil || over == nil || base.kind != mapping || over.kind != mapping {
		return over
	}
	merged := *base
	merged.entries = nil
	for _, e := range base.entries {
		top := over.get(e.key)
		switch {
		case top == nil:
			merged.entries = append(merged.entries, e)
		case top.kind != null:
			merged.entries = append(merged.entries, entry{e.position, e.key, merge(e.val, top)})
		}
	}
	for _, e := range over.entries {
		if base.get(e.key) == nil && e.val.kind != null {
			merged.entries = append(merged.entries, e)
		}
	}
	return &merged
}
