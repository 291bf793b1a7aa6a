package access

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of a file of tokens.
const (
	maxTokenFile = 1 << 20
	maxTokens    = 10_000
	minToken     = 16 // bytes; what is shorter can be guessed
	lookAgain    = time.Second
)

// Tokens are an Authenticator of secrets that stand, hashed, in a file or a text:
//
//	# name    SHA-256 of the token                                              groups, and an end
//	orders    sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 @services
//	anna      sha256:60303ae22b998861bce3b28f33eec1be758a213c86c93c076dbe9f558c11c752 until=2027-01-31T00:00:00Z
//
// They are shown as "Bearer TOKEN", or as "Basic" with the name and the token as its password. A name may have
// several, so that they can be changed one after the other. As one round of SHA-256 hides no word that people choose, make
// tokens at random: HashToken and NewToken do.
type Tokens struct {
	path string // of the file; empty for a text

	current atomic.Pointer[tokenTable]

	mu     sync.Mutex // guards the fields below
	looked time.Time  // when the file was last asked whether it changed
	stamp  fileStamp

	revision atomic.Uint64 // how often current was set
}

// A tokenTable holds identities by the hash of their token.
type tokenTable map[[sha256.Size]byte]*tokenEntry

type tokenEntry struct {
	hash [sha256.Size]byte
	id   *Identity // its Proof is filled in as it is shown
}

type fileStamp struct {
	changed time.Time
	size    int64
}

// ParseTokens reads text in the form of a file. Errors name the line, and show nothing of a hash.
func ParseTokens(text []byte) (*Tokens, error) {
	table, err := parseTokens(text)
	if err != nil {
		return nil, err
	}
	t := &Tokens{}
	t.current.Store(&table)
	return t, nil
}

// OpenTokens reads the file at path, and again when it has changed, within two seconds. A file that has
// become unreadable or wrong lets nobody in until it is mended. Streams whose token is gone end within four seconds.
func OpenTokens(path string) (*Tokens, error) {
	t := &Tokens{path: path}
	if err := t.load(); err != nil {
		return nil, err
	}
	t.looked = time.Now()
	return t, nil
}

func (t *Tokens) neverWaits() {}

// Revision implements [Revised]: it changes when what the file says does.
func (t *Tokens) Revision() uint64 {
	if t.path != "" {
		t.refresh()
	}
	return t.revision.Load()
}

// Authenticate implements [Authenticator].
func (t *Tokens) Authenticate(_ context.Context, e Evidence) (*Identity, error) {
	token, proof, name := "", ProofBearer, ""
	token, ok, err := ParseBearer(e.Authorization)
	if !ok {
		proof = ProofBasic
		name, token, ok, err = ParseBasic(e.Authorization)
	}
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, ErrNoCredentials
	}
	table, err := t.table()
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256([]byte(token))
	found := table[hash]
	if found == nil || subtle.ConstantTimeCompare(found.hash[:], hash[:]) != 1 || proof == ProofBasic && name != found.id.Name {
		return nil, fmt.Errorf("%w: unknown token", ErrUnauthenticated)
	}
	id := *found.id
	id.Proof = proof
	return &id, nil
}

// table is what the file says now.
func (t *Tokens) table() (tokenTable, error) {
	if t.path != "" {
		t.refresh()
	}
	current := t.current.Load()
	if current == nil {
		return nil, fmt.Errorf("%w: the file of tokens cannot be read", ErrUnauthenticated)
	}
	return *current, nil
}

func (t *Tokens) refresh() {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if since := now.Sub(t.looked); since >= 0 && since < lookAgain {
		return
	}
	t.looked = now
	if info, err := os.Stat(t.path); err == nil && t.stamp == stampOf(info) {
		return
	}
	if t.load() != nil {
		if t.current.Swap(nil) != nil {
			t.revision.Add(1)
		}
		t.stamp = fileStamp{}
	}
}

func stampOf(info os.FileInfo) fileStamp { return fileStamp{info.ModTime(), info.Size()} }

// load is called with mu held, or before t is shared.
func (t *Tokens) load() error {
	info, err := os.Stat(t.path)
	if err != nil {
		return fmt.Errorf("access: tokens: %w", err)
	}
	if info.Size() > maxTokenFile {
		return fmt.Errorf("access: tokens: %s is larger than %d bytes", t.path, maxTokenFile)
	}
	text, err := os.ReadFile(t.path)
	if err != nil {
		return fmt.Errorf("access: tokens: %w", err)
	}
	table, err := parseTokens(text)
	if err != nil {
		return fmt.Errorf("%s: %w", t.path, err)
	}
	t.current.Store(&table)
	t.revision.Add(1)
	t.stamp = stampOf(info)
	return nil
}

func parseTokens(text []byte) (tokenTable, error) {
	if len(text) > maxTokenFile {
		return nil, fmt.Errorf("access: tokens: larger than %d bytes", maxTokenFile)
	}
	table := tokenTable{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, maxTokenFile+1)
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		entry, err := parseToken(fields)
		if err != nil {
			return nil, fmt.Errorf("access: tokens: line %d: %w", n, err)
		}
		if table[entry.hash] != nil {
			return nil, fmt.Errorf("access: tokens: line %d: the token of %q stands in an earlier line already", n, entry.id.Name)
		}
		if len(table) >= maxTokens {
			return nil, fmt.Errorf("access: tokens: line %d: at most %d tokens", n, maxTokens)
		}
		table[entry.hash] = entry
	}
	return table, lines.Err()
}

func parseToken(fields []string) (*tokenEntry, error) {
	const want = "want a name, sha256: and 64 hex digits, and then @groups or until=TIME"
	for i, field := range fields {
		if i != 1 && strings.Contains(field, "sha256:") { // in no error: it is a hash out of place
			return nil, fmt.Errorf("a hash stands in the wrong place: %s", want)
		}
	}
	e := &tokenEntry{id: &Identity{Name: fields[0]}}
	if err := CheckWho(fields[0]); err != nil || fields[0] == Known || fields[0] == Everybody || fields[0][0] == '@' {
		return nil, fmt.Errorf("%.64q is no name: %s", fields[0], want)
	}
	if len(fields) < 2 {
		return nil, fmt.Errorf("%s has no hash: %s", fields[0], want)
	}
	digits, ok := strings.CutPrefix(fields[1], "sha256:")
	if n, err := hex.Decode(e.hash[:], []byte(digits[:min(len(digits), 2*sha256.Size)])); !ok || err != nil || n != sha256.Size || len(digits) != 2*sha256.Size {
		return nil, fmt.Errorf("the hash of %s is none: %s", fields[0], want)
	}
	for _, more := range fields[2:] {
		group, isGroup := strings.CutPrefix(more, "@")
		until, isEnd := strings.CutPrefix(more, "until=")
		switch {
		case isGroup && properName(group) && group[0] != '@':
			if !slices.Contains(e.id.Groups, group) {
				e.id.Groups = append(e.id.Groups, group)
			}
		case isEnd:
			end, err := time.Parse(time.RFC3339, until)
			if err != nil {
				return nil, fmt.Errorf("until=%.40q of %s: write a time as 2027-01-31T00:00:00Z", until, fields[0])
			}
			e.id.Expires = end
		default:
			return nil, fmt.Errorf("%.64q of %s: %s", more, fields[0], want)
		}
	}
	return e, nil
}
