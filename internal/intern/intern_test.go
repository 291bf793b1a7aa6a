package intern

import (
	"bytes"
	"testing"
)

func TestACacheReturnsEqualStringsThatShareNothing(t *testing.T) {
	var c Cache
	for n := range 100 {
		b := bytes.Repeat([]byte{'a' + byte(n%26)}, n)
		for range 2 {
			if got := c.Get(b); got != string(b) {
				t.Fatalf("got %q, want %q", got, b)
			}
		}
		if n > 0 {
			s := c.Get(b)
			b[0] = '#'
			if s[0] == '#' {
				t.Fatal("a cached string aliases its source")
			}
		}
	}
}
