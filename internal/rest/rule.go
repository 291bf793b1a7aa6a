package rest

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Limits of a rule.
const (
	maxRule     = 512
	maxSegments = 32
	maxNames    = 32
)

// A Rule is one verb with a template of paths. It never changes.
type Rule struct {
	text     string
	verb     string
	segments []segment
	custom   string   // what follows the last : of the path; empty for none
	vars     []string // in the order of the path
	query    []string // names of the query
	anyQuery bool
	body     bool
}

// A segment is a literal, or a place that a variable takes.
type segment struct {
	kind    kind
	literal string
	of      int // the variable it is part of, in Rule.vars; -1 for none
}

// A kind orders segments: the more specific is the smaller.
type kind uint8

const (
	literal kind = iota // itself
	one                 // any one segment
	many                // all that is left
)

// Parse reads a rule as the package's comment shows them.
func Parse(text string) (*Rule, error) {
	if len(text) > maxRule {
		return nil, fmt.Errorf("a rule of %d bytes: use at most %d", len(text), maxRule)
	}
	verb, rest, ok := strings.Cut(text, " ")
	target, option, _ := strings.Cut(rest, " ")
	r := &Rule{text: text, verb: verb}
	switch verb {
	case http.MethodGet, http.MethodDelete:
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		r.body = true
	default:
		ok = false
	}
	if !ok || !strings.HasPrefix(target, "/") {
		return nil, fmt.Errorf("rule %q: write a verb of GET, POST, PUT, PATCH and DELETE and a path, as GET /orders/{id}?expand", text)
	}
	switch option {
	case "":
	case "body=*":
		r.body = true
	case "body=none":
		r.body = false
	default:
		return nil, fmt.Errorf("rule %q: after the path comes body=* or body=none, or nothing", text)
	}
	path, query, has := cutQuery(target)
	err := r.parsePath(path[1:])
	if err == nil && has {
		err = r.parseQuery(query)
	}
	if err != nil {
		return nil, fmt.Errorf("rule %q: %w", text, err)
	}
	return r, nil
}

// cutQuery cuts at the first question mark; none stands within braces.
func cutQuery(target string) (path, query string, has bool) { return strings.Cut(target, "?") }

func (r *Rule) parsePath(path string) error {
	if i := strings.LastIndexByte(path, ':'); i > strings.LastIndexAny(path, "/}") || i >= 0 && i == strings.LastIndexByte(path, '}')+1 {
		path, r.custom = path[:i], path[i+1:]
		if !isLiteral(r.custom) {
			return errors.New("what follows : is a verb of one's own, as :cancel")
		}
	}
	if path == "" && r.custom == "" {
		return nil // the root
	}
	for path != "" {
		var part string
		if strings.HasPrefix(path, "{") {
			end := strings.IndexByte(path, '}')
			if end < 0 {
				return errors.New("a { is not closed")
			}
			part, path = path[:end+1], path[end+1:]
		} else {
			i := strings.IndexByte(path, '/')
			if i < 0 {
				i = len(path)
			}
			part, path = path[:i], path[i:]
		}
		if err := r.add(part); err != nil {
			return err
		}
		switch {
		case path == "":
		case path[0] != '/':
			return errors.New("a variable is a whole segment, as /{id}/")
		case path == "/":
			return errors.New("a path does not end in a slash")
		default:
			path = path[1:]
		}
	}
	return r.checkPath()
}

func (r *Rule) checkPath() error {
	if len(r.segments) > maxSegments {
		return fmt.Errorf("%d segments: use at most %d", len(r.segments), maxSegments)
	}
	for i, s := range r.segments {
		if s.kind == many && i < len(r.segments)-1 {
			return errors.New("** stands for the rest and comes last")
		}
	}
	if len(r.segments) == 0 {
		return errors.New("a verb of one's own follows a segment, as /orders:search")
	}
	return nil
}

// add takes one part of the path: a literal segment or a variable.
func (r *Rule) add(part string) error {
	inner, variable := strings.CutPrefix(part, "{")
	if !variable {
		if strings.Contains(part, "*") {
			return errors.New("a * needs a name, as {id}, {name=files/*} or {rest=**}")
		}
		return r.addSegment(part, -1)
	}
	name, pattern, ok := strings.Cut(strings.TrimSuffix(inner, "}"), "=")
	if !ok {
		pattern = "*"
	}
	if err := r.checkName(name); err != nil {
		return err
	}
	r.vars = append(r.vars, name)
	places := 0
	for p := range strings.SplitSeq(pattern, "/") {
		if strings.HasPrefix(p, "*") {
			places++
		}
		if err := r.addSegment(p, len(r.vars)-1); err != nil {
			return err
		}
	}
	if places == 0 {
		return fmt.Errorf("variable %s stands for one text: give it a * or **", name)
	}
	return nil
}

func (r *Rule) addSegment(text string, of int) error {
	s := segment{of: of}
	switch {
	case text == "*" && of >= 0:
		s.kind = one
	case text == "**" && of >= 0:
		s.kind = many
	case !isLiteral(text) || text == "." || text == "..":
		return fmt.Errorf("segment %q: a segment is of letters, digits and -._~!$&'()+,;=@", text)
	default:
		s.literal = text
	}
	r.segments = append(r.segments, s)
	return nil
}

func (r *Rule) checkName(name string) error {
	switch {
	case !isName(name):
		return fmt.Errorf("name %q: use letters, digits and -._", name)
	case slices.Contains(r.vars, name) || slices.Contains(r.query, name):
		return fmt.Errorf("name %q stands twice", name)
	case len(r.vars)+len(r.query) >= maxNames:
		return fmt.Errorf("more than %d names", maxNames)
	}
	return nil
}

func (r *Rule) parseQuery(query string) error {
	for name := range strings.SplitSeq(query, "&") {
		if name == "*" {
			r.anyQuery = true
			continue
		}
		if err := r.checkName(name); err != nil {
			return fmt.Errorf("query: %w", err)
		}
		r.query = append(r.query, name)
	}
	return nil
}

const (
	alphanumeric = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	unreserved   = alphanumeric + "-._~"
)

func isLiteral(s string) bool { return s != "" && strings.Trim(s, unreserved+"!$&'()+,;=@") == "" }

func isName(s string) bool { return s != "" && strings.Trim(s, alphanumeric+"-._") == "" }

// String is the rule as it was written.
func (r *Rule) String() string { return r.text }

// Verb is the method of HTTP.
func (r *Rule) Verb() string { return r.verb }

// Vars are the names of the path's variables, in order. They are not to be changed.
func (r *Rule) Vars() []string { return r.vars }

// Query are the names that the query may have, and whether it may have any other too.
func (r *Rule) Query() (names []string, more bool) { return r.query, r.anyQuery }

// Body reports whether the message's body travels.
func (r *Rule) Body() bool { return r.body }

// Path is the template as OpenAPI writes it: each variable once, by its name alone.
func (r *Rule) Path() string {
	var b strings.Builder
	last := -1
	for _, s := range r.segments {
		switch {
		case s.of < 0:
			b.WriteString("/" + s.literal)
		case s.of != last:
			b.WriteString("/{" + r.vars[s.of] + "}")
		}
		last = s.of
	}
	if r.custom != "" {
		b.WriteString(":" + r.custom)
	}
	if b.Len() == 0 {
		return "/"
	}
	return b.String()
}

// Single reports whether the variable is one segment, so that its text holds no slash.
func (r *Rule) Single(name string) bool {
	n := 0
	for _, s := range r.segments {
		if s.of >= 0 && r.vars[s.of] == name && (s.kind != one || n > 0) {
			return false
		} else if s.of >= 0 && r.vars[s.of] == name {
			n++
		}
	}
	return n == 1
}
