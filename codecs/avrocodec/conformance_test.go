package avrocodec_test

import (
	"testing"

	"github.com/polywire/polywire/codecs"
	"github.com/polywire/polywire/codecs/avrocodec"
	"github.com/polywire/polywire/conformance/codectest"
)

func TestConformance(t *testing.T) {
	codectest.Run(t, codectest.Harness{
		Name: "avro", New: func(l codecs.Limits) codecs.Codec { return avrocodec.New(avrocodec.WithLimits(l)) },
	})
}
