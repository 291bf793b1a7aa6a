package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/polywire/polywire/internal/nearest"
	"github.com/polywire/polywire/internal/shape"
	"github.com/polywire/polywire/transport/contract"
)

// A checker holds JSON against the shapes of a description, as the JSON codec
// reads it. Its errors begin with the path of what is wrong. Fields of generated
// messages are not in a description, and not looked at.
type checker struct {
	d     *contract.Description
	newer bool // names that are not known are no mistake: the writer may be of a later version
}

// document checks the body of a message.
func (c *checker) document(s *contract.Shape, body []byte) error {
	if err := wellFormed(body); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return err
	}
	return c.value(s, value, "")
}

// wellFormed finds what the JSON codec refuses and encoding/json lets pass, as one name twice.
func wellFormed(body []byte) error {
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	if _, err := dec.ReadValue(); err != nil {
		return fmt.Errorf("the body is no JSON: %w", err)
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return errors.New("the body is more than one value")
	}
	return nil
}

func (c *checker) value(s *contract.Shape, value any, path string) error {
	switch s.Kind {
	case "struct", "map":
		object, ok := value.(map[string]any)
		switch {
		case !ok:
			return mismatch(path, value, "an object")
		case s.Kind == "map":
			return c.entries(s, object, path)
		}
		return c.fields(s, object, path)
	case "list", "array":
		return c.items(s, value, path)
	}
	return scalar(s, value, path)
}

func (c *checker) fields(s *contract.Shape, object map[string]any, path string) error {
	if named := c.d.Types[s.Type]; named != nil {
		s = named
	}
	if s.Kind == "message" {
		return nil
	}
	for _, name := range slices.Sorted(maps.Keys(object)) {
		known := slices.ContainsFunc(s.Fields, func(f contract.Shape) bool { return f.Name == name })
		if !known && !c.newer {
			return unknownField(s.Fields, join(path, name), name)
		}
	}
	for i := range s.Fields {
		f := &s.Fields[i]
		value := object[f.Name]
		if value != nil { // null is as good as no member
			if err := c.value(f, value, join(path, f.Name)); err != nil {
				return err
			}
		} else if !f.Optional && !f.OmitZero {
			return fmt.Errorf("%s is missing, and takes %s", join(path, f.Name), takes(f))
		}
	}
	return nil
}

func (c *checker) entries(s *contract.Shape, object map[string]any, path string) error {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		at := fmt.Sprintf("%s[%q]", path, name)
		if err := key(s.Key, name, at); err != nil {
			return err
		}
		if err := c.value(s.Elem, object[name], at); err != nil {
			return err
		}
	}
	return nil
}

// key checks a name of a map, which is the text of the key.
func key(s *contract.Shape, name, path string) error {
	switch s.Kind {
	case "int", "uint":
		return number(s, name, path+", a key,")
	}
	return nil
}

func (c *checker) items(s *contract.Shape, value any, path string) error {
	items, ok := value.([]any)
	switch {
	case !ok:
		return mismatch(path, value, "an array")
	case s.Kind == "array" && len(items) != s.Len:
		return fmt.Errorf("%s has %d items, and takes %d", here(path), len(items), s.Len)
	}
	for i, item := range items {
		if err := c.value(s.Elem, item, fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
	}
	return nil
}

func unknownField(fields []contract.Shape, path, name string) error {
	var known []string
	for _, f := range fields {
		known = append(known, f.Name)
	}
	if meant := nearest.Name(name, known); meant != "" {
		return fmt.Errorf("%s is not known: did you mean %s?", path, meant)
	}
	return fmt.Errorf("%s is not known (known: %s)", path, strings.Join(known, ", "))
}

func scalar(s *contract.Shape, value any, path string) error {
	switch value := value.(type) {
	case bool:
		if s.Kind == "bool" || s.Kind == "message" {
			return nil
		}
	case json.Number:
		switch s.Kind {
		case "int", "uint", "float", "duration":
			return number(s, value.String(), path)
		case "message":
			return nil
		}
	case string:
		if ok, err := text(s, value, path); ok {
			return err
		}
	default:
		if s.Kind == "message" && value != nil {
			return nil
		}
	}
	return mismatch(path, value, takes(s))
}

// text checks a string; ok tells whether s is read from one at all.
func text(s *contract.Shape, value, path string) (ok bool, err error) {
	switch s.Kind {
	case "string", "text", "message":
		return true, nil
	case "float":
		if value == "NaN" || value == "Infinity" || value == "-Infinity" {
			return true, nil
		}
	case "time":
		if _, err := shape.ParseTime([]byte(value)); err != nil {
			return true, fmt.Errorf("%s is %.64q: %w", here(path), value, err)
		}
		return true, nil
	case "bytes":
		b, err := base64.StdEncoding.Strict().DecodeString(value)
		switch {
		case err != nil || strings.ContainsAny(value, "\r\n"):
			return true, fmt.Errorf("%s is %.64q, and takes bytes in padded base64", here(path), value)
		case s.Len > 0 && len(b) != s.Len:
			return true, fmt.Errorf("%s has %d bytes, and takes %d", here(path), len(b), s.Len)
		}
		return true, nil
	}
	return false, nil
}

// number checks the text of a number against a kind that has them.
func number(s *contract.Shape, text, path string) error {
	bits := s.Bits
	if !slices.Contains([]int{8, 16, 32, 64}, bits) || s.Kind == "duration" {
		bits = 64
	}
	var err error
	switch s.Kind {
	case "float":
		_, err = strconv.ParseFloat(text, bits)
	case "uint":
		_, err = strconv.ParseUint(text, 10, bits)
	default:
		_, err = strconv.ParseInt(text, 10, bits)
	}
	switch {
	case errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("%s is %.64s, and takes %s of %d bits", here(path), text, takes(s), bits)
	case err != nil:
		return fmt.Errorf("%s is %.64s, and takes %s", here(path), text, takes(s))
	}
	return nil
}

// takes says in words what a shape is read from.
func takes(s *contract.Shape) string {
	switch s.Kind {
	case "bool":
		return "a boolean"
	case "int":
		return "a whole number"
	case "uint":
		return "a whole number from 0"
	case "float":
		return "a number"
	case "duration":
		return "a whole number of nanoseconds"
	case "time":
		return "a string with a time, as 2006-01-02T15:04:05Z"
	case "bytes":
		return "a string of base64"
	case "struct", "map":
		return "an object"
	case "list", "array":
		return "an array"
	case "message":
		return "a message"
	}
	return "a string"
}

func mismatch(path string, value any, want string) error {
	return fmt.Errorf("%s is %s, and takes %s", here(path), jsonKind(value), want)
}

func jsonKind(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case bool:
		return "a boolean"
	case json.Number:
		return "a number"
	case string:
		return "a string"
	case []any:
		return "an array"
	}
	return "an object"
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func here(path string) string {
	if path == "" {
		return "the body"
	}
	return path
}
