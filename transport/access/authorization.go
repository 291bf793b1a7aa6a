package access

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// ParseBearer reads "Bearer TOKEN" of RFC 6750; ok is false for another scheme, which is no mistake.
func ParseBearer(authorization string) (token string, ok bool, err error) {
	token, ok = afterScheme(authorization, "bearer")
	if !ok {
		return "", false, nil
	}
	if !token68(token) {
		return "", true, fmt.Errorf("%w: want one token after Bearer", ErrUnauthenticated)
	}
	return token, true, nil
}

// ParseBasic reads "Basic CREDENTIALS" of RFC 7617, in UTF-8; ok is false for another scheme, which is no mistake.
func ParseBasic(authorization string) (name, secret string, ok bool, err error) {
	encoded, ok := afterScheme(authorization, "basic")
	if !ok {
		return "", "", false, nil
	}
	plain, err := base64.StdEncoding.Strict().DecodeString(encoded)
	name, secret, colon := strings.Cut(string(plain), ":")
	if err != nil || !colon || !properName(name) {
		return "", "", true, fmt.Errorf("%w: want base64 of name:secret after Basic", ErrUnauthenticated) // without err, which shows bytes of it
	}
	return name, secret, true, nil
}

// afterScheme returns what stands behind the scheme, whose case does not matter.
func afterScheme(authorization, scheme string) (string, bool) {
	name, rest, _ := strings.Cut(strings.Trim(authorization, " "), " ")
	if !strings.EqualFold(name, scheme) {
		return "", false
	}
	return strings.TrimLeft(rest, " "), true
}

// token68 reports whether s is a token of RFC 9110 §11.2.
func token68(s string) bool {
	s = strings.TrimRight(s, "=")
	if s == "" {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-._~+/", c) >= 0) {
			return false
		}
	}
	return true
}
