package config

import (
	"fmt"
	"io"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// String is the configuration in effect, as a file: profile, variables and
// defaults filled in, secrets as xxxxx. Parse reads it to the same effect, but for those.
func (c *Config) String() string {
	root := newTree()
	root.add("version", &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: "1"})
	transports := root.below("transports")
	for _, w := range c.transports {
		t := transports.below(w.name)
		t.put("url", c.shown(c.secrets.redactURL(w.url)))
		t.put("codec", c.codecName(w.codec))
		if w.compress != nil {
			w.compress.text(t.below("compress"))
		}
		if w.credentials != nil {
			c.credentialsText(t.below("credentials"), w.credentials)
		}
	}
	if len(c.services) > 0 {
		c.servicesText(root.below("services"))
	}
	c.routeText(root.below("defaults"), c.fallback, c.fallback.own.codec)
	if len(c.routes) > 0 {
		routes := root.below("routes")
		for _, r := range c.routes {
			c.routeText(routes.below(r.pattern), r, r.codec)
		}
	}
	if c.guard != nil {
		c.accessText(root.below("access"), c.guard)
	}
	text, err := yaml.Dump(root.node, yaml.WithV3Defaults(), yaml.WithIndent(2))
	if err != nil {
		return "# " + err.Error() + "\n"
	}
	return string(text)
}

// Format prints String for every verb, so that no %+v shows a secret.
func (c *Config) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, c.String()) }

func (c *Config) servicesText(all *tree) {
	for _, s := range c.services {
		t := all.below(s.Name)
		t.list("owns", s.Owns)
		t.put("listen", c.shown(s.Listen))
		shown := make([]string, len(s.Endpoints))
		for i, e := range s.Endpoints {
			shown[i] = c.shown(e)
		}
		t.list("endpoints", shown)
		if len(s.rules) > 0 {
			paths := t.below("paths")
			for _, p := range s.rules {
				paths.put(p.destination, c.shown(p.rule.String()))
			}
		}
	}
}

func (c *compression) text(t *tree) {
	t.put("algorithm", c.algorithm)
	if c.threshold > 0 {
		t.put("threshold", formatSize(c.threshold))
	}
	if c.agreed {
		t.yes("agreed")
	}
}

func (c *Config) credentialsText(t *tree, shown *credentials) {
	if shown.file == "" {
		t.put("token", hidden)
	}
	t.put("tokenfile", c.shown(shown.file))
	if shown.insecure {
		t.yes("insecure")
	}
}

func (c *Config) accessText(t *tree, g *guard) {
	t.put("tokens", c.shown(g.tokens))
	if len(g.certificates) > 0 {
		names := t.below("certificates")
		for _, e := range g.certificates {
			names.put(e[0], c.shown(e[1]))
		}
	}
	if len(g.rules) == 0 {
		return
	}
	all := &yaml.Node{Kind: yaml.SequenceNode}
	for _, r := range g.rules {
		rule := newTree()
		rule.node.Style = yaml.FlowStyle
		var may []string
		for _, verb := range r.May {
			may = append(may, string(verb))
		}
		for i, values := range [][]string{r.Who, may, r.What, r.transports} {
			shown := make([]string, len(values))
			for j, v := range values {
				shown[j] = c.shown(v)
			}
			rule.list(ruleKeys[i], shown)
		}
		all.Content = append(all.Content, rule.node)
	}
	t.add("rules", all)
}

func (c *Config) routeText(t *tree, r *route, codec string) {
	t.put("transport", r.wire.name)
	t.put("codec", c.codecName(codec))
	if r.timeout > 0 {
		t.put("timeout", formatDuration(r.timeout))
	}
}

// codecName is name, or the one that this process was started with instead of all.
func (c *Config) codecName(name string) string {
	if c.options.Codec != "" {
		return c.options.Codec
	}
	return name
}

// shown hides secrets, and keeps what looks like a placeholder from being one.
func (c *Config) shown(text string) string {
	return strings.ReplaceAll(hide(text, c.secrets.files), "${", "$${")
}

// formatDuration writes 5s, 1m and 1h rather than 5s, 1m0s and 1h0m0s.
func formatDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// A tree is a mapping that keeps its order, to be written.
type tree struct{ node *yaml.Node }

func newTree() *tree { return &tree{&yaml.Node{Kind: yaml.MappingNode}} }

func (t *tree) add(key string, n *yaml.Node) {
	t.node.Content = append(t.node.Content, text(key), n)
}

func (t *tree) put(key, value string) {
	if value != "" {
		t.add(key, text(value))
	}
}

func (t *tree) yes(key string) {
	t.add(key, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: "true"})
}

func (t *tree) list(key string, values []string) {
	if len(values) == 0 {
		return
	}
	n := &yaml.Node{Kind: yaml.SequenceNode, Style: yaml.FlowStyle}
	for _, v := range values {
		item := text(v)
		item.Style = yaml.DoubleQuotedStyle
		n.Content = append(n.Content, item)
	}
	t.add(key, n)
}

// below adds an empty mapping and returns it.
func (t *tree) below(key string) *tree {
	inner := newTree()
	t.add(key, inner.node)
	return inner
}

func text(value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value}
}
