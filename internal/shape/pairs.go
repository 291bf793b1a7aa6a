package shape

import (
	"cmp"
	"errors"
	"reflect"
	"slices"
	"unicode/utf8"
)

// A Pair is one entry of a Map whose key keeps its kind. Text is that of a key
// which is a String or a Text.
type Pair struct {
	Key, Value Value
	Text       string
}

// Pairs appends the entries of a Map of Shape s to into, in the order of their
// keys: numbers by value, texts by bytes. It fails as Entries does. The pairs
// hold copies.
func (v Value) Pairs(s *Shape, into []Pair) ([]Pair, error) {
	base, n := len(into), v.rv.Len()
	keys, column := reflect.MakeSlice(s.keys, n, n), reflect.MakeSlice(s.column, n, n)
	it := v.rv.MapRange()
	for i := 0; it.Next() && i < n; i++ {
		p := Pair{Key: Value{keys.Index(i)}, Value: Value{column.Index(i)}}
		p.Key.rv.SetIterKey(it)
		p.Value.rv.SetIterValue(it)
		if err := p.read(s.Key); err != nil {
			return into[:base], err
		}
		into = append(into, p)
	}
	sorted := into[base:]
	slices.SortFunc(sorted, func(a, b Pair) int { return a.compare(b, s.Key.Kind) })
	for i := 1; i < len(sorted) && s.Key.Kind == Text; i++ {
		if sorted[i].Text == sorted[i-1].Text {
			return into[:base], errors.New("two keys have one text")
		}
	}
	return into, nil
}

// read fills in the text of the key.
func (p *Pair) read(s *Shape) (err error) {
	if s.Kind != String && s.Kind != Text {
		return nil
	}
	if p.Text, err = p.Key.keyText(s); err == nil && !utf8.ValidString(p.Text) {
		err = errors.New("a key is not valid UTF-8")
	}
	return err
}

func (p Pair) compare(other Pair, kind Kind) int {
	switch kind {
	case Int, Duration:
		return cmp.Compare(p.Key.Int(), other.Key.Int())
	case Uint:
		return cmp.Compare(p.Key.Uint(), other.Key.Uint())
	case Bool:
		if p.Key.Bool() == other.Key.Bool() {
			return 0
		}
		if other.Key.Bool() {
			return -1
		}
		return 1
	default:
		return cmp.Compare(p.Text, other.Text)
	}
}
