package msgpackcodec

import (
	"bytes"
	"errors"
	"io"
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
	for _, tc := range []struct {
		rule, open string
		per        int // levels of open
	}{
		{"members", "\x81\xa2In", 1},
		{"lists", "\x81\xa4List\x91", 2},
		{"maps", "\x81\xa2By\x81\xa0", 2},
		{"what is skipped", "\x81\xa1U", 1},
		{"lists in what is skipped", "\x81\xa1U\x91", 2},
	} {
		for depth := 1; depth < 12; depth++ {
			levels := 1 + depth*tc.per
			wire := strings.Repeat(tc.open, depth) + "\x80"
			err := c.Decode([]byte(wire), new(nest))
			if levels <= 5 && err != nil {
				t.Errorf("%s: %d levels: %v", tc.rule, levels, err)
			}
			if levels > 5 {
				wantLimit(t, err, int64(len(wire)))
			}
		}
	}
}

func TestNoLimitAllowsMoreThanTheStackDoes(t *testing.T) {
	c := New(WithLimits(codecs.Limits{MaxDepth: 1 << 30, MaxBytes: 32 << 20}))
	wantLimit(t, c.Decode(bytes.Repeat([]byte("\x91"), 10<<20), new(nest)), 10_001)
	ring := &nest{}
	ring.In = ring
	_, err := c.Append(nil, ring)
	wantLimit(t, err, 0)
}

func TestTenMegabytesOfOpenersStopAtTheDepth(t *testing.T) {
	c := New(WithLimits(codecs.Limits{MaxBytes: 32 << 20}))
	for _, opener := range []string{"\x91", "\x81\xa2In", "\x81\xa4List\x91", "\x81\xa2By\x81\xa1a", "\x81\xa1U", "\xdd\x00\x00\x00\x01", "\xdf\x00\x00\x00\x01\x01"} {
		wire := bytes.Repeat([]byte(opener), 10<<20/len(opener))
		got, err := allocated(c, wire, new(nest))
		wantLimit(t, err, 2048)
		if got > 64<<10 {
			t.Errorf("%q: got %d bytes allocated, want at most 64 KiB", opener, got)
		}
	}
}

// What declares more than is there costs an error and nothing else.
func TestDeclaredSizesBuyNothing(t *testing.T) {
	c := New()
	for _, size := range []string{"\xff\xff\xff\xff", "\x7f\xff\xff\xff", "\x80\x00\x00\x00", "\x3b\x9a\xca\x00", "\x00\x00\x00\x02"} {
		for _, code := range []string{"\xdd", "\xdf", "\xdb", "\xc6", "\xc9", "\x91\xdd", "\x81\xa1U\xdf", "\x81\xa4List\xdd", "\x81\xa2By\xdf", "\x81\xa1U\xc9"} {
			for _, target := range []any{new(nest), new([]string), new(map[string]string), new(string), new([]byte), new([][]wide)} {
				wire := []byte(code + size + "\x01")
				_ = c.Decode(nil, target)
				got, err := allocated(c, wire, target)
				if !errors.Is(err, io.ErrUnexpectedEOF) || got > 4<<10 {
					t.Errorf("%q into %T: got %v and %d bytes allocated, want %v and at most 4 KiB", wire, target, err, got, io.ErrUnexpectedEOF)
				}
			}
		}
	}
}

func TestMaxBytes(t *testing.T) {
	c := New(WithLimits(codecs.Limits{MaxBytes: 5}))
	var s string
	if err := c.Decode([]byte("\xa4abcd"), &s); err != nil || s != "abcd" {
		t.Errorf("at the limit: %v", err)
	}
	err := c.Decode([]byte("\xa5abcde"), &s)
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
	if err := c.Decode([]byte("\x82\xa1A\x93\x01\x02\x03\xa1B\x93\x04\x05\x06"), new(two)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	wantLimit(t, c.Decode([]byte("\x82\xa1A\x93\x01\x02\x03\xa1B\x94\x04\x05\x06\x07"), new(two)), 10)
	if err := c.Decode([]byte("\x81\xa1U\x95\x01\x02\x03\x04\x05"), new(two)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	wantLimit(t, c.Decode([]byte("\x81\xa1U\x96\x01\x02\x03\x04\x05\x06"), new(two)), 10)
	wantLimit(t, c.Decode([]byte("\x81\xa1U\x83\x01\x02\x03\x04\x05\x06"), new(two)), 10)
	wantLimit(t, c.Decode([]byte("\x84\xa1a\x01\xa1b\x01\xa1c\x01\xa1d\x01"), new(map[string]int)), 1)
	if _, err := c.Append(nil, two{make([]int, 3), make([]int, 3)}); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	_, err := c.Append(nil, two{make([]int, 3), make([]int, 4)})
	wantLimit(t, err, 0)
	_, err = c.Append(nil, map[int]int{1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1})
	wantLimit(t, err, 0)
}

// Names that nobody knows are compared by sorting, not each with all others.
func TestManyNamesAreNotQuadratic(t *testing.T) {
	c := New()
	wire := []byte("\xdf\x00\x03\x0d\x40") // 200,000
	for i := range 200_000 {
		wire = append(wire, 0xa4, 'a'+byte(i%26), 'a'+byte(i/26%26), 'a'+byte(i/676%26), 'a'+byte(i/17576), 0)
	}
	if err := c.Decode(wire, new(point)); err != nil {
		t.Error(err)
	}
	m := map[string]int{}
	if err := c.Decode(wire, &m); err != nil || len(m) != 200_000 {
		t.Errorf("%d entries, %v", len(m), err)
	}
	twice := append(bytes.Clone(wire), wire[5:11]...)
	twice[4]++
	if err := c.Decode(twice, new(point)); !errors.Is(err, errDuplicate) {
		t.Errorf("got %v, want %v", err, errDuplicate)
	}
}
