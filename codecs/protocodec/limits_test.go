package protocodec

import (
	"bytes"
	"errors"
	"testing"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/internal/testpb"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
)

type nest struct {
	In   *nest           `wire:"in,1"`
	List []nest          `wire:"list,2"`
	By   map[string]nest `wire:"by,3"`
	Deep [][]nest        `wire:"deep,4"`
}

// wantLimit fails unless err is a limit, found after at most read bytes.
func wantLimit(t *testing.T, err error, read int64) {
	t.Helper()
	var e *codecs.Error
	if !errors.As(err, &e) || !errors.Is(err, codecs.ErrLimit) || e.Offset > read || len(err.Error()) > 256 {
		t.Errorf("got %v (%+v), want a limit within %d bytes", err, e, read)
	}
}

// chain returns inner inside as many messages as depth says, which are fields with
// those numbers in turn.
func chain(depth int, inner []byte, numbers ...protowire.Number) []byte {
	for range depth {
		for i := len(numbers) - 1; i >= 0; i-- {
			inner = protowire.AppendBytes(protowire.AppendTag(nil, numbers[i], protowire.BytesType), inner)
		}
	}
	return inner
}

func TestDepthAtTheLimit(t *testing.T) {
	c := New(WithLimits(codecs.Limits{MaxDepth: 5}))
	in, list, by := &nest{}, nest{}, nest{}
	for depth := 1; depth < 8; depth++ {
		in, list, by = &nest{In: in}, nest{List: []nest{list}}, nest{By: map[string]nest{"": by}}
		for _, tc := range []struct {
			rule   string
			levels int
			v      any
		}{{"members", 1 + depth, in}, {"lists", 1 + 2*depth, list}, {"maps", 1 + 2*depth, by}} {
			_, err := c.Append(nil, tc.v)
			body := mustAppend(t, New(), tc.v)
			decodeErr := c.Decode(body, new(nest))
			if tc.levels <= 5 && (err != nil || decodeErr != nil) {
				t.Errorf("%s: %d levels: %v, %v", tc.rule, tc.levels, err, decodeErr)
			}
			if tc.levels > 5 {
				wantLimit(t, err, -1)
				wantLimit(t, decodeErr, int64(len(body)))
			}
		}
		groups := append(bytes.Repeat([]byte{0x4b}, depth), bytes.Repeat([]byte{0x4c}, depth)...)
		if err := c.Decode(groups, new(nest)); (err == nil) != (depth+1 <= 5) {
			t.Errorf("%d groups that are skipped: %v", depth, err)
		}
	}
}

func TestMegabytesOfOpenersStopAtTheDepth(t *testing.T) {
	c := New(WithLimits(codecs.Limits{MaxBytes: 32 << 20}))
	groups := bytes.Repeat([]byte{0x4b}, 10<<20)
	wantLimit(t, c.Decode(groups, new(nest)), 200)
	wantLimit(t, c.Decode(groups, new(testpb.Order)), 200)
	wantLimit(t, c.Decode(bytes.Repeat([]byte{0x23}, 10<<20), new(testpb.Tree)), 200)
	for _, numbers := range [][]protowire.Number{{1}, {2}, {3, 2}, {4, 1}} {
		wantLimit(t, c.Decode(chain(2000, nil, numbers...), new(nest)), 2000)
	}
	for _, numbers := range [][]protowire.Number{{2}, {3, 2}, {6}} {
		wantLimit(t, c.Decode(chain(2000, nil, numbers...), new(testpb.Tree)), 2000)
	}
}

// Whoever asks for more levels than the stack should hold gets 10,000.
func TestNobodyGetsMoreThanTenThousandLevels(t *testing.T) {
	c := New(WithLimits(codecs.Limits{MaxDepth: 1 << 30}))
	if err := c.Decode(chain(9_998, nil, 1), new(nest)); err != nil {
		t.Error(err)
	}
	wantLimit(t, c.Decode(chain(10_001, nil, 1), new(nest)), 100_000)
	wantLimit(t, c.Decode(bytes.Repeat([]byte{0x4b}, 10<<10), new(nest)), 10_001)
	ring := &nest{}
	ring.In = ring
	_, err := c.Append(nil, ring)
	wantLimit(t, err, -1)
}

func TestMaxBytes(t *testing.T) {
	c := New(WithLimits(codecs.Limits{MaxBytes: 6}))
	var s string
	if err := c.Decode([]byte("\x0a\x04abcd"), &s); err != nil || s != "abcd" {
		t.Errorf("at the limit: %v", err)
	}
	wantLimit(t, c.Decode([]byte("\x0a\x05abcde"), &s), 0)
	if s != "" {
		t.Error("an error leaves the old value")
	}
	old := &testpb.Order{Id: "old"}
	wantLimit(t, c.Decode([]byte("\x0a\x05abcde"), old), 0)
	if proto.Size(old) != 0 {
		t.Error("an error leaves the old message")
	}
	if _, err := c.Append([]byte("does not count"), "abcd"); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	for _, v := range []any{"abcde", &testpb.Order{Id: "abcde"}} {
		_, err := c.Append(nil, v)
		wantLimit(t, err, -1)
	}
}

func TestMaxElementsCountsThemAll(t *testing.T) {
	c := New(WithLimits(codecs.Limits{MaxElements: 6}))
	type two struct {
		A []int    `wire:"a,1"`
		B []string `wire:"b,2"`
	}
	three := []string{"", "", ""}
	if err := c.Decode(mustAppend(t, New(), two{[]int{1, 2, 3}, three}), new(two)); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	wantLimit(t, c.Decode(mustAppend(t, New(), two{[]int{1, 2, 3, 4}, three}), new(two)), 100)
	wantLimit(t, c.Decode(mustAppend(t, New(), two{make([]int, 7), nil}), new(two)), 100)
	wantLimit(t, c.Decode(wire("08 01 08 01 08 01 08 01 08 01 08 01 08 01"), new(two)), 14)
	wantLimit(t, c.Decode(wire("18 01 18 01 18 01 18 01 18 01 18 01 18 01"), new(two)), 14)
	wantLimit(t, c.Decode(mustAppend(t, New(), map[int]int{1: 1, 2: 2, 3: 3, 4: 4}), new(map[int]int)), 100)
	if _, err := c.Append(nil, two{make([]int, 3), three}); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	for _, v := range []any{two{make([]int, 4), three}, make([]bool, 7), map[int]int{1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1}} {
		_, err := c.Append(nil, v)
		wantLimit(t, err, -1)
	}
}
