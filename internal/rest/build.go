package rest

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// Build writes the path and query that carry params. Each variable of the path has
// one value, which is not empty; what the rule has no place for is an error, as it would be lost.
// Errors name the param, never its value.
func (r *Rule) Build(params url.Values) (string, error) {
	var b strings.Builder
	b.Grow(r.length(params))
	for i := 0; i < len(r.segments); {
		s := r.segments[i]
		if s.of < 0 {
			b.WriteString("/" + s.literal)
			i++
			continue
		}
		n := r.span(i)
		if err := r.buildVar(&b, r.segments[i:i+n], params[r.vars[s.of]]); err != nil {
			return "", fmt.Errorf("param %q: %w", r.vars[s.of], err)
		}
		i += n
	}
	if b.Len() == 0 {
		b.WriteByte('/')
	}
	if r.custom != "" {
		b.WriteString(":" + r.custom)
	}
	if path := b.String(); len(path) > maxPath || strings.Count(path, "/") > maxParts {
		return "", fmt.Errorf("the path of %q would be longer than %d bytes or %d segments: send large values in the query or the body", r.text, maxPath, maxParts)
	}
	if err := r.buildQuery(&b, params); err != nil {
		return "", err
	}
	return b.String(), nil
}

// length is about how long what Build writes will be.
func (r *Rule) length(params url.Values) int {
	n := len(r.text) + 16 // a few bytes to escape
	for _, values := range params {
		for _, v := range values {
			n += len(v) + 2
		}
	}
	return min(n, maxPath)
}

// span counts the segments of the variable that begins at i.
func (r *Rule) span(i int) int {
	n := 1
	for i+n < len(r.segments) && r.segments[i+n].of == r.segments[i].of {
		n++
	}
	return n
}

func (r *Rule) buildVar(b *strings.Builder, places []segment, values []string) error {
	rest := len(places) == 1 && places[0].kind == many
	if rest && (len(values) == 0 || len(values) == 1 && values[0] == "") {
		return nil
	}
	if len(values) != 1 {
		return fmt.Errorf("the path of %q wants one value, not %d", r.text, len(values))
	}
	parts := []string{values[0]}
	if len(places) > 1 || rest {
		parts = strings.Split(values[0], "/")
	}
	for i, part := range parts {
		at := places[min(i, len(places)-1)]
		switch {
		case i >= len(places) && at.kind != many, at.kind == literal && part != at.literal:
			return fmt.Errorf("the value does not fit %q", r.text)
		case part == "" || part == "." || part == "..":
			return errors.New("an empty value, . and .. are no segments of a path")
		case !isText(part):
			return errNoText
		}
		b.WriteByte('/')
		escape(b, part)
	}
	if missing := len(places) - len(parts); missing > 1 || missing == 1 && places[len(places)-1].kind != many {
		return fmt.Errorf("the value does not fit %q", r.text)
	}
	return nil
}

func (r *Rule) buildQuery(b *strings.Builder, params url.Values) error {
	names := r.query
	if others := r.others(params); len(others) > 0 {
		if !r.anyQuery {
			return fmt.Errorf("param %.64q has no place in %q: add it to the query, as ?%.64s, or take it out", others[0], r.text, others[0])
		}
		names = slices.Concat(names, others)
	}
	separator := byte('?')
	for _, name := range names {
		for _, value := range params[name] {
			if !isText(name) || !isText(value) {
				return fmt.Errorf("param %.64q: %w", name, errNoText)
			}
			b.WriteByte(separator)
			escape(b, name)
			b.WriteByte('=')
			escape(b, value)
			separator = '&'
		}
	}
	return nil
}

// others are the names of params that r does not say, sorted.
func (r *Rule) others(params url.Values) (names []string) {
	for name := range params {
		if !slices.Contains(r.vars, name) && !slices.Contains(r.query, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

var errNoText = errors.New("the value is no UTF-8 without control characters")

// isText reports whether s may be a value: UTF-8 without C0 controls and DEL.
func isText(s string) bool {
	for i := range len(s) {
		if s[i] < 0x20 || s[i] == 0x7f {
			return false
		}
	}
	return utf8.ValidString(s)
}

// escape writes every byte as %XX but those that stand for themselves everywhere in a URL.
func escape(b *strings.Builder, s string) {
	const hex = "0123456789ABCDEF"
	for i := range len(s) {
		if c := s[i]; strings.IndexByte(unreserved, c) >= 0 {
			b.WriteByte(c)
		} else {
			b.WriteByte('%')
			b.WriteByte(hex[c>>4])
			b.WriteByte(hex[c&15])
		}
	}
}
