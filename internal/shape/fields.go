package shape

import (
	"fmt"
	"reflect"
	"slices"
)

// fillStruct collects the exported fields of t, those of embedded structs in
// place of the embedded field.
func (c *compiler) fillStruct(s *Shape, t reflect.Type) error {
	s.Kind, s.Name = Struct, t.Name()
	if err := c.addFields(s, t, nil); err != nil {
		return err
	}
	if t.NumField() > 0 && len(s.Fields) == 0 && !skipsAll(t) {
		return unsupported("%s has no exported field, so nothing of it would be carried; export one, "+
			"give it MarshalText and UnmarshalText, or tag the field `wire:\"-\"`", t)
	}
	return s.index()
}

// index fills byName, and refuses two fields of one name or number.
func (s *Shape) index() error {
	s.byName = make(map[string]int)
	byNumber := make(map[int]string)
	for i := range s.Fields {
		f := &s.Fields[i]
		if other, ok := s.byName[f.Name]; ok {
			return unsupported("the fields %s and %s share the name %q", s.Fields[other].GoName, f.GoName, f.Name)
		}
		if other, ok := byNumber[f.Number]; ok && f.Number != 0 {
			return unsupported("the fields %s and %s share the number %d", other, f.GoName, f.Number)
		}
		s.byName[f.Name], byNumber[f.Number] = i, f.GoName
	}
	return checkAliases(s)
}

// checkAliases refuses an old name that is also the name, or an old name, of
// another field: what a peer wrote under it would have two places.
func checkAliases(s *Shape) error {
	owner := make(map[string]string)
	for i := range s.Fields {
		f := &s.Fields[i]
		for _, alias := range f.Aliases {
			if other, ok := s.byName[alias]; ok {
				return unsupported("the alias %q of %s is the name of %s", alias, f.GoName, s.Fields[other].GoName)
			}
			if other, ok := owner[alias]; ok {
				return unsupported("the fields %s and %s share the alias %q", other, f.GoName, alias)
			}
			owner[alias] = f.GoName
		}
	}
	return nil
}

// skipsAll reports whether every field of t is left out on purpose.
func skipsAll(t reflect.Type) bool {
	for i := range t.NumField() {
		f := t.Field(i)
		if tag, err := parseTag(f); f.Name != "_" && !f.Anonymous && (err != nil || !tag.skip) {
			return false
		}
	}
	return true
}

func (c *compiler) addFields(s *Shape, t reflect.Type, index []int) error {
	for i := range t.NumField() {
		f := t.Field(i)
		if err := c.addField(s, f, append(slices.Clone(index), i)); err != nil {
			return InField(err, f.Name)
		}
	}
	return nil
}

// addField adds f to s, or the fields of f if it is an embedded struct without
// a name of its own.
func (c *compiler) addField(s *Shape, f reflect.StructField, index []int) error {
	tag, err := parseTag(f)
	if err != nil || tag.skip {
		return err
	}
	if f.Anonymous && !tag.explicit {
		switch {
		case f.Type.Kind() == reflect.Pointer:
			return unsupported("embedded pointers have no place on a wire; embed %s itself or give the field a name", f.Type.Elem())
		case f.Type.Kind() == reflect.Struct && isPlain(f.Type):
			return c.addFields(s, f.Type, index)
		}
	}
	if !f.IsExported() {
		if _, tagged := f.Tag.Lookup("wire"); tagged {
			return unsupported("the field is tagged but not exported; export it or drop the tag")
		}
		return nil
	}
	if err := checkName(tag.name); err != nil {
		return err
	}
	fs, err := c.shape(f.Type)
	if err != nil {
		return err
	}
	s.Fields = append(s.Fields, Field{
		Name: tag.name, GoName: f.Name, Number: tag.number, Aliases: tag.aliases, Shape: fs, OmitZero: tag.omitZero,
		index: index, offset: offset(s.Type, index),
	})
	return nil
}

// checkName refuses the name of a field that some format has no place for.
func checkName(name string) error {
	if validName(name) {
		return nil
	}
	return unsupported("the name %s cannot be carried by every format; want letters, digits, '_', '-' or '.', "+
		"not starting with one of the last two or a digit", fmt.Sprintf("%.64q", name))
}

// offset returns where the field at index lies in a struct of type t.
func offset(t reflect.Type, index []int) (sum uintptr) {
	for _, i := range index {
		f := t.Field(i)
		sum, t = sum+f.Offset, f.Type
	}
	return sum
}

// isPlain reports whether a struct type is described by its fields.
func isPlain(t reflect.Type) bool {
	isText, err := checkMethods(t)
	return t != timeType && !isText && err == nil
}
