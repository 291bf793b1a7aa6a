package shape

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type (
	label  string
	labels map[label]label
)

func TestTextEntriesAreInTheOrderOfTheirKeys(t *testing.T) {
	large, want := map[string]string{}, []TextEntry(nil)
	for i := range 300 {
		key := fmt.Sprintf("%03d", i)
		large[key] = "v" + key
		want = append(want, TextEntry{key, "v" + key})
	}
	var c Cache
	for _, tc := range []struct {
		m    any
		want []TextEntry
	}{
		{map[string]string{"b": "1", "": "2", "é": "\xff", "Z": ""}, []TextEntry{{"", "2"}, {"Z", ""}, {"b", "1"}, {"é", "\xff"}}},
		{labels{"b": "1", "a": "2"}, []TextEntry{{"a", "2"}, {"b", "1"}}},
		{map[label]string{"b": "1", "a": "2"}, []TextEntry{{"a", "2"}, {"b", "1"}}},
		{large, want},
		{map[string]string(nil), nil},
	} {
		s, v, err := c.Source(tc.m)
		if err != nil || !s.HoldsTexts() {
			t.Fatalf("%T: holds texts %v, %v", tc.m, s.HoldsTexts(), err)
		}
		got, err := v.Place().TextEntries(nil)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%T: %s", tc.m, diff)
		}
	}
}

func TestTextEntriesRefuseKeysThatAreNoText(t *testing.T) {
	var c Cache
	_, v, err := c.Source(map[string]string{"a": "1", "\xff": "2"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := v.Place().TextEntries(make([]TextEntry, 1)); err == nil || len(got) != 1 {
		t.Errorf("got %v, %v", got, err)
	}
}

func TestOnlyMapsOfStringsHoldTexts(t *testing.T) {
	var c Cache
	for _, m := range []any{map[string]int{}, map[int]string{}, map[string]*string{}, map[string][]byte{}, []string{}} {
		s, _, err := c.Source(m)
		if err != nil {
			t.Fatal(err)
		}
		if s.HoldsTexts() {
			t.Errorf("%T holds texts", m)
		}
	}
}
