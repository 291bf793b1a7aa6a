// Package schema describes types as they look on any wire, without the Go types.
//
//	reflect.Type ──Describer──▶ Type, Types ──JSON──▶ contract.Description, tools
//	                                │
//	                                └──Maker──▶ values that every codec carries
//
// It is for those who write a codec, a generator or a tool outside this module. A
// codec of one's own can carry what Describer accepts; a program that has only the
// description reads and writes messages by way of Maker.
package schema

import (
	"errors"
	"fmt"
	"slices"

	"github.com/polywire/polywire/internal/shape"
)

// A Type describes a type, or a field or param of it.
type Type struct {
	Name     string `json:"name,omitempty"`     // of a field or a param
	Number   int    `json:"number,omitempty"`   // of a field that has one
	Kind     string `json:"kind"`               // one of Kinds
	Type     string `json:"type,omitempty"`     // of a struct or a generated message: its name among Types; of a message there: its full name
	Bits     int    `json:"bits,omitempty"`     // of int, uint and float
	Len      int    `json:"len,omitempty"`      // of array, and of bytes of fixed length
	Optional bool   `json:"optional,omitempty"` // absence differs from zero
	OmitZero bool   `json:"omitZero,omitempty"` // zero is not written
	Key      *Type  `json:"key,omitempty"`      // of map
	Elem     *Type  `json:"elem,omitempty"`     // of list, array and map
	Fields   []Type `json:"fields,omitempty"`   // of a struct in Types, or of one without a name
}

// Types are structs and messages by the names that Type.Type refers to.
type Types map[string]*Type

// kindNames are the kinds as documents name them. The first is none; "message", a
// generated message, comes after those of package shape.
var kindNames = [...]string{
	shape.Bool: "bool", shape.Int: "int", shape.Uint: "uint", shape.Float: "float", shape.String: "string",
	shape.Bytes: "bytes", shape.Time: "time", shape.Duration: "duration", shape.Text: "text", shape.List: "list",
	shape.Array: "array", shape.Map: "map", shape.Struct: "struct", shape.Struct + 1: "message",
}

// Kinds returns the kinds that a Type may have.
func Kinds() []string {
	return slices.DeleteFunc(slices.Clone(kindNames[:]), func(name string) bool { return name == "" })
}

// MaxDepth is how deep types without a name nest in a description.
const MaxDepth = 100

// Check returns what is wrong with the types, or nil: every reference leads to a
// type, and every part that a kind has is there.
func (ts Types) Check() error {
	for name, t := range ts {
		if t == nil || t.Kind != "struct" && t.Kind != "message" {
			return fmt.Errorf("type %.64q: want a struct or a message", name)
		}
		if err := ts.CheckFields(t.Fields); err != nil {
			return fmt.Errorf("type %.64q: %w", name, err)
		}
	}
	return nil
}

// CheckType does so for one type that refers to ts.
func (ts Types) CheckType(t *Type) error { return ts.check(t, 0) }

// CheckFields does so for fields or params that refer to ts.
func (ts Types) CheckFields(fields []Type) error { return ts.checkFields(fields, 0) }

func (ts Types) checkFields(fields []Type, depth int) error {
	for i := range fields {
		f := &fields[i]
		if f.Name == "" {
			return fmt.Errorf("field %d has no name", i+1)
		}
		if err := ts.check(f, depth+1); err != nil {
			return fmt.Errorf("field %.64q: %w", f.Name, err)
		}
	}
	return nil
}

func (ts Types) check(t *Type, depth int) error {
	switch {
	case depth > MaxDepth:
		return fmt.Errorf("nested deeper than %d levels", MaxDepth)
	case !slices.Contains(kindNames[:], t.Kind) || t.Kind == "":
		return fmt.Errorf("kind %.32q: want one of %v", t.Kind, Kinds())
	case t.Kind == "struct" && t.Type != "" && ts[t.Type] == nil:
		return fmt.Errorf("refers to %.64q, which is not among the types", t.Type)
	case t.Kind == "map" && t.Key == nil:
		return errors.New("a map has a key")
	case (t.Kind == "map" || t.Kind == "list" || t.Kind == "array") && t.Elem == nil:
		return fmt.Errorf("a %s has an elem", t.Kind)
	}
	for _, part := range []*Type{t.Key, t.Elem} {
		if part == nil {
			continue
		}
		if err := ts.check(part, depth+1); err != nil {
			return err
		}
	}
	return ts.checkFields(t.Fields, depth)
}
