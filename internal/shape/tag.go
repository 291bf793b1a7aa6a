package shape

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// A fieldTag is what the tags of a field say.
//
//	`wire:"name,3,optional"`    name, number, left out when zero; each part may be missing
//	`wire:"name,alias=old"`     also read by the name old, by formats that tell schemas apart
//	`wire:"-"`                  not carried
//	`json:"name,omitempty"`     read where there is no wire tag
type fieldTag struct {
	name     string // empty: the Go name
	number   int
	aliases  []string
	omitZero bool
	skip     bool
	explicit bool // the tag gives a name, so an embedded struct is a field
}

// parseTag reads the wire tag of a field, else its json tag.
func parseTag(f reflect.StructField) (fieldTag, error) {
	tag, err := fieldTag{}, error(nil)
	if text, ok := f.Tag.Lookup("wire"); ok {
		tag, err = parseWireTag(text)
	} else {
		tag, err = parseJSONTag(f.Tag.Get("json"))
	}
	if err != nil || tag.skip {
		return tag, err
	}
	tag.explicit = tag.name != ""
	if !tag.explicit {
		tag.name = f.Name
	}
	return tag, nil
}

func parseWireTag(text string) (tag fieldTag, err error) {
	if text == "-" {
		return fieldTag{skip: true}, nil
	}
	name, rest, _ := strings.Cut(text, ",")
	tag.name = name
	for rest != "" {
		var part string
		part, rest, _ = strings.Cut(rest, ",")
		alias, isAlias := strings.CutPrefix(part, "alias=")
		switch n, err := strconv.Atoi(part); {
		case part == "optional":
			tag.omitZero = true
		case isAlias && validName(alias) && !slices.Contains(tag.aliases, alias):
			tag.aliases = append(tag.aliases, alias)
		case err == nil && tag.number == 0 && validNumber(n):
			tag.number = n
		default:
			return tag, unsupported("the tag wire:%q has the part %q; want name,number,optional,alias=old with a "+
				"number of 1 to 536870911 outside 19000 to 19999", text, part)
		}
	}
	return tag, nil
}

func parseJSONTag(text string) (tag fieldTag, err error) {
	if text == "-" {
		return fieldTag{skip: true}, nil
	}
	name, rest, _ := strings.Cut(text, ",")
	tag.name = name
	for rest != "" {
		var part string
		part, rest, _ = strings.Cut(rest, ",")
		switch part {
		case "omitempty", "omitzero":
			tag.omitZero = true
		case "":
		default:
			return tag, unsupported("the tag json:%q has the option %q, which JSON alone knows; "+
				"drop it or name the field by a wire tag", text, part)
		}
	}
	return tag, nil
}

// validNumber reports whether Protobuf allows the field number n.
func validNumber(n int) bool {
	return n >= 1 && n <= 1<<29-1 && (n < 19000 || n > 19999)
}

// validName reports whether all formats can carry the name: an XML name
// without colon, which needs no escape in JSON either.
func validName(name string) bool {
	for i, r := range name {
		switch {
		case r == '_' || unicode.IsLetter(r):
		case i > 0 && (r == '-' || r == '.' || unicode.IsDigit(r)):
		default:
			return false
		}
	}
	return name != ""
}
