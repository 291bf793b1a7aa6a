// Package all lists every codec of this module, for the command line and for quick starts.
package all

import (
	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/codecs/msgpackcodec"
	"github.com/polywire/polywire/codecs/protocodec"
)

// Codecs returns a new one of each codec, with its default limits.
func Codecs() []codecs.Codec {
	return []codecs.Codec{jsoncodec.New(), msgpackcodec.New(), protocodec.New()}
}

// Registry returns a new Registry of [Codecs].
func Registry() (*codecs.Registry, error) { return codecs.NewRegistry(Codecs()...) }
