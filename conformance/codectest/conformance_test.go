package codectest_test

import (
	"testing"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/jsoncodec"
	"github.com/polywire/polywire/codecs/msgpackcodec"
	"github.com/polywire/polywire/codecs/protocodec"
	"github.com/polywire/polywire/conformance/codectest"
)

func TestJSON(t *testing.T) {
	codectest.Run(t, codectest.Harness{Name: "json", New: func(l codecs.Limits) codecs.Codec { return jsoncodec.New(jsoncodec.WithLimits(l)) }})
}

func TestMsgpack(t *testing.T) {
	codectest.Run(t, codectest.Harness{Name: "msgpack", New: func(l codecs.Limits) codecs.Codec { return msgpackcodec.New(msgpackcodec.WithLimits(l)) }})
}

func TestProtobuf(t *testing.T) {
	codectest.Run(t, codectest.Harness{
		Name: "protobuf", New: func(l codecs.Limits) codecs.Codec { return protocodec.New(protocodec.WithLimits(l)) },
		Deviations: map[string]string{
			codectest.EmptyIsZero:  "proto3 writes nothing for a message of zeros",
			codectest.EndsAnywhere: "a message has no end of its own on this wire",
			codectest.NeedsNumbers: "the wire has numbers in place of names",
		},
	})
}
