// Package all lists every codec of this module, for the command line and for quick starts.
package all

import (
	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/avrocodec"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/codecs/msgpackcodec"
	"github.com/polywire/polywire/codecs/protocodec"
	"github.com/polywire/polywire/codecs/xmlcodec"
)

// A Maker makes codecs of one format, each with caches of its own, where one
// must not know what another has seen: in tests and in measurements.
type Maker struct {
	Name string
	New  func(codecs.Limits) codecs.Codec // zero limits are the defaults
}

// Makers returns the maker of each codec, in the order of names.
func Makers() []Maker {
	return []Maker{
		{"avro", func(l codecs.Limits) codecs.Codec { return avrocodec.New(avrocodec.WithLimits(l)) }},
		{"json", func(l codecs.Limits) codecs.Codec { return jsoncodec.New(jsoncodec.WithLimits(l)) }},
		{"msgpack", func(l codecs.Limits) codecs.Codec { return msgpackcodec.New(msgpackcodec.WithLimits(l)) }},
		{"protobuf", func(l codecs.Limits) codecs.Codec { return protocodec.New(protocodec.WithLimits(l)) }},
		{"xml", func(l codecs.Limits) codecs.Codec { return xmlcodec.New(xmlcodec.WithLimits(l)) }},
	}
}

// Codecs returns a new one of each codec, with its default limits.
func Codecs() []codecs.Codec {
	var all []codecs.Codec
	for _, m := range Makers() {
		all = append(all, m.New(codecs.Limits{}))
	}
	return all
}

// Registry returns a new Registry of [Codecs].
func Registry() (*codecs.Registry, error) { return codecs.NewRegistry(Codecs()...) }
