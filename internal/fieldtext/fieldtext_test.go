package fieldtext

import (
	"slices"
	"strings"
	"testing"
)

func FuzzEscapeIsUndone(f *testing.F) {
	f.Add("a, b%")
	f.Add(" ü\x01 ")
	f.Fuzz(func(t *testing.T, s string) {
		e := Escape(s)
		if strings.ToValidUTF8(s, "") == s && Unescape(e) != s || !Plain(e) && e != "" || strings.Contains(e, ",") {
			t.Errorf("Escape(%q) = %q, back %q", s, e, Unescape(e))
		}
	})
}

func TestFieldsGetTheOrderThatTheirSenderTells(t *testing.T) {
	fields := []Field{{"a", "1"}, {"a", "2"}, {"b", "3"}, {"c", "4"}}
	got := Ordered(slices.Clone(fields), []string{"b, a", "z,a"}, 8)
	want := []Field{{"b", "3"}, {"a", "1"}, {"a", "2"}, {"c", "4"}}
	if !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := Ordered(slices.Clone(fields), []string{"c"}, 3); !slices.Equal(got, fields) {
		t.Errorf("more fields than are sorted: got %v, want %v", got, fields)
	}
}
