package xmlcodec

import (
	"bytes"
	"errors"
	"fmt"
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
		rule, open, shut string
		per              int // levels of open
	}{
		{"fields", "<In>", "</In>", 1},
		{"lists", "<List>", "</List>", 2},
		{"maps", "<By><e>", "</e></By>", 2},
		{"what is skipped", "<U>", "</U>", 1},
		{"what is skipped in lists", "<List><U>", "</U></List>", 3},
	} {
		for depth := 1; depth < 12; depth++ {
			for _, leaf := range []string{"", "<In/>"} {
				levels := 1 + depth*tc.per
				if tc.rule == "what is skipped" && leaf == "" {
					levels-- // the innermost holds nothing
				}
				if tc.rule == "what is skipped in lists" && leaf == "" || tc.per == 3 && depth > 1 {
					continue // its levels are those of the two before
				}
				if leaf != "" && tc.open != "<U>" {
					levels++
				}
				wire := "<v>" + strings.Repeat(tc.open, depth) + leaf + strings.Repeat(tc.shut, depth) + "</v>"
				err := c.Decode([]byte(wire), new(nest))
				if levels <= 5 && err != nil {
					t.Errorf("%s: %d levels, %s: %v", tc.rule, levels, wire, err)
				}
				if levels > 5 {
					wantLimit(t, err, int64(len(wire)))
				}
			}
		}
	}
}

func TestWhatIsEncodedWithinADepthIsDecodedWithinIt(t *testing.T) {
	v := nest{List: []nest{{By: map[string]nest{"a": {In: &nest{}}}}}}
	for depth := 1; depth < 10; depth++ {
		small := New(WithLimits(codecs.Limits{MaxDepth: depth}))
		_, encodes := small.Append(nil, v)
		decodes := small.Decode(mustAppend(t, New(), v), new(nest))
		if (encodes == nil) != (decodes == nil) {
			t.Errorf("depth %d: encode %v, decode %v", depth, encodes, decodes)
		}
	}
}

func TestNoLimitAllowsMoreThanTheStackDoes(t *testing.T) {
	c := New(WithLimits(codecs.Limits{MaxDepth: 1 << 30, MaxBytes: 64 << 20}))
	wantLimit(t, c.Decode(bytes.Repeat([]byte("<In>"), 10<<20), new(nest)), 4*10_002)
	ring := &nest{}
	ring.In = ring
	_, err := c.Append(nil, ring)
	wantLimit(t, err, 0)
}

// Three million start tags, of fields, items and what nobody knows.
func TestMillionsOfOpenersStopAtTheDepth(t *testing.T) {
	c := New(WithLimits(codecs.Limits{MaxBytes: 64 << 20}))
	for _, opener := range []string{"<a>", "<In>", "<List>", "<By><e key='x'>", "<U a='b'>", "<a xmlns='b'>", "<p:a xmlns:p='b'>"} {
		wire := bytes.Repeat([]byte(opener), 3_000_000)
		if len(wire) > 64<<20 {
			wire = wire[:64<<20]
		}
		got, err := allocated(c, wire, new(nest))
		wantLimit(t, err, 4096)
		if got > 64<<10 {
			t.Errorf("%q: got %d bytes allocated, want at most 64 KiB", opener, got)
		}
	}
}

// What is pairwise compared is few.
func TestAttributesAndDeclarationsAreBounded(t *testing.T) {
	c := New()
	for _, tc := range []struct {
		rule, one  string
		most, read int
	}{
		{"attributes", " a%d=''", 128, 2048},
		{"declarations", " xmlns:a%d='b'", 64, 128 << 4},
	} {
		for _, n := range []int{tc.most, tc.most + 1, 100_000} {
			var wire []byte
			wire = append(wire, "<v><u"...)
			for i := range n {
				wire = fmt.Appendf(wire, tc.one, i)
			}
			wire = append(wire, "/></v>"...)
			got, err := allocated(c, wire, new(point))
			if n <= tc.most && err != nil {
				t.Errorf("%d %s: %v", n, tc.rule, err)
			}
			if n > tc.most {
				wantLimit(t, err, int64(tc.read))
			}
			if limit := uint64(16*len(wire) + 64<<10); got > limit {
				t.Errorf("%d %s: got %d bytes allocated, want at most %d", n, tc.rule, got, limit)
			}
		}
	}
	nested := strings.Repeat("<u xmlns:a='b'>", 65)
	wantLimit(t, c.Decode([]byte("<v>"+nested), new(point)), int64(len(nested)+3))
}

func TestMaxElementsCountsThemAll(t *testing.T) {
	c := New(WithLimits(codecs.Limits{MaxElements: 6}))
	type two struct{ A, B []int }
	for _, tc := range []struct {
		wire   string
		within bool
		target any
	}{
		{"<v><A>1</A><A>1</A><A>1</A><B>1</B><B>1</B><B>1</B></v>", true, new(two)},
		{"<v><A>1</A><A>1</A><A>1</A><B>1</B><B>1</B><B>1</B><A>1</A></v>", false, new(two)},
		{"<v><a/><b/><c/><d/><e/><f/></v>", true, new(two)},
		{"<v><a/><b/><c/><d/><e/><f/><g/></v>", false, new(two)},
		{"<v><a><a/><a/></a><b/><c/><f/></v>", true, new(two)},
		{"<v><a><a/><a/></a><b/><c><f/></c><g/></v>", false, new(two)},
		{"<v a='' b='' c='' d='' e='' f=''/>", true, new(two)},
		{"<v a='' b='' c='' d='' e='' f='' g=''/>", false, new(two)},
		{"<!----><?a?><v><!----><?a?><A><!---->1</A></v>", true, new(two)},
		{"<!----><?a?><v><!----><?a?><A><!---->1<?a?></A></v>", false, new(two)},
		{"<v/><!----><!----><!----><!----><!----><!---->", true, new(two)},
		{"<v/><!----><!----><!----><!----><!----><!----><!---->", false, new(two)},
		{"<v><e key='a'>1</e><e key='b'>1</e><e key='c'>1</e></v>", true, new(map[string]int)},
		{"<v><e key='a'>1</e><e key='b'>1</e><e key='c'>1</e><e key='d'>1</e></v>", false, new(map[string]int)},
	} {
		err := c.Decode([]byte(tc.wire), tc.target)
		if tc.within && err != nil {
			t.Errorf("%s: %v", tc.wire, err)
		}
		if !tc.within {
			wantLimit(t, err, int64(len(tc.wire)))
		}
	}
	if _, err := c.Append(nil, two{make([]int, 3), make([]int, 3)}); err != nil {
		t.Errorf("at the limit: %v", err)
	}
	_, err := c.Append(nil, two{make([]int, 3), make([]int, 4)})
	wantLimit(t, err, 0)
	_, err = c.Append(nil, map[int]int{1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 6: 1, 7: 1})
	wantLimit(t, err, 0)
}
