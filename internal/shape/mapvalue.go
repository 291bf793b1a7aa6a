package shape

import (
	"cmp"
	"errors"
	"reflect"
	"slices"
	"strconv"
	"unicode/utf8"
)

// An Entry is one entry of a Map. Key is the canonical text of the key.
type Entry struct {
	Key   string
	Value Value
}

// Entries appends the entries of a Map of Shape s to into, in the order of their
// key text, and fails if two keys have one text or a key is not UTF-8. The
// entries hold copies of the values.
func (v Value) Entries(s *Shape, into []Entry) ([]Entry, error) {
	base, n := len(into), v.rv.Len()
	column := reflect.MakeSlice(s.column, n, n)
	key := reflect.New(s.Key.Type).Elem()
	it := v.rv.MapRange()
	for i := 0; it.Next() && i < n; i++ {
		key.SetIterKey(it)
		text, err := Value{key}.keyText(s.Key)
		if err == nil && !utf8.ValidString(text) {
			err = errors.New("a key is not valid UTF-8")
		}
		if err != nil {
			return into[:base], err
		}
		slot := column.Index(i)
		slot.SetIterValue(it)
		into = append(into, Entry{text, Value{slot}})
	}
	sorted := into[base:]
	slices.SortFunc(sorted, func(a, b Entry) int { return cmp.Compare(a.Key, b.Key) })
	for i := 1; i < len(sorted); i++ {
		if sorted[i].Key == sorted[i-1].Key {
			return into[:base], errors.New("two keys have one text")
		}
	}
	return into, nil
}

func (v Value) keyText(s *Shape) (string, error) {
	switch s.Kind {
	case Bool:
		return strconv.FormatBool(v.Bool()), nil
	case Int, Duration:
		return strconv.FormatInt(v.Int(), 10), nil
	case Uint:
		return strconv.FormatUint(v.Uint(), 10), nil
	case Text:
		text, err := v.AppendText(nil)
		return string(text), err
	default:
		return v.Str(), nil
	}
}

// A MapWriter fills a Map, entry by entry: Begin with the text of the key, set
// the Value it returns, End. Or Next, set both Values it returns, End.
type MapWriter struct {
	shape     *Shape
	m         reflect.Value
	key, elem reflect.Value
	size      int
}

// SetMap returns a MapWriter of a Map of Shape s. The Map is nil until the first
// entry ends.
func (v Value) SetMap(s *Shape) MapWriter {
	return MapWriter{shape: s, m: v.rv}
}

// Begin starts the entry of a key. Integers and booleans must be written the
// one way that Entries writes them.
func (w *MapWriter) Begin(key string) (Value, error) {
	k, elem := w.Next()
	return elem, k.setKey(w.shape.Key, key)
}

// Next starts an entry and returns the places of its key and its value, both
// zero. A codec whose keys are no text on the wire sets both. What the map holds
// already stays.
func (w *MapWriter) Next() (key, elem Value) {
	if w.m.IsNil() {
		w.m.Set(reflect.MakeMap(w.shape.Type))
	}
	if !w.key.IsValid() {
		w.key = reflect.New(w.shape.Key.Type).Elem()
		w.elem = reflect.New(w.shape.Elem.Type).Elem()
	}
	w.size = w.m.Len()
	w.key.SetZero()
	w.elem.SetZero()
	return Value{w.key}, Value{w.elem}
}

// End puts the entry into the map, or fails if the key is there already.
func (w *MapWriter) End() error {
	w.m.SetMapIndex(w.key, w.elem)
	w.size++
	if w.m.Len() != w.size {
		return errors.New("two entries have one key")
	}
	return nil
}

func (v Value) setKey(s *Shape, text string) error {
	switch s.Kind {
	case Bool:
		b, err := strconv.ParseBool(text)
		if err != nil || strconv.FormatBool(b) != text {
			return errors.New("a key is neither true nor false")
		}
		v.SetBool(b)
		return nil
	case Int, Duration:
		i, err := strconv.ParseInt(text, 10, 64)
		if err != nil || strconv.FormatInt(i, 10) != text {
			return errors.New("a key is no 64-bit integer in decimal")
		}
		return v.SetInt(i)
	case Uint:
		u, err := strconv.ParseUint(text, 10, 64)
		if err != nil || strconv.FormatUint(u, 10) != text {
			return errors.New("a key is no unsigned 64-bit integer in decimal")
		}
		return v.SetUint(u)
	case Text:
		return v.SetText([]byte(text))
	default:
		v.SetStr(text)
		return nil
	}
}
