package access

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"
)

// NewToken makes a token of 128 random bits and more, for HashToken and BearerToken.
func NewToken() string { return rand.Text() }

// HashToken gives what stands for a token in the file of [Tokens]. It refuses one that can be guessed, for its length.
func HashToken(token string) (string, error) {
	if len(token) < minToken || !token68(token) {
		return "", fmt.Errorf("access: a token has %d or more of [A-Za-z0-9-._~+/]: make one by NewToken", minToken)
	}
	hash := sha256.Sum256([]byte(token))
	return "sha256:" + hex.EncodeToString(hash[:]), nil
}

// BearerToken shows one token to everybody that the Conn calls, which are those that its URL and its table of services name.
func BearerToken(token string) Credentials {
	value := "Bearer " + token
	return func(context.Context, string) (string, error) { return value, nil }
}

// BearerFile shows the token that the file at path holds, and reads it again when it has changed, within two
// seconds, so that it can be renewed. White space around the token does not matter.
func BearerFile(path string) Credentials {
	f := &tokenFile{path: path}
	return func(context.Context, string) (string, error) { return f.value() }
}

type tokenFile struct {
	path string

	mu     sync.Mutex // guards the fields below
	looked time.Time  // when last was found to be what the file holds
	stamp  fileStamp
	last   string
}

func (f *tokenFile) value() (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	if since := now.Sub(f.looked); f.last != "" && since >= 0 && since < lookAgain {
		return f.last, nil
	}
	info, err := os.Stat(f.path)
	if err != nil {
		return "", fmt.Errorf("access: the token's file: %w", err)
	}
	if f.last != "" && f.stamp == stampOf(info) {
		f.looked = now
		return f.last, nil
	}
	text, err := os.ReadFile(f.path)
	if err != nil {
		return "", fmt.Errorf("access: the token's file: %w", err)
	}
	token := strings.TrimSpace(string(text[:min(len(text), maxAuthorization)]))
	if !token68(token) {
		return "", fmt.Errorf("access: the file %s does not hold one token", f.path)
	}
	f.last, f.stamp, f.looked = "Bearer "+token, stampOf(info), now
	return f.last, nil
}
