package fieldtext

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestAStampWritesNoMoreElementsThanAreAskedForOrNeeded(t *testing.T) {
	at := time.Unix(1, 5)
	for _, c := range []struct {
		stamp Stamp
		least int
		want  string
	}{
		{Stamp{}, 2, ","},
		{Stamp{Source: "a,b"}, 2, ",a%2Cb"},
		{Stamp{ID: "i", Source: "s"}, 3, "i,s,"},
		{Stamp{ID: "i", Source: "s"}, 4, "i,s,,"},
		{Stamp{ID: "i", Source: "s", Time: at}, 2, "i,s,1000000005"},
		{Stamp{Source: "s", Left: 1}, 2, ",s,,1"},
		{Stamp{ID: "i", Source: "s", Time: at, Left: 2001}, 4, "i,s,1000000005,3"},
		{Stamp{ID: "i", Time: time.Unix(math.MaxInt64/int64(time.Second)+1, 0), Left: -1}, 3, "i,,"},
		{Stamp{ID: "i", Left: math.MaxInt64}, 3, "i,,,9223372036854776"},
	} {
		if got := string(c.stamp.Append(nil, c.least)); got != c.want {
			t.Errorf("%+v, at least %d: got %q, want %q", c.stamp, c.least, got, c.want)
		}
	}
}

func FuzzAStampComesBack(f *testing.F) {
	f.Add("id", "trips/1", int64(1795744800000000000), int64(1500000))
	f.Add(" a,b%", "\x00ü", int64(-1), int64(0))
	f.Add("", "", int64(math.MinInt64), int64(math.MaxInt64))
	f.Fuzz(func(t *testing.T, id, source string, ns, left int64) {
		if !utf8.ValidString(id) || !utf8.ValidString(source) {
			t.Skip("no field has such a text")
		}
		for least := 2; least <= 4; least++ {
			s := Stamp{id, source, time.Unix(0, ns).UTC(), time.Duration(left)}
			text := string(s.Append(nil, least))
			got, rest, ok := ParseStamp(text + strings.Repeat(",", 4-strings.Count(text, ",")) + "b,a")
			early := min(max(s.Left, 0), math.MaxInt64/time.Microsecond*time.Microsecond)
			late := got.Left - early
			got.Left, s.Left = 0, 0
			if got != s || rest != "b,a" || !ok || late < 0 || late >= time.Microsecond {
				t.Errorf("%+v by way of %q: got %+v with %v more of the time left, and %q behind it, %v", s, text, got, late, rest, ok)
			}
		}
	})
}

func FuzzAnyTextIsAStamp(f *testing.F) {
	for _, text := range []string{"", ",", "a,b,1,2,c,d", "a%,b%2,x,-1", "a,b,99999999999999999999,18446744073709551616", "%ff,%FF,,0"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, rest, ok := ParseStamp(text)
		if !strings.HasSuffix(text, rest) || s.Left < 0 || !ok && s.Left != 0 {
			t.Errorf("%q is %+v with %q behind it, %v", text, s, rest, ok)
		}
		if again, _, ok := ParseStamp(string(s.Append(nil, 4))); again != s && utf8.ValidString(text) || !ok {
			t.Errorf("%q is %+v, and after it was written again %+v, %v", text, s, again, ok)
		}
	})
}

func TestAStampOfPlainTextCostsNoAllocation(t *testing.T) {
	s := Stamp{"4fzqj1", "trips/9a1", time.Unix(1795730400, 0), time.Second}
	room := make([]byte, 0, 64)
	text := string(s.Append(nil, 4))
	got := testing.AllocsPerRun(100, func() {
		room = s.Append(room[:0], 4)
		if again, _, ok := ParseStamp(text); !ok || again.Left != s.Left {
			t.Fatal(again, ok)
		}
	})
	if got != 0 {
		t.Errorf("writing and reading %q takes %v allocations, want none", text, got)
	}
}
