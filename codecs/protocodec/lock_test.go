package protocodec

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

type (
	locked struct {
		ID    string `json:"id"`
		Fixed int    `wire:"fixed,2"`
		Line  []lockedLine
		By    map[string]lockedLine
	}
	lockedLine struct{ Price, Count int }
)

const lockText = `# Field numbers of Protobuf. Lines are added, never changed or removed.
github.com/polywire/polywire/codecs/protocodec.locked id 3
github.com/polywire/polywire/codecs/protocodec.locked Line 4
github.com/polywire/polywire/codecs/protocodec.locked By 5
github.com/polywire/polywire/codecs/protocodec.lockedLine Price 1
github.com/polywire/polywire/codecs/protocodec.lockedLine Count 2
`

func TestALockGivesTheNumbersThatTagsDoNot(t *testing.T) {
	path := filepath.Join(t.TempDir(), "numbers.lock")
	types := []reflect.Type{reflect.TypeFor[*locked](), reflect.TypeFor[flatOrder]()}
	if _, err := LockFile(path, false, types...); err == nil || !strings.Contains(err.Error(), "read the lock") {
		t.Errorf("a missing file: got %v", err)
	}
	if _, err := LockFile(path, true, types...); err != nil {
		t.Fatal(err)
	}
	lock, err := LockFile(path, false, types...)
	if err != nil {
		t.Fatal(err)
	}
	if text, _ := os.ReadFile(path); string(text) != lockText || string(lock.Text()) != lockText {
		t.Errorf("got\n%s\nwant\n%s", text, lockText)
	}
	c := New(WithLock(lock))
	v := locked{ID: "a", Fixed: 1, Line: []lockedLine{{2, 3}}, By: map[string]lockedLine{"": {4, 0}}}
	var got locked
	body := mustAppend(t, c, v)
	if err := c.Decode(body, &got); err != nil || !reflect.DeepEqual(v, got) {
		t.Errorf("got %+v, %v", got, err)
	}
	if want := wire("10 01 1a 01 61 22 04 08 02 10 03 2a 06 0a 00 12 02 08 04"); string(want) != string(body) {
		t.Errorf("got %x, want %x", body, want)
	}
	if New().CheckType(types[0]) == nil {
		t.Error("a codec without the lock carries the type")
	}
}

func TestALockNeverGivesANumberAgain(t *testing.T) {
	text := strings.ReplaceAll(lockText, " id 3", " old 9")
	lock, err := ParseLock([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	added, err := lock.Add(reflect.TypeFor[locked]())
	if err != nil || len(added) != 1 || !strings.HasSuffix(added[0], ".locked id") {
		t.Errorf("got %v, %v", added, err)
	}
	if want := strings.ReplaceAll(text, " old 9", " old 9\n") + ""; !strings.Contains(string(lock.Text()), ".locked id 10\n") || !strings.Contains(want, " old 9") {
		t.Errorf("got\n%s", lock.Text())
	}
	path := filepath.Join(t.TempDir(), "numbers.lock")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = LockFile(path, false, reflect.TypeFor[locked]())
	if err == nil || !strings.Contains(err.Error(), "has no number for github.com/polywire/polywire/codecs/protocodec.locked id and 0 fields more: write it") {
		t.Errorf("got %v", err)
	}
	taken, err := ParseLock([]byte("github.com/polywire/polywire/codecs/protocodec.locked old 2\n" + lockText))
	if err != nil {
		t.Fatal(err)
	}
	if err := New(WithLock(taken)).CheckType(reflect.TypeFor[locked]()); err == nil || !strings.Contains(err.Error(), "the number 2 is that of old; take another") {
		t.Errorf("a tag with the number of a field that is gone: got %v", err)
	}
}

func TestALockJumpsOverReservedNumbers(t *testing.T) {
	lock, err := ParseLock([]byte("github.com/polywire/polywire/codecs/protocodec.lockedLine old 18999"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock.Add(reflect.TypeFor[lockedLine]()); err != nil || !strings.Contains(string(lock.Text()), "Price 20000\n") {
		t.Errorf("got %v\n%s", err, lock.Text())
	}
}

func TestLocksRefuse(t *testing.T) {
	for _, text := range []string{
		"a.B c", "a.B c 0", "a.B c -1", "a.B c 19000", "a.B c 536870912", "a.B c 4294967297", "a.B c x", "a.B c 1\na.B c 2", "a.B c 1\na.B d 1",
	} {
		if _, err := ParseLock([]byte(text)); err == nil || !strings.HasPrefix(err.Error(), "protocodec: line ") {
			t.Errorf("%q: got %v", text, err)
		}
	}
	lock := new(Lock)
	if _, err := lock.Add(reflect.TypeFor[struct{ A int }]()); err == nil || !strings.Contains(err.Error(), "the struct has no name") {
		t.Errorf("got %v", err)
	}
	if _, err := lock.Add(reflect.TypeFor[struct{ A func() }]()); err == nil {
		t.Error("what cannot be carried is locked")
	}
}
