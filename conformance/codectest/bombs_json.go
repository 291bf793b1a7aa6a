package codectest

import (
	"fmt"
	"strings"
	"time"
)

func jsonBombs() []Bomb {
	var l bombList
	for _, opener := range []string{`[`, `{"in":`, `{"list":[`, `{"by":{"a":`, `{"deep":[[`, `{"U":`, `{"U":[`, `{"":{"":`, `[{"":`} {
		for _, size := range []int{small, middle, large} {
			l.add("openers "+opener, nest{}, run{"", opener, ""}, size)
		}
		l.add("openers in what is skipped "+opener, point{}, run{`{"U":`, opener, ""}, large)
	}
	jsonNumbers(&l)
	jsonTexts(&l)
	jsonNames(&l)
	many := func(int) string { return "[" }
	for _, size := range []int{small, middle, large} {
		l.fill("numbers", []int64(nil), items{many, "0,", "0]"}, size)
		l.fill("strings", []string(nil), items{many, `"",`, `""]`}, size)
		l.fill("objects", []heavy(nil), items{many, "{},", "{}]"}, size)
		l.fill("objects", []*heavier(nil), items{many, "{},", "{}]"}, size)
		l.fill("objects in objects", []sparseItem(nil), items{many, `{"p":{}},`, `{}]`}, size)
		l.fill("lists", [][]int32(nil), items{many, "[],", "[]]"}, size)
		l.fill("lists of one", [][]heavy(nil), items{many, "[{}],", "[]]"}, size)
		l.fill("maps of one", []map[string]int32(nil), items{many, `{"":0},`, "{}]"}, size)
		l.fill("bytes", [][]byte(nil), items{many, `"AA==",`, `""]`}, size)
		l.fill("kids", []tree(nil), items{many, `{"kids":[{}]},`, "{}]"}, size)
		l.add("a list in what is skipped", point{}, run{`{"U":[`, "0,", "0]}"}, size)
		l.add("objects in what is skipped", point{}, run{`{"U":[`, "{},", "0]}"}, size)
	}
	return l
}

func jsonNumbers(l *bombList) {
	for _, into := range []any{int64(0), uint64(0), 0.5, point{}, time.Time{}} {
		head, tail := "", ""
		if into == any(point{}) {
			head, tail = `{"U":`, "}"
		}
		l.add("digits", into, run{head, "9", tail}, 1<<20)
		l.add("digits below zero", into, run{head + "-", "9", tail}, 1<<20)
		l.add("digits of a fraction", into, run{head + "0.", "0", "1" + tail}, 1<<20)
		l.add("digits of an exponent", into, run{head + "1e", "9", tail}, 1<<20)
		l.add("leading zeros", into, run{head, "0", tail}, 1<<20)
	}
}

func jsonTexts(l *bombList) {
	for _, into := range []any{text{}, blobs{}, time.Time{}, named{}} {
		for field, open := range map[string]string{"text": `{"s":"`, "blobs": `{"b":"`, "Time": `"`, "named": `{"addr":"`} {
			if !strings.Contains(typeName(into), field) {
				continue
			}
			l.add("an endless string", into, run{open, "a", ""}, large)
			l.add("escapes", into, run{open, `\u0000`, ""}, large)
			l.add("pairs of surrogates", into, run{open, `\ud83d\ude00`, ""}, large)
			l.add("half a pair at the end", into, run{open, "a", `\ud800"}`}, middle)
			l.add("invalid UTF-8 at the end", into, run{open, "a", "\xff\"}"}, middle)
			l.add("no base64, no time, no address", into, run{open, "=", `"}`}, middle)
		}
	}
	for _, junk := range []string{" ", "\n", ",", ":", "}", "]", "\x00", "\xff", "\"", "\\", "//", "/*", "nul", "truefalse", "\ufeff", "'", "-", ".", "NaN", "<a>"} {
		l.add(fmt.Sprintf("junk %q", junk), point{}, run{"", junk, ""}, middle)
	}
}

func jsonNames(l *bombList) {
	names := func(n int, tail string) func() []byte {
		return func() []byte {
			var b strings.Builder
			b.WriteByte('{')
			for i := range n {
				fmt.Fprintf(&b, `"n%x":0,`, i)
			}
			return []byte(b.String() + tail)
		}
	}
	*l = append(*l,
		Bomb{Name: "100,000 names that nobody knows", Into: point{}, Data: names(100_000, `"x":1}`), Filled: true},
		Bomb{Name: "100,000 names, the first twice", Into: point{}, Data: names(100_000, `"n0":1}`), Filled: true},
		Bomb{Name: "100,000 keys", Into: map[string]int32{}, Data: names(100_000, `"x":1}`), Filled: true},
		Bomb{Name: "100,000 keys, the first twice", Into: map[string]int32{}, Data: names(100_000, `"n0":1}`), Filled: true},
	)
	l.add("a long name", point{}, run{`{"`, "a", `":1}`}, large)
	l.add("a long key", map[string]int32{}, run{`{"`, "a", `":1}`}, large)
	l.add("one name again and again", point{}, run{`{"x":1,`, `"x":1,`, `"x":1}`}, middle)
}
