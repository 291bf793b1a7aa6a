// Package codecharness says how the conformance suite runs on the codecs of this
// module, for their tests and for the command line: where each departs from the
// profile on purpose, and why.
package codecharness

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/all"
	"github.com/polywire/polywire/codecs/avrocodec"
	"github.com/polywire/polywire/conformance/codectest"
)

// All returns the harness of each codec, in the order of names.
func All() []codectest.Harness {
	var list []codectest.Harness
	for _, m := range all.Makers() {
		h := codectest.Harness{Name: m.Name, New: m.New, Deviations: deviations(m.Name)}
		if m.Name == "avro" {
			h.Knowing = knowing
		}
		list = append(list, h)
	}
	return list
}

// Of returns the harness of the codec that is called name.
func Of(name string) (codectest.Harness, error) {
	var known []string
	for _, h := range All() {
		if h.Name == name {
			return h, nil
		}
		known = append(known, h.Name)
	}
	return codectest.Harness{}, fmt.Errorf("no codec is called %q (known: %s)", name, strings.Join(known, ", "))
}

// knowing returns an Avro codec that has the schema of another writer.
func knowing(writer reflect.Type) codecs.Codec {
	s, err := avrocodec.New().Schema(writer)
	if err != nil {
		return avrocodec.New() // a case tells that the type is refused
	}
	return avrocodec.New(avrocodec.WithStores(avrocodec.NewHistory(s)))
}

// deviations are those of the codec that is called name.
func deviations(name string) map[string]string {
	switch name {
	case "avro":
		return map[string]string{
			"C043": "the schemas are resolved before a value is read, so the path has a[] where others have a[#0]",
		}
	case "protobuf":
		return map[string]string{
			codectest.EmptyIsZero:           "proto3 writes nothing for a message of zeros",
			codectest.EndsAnywhere:          "a message has no end of its own on this wire",
			codectest.NeedsNumbers:          "the wire has numbers in place of names",
			codectest.KindsAreUntold:        "strings, bytes, messages and map entries have one wire type",
			"C036/floats":                   "float and double have two wire types",
			"C037/above the highest signed": "int64 and uint64 are one varint: 2^64-1 is -1",
			"C037/below zero":               "int64 and uint64 are one varint: -1 is 2^64-1",
			"C038/an optional list":         "a list behind a pointer is a message of its own",
		}
	case "xml":
		return map[string]string{
			codectest.KindsAreUntold: "a list of one looks like a value, and entries like fields",
			"C038/an optional list":  "a list behind a pointer is an element of its own, since it may be empty and there",
			"C043/string as int64":   "text does not tell that it is no number",
			"C043/int32 as string":   "a number is text",
			"C043/bool as string":    "a boolean is text",
			"C043/float64 as string": "a number is text",
			"C046/unknown":           "an unknown name twice is a list of somebody's",
		}
	}
	return nil
}
