package config

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// hidden stands where a secret would.
const hidden = "xxxxx"

// secrets are the texts that must not be shown. The zero value knows none.
type secrets struct {
	files     []string // what ${file:…} gave: hidden wherever it stands
	passwords []string // of URLs, which redactURL hides at their place; hidden too in what others write
}

func (s *secrets) addFile(text string) { s.files = addSecret(s.files, text) }

// addURL adds the password of a URL as it stands there and as it is meant.
func (s *secrets) addURL(raw string) {
	u, err := url.Parse(raw)
	if err != nil {
		return
	}
	if password, ok := u.User.Password(); ok {
		_, escaped, _ := strings.Cut(u.User.String(), ":")
		s.passwords = addSecret(addSecret(s.passwords, password), escaped)
	}
}

// addSecret keeps the longest first: one may hold another.
func addSecret(to []string, text string) []string {
	if text == "" || slices.Contains(to, text) {
		return to
	}
	to = append(to, text)
	slices.SortFunc(to, func(a, b string) int { return cmp.Compare(len(b), len(a)) })
	return to
}

// scrub takes every secret out of a text that somebody else wrote.
func (s *secrets) scrub(text string) string { return hide(hide(text, s.files), s.passwords) }

func hide(text string, secrets []string) string {
	for _, secret := range secrets {
		text = strings.ReplaceAll(text, secret, hidden)
	}
	return text
}

// show quotes a value of the file for an error text: bounded, and without secrets.
func (s *secrets) show(text string) string {
	text = s.scrub(text)
	if scheme, rest, isURL := strings.Cut(text, "://"); isURL {
		if i := strings.LastIndexByte(rest, '@'); i >= 0 {
			rest = hidden + rest[i:]
		}
		text = scheme + "://" + rest
	}
	return fmt.Sprintf("%q", clip(text, 64))
}

// redactURL shows a URL without its password, and without options that hold a secret.
func (s *secrets) redactURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return hidden
	}
	shown := *u
	if _, ok := u.User.Password(); ok {
		shown.User = url.UserPassword(u.User.Username(), hidden)
	}
	if u.RawQuery != "" {
		options := strings.Split(u.RawQuery, "&")
		for i, option := range options {
			key, value, _ := strings.Cut(option, "=")
			if value != "" && sensitive(key) {
				options[i] = key + "=" + hidden
			}
		}
		shown.RawQuery = strings.Join(options, "&")
	}
	text := hide(shown.String(), s.files)
	if u.Host == "" && u.Path == "" && u.Opaque == "" && !strings.Contains(text, "://") {
		text = strings.Replace(text, ":", "://", 1) // inproc:// keeps its slashes
	}
	return text
}

// sensitive reports whether an option of that name holds a secret by its name.
func sensitive(option string) bool {
	option = strings.ToLower(option)
	for _, word := range []string{"pass", "secret", "token"} {
		if strings.Contains(option, word) {
			return true
		}
	}
	return false
}

func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
