package shape

import (
	"cmp"
	"errors"
	"slices"
	"unicode/utf8"
)

// A TextEntry is one entry of a Map of strings.
type TextEntry struct{ Key, Value string }

// HoldsTexts reports whether s is a Map whose keys and values are strings, which
// Place.TextEntries reads.
func (s *Shape) HoldsTexts() bool {
	return s.Kind == Map && s.Key.Kind == String && s.Elem.Kind == String
}

// TextEntries appends the entries of a Map that HoldsTexts to into, in the order of
// their keys, and fails if a key is not UTF-8; values are not looked at. It allocates only
// where into is too short.
func (p Place) TextEntries(into []TextEntry) ([]TextEntry, error) {
	base := len(into)
	for key, value := range p.texts() {
		if !utf8.ValidString(key) {
			return into[:base], errors.New("a key is not valid UTF-8")
		}
		into = append(into, TextEntry{key, value})
	}
	slices.SortFunc(into[base:], func(a, b TextEntry) int { return cmp.Compare(a.Key, b.Key) })
	return into, nil
}
