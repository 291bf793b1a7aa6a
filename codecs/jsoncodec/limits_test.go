package jsoncodec

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/polywire/polywire/codecs"
)

type nest struct {
	In   *nest
	List []nest
	By   map[string]nest
}

// wantLimit fails unless err is a limit, found after at most read bytes.
func wantLimit(t *testing.T, err error, read int64) {
	t.Helper()
	var e *codecs.Error
	if !errors.As(err, &e) || !errors.Is(err, codecs.ErrLimit) || e.Offset > read || len(err.Error()) > 256 {
		t.Errorf("got %v (%+v), want a limit within %d bytes", err, e, read)
	}
}

func TestDepthAtTheLimit(t *testing.T) {
	c := New(WithLimits(codecs.Limits{MaxDepth: 5}))
	for _, tc := range []struct{ rule, open, end, inner string }{
		{"members", `{"In":`, `}`, `{}`},
		{"lists", `{"List":[`, `]}`, `{}`},
		{"maps", `{"By":{"":`, `}}`, `{}`},
		{"what is skipped", `{"U":`, `}`, `{}`},
	} {
		per := strings.Count(tc.open, "{") + strings.Count(tc.open, "[")
		for depth := 1; depth < 12; depth++ {
			levels := 1 + depth*per
			text := strings.Repeat(tc.open, depth) + tc.inner + strings.Repeat(tc.end, depth)
			err := c.Decode([]byte(text), new(nest))
			if levels <= 5 && err != nil {
				t.Errorf("%s: %d levels: %v", tc.rule, levels, err)
			}
			if levels > 5 {
				wantLimit(t, err, int64(len(text)))
			}
		}
	}
}

func TestTenMegabytesOfOpenersStopAtTheDepth(t *testing.T) {
	c := New(WithLimits(codecs.Limits{MaxBytes: 32 << 20}))
	for _, tc := range []struct {
		opener string
		target any
	}{
		{"[", new([][][]int)}, {`{"In":`, new(nest)}, {`{"List":[`, new(nest)}, {`{"By":{"a":`, new(nest)},
	} {
		text := bytes.Repeat([]byte(tc.opener), 10<<20/len(tc.opener))
		err := c.Decode(text, tc.target)
		var e *codecs.Error
		if !errors.As(err, &e) || e.Offset > 4096 {
			t.Errorf("%q: got %v; want an error in the first 4 KiB", tc.opener, err)
		}
	}
	skipped := append([]byte(`{"U":`), bytes.Repeat([]byte("["), 10<<20)...)
	wantLimit(t, c.Decode(skipped, new(nest)), 200)
}

func TestMaxBytes(t *testing.T) {
	c := New(WithLimits(codecs.Limits{MaxBytes: 6}))
	var s string
	if err := c.Decode([]byte(`"abcd"`), &s); err != nil || s != "abcd" {
		t.Errorf("at the limit: %v", err)
	}
	err := c.Decode([]byte(`"abcde"`), &s)
	wantLimit(t, err, 0)
	if s != "" {
		t.Error("an error leaves the old value")
	}
	if _, err := c.Append([]byte("does not count"), "abcd"); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	_, err = c.Append(nil, "abcde")
	wantLimit(t, err, 0)
}

func TestMaxElementsCountsThemAll(t *testing.T) {
	c := New(WithLimits(codecs.Limits{MaxElements: 6}))
	type two struct{ A, B []int }
	if err := c.Decode([]byte(`{"A":[1,2,3],"B":[4,5,6]}`), new(two)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	wantLimit(t, c.Decode([]byte(`{"A":[1,2,3],"B":[4,5,6,7]}`), new(two)), 25)
	wantLimit(t, c.Decode([]byte(`{"U":[1,2,3,4,5,6,7]}`), new(two)), 20)
	wantLimit(t, c.Decode([]byte(`{"a":1,"b":2,"c":3,"d":4}`), new(map[string]int)), 22)
	if _, err := c.Append(nil, two{make([]int, 3), make([]int, 3)}); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	_, err := c.Append(nil, two{make([]int, 3), make([]int, 4)})
	wantLimit(t, err, 0)
	_, err = c.Append(nil, map[int]int{1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1})
	wantLimit(t, err, 0)
}

func TestLongNumbersAreReadInOnePass(t *testing.T) {
	c := New()
	digits := bytes.Repeat([]byte("9"), 1<<20)
	var i int64
	if err := c.Decode(digits, &i); err == nil || !strings.Contains(err.Error(), "out of range") {
		t.Errorf("got %v", err)
	}
	var f float64
	if err := c.Decode(digits, &f); err == nil || !strings.Contains(err.Error(), "out of range") {
		t.Errorf("got %v", err)
	}
	small := append([]byte("0."), bytes.Repeat([]byte("0"), 1<<20)...)
	if err := c.Decode(append(small, '1'), &f); err != nil || math.Abs(f) != 0 {
		t.Errorf("got %v, %v", f, err)
	}
}

// The engine compares each name with all others up to 64 names, then hashes.
func TestManyNamesAreNotQuadratic(t *testing.T) {
	c := New()
	var text bytes.Buffer
	text.WriteByte('{')
	for i := range 200_000 {
		if i > 0 {
			text.WriteByte(',')
		}
		text.Write([]byte{'"', 'a' + byte(i%26), 'a' + byte(i/26%26), 'a' + byte(i/676%26), 'a' + byte(i/17576), '"', ':', '0'})
	}
	text.WriteByte('}')
	if err := c.Decode(text.Bytes(), new(point)); err != nil {
		t.Error(err)
	}
	m := map[string]int{}
	if err := c.Decode(text.Bytes(), &m); err != nil || len(m) != 200_000 {
		t.Errorf("%d entries, %v", len(m), err)
	}
}
