package config

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// maxSecret bounds a file that ${file:…} names.
const maxSecret = 64 << 10

// An expander replaces ${NAME}, ${NAME:-default} and ${file:PATH} in scalars
// that YAML has parsed already. What it puts in is never looked at again, so no
// value can bring structure or placeholders. $${ stands for ${.
type expander struct {
	getenv  func(string) (string, bool)
	folder  string // relative paths of ${file:…} begin here
	secrets *secrets
}

// text expands s. In a URL, what stands between :// and @, and after a =, is escaped as it must be there.
func (x *expander) text(s string, isURL bool) (string, error) {
	var out strings.Builder
	for rest := s; ; {
		before, after, found := strings.Cut(rest, "${")
		if !found {
			out.WriteString(rest)
			return out.String(), nil
		}
		if head, escaped := strings.CutSuffix(before, "$"); escaped {
			out.WriteString(head + "${")
			rest = after
			continue
		}
		out.WriteString(before)
		inner, tail, closed := strings.Cut(after, "}")
		if !closed {
			return "", fmt.Errorf("${ without }: close it, or write $${ for the characters themselves")
		}
		got, secret, err := x.lookup(inner)
		if err != nil {
			return "", err
		}
		if isURL {
			got = escapeFor(s[:len(s)-len(rest)+len(before)], tail, got)
		}
		if secret {
			x.secrets.addFile(got)
		}
		out.WriteString(got)
		rest = tail
	}
}

func (x *expander) lookup(inner string) (got string, secret bool, err error) {
	if path, isFile := strings.CutPrefix(inner, "file:"); isFile {
		got, err = x.file(path)
		return got, true, err
	}
	name, fallback, hasFallback := strings.Cut(inner, ":-")
	if !validVariable(name) {
		return "", false, fmt.Errorf("${%.64s}: write ${NAME}, ${NAME:-default} or ${file:PATH}", inner)
	}
	got, set := x.getenv(name)
	switch {
	case hasFallback && got == "":
		return fallback, false, nil
	case !set:
		return "", false, fmt.Errorf("the variable %s is not set: set it, or give a default with ${%s:-value}", name, name)
	}
	return got, false, nil
}

func (x *expander) file(path string) (string, error) {
	if path == "" {
		return "", fmt.Errorf("${file:} names no file: write ${file:PATH}")
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(x.folder, path)
	}
	data, err := readBounded(path, maxSecret)
	if err != nil {
		return "", fmt.Errorf("${file:…}: %w", err)
	}
	text := strings.TrimRight(string(data), "\r\n")
	if text == "" {
		return "", fmt.Errorf("${file:…}: %s is empty", path)
	}
	x.secrets.addFile(text)
	return text, nil
}

// readBounded reads a file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no regular file", path)
	case info.Size() > limit:
		return nil, fmt.Errorf("%s is %d bytes long: at most %d", path, info.Size(), limit)
	}
	return os.ReadFile(path)
}

func validVariable(name string) bool {
	for i, r := range name {
		letter := r == '_' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z'
		if !letter && (i == 0 || r < '0' || r > '9') {
			return false
		}
	}
	return name != ""
}

// escapeFor escapes got for where it comes to stand in a URL: after before, which is not expanded, and in front of tail.
func escapeFor(before, tail, got string) string {
	_, authority, inAuthority := strings.Cut(before, "://")
	switch {
	case !inAuthority:
		return got
	case strings.HasSuffix(before, "="):
		return url.QueryEscape(got)
	case !strings.ContainsAny(authority, "@/?#") && strings.Contains(tail, "@"):
		_, password, _ := strings.Cut(url.UserPassword("", got).String(), ":")
		return password
	}
	return got
}
