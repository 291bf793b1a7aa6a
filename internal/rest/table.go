package rest

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// The path of a request has so many bytes and parts at most. The table has no rule for a longer one, and none is built.
const (
	maxPath  = 8 << 10
	maxParts = 4 * maxSegments
)

// A Table finds destinations by verb and path. It never changes.
type Table struct {
	root   node
	custom map[string]bool // verbs of one's own that some rule has
}

// A node stands for the paths that begin with the same segments. Of its children a
// literal is looked at before one, and one before many.
type node struct {
	literals map[string]*node
	one      *node
	many     *node
	leaves   map[string]*leaf // by verb of one's own, "" for none
}

// A leaf is what ends at a node: at most one rule for each method.
type leaf struct{ byMethod map[string]*entry }

type entry struct {
	destination string
	rule        *Rule
}

// A Match is what a request asks for.
type Match struct {
	Destination string
	Rule        *Rule
	Params      url.Values // of path and query; nil for none
}

// ErrNoPath is the error of a path that no rule has.
var ErrNoPath = errors.New("no such path")

// A WrongMethod is the error of a path that has rules, but none of the request's method.
type WrongMethod struct{ Allowed []string } // sorted; HEAD where GET is, and OPTIONS

func (e *WrongMethod) Error() string { return "this path takes " + strings.Join(e.Allowed, ", ") }

// NewTable makes a table of rules by destination. Two that some request fits, and
// of which neither is the more specific one, are an error.
func NewTable(rules map[string]*Rule) (*Table, error) {
	t := &Table{custom: make(map[string]bool)}
	destinations := slices.Sorted(maps.Keys(rules))
	for i, d := range destinations {
		for _, other := range destinations[:i] {
			if err := Conflict(rules[other], rules[d]); err != nil {
				return nil, fmt.Errorf("%s and %s: %w", other, d, err)
			}
		}
		t.add(&entry{d, rules[d]})
	}
	return t, nil
}

// ParseTable makes a table of rules as they are written.
func ParseTable(texts map[string]string) (*Table, error) {
	rules := make(map[string]*Rule, len(texts))
	for _, d := range slices.Sorted(maps.Keys(texts)) {
		r, err := Parse(texts[d])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", d, err)
		}
		rules[d] = r
	}
	return NewTable(rules)
}

func (t *Table) add(e *entry) {
	n := &t.root
	for _, s := range e.rule.segments {
		n = n.child(s)
	}
	if n.leaves == nil {
		n.leaves = make(map[string]*leaf)
	}
	l := n.leaves[e.rule.custom]
	if l == nil {
		l = &leaf{make(map[string]*entry)}
		n.leaves[e.rule.custom] = l
	}
	l.byMethod[e.rule.verb] = e
	if e.rule.custom != "" {
		t.custom[e.rule.custom] = true
	}
}

func (n *node) child(s segment) *node {
	next := &n.one
	switch s.kind {
	case many:
		next = &n.many
	case literal:
		if n.literals == nil {
			n.literals = make(map[string]*node)
		}
		c := n.literals[s.literal]
		if c == nil {
			c = new(node)
			n.literals[s.literal] = c
		}
		return c
	}
	if *next == nil {
		*next = new(node)
	}
	return *next
}

// Match finds what a request asks for by its method and its path and query as they
// stand in the request. HEAD asks for what GET does. The error is ErrNoPath, a
// *WrongMethod, or says why the request is malformed.
func (t *Table) Match(method, path, query string) (*Match, error) {
	if !strings.HasPrefix(path, "/") || len(path) > maxPath {
		return nil, ErrNoPath
	}
	raw := strings.Split(path[1:], "/")
	if path == "/" {
		raw = nil
	}
	if len(raw) > maxParts {
		return nil, ErrNoPath
	}
	segments, err := decode(raw)
	if err != nil {
		return nil, err
	}
	var found []*leaf
	if base, custom, ok := t.cutCustom(raw); ok {
		last, _ := unescape(base) // as part of a segment that could be
		own := append(slices.Clone(segments[:len(segments)-1]), last)
		if last == "" && len(own) == 1 {
			own = nil
		}
		t.root.collect(own, custom, &found)
		if e := pick(found, method); e != nil {
			return e.match(own, query)
		}
	}
	t.root.collect(segments, "", &found)
	if e := pick(found, method); e != nil {
		return e.match(segments, query)
	}
	if len(found) == 0 {
		return nil, ErrNoPath
	}
	return nil, &WrongMethod{allowed(found)}
}

// cutCustom cuts a verb of one's own off the last segment, if some rule has it.
func (t *Table) cutCustom(raw []string) (base, custom string, ok bool) {
	if len(raw) == 0 {
		return "", "", false
	}
	last := raw[len(raw)-1]
	i := strings.LastIndexByte(last, ':')
	if i < 0 || !t.custom[last[i+1:]] {
		return "", "", false
	}
	return last[:i], last[i+1:], true
}

// decode decodes each segment by itself, once.
func decode(raw []string) ([]string, error) {
	segments := make([]string, len(raw))
	for i, s := range raw {
		var err error
		if segments[i], err = unescape(s); err != nil {
			return nil, err
		}
	}
	return segments, nil
}

func unescape(raw string) (string, error) {
	s, err := url.PathUnescape(raw)
	switch {
	case err != nil:
		return "", errors.New("the path is not well encoded: after % come two digits of hexadecimal")
	case s == "." || s == "..":
		return "", errors.New("the path has a segment . or ..: ask for the path that is meant")
	case !isText(s):
		return "", errors.New("the path is no UTF-8 without control characters")
	}
	return s, nil
}

// collect appends the leaves of all rules whose paths fit, the most specific first.
// It visits each node at most once.
func (n *node) collect(segments []string, custom string, found *[]*leaf) {
	if len(segments) == 0 {
		if l := n.leaves[custom]; l != nil {
			*found = append(*found, l)
		}
		if n.many != nil && n.many.leaves[custom] != nil {
			*found = append(*found, n.many.leaves[custom])
		}
		return
	}
	if c := n.literals[segments[0]]; c != nil {
		c.collect(segments[1:], custom, found)
	}
	if n.one != nil && segments[0] != "" {
		n.one.collect(segments[1:], custom, found)
	}
	if n.many != nil && n.many.leaves[custom] != nil && !slices.Contains(segments, "") {
		*found = append(*found, n.many.leaves[custom])
	}
}

// pick returns the first rule that takes method.
func pick(leaves []*leaf, method string) *entry {
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, l := range leaves {
		if e := l.byMethod[method]; e != nil {
			return e
		}
	}
	return nil
}

func allowed(leaves []*leaf) []string {
	methods := map[string]bool{http.MethodOptions: true}
	for _, l := range leaves {
		for m := range l.byMethod {
			methods[m] = true
		}
	}
	if methods[http.MethodGet] {
		methods[http.MethodHead] = true
	}
	return slices.Sorted(maps.Keys(methods))
}

// match reads the params of a request that e fits.
func (e *entry) match(segments []string, query string) (*Match, error) {
	m := &Match{Destination: e.destination, Rule: e.rule}
	r := e.rule
	for i := 0; i < len(r.segments); {
		if r.segments[i].of < 0 {
			i++
			continue
		}
		n := r.span(i)
		end := i + n
		if end == len(r.segments) {
			end = len(segments)
		}
		if err := m.take(r.vars[r.segments[i].of], segments[i:end], n > 1 || r.segments[i].kind == many); err != nil {
			return nil, err
		}
		i += n
	}
	return m, m.takeQuery(query)
}

// take reads a variable. One of several segments must not hold a slash that was none.
func (m *Match) take(name string, segments []string, several bool) error {
	if len(segments) == 0 {
		return nil
	}
	for _, s := range segments {
		if several && strings.Contains(s, "/") {
			return fmt.Errorf("param %q: a segment of it holds an encoded slash, which could not be told from a plain one", name)
		}
	}
	m.set(name, strings.Join(segments, "/"))
	return nil
}

func (m *Match) set(name, value string) {
	if m.Params == nil {
		m.Params = make(url.Values)
	}
	m.Params[name] = append(m.Params[name], value)
}

func (m *Match) takeQuery(query string) error {
	if query == "" {
		return nil
	}
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("the query is not well encoded: after % come two digits of hexadecimal, and & stands between")
	}
	names, more := m.Rule.Query()
	for name, all := range values {
		switch {
		case slices.Contains(m.Rule.vars, name):
			return fmt.Errorf("param %q stands in the path, and in the query too", name)
		case !more && !slices.Contains(names, name):
			return fmt.Errorf("unknown name %.64q in the query; known: %s", name, known(names))
		}
		for _, value := range all {
			if name == "" || strings.ContainsAny(name, "= ") || !isText(name) || !isText(value) {
				return fmt.Errorf("param %.64q of the query is no UTF-8 without control characters", name)
			}
			m.set(name, value)
		}
	}
	return nil
}

func known(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}
