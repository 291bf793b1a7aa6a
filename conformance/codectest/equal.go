package codectest

import (
	"bytes"
	"cmp"
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Diff returns "" where got is what want must come back as, and otherwise the
// path of the first difference and both kinds. It is the equality of the
// profile: nil and empty are equal, NaN is NaN, -0 is not 0; a time in got is the
// same instant, in UTC and without a monotonic reading; a type with MarshalText
// is its text. Fields that are not exported do not count.
func Diff(want, got any) string {
	w, g := reflect.ValueOf(want), reflect.ValueOf(got)
	if w.IsValid() != g.IsValid() || w.IsValid() && w.Type() != g.Type() {
		return fmt.Sprintf("want a %T, got a %T", want, got)
	}
	if !w.IsValid() {
		return ""
	}
	return diff("", w, g)
}

var (
	timeType      = reflect.TypeFor[time.Time]()
	textMarshaler = reflect.TypeFor[encoding.TextMarshaler]()
)

func diff(path string, want, got reflect.Value) string {
	t := want.Type()
	switch {
	case t == timeType:
		return diffTime(path, want.Interface().(time.Time), got.Interface().(time.Time))
	case reflect.PointerTo(t).Implements(textMarshaler) && t.Kind() != reflect.Interface && t.Kind() != reflect.Pointer:
		return differ(path, textOf(want), textOf(got))
	}
	switch t.Kind() {
	case reflect.Float32, reflect.Float64:
		return diffFloat(path, want.Float(), got.Float())
	case reflect.Pointer, reflect.Interface:
		if want.IsNil() || got.IsNil() {
			return differ(path, want.IsNil(), got.IsNil())
		}
		return diff(path, want.Elem(), got.Elem())
	case reflect.Slice, reflect.Array:
		return diffList(path, want, got)
	case reflect.Map:
		return diffMap(path, want, got)
	case reflect.Struct:
		return diffStruct(path, want, got)
	}
	return differ(path, want.Interface(), got.Interface())
}

func differ(path string, want, got any) string {
	if want == got {
		return ""
	}
	return fmt.Sprintf("%s: want %s, got %s", cmp.Or(path, "the value"), short(want), short(got))
}

// short is v in print, which may be long.
func short(v any) string {
	text := fmt.Sprintf("%#v", v)
	if len(text) > 120 {
		text = fmt.Sprintf("%s… (%d bytes)", text[:120], len(text))
	}
	return text
}

func diffTime(path string, want, got time.Time) string {
	if want.Equal(got) && got.Location() == time.UTC && !strings.Contains(got.String(), " m=") {
		return ""
	}
	return fmt.Sprintf("%s: want %v, got %v", cmp.Or(path, "the value"), want.UTC().Round(0), got)
}

func diffFloat(path string, want, got float64) string {
	if math.Float64bits(want) == math.Float64bits(got) || math.IsNaN(want) && math.IsNaN(got) {
		return ""
	}
	return fmt.Sprintf("%s: want %v, got %v", cmp.Or(path, "the value"), want, got)
}

func diffList(path string, want, got reflect.Value) string {
	if want.Len() != got.Len() {
		return fmt.Sprintf("%s: want %d items, got %d", cmp.Or(path, "the value"), want.Len(), got.Len())
	}
	if want.Kind() == reflect.Slice && want.Type().Elem().Kind() == reflect.Uint8 && bytes.Equal(want.Bytes(), got.Bytes()) {
		return ""
	}
	for i := range want.Len() {
		if d := diff(path+"["+strconv.Itoa(i)+"]", want.Index(i), got.Index(i)); d != "" {
			return d
		}
	}
	return ""
}

func diffMap(path string, want, got reflect.Value) string {
	if want.Len() != got.Len() {
		return fmt.Sprintf("%s: want %d entries, got %d", cmp.Or(path, "the value"), want.Len(), got.Len())
	}
	for _, key := range want.MapKeys() {
		at := fmt.Sprintf("%s[%s]", path, short(key.Interface()))
		g := got.MapIndex(key)
		if !g.IsValid() {
			return at + ": is missing"
		}
		if d := diff(at, want.MapIndex(key), g); d != "" {
			return d
		}
	}
	return ""
}

func diffStruct(path string, want, got reflect.Value) string {
	for i := range want.NumField() {
		f := want.Type().Field(i)
		if !isCarried(f) {
			continue
		}
		if d := diff(dotted(path, f.Name), want.Field(i), got.Field(i)); d != "" {
			return d
		}
	}
	return ""
}

// isCarried reports whether f is exported, or holds what is.
func isCarried(f reflect.StructField) bool {
	return f.IsExported() || f.Anonymous && f.Type.Kind() == reflect.Struct
}

func dotted(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// textOf is the text of v, which may be neither addressable nor exported.
func textOf(v reflect.Value) string {
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	text, err := p.Interface().(encoding.TextMarshaler).MarshalText()
	if err != nil {
		return "no text: " + err.Error()
	}
	return string(text)
}

// emptyButNotNil returns the path of the first slice or map in v that is empty
// and not nil; decoding leaves none.
func emptyButNotNil(path string, v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			return emptyButNotNil(path, v.Elem())
		}
	case reflect.Slice, reflect.Map:
		if v.Len() == 0 && !v.IsNil() {
			return cmp.Or(path, "the value")
		}
	}
	for name, part := range parts(v) {
		if p := emptyButNotNil(dotted(path, name), part); p != "" {
			return p
		}
	}
	return ""
}

// parts yields what v is made of, in an order that does not change.
func parts(v reflect.Value) func(yield func(string, reflect.Value) bool) {
	return func(yield func(string, reflect.Value) bool) {
		switch {
		case v.Type() == timeType || reflect.PointerTo(v.Type()).Implements(textMarshaler):
		case v.Kind() == reflect.Struct:
			for i := range v.NumField() {
				if f := v.Type().Field(i); isCarried(f) && !yield(f.Name, v.Field(i)) {
					return
				}
			}
		case v.Kind() == reflect.Slice && v.Type().Elem().Kind() != reflect.Uint8 || v.Kind() == reflect.Array:
			for i := range v.Len() {
				if !yield(strconv.Itoa(i), v.Index(i)) {
					return
				}
			}
		case v.Kind() == reflect.Map:
			keys := v.MapKeys()
			slices.SortFunc(keys, func(a, b reflect.Value) int { return cmp.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
			for _, key := range keys {
				if !yield(fmt.Sprint(key), v.MapIndex(key)) {
					return
				}
			}
		}
	}
}
